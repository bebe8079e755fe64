"""The contract of blueprints: the only place where specs become modules."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import Field, model_validator

from sonde.contracts.panels import Panel
from sonde.core.port import PortKind, Ports
from sonde.core.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sonde.core.batch import Batch

HEADS = "heads"
"""The submodule of a network that makes its outputs: what follows it is no part of an encoder."""

RATE = "sonde_rate"
"""Attribute of a weight: the part of the descent's learning rate that it has; 1 without it."""


class Pretrained(Spec):
    """Weights to begin with instead of chance: all of another network but its heads."""

    path: str = Field(min_length=1)
    """A `model.sonde` whose model has the same blueprint, or a .safetensors file whose names are
    those of this network."""
    freeze: bool = False
    """Whether they stay as they are, statistics of normalisation included."""
    decay: float = Field(1.0, gt=0, le=1)
    """A layer learns at this part of the rate of the layer above it (Howard, Ruder, "Universal
    Language Model Fine-tuning for Text Classification", 2018, section 3.2, there 1/2.6)."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, data: Any) -> Any:
        return {"path": data} if isinstance(data, str) else data


class Blueprint(Spec):
    """A network family with its hyperparameters.

    The module it builds maps a batch to raw outputs: `forward(Batch) -> dict[str, Tensor]`, one
    entry per output port, no softmax, no sigmoid. For B rows:
        scalar (B,); category (B, classes) logits; vector (B, D); grid (B, C, H, W).
    In training it may answer each row M times, with outputs of B * M rows, the answers to a row
    side by side: a learner asks each of them for the same target. Else it gives one answer a row.
    The module is materialised, never lazy, and every buffer is in its state dict, so that a
    checked weight file alone decides what it computes. What makes its outputs is called `heads`.
    """

    family: ClassVar[str] = "model"
    reads: ClassVar[tuple[PortKind, ...]] = ()
    """Kinds of input ports it can read: named in the error where another blueprint cannot."""

    encoder: Pretrained | None = None
    """Another model whose weights it begins with: a path, or a mapping with path, freeze, decay."""

    @abstractmethod
    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The network for these ports, from chance: whoever builds it to learn adds the encoder.

        Raises:
            UsageError: it cannot read or write such ports; says which would work.
        """

    def describe(self) -> str:
        """A few words for the terminal, such as 'dense 2x256'."""
        return self.kind


class Worth(Protocol):
    """The task's main metric of raw outputs for validation rows.

    In its own unit, but turned so that greater is better.
    """

    def __call__(self, outputs: Mapping[str, Tensor], rows: Tensor | None = None) -> float:
        """Of all rows, or of n of them, whose places `rows` (n,) int64 are."""


@runtime_checkable
class Settling(Protocol):
    """A network that decides something on validation rows, before it is sealed."""

    def settle(self, inputs: Batch, score: Worth) -> None:
        """Decide, and keep it in a buffer.

        Args:
            inputs: all validation rows.
            score: what outputs for them are worth.
        """


@runtime_checkable
class Embeds(Protocol):
    """A module with a learned vector for each word of a port."""

    def begin(self, name: str, vectors: Tensor) -> None:
        """Start the words of the port `name` from (size, D) vectors, but where they are NaN.

        Does nothing where it does not read that port.

        Raises:
            UsageError: its own vectors have another width.
        """


@runtime_checkable
class Levelled(Protocol):
    """A network whose outputs can begin where most truths lie, instead of at zero."""

    def level(self, levels: Mapping[str, Tensor]) -> None:
        """Shift outputs, before the first step.

        Args:
            levels: by output, what to begin at: raw, (C,) for the C channels of a grid, (D,) of a
                vector, (classes,) of a category; () of a scalar. Outputs that it cannot shift, or
                does not have, stay.
        """


@runtime_checkable
class Incremental(Protocol):
    """A network that says a sequence token by token and computes nothing twice.

    A state is a batch whose every tensor has the row as its first axis, so that a search may
    repeat, reorder and drop rows. `forward` on the same inputs with whole targets says the same.
    """

    def start(self, inputs: Batch) -> Batch:
        """The state before the first token."""

    def next(self, state: Batch, tokens: Tensor) -> tuple[Tensor, Batch]:
        """(B,) tokens just said -> (B, size) raw logits of the next ones, and the state after."""


@runtime_checkable
class Showing(Protocol):
    """A network that has something of its own to show in the report."""

    def panels(self) -> list[Panel]:
        """What it shows."""
