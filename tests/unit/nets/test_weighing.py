"""Attention written out is torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sonde.nets.blocks.weighing import weighed


def parts(steps: int, read: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 2, steps, 4), (3, 2, read, 4), (3, 2, read, 4)]
    query, key, value = (torch.randn(s, generator=generator, requires_grad=True) for s in shapes)
    return query, key, value


@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("causal", [True, False])
def test_values_and_gradients_are_those_of_the_fused_kernel(steps: int, causal: bool) -> None:
    read = steps if causal else 5
    seen = None if causal else (torch.arange(read) < torch.tensor([[5], [1], [3]]))[:, None, None]
    found = []
    for dropout in (0.0, None):
        given = parts(steps, read)
        mixed = weighed(*given, seen, causal=causal, dropout=dropout)
        mixed.square().sum().backward()
        found.append([mixed, *(part.grad for part in given)])
    for mine, torchs in zip(*found, strict=True):
        torch.testing.assert_close(mine, torchs, rtol=1e-5, atol=1e-6)


def test_long_rows_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[int] = []
    own = functional.scaled_dot_product_attention

    def noted(query: Tensor, *args: object, **options: object) -> Tensor:
        called.append(query.shape[2])
        return own(query, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(functional, "scaled_dot_product_attention", noted)
    for steps in (100, 200):
        weighed(*parts(steps, steps), causal=True, dropout=0.0)
    assert called == [200]


def test_weights_are_left_out_at_random_and_the_rest_grows() -> None:
    query, key, _ = parts(8, 8)
    ones = torch.ones(3, 2, 8, 4)
    torch.manual_seed(0)
    mixed = weighed(query, key, ones, causal=True, dropout=0.5)
    assert mixed.detach().std() > 0.1
    assert mixed.detach().mean() == pytest.approx(1.0, abs=0.3)
