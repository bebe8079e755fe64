"""Sequences: each step as a vector, then a tower that makes features of all steps.

Words are learned vectors, those of one alphabet shared; steps that are numbers go through a linear
layer. A row without a step gives zeros.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, Padded
from sonde.core.errors import UsageError
from sonde.core.port import PAD, Port, Ports
from sonde.nets.blocks.dropout import Dropout
from sonde.nets.encoders._base import Encoder

Tower = Callable[[int], tuple[nn.Module, int]]
"""From E, the width of a step: a module of (B, T, E) steps and (B,) lengths -> (B, F), and F."""


class Steps(nn.Module):
    """The steps of n sequence ports as vectors of one width.

    Args:
        ports: the sequence ports.
        width: E, of every step's vector.
        freeze: whether words keep the vectors they start with.

    Raises:
        UsageError: ports share an alphabet and differ in size.
    """

    def __init__(self, ports: Ports, *, width: int, freeze: bool = False) -> None:
        super().__init__()
        tables: dict[str, nn.Module] = {}
        for name, port in ports.items():
            table = tables.setdefault(_alphabet(name, port), _table(name, port, width))
            if isinstance(table, nn.Embedding) and table.num_embeddings != port.size:
                raise UsageError(
                    f"column {name!r}: got {port.size} words, expected {table.num_embeddings} like "
                    f"the others with the alphabet {port.alphabet!r}. Let all of them name the "
                    "same `shares`."
                )
            if freeze and isinstance(table, nn.Embedding):
                table.requires_grad_(False)
        order = list(tables)
        self.tables = nn.ModuleList(tables.values())
        self.table_of = {name: order.index(_alphabet(name, port)) for name, port in ports.items()}
        self.width = width

    def forward(self, name: str, values: Tensor) -> Tensor:
        """(B, T) words, or (B, T, D) numbers, of the port `name` -> (B, T, E) float32."""
        table = self.tables[self.table_of[name]]
        if not isinstance(table, nn.Embedding):
            values = values.float()
        elif values.dtype != torch.int32:  # which needs no copy to be looked up
            values = values.long()
        steps: Tensor = table(values)
        return steps

    def begin_small(self) -> None:
        """Start words at random with a squared length of 1, not E as torch does.

        A word that is met a few times can then move away from where chance has put it.
        """
        for table in self.tables:
            if isinstance(table, nn.Embedding):
                nn.init.normal_(table.weight, std=table.embedding_dim**-0.5)
                with torch.no_grad():
                    table.weight[PAD] = 0

    def begin(self, name: str, vectors: Tensor) -> None:
        """Start a port's words from (size, E) vectors, but where they are NaN.

        Raises:
            UsageError: they have another width.
        """
        if name not in self.table_of:
            return
        table = self.tables[self.table_of[name]]
        if not isinstance(table, nn.Embedding) or vectors.shape != table.weight.shape:
            raise UsageError(
                f"column {name!r}: its vectors are {tuple(vectors.shape)}, and the network's words "
                f"are vectors of {self.width} numbers. Set the model's embedding to "
                f"{vectors.shape[1]}."
            )
        with torch.no_grad():
            table.weight.copy_(torch.where(vectors.isnan(), table.weight, vectors))


class Sequence(Encoder):
    """n sequences -> for each, what its tower makes of its steps.

    Args:
        ports: the sequence ports.
        tower: makes what reads the steps of a port.
        width: E, of every step's vector.
        dropout: probability in [0, 1) that a number of a step's vector is left out while training.
        freeze: whether words keep the vectors they start with.
        time_first: whether steps lie in memory time by time, as recurrent layers take them.
    """

    def __init__(
        self,
        ports: Ports,
        *,
        tower: Tower,
        width: int,
        dropout: float = 0.0,
        freeze: bool = False,
        time_first: bool = False,
    ) -> None:
        super().__init__()
        self.steps = Steps(ports, width=width, freeze=freeze)
        self.steps.begin_small()
        self.dropout = Dropout(dropout) if dropout else nn.Identity()
        made = [tower(width) for _ in ports]
        self.names = tuple(ports)
        self.time_first = time_first
        self.towers = nn.ModuleList(module for module, _ in made)
        self.width = sum(features for _, features in made)

    def forward(self, batch: Batch) -> Tensor:
        """From n `Padded` ports -> (B, width) float32."""
        features = []
        for name, tower in zip(self.names, self.towers, strict=True):
            padded = batch[name]
            assert isinstance(padded, Padded), f"{name} is a sequence and must be padded"
            values, lengths = at_least_one(padded)
            read = tower(self.dropout(self._steps(name, values)), lengths.clamp(min=1))
            features.append(read.masked_fill((lengths == 0)[:, None], 0.0))
        return torch.cat(features, dim=1) if len(features) > 1 else features[0]

    def _steps(self, name: str, values: Tensor) -> Tensor:
        """(B, T, E) float32."""
        if not self.time_first:
            steps: Tensor = self.steps(name, values)
            return steps
        steps = self.steps(name, values.transpose(0, 1))
        return steps.transpose(0, 1)


def at_least_one(padded: Padded) -> Padded:
    """The same with at least one step on the axis, since no layer reads an empty one."""
    values = padded.values
    if values.shape[1]:
        return padded
    return Padded(values.new_full((values.shape[0], 1, *values.shape[2:]), PAD), padded.lengths)


def _alphabet(name: str, port: Port) -> str:
    return f"column {name}" if port.alphabet is None else f"alphabet {port.alphabet}"


def _table(name: str, port: Port, width: int) -> nn.Module:
    if port.size is not None:
        return nn.Embedding(port.size, width, padding_idx=PAD)
    match port.shape:
        case (None, int(numbers)):
            return nn.Linear(numbers, width)
    raise UsageError(
        f"column {name!r}: got steps of shape {port.shape}, expected words or steps of so many "
        "numbers each, such as (None, 1)."
    )
