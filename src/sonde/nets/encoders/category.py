"""Categories: as indicators, or as learned vectors.

A category port of `size` classes has two more places, for an unseen and for a missing value.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.core.errors import UsageError
from sonde.core.port import MISSING, RESERVED, UNSEEN, Port, Ports
from sonde.nets.encoders._base import Encoder

_WIDEST = 50


def embedding_width(places: int) -> int:
    """The width of a learned vector for so many places: 1.6 * places**0.56, at most 50.

    Source: fastai's rule of thumb (`emb_sz_rule` in fastai.tabular.model), which its authors
    fitted to what worked; they stop at 600, we at the 50 of their earlier rule.
    """
    return min(_WIDEST, round(1.6 * math.pow(places, 0.56)))


class OneHot(Encoder):
    """n categories -> for each, size + 2 indicators of which one is 1."""

    def __init__(self, ports: Ports) -> None:
        super().__init__()
        self.places = {name: port.classes + RESERVED for name, port in ports.items()}
        reserved: list[int] = []
        self.width = 0
        for port in ports.values():
            last = self.width + port.classes
            reserved += [last + UNSEEN, last + MISSING]
            self.width = last + RESERVED
        self.reserved = tuple(reserved)

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B,) integers -> (B, width) float32."""
        indicators = []
        for name, places in self.places.items():
            index = tensor_of(batch, name).long()
            # not functional.one_hot, which reads the values back from the device to check them
            indicators.append(index[:, None] == torch.arange(places, device=index.device))
        return torch.cat(indicators, dim=1).float()


class Embedding(Encoder):
    """n categories -> for each, a learned vector; ports with one alphabet share their vectors.

    The vectors for unseen and missing start at zero, the mean of what the others start from, so
    that a place no training row shows stays neutral.

    Args:
        ports: the category ports.
        width: of every vector; None takes `embedding_width` of each port's places.

    Raises:
        UsageError: ports share an alphabet and differ in size.
    """

    def __init__(self, ports: Ports, *, width: int | None = None) -> None:
        super().__init__()
        tables: dict[str, nn.Embedding] = {}
        for name, port in ports.items():
            key = _alphabet(name, port)
            places = port.classes + RESERVED
            table = tables.setdefault(key, _table(places, width or embedding_width(places)))
            if table.num_embeddings != places:
                raise UsageError(
                    f"column {name!r}: got {port.size} classes, expected "
                    f"{table.num_embeddings - RESERVED} like the others with the alphabet "
                    f"{port.alphabet!r}. Let all of them name the same `shares`."
                )
        order = list(tables)
        self.tables = nn.ModuleList(tables.values())
        self.table_of = {name: order.index(_alphabet(name, port)) for name, port in ports.items()}
        widths = [table.embedding_dim for table in tables.values()]
        self.width = sum(widths[index] for index in self.table_of.values())

    def forward(self, batch: Batch) -> Tensor:
        """From n ports of (B,) integers -> (B, width) float32."""
        vectors = [
            self.tables[table](tensor_of(batch, name).long())
            for name, table in self.table_of.items()
        ]
        return torch.cat(vectors, dim=1)


def _alphabet(name: str, port: Port) -> str:
    """What two ports have in common where they share a table; a port without alphabet is alone."""
    return f"column {name}" if port.alphabet is None else f"alphabet {port.alphabet}"


def _table(places: int, width: int) -> nn.Embedding:
    table = nn.Embedding(places, width)
    with torch.no_grad():
        table.weight[places - RESERVED :].zero_()
    return table
