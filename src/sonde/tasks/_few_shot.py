"""How classes are told apart from a few examples: by their means, or by a few steps of descent."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad
from torch.nn.functional import cross_entropy

from sonde.core.batch import Batch

Loss = Callable[[dict[str, Tensor]], Tensor]
Descend = Callable[[Loss, dict[str, Tensor]], dict[str, Tensor]]


def class_means(embedding: Tensor, ways: Tensor, count: int) -> Tensor:
    """The mean of the examples of each class.

    Snell, Swersky, Zemel, "Prototypical Networks for Few-shot Learning", 2017, arXiv:1703.05175,
    eq. 1.

    Args:
        embedding: (S, D) float32.
        ways: (S,) int64 in [0, count).
        count: W; each class has an example.

    Returns:
        (W, D).
    """
    sums = embedding.new_zeros(count, embedding.shape[1]).index_add(0, ways, embedding)
    often = torch.bincount(ways, minlength=count).to(embedding.dtype)
    return sums / often[:, None]


def distance_logits(queries: Tensor, means: Tensor) -> Tensor:
    """Minus the squared Euclidean distance of each query from each mean: eq. 2's exponent.

    The difference is squared as it is: with the square multiplied out, float32 loses near pairs.

    Args:
        queries: (..., Q, D).
        means: (..., W, D).

    Returns:
        (..., Q, W).
    """
    return -(queries[..., :, None, :] - means[..., None, :, :]).square().sum(dim=-1)


def adapted(
    loss: Loss,
    weights: Mapping[str, Tensor],
    *,
    rate: float,
    steps: int,
    second_order: bool = True,
) -> dict[str, Tensor]:
    """Weights after some steps of plain descent.

    Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", 2017,
    arXiv:1703.03400, eq. 1. What is later derived from the result reaches the first weights through
    the inner gradients too (second order), or takes these for constants (section 5.2).

    Args:
        loss: from weights by name to (), what the steps go down.
        weights: by name.
        rate: of each step.
        steps: how many.
        second_order: whether gradients flow through the inner gradients.
    """
    now = dict(weights)
    for _ in range(steps):
        # outside of `grad` this only decides what flows back through the slopes
        with torch.set_grad_enabled(second_order and torch.is_grad_enabled()):
            slopes = grad(loss)(now)
        now = {name: weight - rate * slopes[name] for name, weight in now.items()}
    return now


def adapted_logits(
    model: nn.Module, output: str, support: Batch, ways: Tensor, queries: Batch, descend: Descend
) -> Tensor:
    """Logits of queries by a model that has descended the mean loss of its examples.

    Args:
        model: gives logits (B, W) at `output`.
        output: their name.
        support: S examples.
        ways: (S,) int64 in [0, W).
        queries: Q rows.
        descend: from the loss of the examples and the weights to the adapted weights.

    Returns:
        (Q, W).
    """

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return cross_entropy(functional_call(model, weights, (support,))[output], ways)

    weights = descend(loss, dict(model.named_parameters()))
    logits: Tensor = functional_call(model, weights, (queries,))[output]
    return logits


def as_letters(texts: list[str]) -> Tensor:
    """(N, L) int64 code points, zeros behind a shorter text: texts as a tensor's rows."""
    longest = max(map(len, texts), default=0)
    return torch.tensor(
        [[*map(ord, text), *[0] * (longest - len(text))] for text in texts], dtype=torch.long
    ).reshape(len(texts), longest)
