"""Whether a difference is more than chance: exact counts, corrected folds, many looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest
from scipy.stats import t as student

from sonde.contracts.metric import Arrays, Metric
from sonde.evaluate.intervals import Measured


def p_of_gain(model: Measured, rival: Measured) -> float:
    """The two-sided p of no difference between two scores of the same units; NaN where unknown.

    Student's t of the paired influences; of resamples, how rarely they fall on the other side.
    """
    value = model.value - rival.value
    if model.influence is not None and rival.influence is not None:
        difference = model.influence - rival.influence
        count = len(difference)
        squares = float(np.square(difference - difference.mean()).sum()) if count > 1 else np.nan
        if not np.isfinite(squares) or not np.isfinite(value):
            return float("nan")
        error = np.sqrt(squares * count / (count - 1))
        return float(2 * student.sf(abs(value) / error, count - 1)) if error else 1.0
    if model.resampled is not None and rival.resampled is not None:
        drawn = model.resampled - rival.resampled
        drawn = drawn[np.isfinite(drawn)]
        if not len(drawn):
            return float("nan")
        other_side = min((drawn <= 0).sum(), (drawn >= 0).sum())
        return min(1.0, 2 * float(other_side + 1) / (len(drawn) + 1))
    return float("nan")


def mcnemar(metric: Metric, model: Arrays, rival: Arrays, truth: Arrays) -> float | None:
    """McNemar's exact p, where a metric says of each row that it is right or wrong; else None.

    Of the rows that one model alone has right, each is as likely to be the first's as the
    second's, were they equally good (McNemar, "Note on the sampling error of the difference
    between correlated proportions or percentages", Psychometrika 12, 1947; exact: binomial).
    Rows must stand for themselves, not in groups.
    """
    terms = [metric.terms(answers, truth) for answers in (model, rival)] if metric.is_mean else []
    if len(terms) < 2 or any(t is None or not np.isin(t, (0.0, 1.0)).all() for t in terms):
        return None
    first, second = (t[:, 0] for t in terms if t is not None)
    mine, theirs = int((first > second).sum()), int((second > first).sum())
    return float(binomtest(mine, mine + theirs).pvalue) if mine + theirs else 1.0


def corrected_t(differences: np.ndarray, tested_to_trained: float) -> float:
    """The two-sided p of no difference over folds, whose training rows overlap; NaN of one fold.

    Nadeau, Bengio, "Inference for the Generalization Error", Machine Learning 52, 2003, section 3:
    the variance of K folds' mean difference is not 1 / K of their variance but 1 / K + n2 / n1.

    Args:
        differences: (K,) of the scores on each fold.
        tested_to_trained: n2 / n1, test rows over training rows of a fold.
    """
    count = len(differences)
    if count < 2 or not np.isfinite(differences).all():
        return float("nan")
    mean, variance = float(differences.mean()), float(differences.var(ddof=1))
    error = np.sqrt((1 / count + tested_to_trained) * variance)
    if not error:
        return 1.0 if not mean else 0.0
    return float(2 * student.sf(abs(mean) / error, count - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p as if it were the only one, in the same order; NaN stays NaN and counts as a look.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979: the smallest of m counts m times, the next m - 1 times, and none less than
    the one before.
    """
    adjusted, largest = [float("nan")] * len(p_values), 0.0
    known = [place for place, p in enumerate(p_values) if not np.isnan(p)]
    for rank, place in enumerate(sorted(known, key=lambda at: p_values[at])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted
