"""BLEU: how many of a translation's phrases of up to four words stand in the reference.

Papineni, Roukos, Ward, Zhu, "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002,
section 2.3; as sacrebleu computes it (Post, "A Call for Clarity in Reporting BLEU Scores", 2018,
arXiv:1804.08771): cased, its own words from raw texts, an order without a match smoothed by halves
(method 3 of Chen, Cherry 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._counts import ngram_counts, sacrebleu

Words = Literal["13a", "intl", "zh", "char", "none"]
"""What BLEU takes for a word: as mteval-v13a does, by Unicode's classes, Chinese characters apart,
characters, or what spaces part."""

HITS, SAID, ASKED = "bleu hits", "bleu said", "bleu asked"
_ORDERS = 4


class Bleu(Metric):
    """BLEU of all rows together, in [0, 100]; NaN over no rows."""

    bounds: ClassVar[Bounds] = (0.0, 100.0)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 9): matched n-grams and all n-grams of each order, words of the reference."""
        parts = [predicted[HITS], predicted[SAID], truth[ASKED]]
        return np.concatenate(parts, axis=1).astype(np.float64)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 9) -> (...)."""
        hits, said, asked = np.split(sums, [_ORDERS, 2 * _ORDERS], axis=-1)
        asked, words = asked[..., 0], said[..., 0]
        halvings = np.cumsum(hits <= 0, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = np.where(hits > 0, hits, 0.5**halvings) / said
            brevity = np.exp(np.minimum(0.0, 1 - asked / words))
            score = 100 * brevity * np.exp(np.log(precision).mean(axis=-1))
        known = (hits[..., 0] > 0) & (said > 0).all(axis=-1)
        return np.where(asked + words > 0, np.where(known, score, 0.0), np.nan)


def counted(
    texts: Sequence[str], references: Sequence[str], words: Words = "13a"
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What BLEU needs of N translations and of their N references, as the metric reads them.

    Raises:
        MissingPackage: sacrebleu is not installed.
    """
    scorer = sacrebleu().BLEU(tokenize=words, effective_order=True)
    pairs = zip(texts, references, strict=True)
    scores = [scorer.sentence_score(text, [reference]) for text, reference in pairs]
    said = {
        HITS: ngram_counts([score.counts for score in scores], _ORDERS),
        SAID: ngram_counts([score.totals for score in scores], _ORDERS),
    }
    return said, {ASKED: ngram_counts([[score.ref_len] for score in scores], 1)}
