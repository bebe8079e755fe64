"""An autoencoder: rows go through a narrow place, and what comes out is made of that alone.

    Autoencoder(channels=[16, 8])

on pictures is the small denoiser of many textbooks: 3x3 convolutions of stride 2 with 16 and 8
channels and ReLU, transposed ones with 8 and 16, and a convolution back to the picture's channels.
Rows of numbers and categories go through dense layers, mirrored on the way out. Hinton,
Salakhutdinov, "Reducing the Dimensionality of Data with Neural Networks", 2006, fig. 1.

Inputs that are no outputs, beside inputs that are, are *conditions*: the decoder is told them too
(Sohn, Lee, Yan, "Learning Structured Output Representation using Deep Conditional Generative
Models", 2015, section 4.1).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.code import CODE, LOG_VARIANCE
from sonde.core.errors import UsageError
from sonde.core.port import Port, PortKind, Ports
from sonde.nets.models._options import Widths, in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from sonde.nets.assemble import EncoderFactory
    from sonde.nets.blocks.coded import Decoder, Joined
    from sonde.nets.encoders._base import Encoder

_ROWS = (128,)


class Autoencoder(Blueprint):
    """Convolutions down and dense layers to the code; the same way back.

    The task says how wide the code is. Where it leaves that open, the code is what stands in the
    middle: the channels of the last convolution, or the last hidden layer.
    """

    reads: ClassVar[tuple[PortKind, ...]] = ("scalar", "category", "vector", "grid")

    channels: Widths = (16, 8)
    """Of pictures: a convolution of stride 2 for each, mirrored by transposed ones."""
    kernel_size: int = Field(3, ge=1, le=31)
    """Side of every kernel, in pixels, odd."""
    hidden: Widths | None = None
    """Dense layers between what was read and the code, mirrored after it; None is none for
    pictures and 128 for rows without any."""
    activation: Literal["relu", "gelu", "silu"] = "relu"
    """Of the dense layers."""
    categories: Literal["vectors", "indicators"] = "vectors"
    """A category as a learned vector, or as an indicator for each class."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Without and with dense layers."""
        return [
            cls(channels=(4, 6)),
            cls(channels=(4,), hidden=(8, 5), activation="gelu", categories="indicators"),
        ]

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if not self.channels:
            raise ValueError("got no channels, expected at least one stage, such as [16, 8]")
        if self.kernel_size % 2 == 0:
            raise ValueError(
                f"got kernel_size {self.kernel_size}, expected an odd one, so that a picture comes "
                f"out as large as it went in. Use {self.kernel_size + 1}"
            )
        return self

    def describe(self) -> str:
        """`autoencoder 16-8`, and `dense 64` where there are dense layers."""
        dense = f" dense {in_words(self.hidden)}" if self.hidden else ""
        return f"autoencoder {in_words(self.channels)}{dense}"

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The network for these ports.

        Raises:
            UsageError: a port is of a kind it cannot read or write, or a code is to be drawn whose
                width nobody said.
        """
        from torch import nn

        from sonde.nets.assemble import start_neutral
        from sonde.nets.blocks.coded import Coded
        from sonde.nets.blocks.dense import DenseStack

        made = {name: port for name, port in outputs.items() if name not in (CODE, LOG_VARIANCE)}
        told = {name: port for name, port in inputs.items() if name not in made}
        told = told if len(told) < len(inputs) else {}
        width = outputs[CODE].size if CODE in outputs else None
        if LOG_VARIANCE in outputs and width is None:
            raise UsageError("a code that is drawn needs a width: give the task code, such as 16")
        encoders = self._encoders(inputs)
        reader = _joined(encoders)
        hidden = self._hidden(made)
        body = DenseStack(reader.width, hidden, activation=self.activation)
        narrow = body.out_features
        code = nn.Identity() if width is None else nn.Linear(narrow, width)
        spread = nn.Linear(narrow, width) if LOG_VARIANCE in outputs and width else None
        start_neutral(encoders, body, [m for m in (code, spread) if isinstance(m, nn.Linear)])
        conditions = _joined(self._encoders(told)) if told else None
        back = hidden[-2::-1] if width is None and hidden else hidden[::-1]
        given = (width or narrow) + (conditions.width if conditions else 0)
        decoder = self._decoder(given, back, made)
        return Coded(
            nn.Sequential(reader, body),
            code,
            decoder,
            log_variance=spread,
            conditions=conditions,
            says_code=CODE in outputs,
        )

    def _hidden(self, outputs: Ports) -> tuple[int, ...]:
        if self.hidden is not None:
            return self.hidden
        return () if any(port.kind == "grid" for port in outputs.values()) else _ROWS

    def _encoders(self, ports: Ports) -> list[Encoder]:
        """What reads the ports, kind by kind."""
        from sonde.nets.assemble import by_kind
        from sonde.nets.encoders import category, grid, scalar, vector

        readers: Mapping[PortKind, EncoderFactory] = {
            "grid": partial(grid.Grid, tower=self._tower),
            "scalar": scalar.Scalar,
            "category": category.OneHot if self.categories == "indicators" else category.Embedding,
            "vector": vector.Vector,
        }
        if not ports:
            raise UsageError("a network needs at least one input column; all are left out")
        return [readers[kind](group) for kind, group in by_kind(ports, readers).items()]

    def _tower(self, name: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
        from sonde.nets.blocks.strided import Shrink, halved

        height, width = halved(shape[1:], len(self.channels))[-1]
        tower = Shrink(shape[0], self.channels, kernel_size=self.kernel_size)
        return tower, self.channels[-1] * height * width

    def _decoder(self, width: int, hidden: tuple[int, ...], outputs: Ports) -> Decoder:
        from sonde.nets.blocks.coded import Decoder
        from sonde.nets.blocks.dense import DenseStack

        trunk = DenseStack(width, hidden, activation=self.activation)
        heads = {
            name: self._head(trunk.out_features, name, port, direct=width == trunk.out_features)
            for name, port in outputs.items()
        }
        flat = frozenset(name for name, port in outputs.items() if port.kind == "scalar")
        return Decoder(trunk, heads, flat=flat)

    def _head(self, width: int, name: str, port: Port, *, direct: bool) -> nn.Module:
        """What makes one output of (B, width); a code that is a picture's own is grown directly."""
        from math import prod

        from torch import nn

        from sonde.nets.assemble import width_of
        from sonde.nets.blocks.strided import Grow
        from sonde.nets.encoders.grid import _fixed

        if port.kind != "grid":
            return nn.Linear(width, width_of(name, port))
        grow = Grow(_fixed(name, port.shape), self.channels, kernel_size=self.kernel_size)
        size = prod(grow.begins)
        if direct and width == size:
            return grow
        return nn.Sequential(nn.Linear(width, size), nn.ReLU(), grow)


def _joined(encoders: list[Encoder]) -> Joined:
    from sonde.nets.blocks.coded import Joined

    return Joined(encoders)
