"""Residual networks: the published ones weight for weight, and every way past a block."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from sonde.core.batch import Batch
from sonde.core.errors import RecipeError, UsageError
from sonde.core.port import Port
from sonde.nets.blocks.residual import BasicBlock, Bottleneck, ConvNorm, Style, ZeroPadded
from sonde.nets.models.resnet import Resnet

LARGE = {"channels": [64, 128, 256, 512], "stem": "imagenet"}


def built(resnet: Resnet, side: int, classes: int, *, device: str = "meta") -> nn.Module:
    ports = {"image": Port("grid", (3, side, side), frame="image")}
    with torch.device(device):
        return resnet.build(ports, {"label": Port("category", size=classes)})


@pytest.mark.parametrize(
    ("options", "side", "classes", "weights", "name"),
    [
        ({"shortcut": "padding"}, 32, 10, 269_722, "resnet-20 16-32-64"),
        (LARGE | {"blocks": [2, 2, 2, 2]}, 224, 1000, 11_689_512, "resnet-18 64-128-256-512"),
        (LARGE | {"blocks": [3, 4, 6, 3], "block": "bottleneck"}, 224, 1000, 25_557_032,
         "resnet-50 bottleneck 64-128-256-512"),
    ],
)  # fmt: skip
def test_the_published_networks_have_their_number_of_weights(
    options: dict[str, object], side: int, classes: int, weights: int, name: str
) -> None:
    """269,722 (0.27 M in table 6); ResNet-18 and -50 as torchvision counts them."""
    resnet = Resnet.parse(options)
    assert sum(w.numel() for w in built(resnet, side, classes).parameters()) == weights
    assert resnet.describe() == name


def test_a_block_is_two_convolutions_beside_its_input() -> None:
    block = BasicBlock(4, 4).eval()
    features = torch.randn(2, 4, 5, 5)
    first, second = block.first[0].weight, block.second[0].weight
    scale = (1 + block.first[1].eps) ** -0.5  # fresh running statistics: mean 0, variance 1
    hidden = functional.relu(functional.conv2d(features, first, padding=1) * scale)
    wanted = functional.relu(functional.conv2d(hidden, second, padding=1) * scale + features)
    torch.testing.assert_close(block(features.clone()), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("made", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("norm", ["batch", "group", "none"])
@pytest.mark.parametrize("past", ["projection", "padding", "pool"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [8, 7])
def test_every_block_halves_by_its_stride(
    made: type[BasicBlock | Bottleneck], norm: str, past: str, stride: int, side: int
) -> None:
    block = made(3, 6, stride=stride, style=Style(norm, past))  # type: ignore[arg-type]
    half = -(-side // stride)
    found = block(torch.randn(2, 3, side, side))
    assert found.shape == (2, 6 * made.expansion, half, half)
    assert bool((found >= 0).all())


def test_the_shortcut_without_weights_keeps_every_second_pixel() -> None:
    features = torch.randn(1, 2, 5, 4)
    found = ZeroPadded(3, stride=2)(features)
    assert torch.equal(found[:, :2], features[:, :, ::2, ::2])
    assert found.shape == (1, 5, 3, 2) and not found[:, 2:].any()


def test_a_deep_network_without_a_norm_starts_calm() -> None:
    """Branches are scaled by the root of their number; unscaled, features grow with every block."""

    def spread(scale: float) -> float:
        torch.manual_seed(0)
        blocks = nn.Sequential(
            *(BasicBlock(8, 8, style=Style("none", scale=scale)) for _ in range(30))
        )
        return float(blocks(torch.rand(4, 8, 6, 6)).detach().std())

    assert spread(30**-0.5) < 5 < 1000 < spread(1.0)


def test_convolutions_start_as_he_et_al_2015_say() -> None:
    torch.manual_seed(0)
    weight = ConvNorm(32, 64, kernel_size=3)[0].weight.detach()
    assert abs(float(weight.std()) - (2 / (9 * 64)) ** 0.5) < 1e-3


def test_rows_of_a_table_join_after_the_pictures() -> None:
    ports = {
        "image": Port("grid", (1, 12, 12), frame="image"),
        "age": Port("scalar", optional=False),
        "sex": Port("category", size=2),
    }
    network = Resnet(blocks=(1,), channels=(4,)).build(ports, {"price": Port("scalar")}).eval()
    batch: Batch = {
        "image": torch.zeros(2, 1, 12, 12, dtype=torch.uint8),
        "age": torch.tensor([0.0, 1.0]),
        "sex": torch.tensor([0, 0]),
    }
    price = network(batch)["price"]
    assert price.shape == (2,) and price[0] != price[1]


def test_mistakes_are_told() -> None:
    with pytest.raises(RecipeError, match="got blocks for 2 stages and channels for 3"):
        Resnet.parse({"blocks": [1, 1], "channels": [4, 8, 16]})
    with pytest.raises(RecipeError, match="expected at most 333 in all"):
        Resnet.parse({"blocks": [300, 300], "channels": [4, 8]})
    with pytest.raises(UsageError, match=r"resnet needs a picture.*age \(scalar\)"):
        Resnet().build({"age": Port("scalar")}, {"price": Port("scalar")})


@pytest.mark.parametrize("channels", [4, 8, 12, 16])
def test_narrow_shortcuts_that_stride_are_the_convolution_they_stand_for(channels: int) -> None:
    """torch's own way corrupts memory here in its backward pass, so only its forward is asked."""
    thinned = ConvNorm(channels, 16, kernel_size=1, stride=2, norm="none")
    thinned.to(memory_format=torch.channels_last)
    pictures = torch.randn(8, channels, 47, 64, generator=torch.Generator().manual_seed(0))
    pictures = pictures.to(memory_format=torch.channels_last).requires_grad_()
    out = thinned(pictures)
    with torch.no_grad():
        own = functional.conv2d(pictures, thinned[0].weight, thinned[0].bias, stride=2)
    torch.testing.assert_close(out, own)
    out.sum().backward()
    assert pictures.grad is not None
    asked = (pictures.grad != 0).any(dim=1)
    assert asked[:, ::2, ::2].all() and not asked[:, 1::2].any() and not asked[:, :, 1::2].any()
