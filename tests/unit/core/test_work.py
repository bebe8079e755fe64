from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from sonde.core.device import precision_for, resolve_precision
from sonde.core.work import Products
from sonde.nets.blocks.ensemble import AdaptedLinear, MemberLinear


def test_products_are_counted_with_their_multiply_adds() -> None:
    dense, conv = nn.Linear(5, 7), nn.Conv2d(3, 4, 3)
    with Products() as products:
        dense(torch.randn(2, 5))
        conv(torch.randn(2, 3, 8, 8))
    assert products.count == 2
    assert products.work == 2 * 5 * 7 + 2 * 6 * 6 * 4 * 3 * 9
    assert products.mean_work == products.work / 2


def test_members_count_as_often_as_there_are() -> None:
    with Products() as products:
        AdaptedLinear(5, 7, members=3)(torch.randn(2, 1, 5))
        MemberLinear(5, 7, members=3)(torch.randn(2, 3, 5))
    assert (products.count, products.work) == (2, 2 * 2 * 3 * 5 * 7)


def test_counting_changes_no_result_and_no_gradient() -> None:
    torch.manual_seed(0)
    layer, rows = nn.Linear(5, 7), torch.randn(4, 5)

    def gradient() -> torch.Tensor:
        layer.zero_grad()
        functional.relu(layer(rows)).square().mean().backward()
        assert layer.weight.grad is not None
        return layer.weight.grad.clone()

    plain = gradient()
    with Products():
        counted = gradient()
    assert torch.equal(plain, counted)


def test_nothing_multiplied_is_no_work() -> None:
    with Products() as products:
        torch.ones(3) + 1
    assert products.mean_work == 0 and precision_for(0) == "float32"


def test_a_precision_that_was_asked_for_stays() -> None:
    for precision in ("float32", "bfloat16"):
        assert resolve_precision(precision, torch.device("cpu")) == precision


def test_wide_products_are_worth_bfloat16_and_narrow_ones_are_not() -> None:
    """A dense net of 2x256 on 100 features: at 64 rows a step was slower, at 256 faster."""
    found = []
    for rows in (64, 256):
        net = nn.Sequential(nn.Linear(100, 256), nn.Linear(256, 256), nn.Linear(256, 2))
        with Products() as products:
            net(torch.randn(rows, 100))
        found.append(precision_for(products.mean_work))
    assert found == ["float32", "bfloat16"]
