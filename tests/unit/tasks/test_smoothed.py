"""Cross entropy in blocks: torch's own numbers and gradients, however many blocks there are."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from sonde.tasks import _smoothed
from sonde.tasks._smoothed import smoothed_cross_entropy

SIZE = 11


@pytest.mark.parametrize("block", [1, 3 * SIZE, 2**18])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_costs_and_gradients_are_those_of_torch(
    block: int, smoothing: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_smoothed, "_BLOCK", block)
    draw = torch.Generator().manual_seed(0)
    logits = (20 * torch.randn(7, SIZE, generator=draw)).requires_grad_()
    words = torch.randint(SIZE, (7,), generator=draw)
    weights = torch.rand(7, generator=draw)
    expected = functional.cross_entropy(logits, words, reduction="none", label_smoothing=smoothing)
    (slopes,) = torch.autograd.grad(expected @ weights, logits)

    found = smoothed_cross_entropy(logits, words, smoothing)

    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found @ weights, logits)[0], slopes)


def test_of_bfloat16_costs_are_float32_and_gradients_are_bfloat16() -> None:
    logits = torch.tensor([[9.0, 1.0, -3.0]], dtype=torch.bfloat16, requires_grad=True)
    words = torch.tensor([1])

    costs = smoothed_cross_entropy(logits, words, 0.1)
    costs.sum().backward()

    exact = functional.cross_entropy(logits.detach().float(), words, label_smoothing=0.1)
    torch.testing.assert_close(costs[0], exact)
    assert logits.grad is not None and logits.grad.dtype == torch.bfloat16


def test_nothing_is_kept_where_no_gradient_is_wanted() -> None:
    costs = smoothed_cross_entropy(torch.zeros(2, SIZE), torch.tensor([0, 5]), 0.0)
    torch.testing.assert_close(costs, torch.full((2,), SIZE).log())


def test_no_rows() -> None:
    logits = torch.zeros(0, SIZE, requires_grad=True)
    costs = smoothed_cross_entropy(logits, torch.zeros(0, dtype=torch.int64), 0.1)
    assert costs.shape == (0,)
    costs.sum().backward()
