"""What a report shows of restored pictures: before, after, and what is true."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sonde.contracts.panels import Curves, Panel, Sheet
from sonde.contracts.task import Judged
from sonde.metrics.psnr import SQUARED, decibels
from sonde.tasks._paint import beside

_EACH = 2
"""Pictures of each sort that are shown: the worst, usual ones, the best."""

_WINDOW = 128
"""Pixels of the middle of a picture that are shown along each axis."""

_MOST_POINTS = 2000


def before_after(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Two pictures side by side, (H, W, 3) uint8."""
    return beside(before, after, names=("before", "after"))


def gains(judged: Judged) -> Panel:
    """Each picture's ratio before and after."""
    before, after = _ratios(judged)
    some = np.unique(np.linspace(0, len(before) - 1, min(len(before), _MOST_POINTS)).astype(int))
    return Curves(
        "Before and after",
        {"a picture": (before[some], after[some])},
        "psnr before, dB",
        "psnr after, dB",
        points=frozenset({"a picture"}),
        diagonal=True,
        note="Above the line a picture was made better, below it worse.",
    )


def chosen(judged: Judged) -> np.ndarray:
    """(n,) places of the pictures that are shown, from the worst answer to the best."""
    order = np.argsort(_ratios(judged)[1], kind="stable")
    if len(order) <= 3 * _EACH:
        return order
    middle = (len(order) - _EACH) // 2
    return np.concatenate([order[:_EACH], order[middle : middle + _EACH], order[-_EACH:]])


def sheet(judged: Judged, places: np.ndarray, triples: Sequence[tuple[np.ndarray, ...]]) -> Panel:
    """Before, after and the truth, side by side.

    Args:
        judged: the judgement.
        places: (n,) places in it, in the order in which they are shown.
        triples: their pictures before, after and as they should be, in the order of row numbers.
    """
    before, after = _ratios(judged)
    by_row = np.argsort(np.argsort(judged.rows[places]))
    shown = [triples[at] for at in by_row]
    return Sheet(
        "The worst pictures, usual ones, the best",
        [beside(*map(_middle, triple), names=("before", "after", "truth")) for triple in shown],
        [
            f"row {judged.rows[place]}: {before[place]:.1f} dB -> {after[place]:.1f} dB"
            for place in places
        ],
        note=f"Of pictures larger than {_WINDOW} pixels the middle is shown.",
    )


def _middle(picture: np.ndarray) -> np.ndarray:
    top, left = (max(0, (side - _WINDOW) // 2) for side in picture.shape[:2])
    return picture[top : top + _WINDOW, left : left + _WINDOW]


def _ratios(judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    """(N,) dB of the pictures as they were given, and as they are answered."""
    return decibels(judged.truth[f"given {SQUARED}"]), decibels(judged.predicted[SQUARED])
