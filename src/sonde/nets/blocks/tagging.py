"""Sequences side by side, read together, with a decision at every step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, Padded
from sonde.core.errors import DataError
from sonde.core.port import Ports
from sonde.nets.blocks.dropout import Dropout
from sonde.nets.encoders.sequence import Steps, at_least_one

Reader = Callable[[int], tuple[nn.Module, int]]
"""From E: a module of (B, T, E) steps and (B,) lengths -> (B, T, F), and F."""


class Tagging(nn.Module):
    """The vectors of all sequences at a step, what reads them, and a linear layer an output.

    Args:
        inputs: sequence ports with a step for each word.
        outputs: sequence ports with a size.
        width: of each sequence's vectors.
        reader: makes what reads the steps.
        dropouts: probabilities in [0, 1) before and behind the reader.
    """

    def __init__(
        self,
        inputs: Ports,
        outputs: Ports,
        width: int,
        reader: Reader,
        dropouts: tuple[float, float],
    ) -> None:
        super().__init__()
        self.names = tuple(inputs)
        self.steps = Steps(inputs, width=width)
        self.steps.begin_small()
        self.reader, features = reader(width * len(inputs))
        self.before, self.behind = map(Dropout, dropouts)
        sizes = {name: port.size for name, port in outputs.items()}
        self.heads = nn.ModuleDict(
            {f"out {name}": nn.Linear(features, size) for name, size in sizes.items() if size}
        )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """From n `Padded` ports -> for each output (B, T, size) raw logits.

        Raises:
            DataError: the sequences are not of one length.
        """
        read = [at_least_one(_padded(batch, name)) for name in self.names]
        lengths = read[0].lengths
        if not torch.compiler.is_compiling():
            for name, other in zip(self.names, read, strict=True):
                if not torch.equal(other.lengths, lengths):
                    raise DataError(
                        f"{name!r} has not as many steps as {self.names[0]!r} in every row. Let "
                        "all inputs be columns of kind tokens over one field."
                    )
        pairs = zip(self.names, read, strict=True)
        vectors = [self.steps(name, padded.values) for name, padded in pairs]
        states = self.reader(self.before(torch.cat(vectors, dim=2)), lengths.clamp(min=1))
        features = self.behind(states)
        return {name.removeprefix("out "): head(features) for name, head in self.heads.items()}


class Projected(nn.Module):
    """A linear layer to the width that a stack has."""

    def __init__(self, width: int, hidden: int, stack: nn.Module) -> None:
        super().__init__()
        self.project = nn.Linear(width, hidden)
        self.stack = stack

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, E) steps and (B,) lengths in [1, T] -> (B, T, hidden)."""
        read: Tensor = self.stack(self.project(steps), lengths)
        return read


def _padded(batch: Batch, name: str) -> Padded:
    value = batch[name]
    assert isinstance(value, Padded), f"{name} is a sequence and must be padded"
    return value
