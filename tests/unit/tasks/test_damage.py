"""What makes pictures worse: by how much, and the same for the same row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sonde.core.errors import RecipeError
from sonde.tasks._damage import Damage, damaged, enlarged, resized


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grey(rows: int = 8, side: int = 64, light: int = 128, planes: int = 1) -> Tensor:
    return torch.full((rows, planes, side, side), light, dtype=torch.uint8)


def worse(pictures: Tensor, seed: int = 0, **options: Any) -> Tensor:
    return Damage.parse(options).apply(pictures, draw(seed)).float() / 255


def ramp() -> Tensor:
    """(1, 3, 40, 40) a smooth picture."""
    across = torch.linspace(40, 215, 40)
    plane = (across[:, None] + across[None]) / 2
    return torch.stack([plane, plane.flip(0), plane.flip(1)]).to(torch.uint8)[None]


ALL: list[dict[str, Any]] = [
    {"blur": 1.2},
    {"low_resolution": 4},
    {"poisson": 30},
    {"gaussian": 0.1},
    {"salt_and_pepper": 0.1},
    {"jpeg": 20},
    {"holes": 0.3},
    {"blur": [0.2, 2], "low_resolution": 2, "gaussian": [0, 0.2], "jpeg": [10, 90], "holes": 0.1},
]


@pytest.mark.parametrize("options", ALL, ids=lambda options: "-".join(options))
@pytest.mark.parametrize("planes", [1, 3])
def test_every_damage_changes_pictures_and_keeps_their_form(
    options: dict[str, Any], planes: int
) -> None:
    rng = np.random.default_rng(0)
    clean = torch.from_numpy(rng.integers(0, 256, (3, planes, 21, 34), dtype=np.uint8))
    kept = clean.clone()
    damage = Damage.parse(options)
    found = damage.apply(clean, draw())
    assert found.dtype == torch.uint8 and found.shape == clean.shape
    assert torch.equal(clean, kept) and (found != clean).flatten(1).any(dim=1).all()
    assert torch.equal(found, damage.apply(clean, draw()))
    light = clean.float() / 255  # as an augmentation may leave it
    assert (damage.apply(light, draw()).int() - found.int()).abs().max() <= 1


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    assert float((worse(grey(), gaussian=0.1) - 128 / 255).std()) == pytest.approx(0.1, rel=0.02)
    expected = (128 / 255 / 40) ** 0.5  # of a Poisson count, over a white pixel's 40 photons
    assert float(worse(grey(), poisson=40).std()) == pytest.approx(expected, rel=0.03)


def test_a_range_gives_each_picture_its_own_amount() -> None:
    found = (worse(grey(200, 24), gaussian=[0.02, 0.12]) - 128 / 255).flatten(1).std(dim=1)
    assert 0.018 < found.min() < 0.03 and 0.11 < found.max() < 0.13
    assert float(found.mean()) == pytest.approx(0.07, abs=0.005)


def test_specks_are_as_often_white_as_black() -> None:
    found = worse(grey(planes=3), salt_and_pepper=0.2)
    assert float((found == 1).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float((found == 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert (found.amin(dim=1) == found.amax(dim=1)).all(), "all channels of a pixel at once"


@pytest.mark.parametrize("side", [1, 5, 80])
def test_holes_cover_their_part_in_squares(side: int) -> None:
    found = worse(grey(600, 40, planes=3), holes=0.25, hole_side=side) == 0
    assert float(found.float().mean()) == pytest.approx(0.25, abs=0.03)
    turns = (found[:, 0, :, 1:] != found[:, 0, :, :-1]).float().mean()
    assert float(turns) == pytest.approx(2 * 0.25 * 0.75 / side, rel=0.2)


def test_a_blur_is_a_gaussian() -> None:
    """A point is spread over the squares of a normal distribution, each picture's own."""
    point = torch.zeros((1, 1, 41, 41))
    point[0, 0, 20, 20] = 1.0
    from sonde.tasks._damage import _blurred

    found = _blurred(point.repeat(2, 1, 1, 1), torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1))
    steps = torch.arange(-20, 21).float()
    for picture, deviation in zip(found[:, 0], (1.0, 3.0), strict=True):
        assert float(picture.sum()) == pytest.approx(1.0, abs=1e-5)
        spread = float((picture.sum(dim=0) * steps**2).sum()) ** 0.5
        assert spread == pytest.approx(deviation, rel=0.03)
    assert torch.allclose(_blurred(grey() / 255, torch.full((8, 1, 1, 1), 2.0)), grey() / 255)


def test_low_resolution_leaves_what_is_smooth_and_takes_what_is_fine() -> None:
    clean = ramp()
    assert (worse(clean, low_resolution=4) - clean / 255)[..., 4:-4, 4:-4].abs().max() < 0.01
    stripes = torch.zeros((1, 1, 32, 32), dtype=torch.uint8)
    stripes[..., ::2] = 255
    assert float(worse(stripes, low_resolution=4)[..., 4:-4, 4:-4].std()) < 0.02


def test_enlarging_is_what_low_resolution_undid() -> None:
    """A caller's small picture, enlarged, is what a network saw while it learned."""
    clean = ramp()
    small = (resized(clean / 255, (10, 10)) * 255).round().to(torch.uint8)
    ours = enlarged(small[0].permute(1, 2, 0).numpy(), 4)
    asked = Damage(low_resolution=4).apply(clean, draw())[0].permute(1, 2, 0).numpy()
    assert np.abs(ours.astype(int) - asked).max() <= 3


def test_jpeg_is_worse_the_lower_its_quality() -> None:
    rng = np.random.default_rng(0)
    clean = torch.from_numpy(rng.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8))
    errors = [float((worse(clean, jpeg=q) - clean / 255).square().mean()) for q in (90, 50, 10)]
    assert 0 < errors[0] < errors[1] < errors[2]


def test_a_row_number_is_a_draw() -> None:
    picture = np.full((9, 14, 3), 100, np.uint8)
    damage = Damage(gaussian=0.2, holes=0.1, hole_side=2)
    first, again, other = (damaged(picture, damage, number) for number in (5, 5, 6))
    assert first.shape == picture.shape and (first == again).all() and (first != other).any()
    assert damaged(picture[..., 0], damage, 5).shape == (9, 14)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "at least one of blur, low_resolution"),
        ({"hole_side": 3}, "at least one of"),
        ({"gaussian": 2}, r"gaussian: got 2.0, expected a number above 0 or a range"),
        ({"holes": [0.5, 0.2]}, r"within \[0, 1\]"),
        ({"jpeg": 0}, r"jpeg: got 0.0"),
        ({"low_resolution": 0.5}, r"within \[1, 16\]"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Damage.parse(options)
