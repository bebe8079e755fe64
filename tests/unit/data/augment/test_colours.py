"""Colours and erased parts: against plain arithmetic."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sonde.core.batch import Batch
from sonde.core.errors import RecipeError
from sonde.core.port import Port
from sonde.data.augment import _colours
from sonde.data.augment._boxes import inside, placed
from sonde.data.augment.colour import Colour
from sonde.data.augment.erase import Erase

PORTS = {
    "picture": Port("grid", (3, 6, 5), frame="picture"),
    "mask": Port("grid", (1, 6, 5), size=2, frame="picture"),
}
HALF, TWICE = torch.tensor([0.5]), torch.tensor([2.0])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(rows: int = 1) -> Tensor:
    return torch.rand(rows, 3, 6, 5, generator=generator(5))


def tensor(batch: Batch, name: str) -> Tensor:
    value = batch[name]
    assert isinstance(value, Tensor)
    return value


def test_factors_mix_a_picture_with_black_with_its_mean_and_with_grey() -> None:
    before = pictures()
    grey = (0.299 * before[:, 0] + 0.587 * before[:, 1] + 0.114 * before[:, 2])[:, None]
    torch.testing.assert_close(_colours.brightened(before, TWICE), 2 * before)
    torch.testing.assert_close(_colours.contrasted(before, HALF), 0.5 * before + 0.5 * grey.mean())
    torch.testing.assert_close(_colours.saturated(before, HALF), 0.5 * before + 0.5 * grey)
    flat = torch.full((1, 3, 6, 5), 0.4)
    torch.testing.assert_close(_colours.sharpened(flat, TWICE), flat)


def test_whole_numbers_are_rounded_and_kept_in_range() -> None:
    before = torch.tensor([[0, 100, 101, 200]], dtype=torch.uint8).reshape(1, 1, 2, 2)
    found = _colours.changed(before, lambda grids: grids * 1.5 - 1)
    assert found.flatten().tolist() == [0, 149, 150, 255]
    assert found.dtype == torch.uint8


def test_grey_pictures_have_no_saturation_and_masks_no_colour() -> None:
    batch: Batch = {"picture": pictures(4), "mask": pictures(4)[:, :1]}
    found = Colour(brightness=1, contrast=1).apply(batch, PORTS, generator())
    assert found["mask"] is batch["mask"]
    assert not torch.equal(tensor(found, "picture"), tensor(batch, "picture"))
    grey = pictures()[:, :1]
    assert _colours.saturated(grey, HALF) is grey


def test_a_turned_hue_keeps_brightness_and_greys_and_a_whole_turn_everything() -> None:
    before = pictures()
    found = _colours.turned(before, torch.tensor([0.3]))
    torch.testing.assert_close(_colours.grey(found), _colours.grey(before), atol=1e-5, rtol=0)
    assert (found - before).abs().max() > 0.1
    back = _colours.turned(found, torch.tensor([0.7]))
    torch.testing.assert_close(back, before, atol=1e-5, rtol=0)
    flat = torch.full((1, 3, 6, 5), 0.4)
    torch.testing.assert_close(_colours.turned(flat, HALF), flat, atol=1e-5, rtol=0)


def test_about_as_many_pictures_turn_grey_as_were_asked_for() -> None:
    batch: Batch = {"picture": pictures(400)}
    change = Colour(brightness=0, contrast=0, saturation=0, grey=0.25)
    found = tensor(change.apply(batch, PORTS, generator()), "picture")
    grey = (found.std(dim=1) < 1e-4).all(dim=(1, 2))
    assert 70 < int(grey.sum()) < 130
    torch.testing.assert_close(found[~grey], tensor(batch, "picture")[~grey])


def test_a_colour_that_changes_nothing_is_refused() -> None:
    with pytest.raises(RecipeError, match="changes nothing"):
        Colour.parse({"brightness": 0, "contrast": 0, "saturation": 0})


def test_rectangles_lie_inside_and_take_the_area_that_was_asked_for() -> None:
    areas, ratios = torch.full((4000,), 0.25), torch.full((4000,), 2.0)
    boxes = placed(areas, ratios, (40, 60), generator())
    covered = inside(boxes, (40, 60)).sum(dim=(1, 2)) / (40 * 60)
    top, left, bottom, right = boxes.unbind(dim=1)
    assert top.min() == 0 and left.min() == 0 and bottom.max() == 40 and right.max() == 60
    assert bool(((covered - 0.25).abs() < 0.02).all())
    tall = placed(torch.tensor([0.5]), torch.tensor([1e6]), (40, 60), generator())
    assert inside(tall, (40, 60)).sum() == 40 * 30  # made to fit, of the same area


@pytest.mark.parametrize("fill", ["zero", "mean", "noise"])
def test_erasing_hides_one_rectangle_of_some_pictures_and_no_mask(fill: str) -> None:
    before: Batch = {"picture": torch.full((500, 3, 6, 5), 7.0), "mask": torch.ones(500, 1, 6, 5)}
    tensor(before, "picture")[:, :, 0, 0] = 9.0
    erase = Erase.parse({"probability": 0.3, "fill": fill, "area": [0.1, 0.5]})
    after = erase.apply(before, PORTS, generator())
    differs = (tensor(after, "picture") != tensor(before, "picture")).any(dim=1)  # (B, H, W)
    erased = differs.any(dim=(1, 2))
    assert 100 < int(erased.sum()) < 200  # 150 expected, deviation 10
    assert after["mask"] is before["mask"]
    if fill == "zero":
        for picture in differs[erased]:
            rows, columns = picture.any(dim=1), picture.any(dim=0)
            assert torch.equal(picture, rows[:, None] & columns[None, :])
            assert 0.05 < picture.float().mean() < 0.6
