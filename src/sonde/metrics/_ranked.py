"""Rankings: what areas under curves are made of, for one resample or many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from sonde.contracts.metric import Arrays


class Ranked(NamedTuple):
    """Rows of one class and of the rest at each distinct value, the highest value first.

    Attributes:
        positives, negatives: (..., V) rows at each of V distinct values.
        group: (N,) which of the V values a row has.
    """

    positives: np.ndarray
    negatives: np.ndarray
    group: np.ndarray


def ranked(ranking: np.ndarray, positive: np.ndarray, counts: np.ndarray) -> Ranked:
    """The rows in order of a ranking, rows of equal rank together.

    Args:
        ranking: (N,) finite; the higher, the surer.
        positive: (N,) bool.
        counts: (..., N) how often each row stands in each resample.
    """
    order = np.argsort(-ranking)  # rows of equal rank are added up, so their order is no matter
    in_order = ranking[order]
    is_new = np.append(True, in_order[1:] != in_order[:-1])
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(is_new) - 1
    starts, sorted_counts = np.flatnonzero(is_new), counts[..., order]
    positives = np.add.reduceat(sorted_counts * positive[order], starts, axis=-1)
    negatives = np.add.reduceat(sorted_counts, starts, axis=-1) - positives
    return Ranked(positives, negatives, group)


def judged_classes(predicted: Arrays, truth: Arrays) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Each class's (N,) probabilities and positive rows: of two classes, the second alone.

    Nothing where there are no rows or a probability is NaN.
    """
    probability, index = predicted["probability"], truth["index"]
    if not len(index) or np.isnan(probability).any():
        return
    classes = probability.shape[1]
    for k in [1] if classes == 2 else range(classes):
        yield probability[:, k], index == k


def mean_over_classes(
    predicted: Arrays, truth: Arrays, counts: np.ndarray, of_class: Callable[[Ranked], np.ndarray]
) -> np.ndarray:
    """(...) the mean of what each class scores; classes that score NaN are left out of it.

    Args:
        predicted: with {"probability": (N, K)}.
        truth: with {"index": (N,)}.
        counts: (..., N) how often each row stands in each resample.
        of_class: a ranking -> (...) the score of one class, NaN where it is not defined.
    """
    total, defined = np.zeros(counts.shape[:-1]), np.zeros(counts.shape[:-1])
    for ranking, positive in judged_classes(predicted, truth):
        score = of_class(ranked(ranking, positive, counts))
        total += np.nan_to_num(score, nan=0.0)
        defined += ~np.isnan(score)
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.where(defined > 0, total / np.maximum(defined, 1), np.nan)
    return mean


def mean_influence(
    predicted: Arrays, truth: Arrays, of_class: Callable[[Ranked, np.ndarray], np.ndarray]
) -> np.ndarray:
    """(N,) the mean of each class's influence, over classes that have rows on both sides.

    NaN where a class has a single row on one side: what another would do, nobody can tell.

    Args:
        predicted: with {"probability": (N, K)}.
        truth: with {"index": (N,)}.
        of_class: a ranking and (N,) positive rows -> (N,) influence on the score of one class.
    """
    rows = len(truth["index"])
    total, defined = np.zeros(rows), 0
    for ranking, positive in judged_classes(predicted, truth):
        fewer = min(positive.sum(), rows - positive.sum())
        if fewer == 1:
            return np.full(rows, np.nan)
        if fewer:
            total += of_class(ranked(ranking, positive, np.ones(rows)), positive)
            defined += 1
    return total / max(defined, 1)
