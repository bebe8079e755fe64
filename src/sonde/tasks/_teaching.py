"""How well a network goes on with words it is given: sequences under teacher forcing.

Each word of the truth is asked for after the words before it, so nothing needs to be searched, and
a row's sums are all that is kept of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sonde.contracts.metric import Arrays, Bounds, Metric
from sonde.metrics._ratio import ratio
from sonde.tasks._written_metrics import Nats, Perplexity

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.contracts.task import Loss
    from sonde.core.batch import Batch, Padded

NATS, RIGHT, WORDS = "nats", "right words", "words"


class WordAccuracy(Metric):
    """Part of the words that are the likeliest ones, in [0, 1]."""

    kind: ClassVar[str] = "word accuracy"
    is_mean: ClassVar[bool] = True
    bounds: ClassVar[Bounds] = (0.0, 1.0)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): the right words of a row, and all."""
        return np.stack([predicted[RIGHT], predicted[WORDS]], axis=1).astype(np.float64)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...)."""
        return ratio(sums[..., 0], sums[..., 1])


def metrics() -> Mapping[str, Metric]:
    """By name, that which stopping watches first."""
    return {metric.kind: metric for metric in (Nats(), Perplexity(), WordAccuracy())}


def taught(words: Padded) -> tuple[Padded, Padded]:
    """Words (B, T) as what is said, `START` and they, and what is asked for, they and `END`."""
    import torch

    from sonde.core.batch import Padded
    from sonde.core.port import END, PAD, START

    values, lengths = words.values.long(), words.lengths
    edge = values.new_full((len(values), 1), START)
    said = torch.cat([edge, values], dim=1)
    asked = torch.cat([values, torch.full_like(edge, PAD)], dim=1)
    asked.scatter_(1, lengths[:, None], END)
    return Padded(said, lengths + 1), Padded(asked, lengths + 1)


def smoothed_loss(logits: Tensor, asked: Padded, smoothing: float) -> Loss:
    """Each row's sum of cross entropies in nats, and its number of words.

    With smoothing the true word is asked for with 1 - smoothing and every word, it too, with
    smoothing / size: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
    2016, section 7; Vaswani et al. 2017, section 5.4.

    Args:
        logits: (B, T, size) float.
        asked: (B, T) words.
        smoothing: in [0, 1).
    """
    from sonde.contracts.task import Loss
    from sonde.tasks._smoothed import smoothed_cross_entropy

    words, real = asked.values, asked.mask()
    costs = smoothed_cross_entropy(logits.flatten(0, 1), words.flatten(), smoothing)
    costs = costs.reshape(words.shape)
    return Loss((costs * real).sum(1), asked.lengths.float())


def noted(logits: Tensor, asked: Padded) -> Batch:
    """Of each row: the sum of nats, the words that are likeliest, the words."""
    loss = smoothed_loss(logits, asked, 0.0)
    right = (logits.argmax(dim=-1) == asked.values) & asked.mask()
    return {NATS: loss.sums, RIGHT: right.sum(1), WORDS: asked.lengths}
