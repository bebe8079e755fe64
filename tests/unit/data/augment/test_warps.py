"""Turning, scaling, shearing: what is marked stays where its box and its point say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sonde.contracts.learn import Augment
from sonde.core.batch import Batch, Padded
from sonde.core.errors import RecipeError
from sonde.core.port import Port
from sonde.data.augment._frames import Frame
from sonde.data.augment._warp import around_middle, mapped_points, rotation, warped
from sonde.data.augment.affine import Affine
from sonde.data.augment.policy import Policy
from sonde.data.augment.rotate import Rotate

HEIGHT, WIDTH, ROWS = 33, 41, 60
PORTS = {
    "picture": Port("grid", (1, HEIGHT, WIDTH), frame="picture"),
    "mask": Port("grid", (1, HEIGHT, WIDTH), size=7, frame="picture"),
    "boxes": Port("set", (4,), frame="picture"),
    "points": Port("set", (2,), frame="picture"),
}
WARPS = [
    Rotate(degrees=180),
    Affine(scale=(0.7, 1.4)),
    Affine(shear=30),
    Affine(translate=0.3),
    Affine(degrees=40, scale=(0.8, 1.2), shear=10, translate=0.1),
    Policy(changes=4, strength=20),
]


def a_batch() -> Batch:
    """A bright patch of 3 x 3 pixels in each picture, its box, its middle, its mask of class 7."""
    draw = torch.Generator().manual_seed(3)
    left = torch.randint(8, WIDTH - 11, (ROWS,), generator=draw)
    top = torch.randint(8, HEIGHT - 11, (ROWS,), generator=draw)
    picture = torch.zeros(ROWS, 1, HEIGHT, WIDTH, dtype=torch.uint8)
    for row in range(ROWS):
        picture[row, 0, top[row] : top[row] + 3, left[row] : left[row] + 3] = 255
    ones = torch.ones(ROWS, dtype=torch.int64)
    boxes = torch.stack([left, top, left + 3, top + 3], dim=1).float()[:, None]
    return {
        "picture": picture,
        "mask": picture // 255 * 7,
        "boxes": Padded(torch.cat([boxes, torch.zeros_like(boxes)], dim=1), ones),
        "points": Padded(torch.stack([left + 1.5, top + 1.5], dim=1)[:, None], ones),
    }


def values(batch: Batch, name: str) -> Tensor:
    value = batch[name]
    return value.values if isinstance(value, Padded) else value  # type: ignore[return-value]


@pytest.mark.parametrize("augment", WARPS, ids=repr)
def test_a_patch_stays_in_its_box_and_around_its_point(augment: Augment) -> None:
    moved = augment.apply(a_batch(), PORTS, torch.Generator().manual_seed(1))
    seen = 0
    for row in range(ROWS):
        y, x = (values(moved, "mask")[row, 0] == 7).nonzero().float().add(0.5).unbind(dim=1)
        left, top, right, bottom = values(moved, "boxes")[row, 0].tolist()
        middle = values(moved, "points")[row, 0]
        if not len(x) or left < 0 or top < 0 or right > WIDTH or bottom > HEIGHT:
            continue
        seen += 1
        assert left <= x.min() and x.max() <= right and top <= y.min() and y.max() <= bottom
        assert abs(x.mean() - middle[0]) < 0.6 and abs(y.mean() - middle[1]) < 0.6
    assert seen > ROWS / 2
    assert torch.equal(values(moved, "boxes")[:, 1], torch.zeros(ROWS, 4))  # padding


def test_a_quarter_turn_is_exact() -> None:
    grid = torch.arange(9.0).reshape(1, 1, 3, 3)
    frame = Frame(3, 3, ("g",), ())
    maps = around_middle(rotation(torch.tensor([math.pi / 2])), torch.zeros(1, 2), frame)
    found = warped({"g": grid}, frame, maps)["g"]
    assert isinstance(found, Tensor)
    torch.testing.assert_close(found, grid.rot90(-1, (2, 3)), atol=1e-4, rtol=0)  # clockwise


def test_sampling_equals_moving_by_whole_pixels() -> None:
    """In a grid that is not square, x and y keep their own scales."""
    grid = torch.rand(2, 3, 5, 9)
    frame = Frame(5, 9, ("g",), ())
    offset = torch.tensor([[2.0, 1.0], [-3.0, 0.0]])
    found = warped({"g": grid}, frame, around_middle(torch.eye(2).repeat(2, 1, 1), offset, frame))
    wanted = torch.zeros_like(grid)
    wanted[0, :, 1:, 2:] = grid[0, :, :-1, :-2]
    wanted[1, :, :, :-3] = grid[1, :, :, 3:]
    torch.testing.assert_close(found["g"], wanted, atol=1e-5, rtol=0)


def test_boxes_become_the_upright_box_around_their_corners_and_points_stay_in_order() -> None:
    maps = torch.tensor([[[-1.0, 0.0, 10.0], [0.0, 2.0, 1.0]]])
    one = torch.ones(1, dtype=torch.int64)
    box = mapped_points(Padded(torch.tensor([[[1.0, 2.0, 4.0, 3.0]]]), one), maps)
    assert box.values.tolist() == [[[6.0, 5.0, 9.0, 7.0]]]
    line = mapped_points(Padded(torch.tensor([[[1.0, 2.0, 4.0, 3.0, 5.0, 5.0]]]), one), maps)
    assert line.values.tolist() == [[[9.0, 5.0, 6.0, 7.0, 5.0, 11.0]]]


def test_an_affine_map_must_do_something() -> None:
    with pytest.raises(RecipeError, match="changes nothing"):
        Affine.parse({})
    with pytest.raises(RecipeError, match=r"got scale \[1.2, 0.8\]"):
        Affine.parse({"scale": [1.2, 0.8]})


def test_angles_spread_over_their_range() -> None:
    batch: Batch = {"points": Padded(torch.full((2000, 1, 2), 8.0), torch.ones(2000).long())}
    batch["picture"] = torch.zeros(2000, 1, 4, 4)
    ports = {"picture": Port("grid", (1, 4, 4), frame="picture"),
             "points": Port("set", (2,), frame="picture")}  # fmt: skip
    found = values(
        Rotate(degrees=30).apply(batch, ports, torch.Generator().manual_seed(0)), "points"
    )
    angles = torch.atan2(found[:, 0, 1] - 2, found[:, 0, 0] - 2).rad2deg() - 45
    assert -30 <= angles.min() < -29 and 29 < angles.max() <= 30
    assert abs(angles.mean()) < 2
