"""Lines as points one after another: lists of them as raw rows hold them, and equal steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from sonde.contracts.data import RowError
from sonde.data.boxes import FARTHEST
from sonde.data.columns._text import shortened

POINTS, LABEL = "points", "label"


class Line(NamedTuple):
    """One line of a raw picture: its label, and (n, 2) float64 x, y in pixels from the corner."""

    label: str | None
    points: np.ndarray


def is_lines(kind: pa.DataType) -> bool:
    """Whether a field holds lists of lines, of which each has its points."""
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    inner = kind.value_type
    if pa.types.is_null(inner):  # empty lists alone
        return True
    return bool(pa.types.is_struct(inner) and inner.get_field_index(POINTS) >= 0)


def lines_in(raw: pa.Array) -> Iterator[list[Line] | RowError | None]:
    """Each row's lines, None where nobody knows, or why they are none."""
    for row, lines in enumerate(raw.to_pylist()):
        if lines is None:
            yield None
            continue
        found = [_line(row, line or {}) for line in lines]
        wrong = [line for line in found if isinstance(line, RowError)]
        yield wrong[0] if wrong else [line for line in found if isinstance(line, Line)]


def in_equal_steps(points: np.ndarray, count: int) -> np.ndarray:
    """(n, 2) -> (count, 2): from the first to the last, equally far apart along the line.

    A line of just so many points keeps them: walking along them again would cut its corners.
    """
    if len(points) == count:
        return points
    steps = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    kept = np.concatenate([[True], steps > 0])  # equal neighbours would have no direction
    wanted = np.linspace(0.0, along[-1], count)
    return np.stack([np.interp(wanted, along[kept], axis[kept]) for axis in points.T], axis=1)


def _line(row: int, line: dict[str, Any]) -> Line | RowError:
    """One line as it stands in the data."""
    label, held = line.get(LABEL), line.get(POINTS) or []
    try:
        points = np.array(held, np.float64)
    except (TypeError, ValueError):  # such as three numbers beside two
        points = np.full((1, 2), np.nan)
    pairs = points.ndim == 2 and points.shape[1] == 2
    if points.size and not (pairs and (np.abs(points) < FARTHEST).all()):
        what = f"a line {label!r}" if label else "a line"
        got = f"{what} of points {shortened(str(held))}"
        return RowError(row, got, "pairs of x and y, in pixels")
    return Line(label, points.reshape(-1, 2))
