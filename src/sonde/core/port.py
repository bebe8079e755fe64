"""Ports: what a tensor means.

Columns are many, ports are few. A column turns raw values into tensors of one of six port kinds,
and a network sees only ports, so a new modality never touches a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PortKind = Literal["scalar", "category", "vector", "sequence", "grid", "set"]


@dataclass(frozen=True)
class Port:
    """What one tensor of a batch means, the batch axis left out.

    Values in a batch, by kind (B rows):
        scalar: (B,) float32, standardised.
        category: (B,) integers in [0, size + 2): `size` stands for unseen, `size + 1` for missing;
            a target that tells new values apart (`Column.tells_apart`) goes on from `size + 2`.
        vector: (B, D) float32, shape is (D,).
        sequence: `Padded` (B, T) integers in [0, size) where `size` is given, of which the first
            `TOKENS` mean what is said there; else (B, T, D) float32, shape is (None, D).
        grid: (B, C, H, W) uint8 in [0, 255] or float32, shape is (C, H, W). In another's frame it
            moves with that one; where `size` is given too it is a mask: (B, 1, H, W) uint8, 0 where
            nothing is known, such as beyond the border of a moved picture, else a class in
            [0, size) and 1.
        set: `Padded` (B, N, D) float32, shape is (D,). Where `frame` is given, it begins with
            (x, y) pairs in pixels of that grid; where `size` is given too, D is odd and the last
            number is a class in [0, size). Two pairs are a box: x0, y0, x1, y1.

    Attributes:
        shape: axes of one row; None varies inside a batch.
        size: number of classes or words.
        alphabet: ports with the same alphabet share one embedding.
        optional: whether a row may lack the value, as far as training rows show; networks then
            read a mark beside it.
        edges: of a scalar, ascending quantiles of the training values in the tensor's own unit,
            for encodings that are finer where values are many; () where nobody learned any.
        frame: the grid port whose coordinates boxes, masks and points live in; a grid names itself.
    """

    kind: PortKind
    shape: tuple[int | None, ...] = ()
    size: int | None = None
    alphabet: str | None = None
    frame: str | None = None
    optional: bool = True
    edges: tuple[float, ...] = ()

    @property
    def classes(self) -> int:
        """The number of known classes of a category port."""
        assert self.kind == "category" and self.size is not None, f"{self.kind} has no classes"
        return self.size

    def in_words(self) -> str:
        """Such as 'a grid of 3 x 32 x 32, each of 12 classes', for messages."""
        axes = " x ".join("any" if axis is None else str(axis) for axis in self.shape)
        classes = "" if self.size is None else f"{self.size:,} classes"
        of = f" of {axes}" if axes else f" of {classes}" if classes else ""
        return f"a {self.kind}{of}{f', each of {classes}' if axes and classes else ''}"


Ports = Mapping[str, Port]

ROW = "#row"
"""Batch key of the row numbers, (B,) int64."""

PRESENT = "#present:"
"""Prefix of the batch key that says where a value is present, (B,) bool."""

OTHER, SHARE = "#other", "#share"
"""Batch keys of mixed targets: a second row's targets, a batch, and (B,) float32 in [0, 1], what
the first row counts for beside it."""

PART = "#part"
"""Field a source adds where its files already say the part: 'train', 'valid' or 'test'."""

UNSEEN, MISSING, RESERVED = 0, 1, 2
"""Places `size + UNSEEN` and `size + MISSING` of a category port, and how many there are."""


PAD, UNKNOWN, START, END, SEPARATOR, TOKENS = range(6)
"""Places of a sequence port with a size: nothing beyond a row's end, a word no training row has,
before the first word, after the last, between two texts; the words begin at `TOKENS`."""


def is_reserved(name: str) -> bool:
    """Whether a field's name is ours, so that no data may have it and no user is shown it."""
    return name in (ROW, PART) or name.startswith(PRESENT)
