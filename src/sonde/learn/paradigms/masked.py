"""Masked: parts of a row are hidden, and a code of the rest is to say what they were.

Of pictures squares (Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling", 2022,
arXiv:2111.09886; He et al., "Masked Autoencoders Are Scalable Vision Learners", 2022,
arXiv:2111.06377): the loss is taken over hidden pixels alone. Of columns whole values (Yoon, Zhang,
Jordon, van der Schaar, "VIME", 2020; Devlin et al., "BERT", 2019, section 3.1). Unlike theirs the
encoder may be any network: the whole row goes through one code, so it need not read patches.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sonde.contracts.learn import Context, Paradigm, Phase
from sonde.contracts.model import Blueprint
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, select, tensor_of
from sonde.core.errors import UsageError, listed
from sonde.core.port import Port, Ports
from sonde.learn import _masks
from sonde.learn._codes import CodeLearner, CodeSettings, Encoding, encoder_of, features_port


class Masked(CodeSettings, Paradigm):
    """Learns codes that know of each part of a row what its other parts say."""

    decoder: Blueprint = Field(default="autoencoder", validate_default=True)
    """The network from the code to what was hidden, which is thrown away in the end; of an
    autoencoder its second half."""
    hidden: float = Field(0.5, gt=0, lt=1)
    """Part of each picture's squares, and chance of each other value, that is hidden."""
    patch: int = Field(4, ge=1)
    """Side of a hidden square, in pixels."""

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase.

        Raises:
            UsageError: nothing of the rows can be hidden.
        """
        task = self.represented(context)
        hidden = {n: port for n, port in task.inputs.items() if port.kind not in _masks.SHOWN}
        if not hidden:
            given = listed(f"{name} ({port.kind})" for name, port in task.inputs.items())
            raise UsageError(
                f"paradigm masked hides pictures, numbers, categories and vectors, got {given}. "
                "Add such a column, or take  paradigm: contrast"
            )
        self._check_patches(hidden)
        batches = self.batches(context)
        encoder, width = encoder_of(context)
        decoder = context.build(self.decoder, features_port(width), hidden)
        module = Rebuilding(encoder, decoder, hidden)
        yield self.phase("masked", MaskedLearner(module, self, context, batches, "masked"), batches)

    def _check_patches(self, hidden: Ports) -> None:
        for name, port in hidden.items():
            sides = [side for side in port.shape[1:] if side is not None]
            if port.kind == "grid" and sides and self.patch >= max(sides):
                raise UsageError(
                    f"patch: got squares of {self.patch} pixels, and pictures of column {name!r} "
                    f"have {' x '.join(map(str, sides))}: one would hide all. "
                    f"Take a smaller one, such as patch: {max(1, min(sides) // 4)}"
                )


class Rebuilding(Encoding):
    """An encoder and a decoder, with the brightness that stands where pictures are hidden."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, hidden: Ports) -> None:
        super().__init__(encoder, decoder)
        grids = {name: port for name, port in hidden.items() if port.kind == "grid"}
        device = next(encoder.parameters()).device
        # a list, because a column may have a name that a module cannot, such as "photo.front"
        self.tokens = nn.ParameterList(
            nn.Parameter(torch.full((_channels(port), 1, 1), 0.5, device=device))
            for port in grids.values()
        )
        self.grids = tuple(grids)

    def shown(self, inputs: Batch, hidden: Batch) -> Batch:
        """The inputs whose hidden pixels are covered by the learned brightness."""
        seen = dict(inputs)
        for name, token in zip(self.grids, self.tokens, strict=True):
            seen[name] = torch.where(tensor_of(hidden, name), token, tensor_of(inputs, name))
        return seen


class MaskedLearner(CodeLearner):
    """Asks for what was hidden, and for nothing else."""

    settings: Masked

    def asked(self, batch: Batch, *, training: bool) -> Batch:
        """Inputs, true values and marks of what is hidden, drawn for the present place."""
        ports, settings = self.task.inputs, self.settings
        batch = select(self.context.augment(batch) if training else batch, ports)
        draw = seed.generator("mask", self.context.device)
        hidden = _masks.drawn(batch, ports, settings.hidden, settings.patch, draw)
        true: Batch = {name: batch[name] for name in hidden}
        known: Batch = {name: _masks.known(batch, name, ports[name]) for name in hidden}
        seen = _masks.covered(batch, hidden, ports)
        return {"seen": seen, "true": true, "hidden": hidden, "known": known}

    def read(self, asked: Batch) -> Batch:
        """What is not hidden."""
        seen, hidden = asked["seen"], asked["hidden"]
        assert isinstance(seen, dict) and isinstance(hidden, dict)
        assert isinstance(self.module, Rebuilding)
        return self.module.shown(seen, hidden)

    def loss(self, module: Encoding, asked: Batch) -> Loss:
        """(B,) the mean over columns of which something known is hidden; other rows are left out.

        Squared error of intensities over hidden pixels, and of standardised numbers; nats of
        classes.
        """
        seen, hidden, true, known = (asked[n] for n in ("seen", "hidden", "true", "known"))
        assert isinstance(seen, dict) and isinstance(hidden, dict)
        assert isinstance(true, dict) and isinstance(known, dict)
        assert isinstance(module, Rebuilding)
        said = module(module.shown(seen, hidden))
        total: Tensor | float = 0.0
        counted: Tensor | float = 0.0
        for name in hidden:
            where = tensor_of(hidden, name)
            port = self.task.inputs[name]
            losses = _missed(said[name], tensor_of(true, name), where, port)
            counts = where.reshape(len(where), -1).any(dim=1) & tensor_of(known, name)
            total = total + losses.where(counts, 0.0)
            counted = counted + counts.float()
        assert isinstance(total, Tensor) and isinstance(counted, Tensor)
        weights = (counted > 0).float()
        return Loss(total / counted.clamp(min=1.0), weights)


def _missed(said: Tensor, true: Tensor, where: Tensor, port: Port) -> Tensor:
    """(B,) what saying a column wrong costs, where it was hidden."""
    match port.kind:
        case "grid":
            error = (said - _masks.intensities(true)).square() * where  # (B, C, H, W)
            pixels = where.flatten(1).sum(dim=1) * said.shape[1]
            return error.flatten(1).sum(dim=1) / pixels.clamp(min=1)
        case "category":
            classes = true.long().clamp(max=port.classes - 1)  # others are not known, and left out
            return cross_entropy(said, classes, reduction="none")
        case _:
            return (said - true).square().reshape(len(said), -1).mean(dim=1)


def _channels(port: Port) -> int:
    channels = port.shape[0]
    assert channels is not None, "the encoder was built for it"
    return channels
