from __future__ import annotations

import pytest
import torch

from sonde.nets.blocks.dropout import Dropout


@pytest.mark.parametrize("dropped", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_features_are_left_out_as_often_as_asked_and_the_rest_grow(
    dropped: float, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    found = Dropout(dropped)(torch.ones(400, 251, dtype=dtype))
    assert (found == 0).float().mean().item() == pytest.approx(dropped, abs=0.01)
    assert found.max().item() == pytest.approx(1 / (1 - dropped), rel=0.01)
    assert found.float().mean().item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("dropped", [1e-9, 1 - 1e-9])
def test_next_to_none_and_next_to_all_are_left_out(dropped: float) -> None:
    torch.manual_seed(0)
    found = Dropout(dropped)(torch.ones(1000))
    assert found.isfinite().all()
    assert (found == 0).float().mean().item() == pytest.approx(dropped, abs=0.01)


def test_neighbours_that_share_a_draw_are_left_out_independently() -> None:
    torch.manual_seed(0)
    left_out = (Dropout(0.5)(torch.ones(40_000, 4)) == 0).float()
    apart = torch.corrcoef(left_out.T) - torch.eye(4)
    assert apart.abs().max() < 0.03


def test_the_seed_decides_who_is_left_out_and_gradients_follow() -> None:
    layer = Dropout(0.3)
    features = torch.ones(7, 5, requires_grad=True)
    torch.manual_seed(1)
    first = layer(features)
    torch.manual_seed(1)
    assert torch.equal(layer(features), first)
    assert not torch.equal(layer(features), first)
    first.sum().backward()
    assert features.grad is not None and torch.equal(features.grad, first)


def test_outside_training_nothing_changes() -> None:
    features = torch.randn(3, 4)
    assert torch.equal(Dropout(0.5).eval()(features), features)
    assert torch.equal(Dropout(0.0)(features), features)
