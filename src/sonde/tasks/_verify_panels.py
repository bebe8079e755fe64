"""What a report shows of a verification: its curve, its similarities, its hardest pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sonde.contracts.panels import Curves, Panel, Sheet, Table
from sonde.core.picture import sheet as joined
from sonde.metrics._pairs import Pairs, Rates, equal_error, rates
from sonde.tasks._threshold import rates_at

_BINS = 50
_MOST_POINTS = 400
HARDEST = 6
"""Pairs of either kind on the sheet."""
_RATES = (0.1, 0.01, 0.001)


def panels(pairs: Pairs, cut: float | None) -> list[Panel]:
    """The curve, the similarities, what thresholds do; nothing where one kind of pairs lacks."""
    found = rates(pairs)
    if found is None:
        return []
    return [_curve(pairs, found, cut), _similarities(pairs, cut), _thresholds(pairs, found, cut)]


def hardest(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Places in P of the least alike genuine pairs, and of the most alike ones of impostors.

    Each row stands in one pair of a kind at most, so that a single bad picture does not fill it.
    """
    return _apart(pairs, np.flatnonzero(pairs.genuine), 1), _apart(
        pairs, np.flatnonzero(~pairs.genuine), -1
    )


def sheet(pictures: Sequence[tuple[np.ndarray, np.ndarray]], remarks: Sequence[str]) -> Sheet:
    """Pairs of pictures beside one another."""
    return Sheet(
        "Hardest pairs",
        [joined(list(pair), across=2) for pair in pictures],
        remarks,
        note="The least alike of one identity first, then the most alike of two; a picture stands "
        "in one pair of a kind at most.",
    )


def _apart(pairs: Pairs, places: np.ndarray, sign: int) -> np.ndarray:
    used: set[int] = set()
    found = []
    for at in places[np.argsort(sign * pairs.similarity[places], kind="stable")]:
        ends = {int(pairs.first[at]), int(pairs.second[at])}
        if not used & ends:
            used |= ends
            found.append(int(at))
        if len(found) == HARDEST:
            break
    return np.array(found, np.int64)


def _curve(pairs: Pairs, found: Rates, cut: float | None) -> Curves:
    step = max(1, len(found.cuts) // _MOST_POINTS)
    corner = np.flatnonzero(np.diff(found.true_accept, append=2) > 0)  # where the line turns
    shown = np.unique(np.concatenate([corner[:: max(1, len(corner) // _MOST_POINTS)],
                                      np.arange(0, len(found.cuts), step),
                                      [0, len(found.cuts) - 1]]))  # fmt: skip
    series = {"model": (found.false_accept[shown], found.true_accept[shown])}
    error = float(equal_error(found))
    note = (
        f"{int(pairs.genuine.sum()):,} pairs of one identity, {int((~pairs.genuine).sum()):,} of "
        f"two; the equal error rate, {error:.2%}, is where the line meets the other diagonal."
    )
    if cut is not None:
        false, true = rates_at(pairs, cut)
        series[f"threshold {cut:.3f}"] = (np.array([false, false]), np.array([0.0, true]))
    return Curves(
        "True accepts by false ones",
        series,
        x_title="false accept",
        y_title="true accept",
        diagonal=True,
        note=note,
    )


def _similarities(pairs: Pairs, cut: float | None) -> Curves:
    low, high = float(pairs.similarity.min()), float(pairs.similarity.max())
    edges = np.linspace(low, high if high > low else low + 1e-6, _BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    series, most = {}, 0.0
    for name, kind in (("same identity", pairs.genuine), ("different", ~pairs.genuine)):
        share = np.histogram(pairs.similarity[kind], edges)[0] / max(1, kind.sum())
        series[name], most = (middle, share), max(most, float(share.max()))
    if cut is not None:
        series[f"threshold {cut:.3f}"] = (np.array([cut, cut]), np.array([0.0, most]))
    return Curves(
        "How alike pairs are",
        series,
        x_title="similarity (cosine)",
        y_title="part of the pairs",
        note="Where the two overlap, some pairs are taken for what they are not.",
    )


def _thresholds(pairs: Pairs, found: Rates, cut: float | None) -> Table:
    lines = []
    if cut is not None:
        false, true = rates_at(pairs, cut)
        lines.append(
            ("settled on validation rows", f"{cut:.3f}", f"{false:.2%}", f"{1 - true:.2%}")
        )
    for rate in _RATES:
        at = int(np.flatnonzero(found.false_accept <= rate)[-1])
        shown = "above all" if not np.isfinite(found.cuts[at]) else f"{found.cuts[at]:.3f}"
        false, true = found.false_accept[at], found.true_accept[at]
        lines.append(
            (f"at most {rate:.1%} accepted falsely", shown, f"{false:.2%}", f"{1 - true:.2%}")
        )
    return Table("Thresholds", ("threshold", "similarity", "accepted falsely", "refused falsely"),
                 lines, "Those below the first line are read off these very pairs.")  # fmt: skip
