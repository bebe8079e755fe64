"""What settling the exits of a network decided, in words and for the report."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from sonde.contracts.panels import Curves, Panel, Table
from sonde.nets.leaving import NEVER, UNKNOWN, Limit, Settled, costs


def sentence(found: Settled, limit: Limit) -> str:
    """What was decided, for the terminal."""
    rows = int(found.left.sum())
    if not found.leaves:
        return (
            f"exits      on {rows:,} validation rows no exit is sure to lose less than "
            f"{limit.most_lost:g} of the score, so all rows go to the end. Keep more rows for "
            "validation, or allow more with most_lost"
        )
    (all_work, all_score), (work, score) = found.curve[-2:].tolist()
    *early, end = (_percent(number / rows) for number in found.left.tolist())
    left = ", ".join(f"{share} at exit {number}" for number, share in enumerate(early, start=1))
    return (
        f"exits      {all_work / work:.2f} times less computation: {_amount(work)} instead of "
        f"{_amount(all_work)} multiply-adds a row; score {score:.4g} instead of {all_score:.4g}; "
        f"of {rows:,} validation rows leave {left}, {end} go to the end"
    )


def panels(found: Settled, works: Tensor) -> list[Panel]:
    """The exits, and what score is to be had for how much computation."""
    rows = int(found.left.sum())
    each = zip(
        costs(works, found.thresholds).tolist(),
        [*found.thresholds.tolist(), -NEVER],
        found.left.tolist(),
        found.part_scores.tolist(),
        strict=True,
    )
    lines = [
        (
            str(number),
            f"{work:,}",
            _in_words(threshold),
            f"{left:,}",
            _percent(left / rows),
            "-" if score == UNKNOWN else f"{score:.4g}",
        )
        for number, (work, threshold, left, score) in enumerate(each, start=1)
    ]
    (all_work, all_score), (work, score) = found.curve[-2:].tolist()
    header = ("exit", "multiply-adds", "leaves from", "validation rows", "part", "their score")
    note = (
        f"A row on average: {_amount(work)} multiply-adds and a score of {score:.4g}; with all "
        f"rows to the end {_amount(all_work)} and {all_score:.4g}. Probabilities are those of the "
        "likeliest class; a row leaves at the first exit where it reaches the exit's own."
    )
    steps = found.curve[:-2].numpy()
    series = {
        "thresholds that were tried": (steps[:, 0], steps[:, 1]),
        "all rows to the end": (np.array([all_work]), np.array([all_score])),
        "settled": (np.array([work]), np.array([score])),
    }
    curve = Curves(
        "Score over computation, validation rows",
        series,
        "million multiply-adds a row",
        "score",
    )
    return [Table("Exits", header, lines, note), curve]


def _amount(millions: float) -> str:
    return f"{millions:.3g} million" if millions >= 1 else f"{millions * 1e6:,.0f}"


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"


def _in_words(threshold: float) -> str:
    """A threshold of log-odds as a probability."""
    if abs(threshold) == NEVER:
        return "never" if threshold > 0 else "the end"
    left = 1 / (1 + math.exp(min(threshold, 700.0)))
    return f"{1 - left:.4f}" if left > 1e-4 else f"1 - {left:.1e}"
