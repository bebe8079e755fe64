"""What a report shows of codes and of what was rebuilt from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sonde.contracts.data import Column
from sonde.contracts.panels import Curves, Panel, Rowlist
from sonde.contracts.task import Judged
from sonde.core.errors import UsageError, listed
from sonde.core.seed import numpy_rng

_MOST_POINTS = 2_000
_MOST_ROWS = 12
_MOST_GROUPS = 10
_BINS = 40


def panels(judged: Judged, error: np.ndarray, labels: Sequence[str], *, apart: bool) -> list[Panel]:
    """The codes, how large errors are, the rows that are rebuilt worst.

    Args:
        judged: with codes, and the label by index where there is one.
        error: (N,) of each row.
        labels: the classes.
        apart: whether errors are drawn class by class.
    """
    drawn = errors(judged, error, labels if apart else ())
    return [codes(judged, labels), drawn, worst(judged, error)]


def classes_of(label: str, columns: Mapping[str, Column]) -> list[str]:
    """The classes of the label as a reader sees them.

    Raises:
        UsageError: it is no column of classes.
    """
    column = columns[label]
    if column.port.kind != "category":
        raise UsageError(
            f"label: column {label!r} is of kind {column.kind!r}, expected classes. Columns: "
            f"{listed(columns)}"
        )
    return [str(name) for name in column.decode(np.arange(column.port.classes))]


def codes(judged: Judged, labels: Sequence[str]) -> Curves:
    """The codes in two dimensions, coloured by class where there are classes.

    Principal components of the shown codes (Pearson 1901); codes of two numbers as they are.
    """
    shown = np.arange(len(judged.rows))
    note = ""
    if len(shown) > _MOST_POINTS:
        drawn = numpy_rng("points of a panel").choice(len(shown), _MOST_POINTS, replace=False)
        note = f"{_MOST_POINTS:,} of {len(shown):,} rows, drawn by chance."
        shown = np.sort(drawn)
    flat, kept = in_two_dimensions(judged.predicted["code"][shown])
    width = judged.predicted["code"].shape[1]
    if width > 2:
        note = f"They hold {kept:.0%} of the variance of {width} numbers. {note}".strip()
    series = _by_class(judged, shown, labels)
    return Curves(
        "Codes",
        {name: (flat[rows, 0], flat[rows, 1]) for name, rows in series.items()},
        x_title="first principal component" if width > 2 else "first number of the code",
        y_title="second principal component" if width > 2 else "second number of the code",
        points=frozenset(series),
        note=note,
    )


def in_two_dimensions(codes: np.ndarray) -> tuple[np.ndarray, float]:
    """(N, K) -> (N, 2) principal components, and the part of the variance in them."""
    centred = codes.astype(np.float64)
    if codes.shape[1] == 1:
        return np.hstack([centred, np.zeros_like(centred)]), 1.0
    if codes.shape[1] == 2 or not len(codes):
        return centred[:, :2], 1.0
    centred = centred - centred.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, :-3:-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1.0, 1.0)
    total = values.sum()
    return centred @ axes, float(values[-2:].sum() / total) if total > 0 else 1.0


def errors(judged: Judged, error: np.ndarray, labels: Sequence[str]) -> Curves:
    """How many rows have which error, as a curve for each class where there are classes."""
    finite = error[np.isfinite(error)]
    edges = np.histogram_bin_edges(finite, _BINS) if len(finite) else np.linspace(0, 1, _BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    series = {
        name: (middles, np.histogram(error[rows], edges)[0] / max(1, len(rows)))
        for name, rows in _by_class(judged, np.arange(len(error)), labels).items()
    }
    return Curves(
        "Errors of rebuilding",
        series,
        x_title="error of a row",
        y_title="part of the rows" + (" of a class" if len(series) > 1 else ""),
    )


def worst(judged: Judged, error: np.ndarray) -> Rowlist:
    """The rows that are rebuilt worst: the first ones to look at for anomalies."""
    first = np.argsort(-error, kind="stable")[:_MOST_ROWS]
    remarks = [f"error {error[row]:.4g}" for row in first]
    return Rowlist("Rebuilt worst", judged.rows[first].tolist(), remarks)


def _by_class(judged: Judged, shown: np.ndarray, labels: Sequence[str]) -> dict[str, np.ndarray]:
    """Positions in `shown` of each class, of at most ten; all of them where there is no class."""
    if not labels or "label" not in judged.truth:
        return {"rows": np.arange(len(shown))}
    index = judged.truth["label"][shown]
    names = [*labels[:_MOST_GROUPS], "others"]
    index = np.where((index < 0) | (index >= _MOST_GROUPS), len(names) - 1, index)
    groups = {name: np.flatnonzero(index == place) for place, name in enumerate(names)}
    return {name: rows for name, rows in groups.items() if len(rows)}
