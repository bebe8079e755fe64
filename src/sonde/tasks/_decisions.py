"""From probabilities to a decision: the likeliest class, the cheapest one, or above a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sonde.core.errors import UsageError, unknown
from sonde.metrics._ratio import ratio


class Threshold(NamedTuple):
    """The second of two classes is said from probability `cut` on; `score` is what that reached."""

    cut: float
    score: float


def cost_matrix(
    costs: Mapping[str, Mapping[str, float]], labels: Sequence[str], target: str
) -> np.ndarray:
    """(K, K) float32, what it costs to say column j of a row whose class is i.

    A mistake that nobody names costs 1, the right answer 0.

    Raises:
        UsageError: a class that the target does not have.
    """
    matrix = 1 - np.eye(len(labels), dtype=np.float32)
    place = {label: index for index, label in enumerate(labels)}
    for true, row in costs.items():
        for said, cost in row.items():
            for label in (true, said):
                if label not in place:
                    raise UsageError(f"costs: {unknown(f'class of {target!r}', label, labels)}")
            matrix[place[true], place[said]] = cost
    return matrix


def cheapest(probability: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """(N,) the class of least expected cost.

    Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, eq. 1.

    Args:
        probability: (N, K), taken at their word.
        costs: (K, K), rows are true classes.
    """
    index: np.ndarray = (probability.astype(np.float32) @ costs).argmin(axis=1)
    return index


def best_f1(probability: np.ndarray, positive: np.ndarray) -> Threshold:
    """The threshold of largest F1; of equally good ones the nearest to a half.

    Args:
        probability: (N,) float32 of the second class.
        positive: (N,) float64 in [0, 1], how much of the row is of the second class: a label, or
            where nobody knows it, the probability itself.
    """
    order = np.argsort(-probability, kind="stable")
    found = np.concatenate([[0.0], np.cumsum(positive[order], dtype=np.float64)])  # (N + 1,)
    said = np.arange(len(found))
    return _best(probability[order], np.nan_to_num(ratio(2 * found, said + found[-1]), nan=0.0))


def least_cost(probability: np.ndarray, positive: np.ndarray, costs: np.ndarray) -> Threshold:
    """The threshold at which these rows cost least on average; among equals nearest to a half.

    Args:
        probability: (N,) float32 of the second class.
        positive: (N,) bool, which rows are of it.
        costs: (2, 2), rows are true classes.
    """
    order = np.argsort(-probability, kind="stable")
    of_row = costs[positive[order].astype(int)].astype(np.float64)  # (N, 2): said first, second
    first, second = (np.concatenate([[0.0], np.cumsum(side)]) for side in of_row.T)
    mean = (second + first[-1] - first) / max(1, len(order))
    best = _best(probability[order], -mean)
    return Threshold(best.cut, -best.score)


def _best(falling: np.ndarray, scores: np.ndarray) -> Threshold:
    """The best place to cut a ranking.

    Args:
        falling: (N,) float32 probabilities, the largest first.
        scores: (N + 1,) the score where the first k rows are said to be of the second class.
    """
    cuts = np.concatenate([[np.nextafter(np.float32(1), np.float32(2))], falling])
    between = ((falling[:-1].astype(np.float64) + falling[1:]) / 2).astype(np.float32)
    cuts[1:-1] = np.where(between > falling[1:], between, falling[:-1])  # neighbours have no middle
    whole = np.concatenate([[True], falling[:-1] > falling[1:], [True]])  # ties are never torn
    best = whole & (scores >= scores[whole].max() - 1e-12)
    nearest = np.flatnonzero(best)[np.argmin(np.abs(cuts[best] - 0.5))]
    return Threshold(float(cuts[nearest]), float(scores[nearest]))
