"""What a classification costs while it is learned: cross entropy and its variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sonde.contracts.task import Loss

if TYPE_CHECKING:
    from torch import Tensor

_UNKNOWN = -100
"""Stands for a class that the network has no logit for; its row costs nothing."""
_SMALLEST = 1e-6
"""Below it 1 - p counts as this: a power below 1 has no slope at 0."""


def class_loss(
    logits: Tensor,
    index: Tensor,
    *,
    smoothing: float = 0.0,
    focal: float | None = None,
    weights: Sequence[float] = (),
) -> Loss:
    """Cross entropy (natural log) of each row; rows of unknown class count for nothing.

    Args:
        logits: (B, K) float32.
        index: (B,) int64; K and above are unknown.
        smoothing: part of the truth that is spread evenly over all classes: Szegedy, Vanhoucke,
            Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture", 2015, arXiv:1512.00567,
            section 7.
        focal: exponent gamma of (1 - p)^gamma before the cross entropy, so that easy rows count
            little: Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection", 2017,
            arXiv:1708.02002, eq. 4; with `weights` eq. 5.
        weights: (K,) what a row of each class counts for; () where all count the same.
    """
    from torch.nn.functional import cross_entropy

    known = index < logits.shape[1]
    losses = cross_entropy(
        logits,
        index.where(known, _UNKNOWN),
        reduction="none",
        label_smoothing=smoothing,
        ignore_index=_UNKNOWN,
    )
    if focal is None and not weights:
        return Loss(losses, known.float())
    place = index.where(known, 0)
    if focal is not None:
        probability = logits.softmax(dim=1).gather(1, place[:, None])[:, 0]
        losses = losses * (1 - probability).clamp(min=_SMALLEST).pow(focal)
    if not weights:
        return Loss(losses, known.float())
    counted = logits.new_tensor(weights)[place].where(known, 0.0)
    return Loss(losses * counted, counted)


def balanced(counts: Sequence[int]) -> tuple[float, ...]:
    """(K,) weights by which each class has the same part in the loss: rows / (K * rows of it).

    King, Zeng, "Logistic Regression in Rare Events Data", Political Analysis 9, 2001, section 4.2.
    The mean row weighs 1.
    """
    total = sum(counts)
    return tuple(total / (len(counts) * max(1, count)) for count in counts)
