from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from sonde.nets.blocks.conv import ConvLayer, ConvTower
from sonde.nets.blocks.dense import DenseStack


def kinds(module: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in module.children()]


def test_a_dense_layer_is_normalised_then_activated_then_dropped() -> None:
    stack = DenseStack(3, (5, 4), activation="gelu", norm="layer", dropout=0.5)
    assert kinds(stack) == ["Linear", "LayerNorm", "GELU", "Dropout"] * 2
    assert stack.out_features == 4
    assert stack(torch.randn(2, 3)).shape == (2, 4)


def test_without_widths_a_dense_stack_changes_nothing() -> None:
    features = torch.randn(2, 3)
    stack = DenseStack(3, (), dropout=0.5)
    assert torch.equal(stack(features), features) and stack.out_features == 3


@pytest.mark.parametrize("batch_norm", [False, True])
def test_pooling_before_relu_is_pooling_after_it(batch_norm: bool) -> None:
    torch.manual_seed(0)
    tower = ConvTower(3, [ConvLayer(4, pool=2), ConvLayer(5)], batch_norm=batch_norm).eval()
    grid = torch.randn(2, 3, 10, 9)
    hidden = grid
    for layer in tower.layers:
        if isinstance(layer, nn.MaxPool2d):
            continue
        hidden = layer(hidden)
        if isinstance(layer, nn.ReLU) and hidden.shape[1] == 4:
            hidden = functional.max_pool2d(hidden, 2)
    torch.testing.assert_close(tower(grid), hidden.flatten(1))


@given(
    sides=st.tuples(st.integers(9, 20), st.integers(9, 20)),
    kernel_size=st.sampled_from([1, 3, 5]),
)
@settings(deadline=None, max_examples=25)
def test_same_padding_keeps_the_size(sides: tuple[int, int], kernel_size: int) -> None:
    tower = ConvTower(1, [ConvLayer(2), ConvLayer(1)], kernel_size=kernel_size, padding="same")
    assert tower(torch.zeros(1, 1, *sides)).shape == (1, sides[0] * sides[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_work_with_channels_last(channels: int) -> None:
    """Also on grey pictures, which count as both layouts at once."""
    tower = ConvTower(channels, [ConvLayer(4)])
    seen: list[tuple[int, ...]] = []
    tower.layers[0].register_forward_hook(lambda *io: seen.append(io[2].stride()))
    tower(torch.zeros(2, channels, 8, 8))
    assert seen == [(6 * 6 * 4, 1, 6 * 4, 4)]
