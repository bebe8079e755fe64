"""What a report shows of texts: how long they are, and how much of them training rows knew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sonde.contracts.data import Encoded
from sonde.contracts.panels import Curves, Panel, Table
from sonde.core.port import TOKENS, UNKNOWN

_BINS = 30

_HEADER = ("part", "texts", "median length", "longest", "empty", "unknown", "vocabulary met")


def length_panels(
    parts: Mapping[str, Encoded], *, name: str, noun: str, size: int, longest: int | None
) -> Sequence[Panel]:
    """A histogram of lengths by part, and a table.

    Args:
        parts: part -> encoded texts.
        name: the column's.
        noun: what a step is: 'words', 'characters', 'pieces'.
        size: places there are, reserved ones included.
        longest: where texts are cut.
    """
    lengths = {part: _lengths(encoded) for part, encoded in parts.items()}
    if not any(len(some) for some in lengths.values()):
        return ()
    header = (*_HEADER, f"{longest:,} {noun} or more") if longest else _HEADER
    rows = [
        _row(part, encoded, lengths[part], size, longest)
        for part, encoded in parts.items()
        if len(lengths[part])
    ]
    curves = Curves(
        f"{name}: how long its texts are",
        _histograms(lengths),
        x_title=noun,
        y_title="share of the texts",
    )
    table = Table(
        f"{name}: {size - TOKENS:,} known {noun}",
        header,
        rows,
        note=f"unknown: the share of {noun} that have no place in the vocabulary; vocabulary met: "
        "the share of it that the texts looked at hold"
        + ("; texts that are longer are cut" if longest else ""),
    )
    return (curves, table)


def _lengths(encoded: Encoded) -> np.ndarray:
    """(n,) lengths of the texts that are there."""
    assert encoded.lengths is not None, "texts are ragged"
    return encoded.lengths if encoded.present is None else encoded.lengths[encoded.present]


def _histograms(
    lengths: Mapping[str, np.ndarray],
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Part -> middles of bins and the share of texts in each; whole lengths to a bin."""
    most = max(int(some.max(initial=0)) for some in lengths.values())
    wide = max(1, -(-(most + 1) // _BINS))
    edges = np.arange(0, most + wide + 1, wide)
    return {
        part: (edges[:-1] + (wide - 1) / 2, np.histogram(some, edges - 0.5)[0] / len(some))
        for part, some in lengths.items()
        if len(some)
    }


def _row(
    part: str, encoded: Encoded, lengths: np.ndarray, size: int, longest: int | None
) -> list[str]:
    values = encoded.values
    words = values[(values >= TOKENS) | (values == UNKNOWN)]
    unknown = (words == UNKNOWN).mean() if len(words) else 0.0
    met = len(np.unique(words[words >= TOKENS])) / max(1, size - TOKENS)
    cells = [
        part,
        f"{len(lengths):,}",
        f"{np.median(lengths):,.0f}",
        f"{lengths.max():,}",
        f"{(lengths == 0).sum():,}",
        f"{unknown:.1%}",
        f"{met:.1%}",
    ]
    return [*cells, f"{(lengths >= longest).sum():,}"] if longest else cells
