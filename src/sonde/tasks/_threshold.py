"""The similarity from which two rows are taken for one identity, settled on pairs of others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sonde.metrics._pairs import Pairs, equal_error, rates


class Settled(NamedTuple):
    """A threshold and what it did to the pairs it was settled on.

    Attributes:
        cut: the similarity, in [-1, 1]; from it on pairs are accepted.
        false_accept: part of the impostors' pairs that it accepts.
        true_accept: part of the genuine pairs that it accepts.
        equal_error: where both errors are equal.
    """

    cut: float
    false_accept: float
    true_accept: float
    equal_error: float


def settled(pairs: Pairs, false_accept: float | None) -> Settled | None:
    """The threshold for a rate of false accepts; None for as many of either error.

    It lies in the middle between the last similarity that is accepted and the next one. None comes
    back where no pair is genuine, or all are.
    """
    found = rates(pairs)
    if found is None:
        return None
    if false_accept is None:
        away = np.abs(found.false_accept - (1 - found.true_accept))
        best = np.flatnonzero(away == away.min())
        at = int(best[len(best) // 2])
    else:
        at = int(np.flatnonzero(found.false_accept <= false_accept)[-1])
    cut = _between(found.cuts, at)
    return Settled(
        cut, float(found.false_accept[at]), float(found.true_accept[at]), float(equal_error(found))
    )


def rates_at(pairs: Pairs, cut: float) -> tuple[float, float]:
    """False and true accepts of a threshold; NaN where there are no such pairs."""
    accepted = pairs.similarity >= cut
    return _part(accepted[~pairs.genuine]), _part(accepted[pairs.genuine])


def _between(cuts: np.ndarray, at: int) -> float:
    """The middle of the cut and the next lower similarity."""
    lower = cuts[at + 1] if at + 1 < len(cuts) else -1.0
    upper = min(cuts[at], 1.0)
    return float((upper + lower) / 2)


def _part(accepted: np.ndarray) -> float:
    return float(accepted.mean()) if len(accepted) else float("nan")
