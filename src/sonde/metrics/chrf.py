"""chrF: how many of a translation's runs of up to six characters stand in the reference.

Popovic, "chrF: character n-gram F-score for automatic MT evaluation", 2015, eq. 1, with recall
counting twice (beta 2); spaces are left out, and orders that a text is too short for. It needs no
idea of a word, so it reads any script.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._counts import ngram_counts
from sonde.metrics._ratio import ratio

HITS, SAID, ASKED = "chrf hits", "chrf said", "chrf asked"
_ORDERS = 6
_BETA = 2.0


class Chrf(Metric):
    """chrF of all rows together, in [0, 100]; NaN over no rows."""

    bounds: ClassVar[Bounds] = (0.0, 100.0)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 18): by order, n-grams matched, said and asked for."""
        parts = [predicted[HITS], predicted[SAID], truth[ASKED]]
        return np.concatenate(parts, axis=1).astype(np.float64)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 18) -> (...)."""
        hits, said, asked = np.split(sums, 3, axis=-1)
        counts = (said > 0) & (asked > 0)
        orders = counts.sum(axis=-1)
        precision = np.where(counts, np.nan_to_num(ratio(hits, said)), 0.0).sum(axis=-1)
        recall = np.where(counts, np.nan_to_num(ratio(hits, asked)), 0.0).sum(axis=-1)
        precision, recall = precision / np.maximum(orders, 1), recall / np.maximum(orders, 1)
        score = ratio((1 + _BETA**2) * precision * recall, _BETA**2 * precision + recall)
        some = (said.sum(axis=-1) + asked.sum(axis=-1)) > 0
        return np.where(some, 100 * np.nan_to_num(score), np.nan)


def counted(
    texts: Sequence[str], references: Sequence[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What chrF needs of N translations and of their N references, as the metric reads them."""
    rows = [_row(text, other) for text, other in zip(texts, references, strict=True)]
    hits, said, asked = (ngram_counts([row[at] for row in rows], _ORDERS) for at in range(3))
    return {HITS: hits, SAID: said}, {ASKED: asked}


def of_rows(predicted: Arrays, truth: Arrays) -> np.ndarray:
    """(N,) float64, the score of each row for itself, 0 where both texts are empty."""
    metric = Chrf()
    scores: np.ndarray = np.nan_to_num(metric.combine(metric.terms(predicted, truth)))
    return scores


def _row(text: str, reference: str) -> tuple[list[int], list[int], list[int]]:
    """By order, n-grams matched, said and asked for.

    What is said counts only where the reference is long enough to have n-grams of that order.
    """
    mine, other = "".join(text.split()), "".join(reference.split())
    hits, said, asked = [], [], []
    for order in range(1, _ORDERS + 1):
        own, wanted = _ngrams(mine, order), _ngrams(other, order)
        hits.append((own & wanted).total())
        said.append(own.total() if wanted else 0)
        asked.append(wanted.total())
    return hits, said, asked


def _ngrams(text: str, order: int) -> Counter[str]:
    return Counter(text[at : at + order] for at in range(len(text) - order + 1))
