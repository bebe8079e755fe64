"""What a report shows of a regression, in the caller's unit."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sonde.contracts.panels import Curves, Rowlist
from sonde.contracts.task import Judged

_MOST_POINTS = 2_000
_MOST_ROWS = 12


def against_truth(judged: Judged, target: str) -> Curves:
    """Each answer over its truth."""
    true, said, note = _points(judged)
    return Curves(
        "Predicted and true",
        {"rows": (true, said)},
        x_title=f"true {target}",
        y_title=f"predicted {target}",
        points=frozenset({"rows"}),
        diagonal=True,
        note=note,
    )


def residuals(judged: Judged, target: str) -> Curves:
    """What is left over, over the answer."""
    true, said, note = _points(judged)
    ends = np.array([said.min(), said.max()]) if len(said) else np.empty(0)
    return Curves(
        "Residuals",
        {"rows": (said, true - said), "no error": (ends, np.zeros(len(ends)))},
        x_title=f"predicted {target}",
        y_title="true minus predicted",
        points=frozenset({"rows"}),
        note=note,
    )


def largest_errors(judged: Judged) -> Rowlist:
    """The rows farthest from the truth."""
    true, said = judged.truth["value"], judged.predicted["value"]
    worst = np.argsort(-np.abs(said - true), kind="stable")[:_MOST_ROWS]
    remarks = [f"said {said[i]:,.6g}, is {true[i]:,.6g}" for i in worst]
    return Rowlist("Largest errors", judged.rows[worst].tolist(), remarks)


def quantiles(judged: Judged, names: Mapping[float, str]) -> Curves:
    """How much of the truth lies below each quantile, and should.

    Args:
        judged: of a quantile regression.
        names: the name of each level's answer.
    """
    true = judged.truth["value"]
    below = [float(np.mean(true <= judged.predicted[name])) for name in names.values()]
    levels = np.array(list(names))
    return Curves(
        "Quantiles",
        {"observed": (levels, np.array(below))},
        x_title="quantile that was asked for",
        y_title="part of the rows below it",
        diagonal=True,
        note=f"Between the outermost two lie {below[-1] - below[0]:.1%} of the rows, and "
        f"{levels[-1] - levels[0]:.1%} should."
        if len(levels) > 1
        else "",
    )


def _points(judged: Judged) -> tuple[np.ndarray, np.ndarray, str]:
    """True and predicted values of at most 2,000 rows, and a note where that is not all."""
    from sonde.core.seed import numpy_rng

    true, said = judged.truth["value"], judged.predicted["value"]
    if len(true) <= _MOST_POINTS:
        return true, said, ""
    chosen = numpy_rng("points of a panel").choice(len(true), _MOST_POINTS, replace=False)
    return true[chosen], said[chosen], f"{_MOST_POINTS:,} of {len(true):,} rows, drawn by chance."
