"""Pictures, masks, boxes, lines and points of shapes that are known move as one, within a pixel.

What is moved is drawn from formulas, and so is what must come out: the map of each row is read off
three landmarks, and the shape itself is sent through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sonde.contracts.learn import Augment
from sonde.core.batch import Batch, Padded
from sonde.core.port import Port
from sonde.data.augment.affine import Affine
from sonde.data.augment.crop import Crop
from sonde.data.augment.flip import Flip
from sonde.data.augment.policy import Policy
from sonde.data.augment.rotate import Rotate
from sonde.data.augment.shift import Shift

ROWS = 6
MOVES = [
    Flip(horizontal=0.5, vertical=0.5),
    Shift(most=9),
    Crop(size=(40, 40), padding=5),
    Rotate(degrees=180),
    Affine(scale=(0.6, 1.6)),
    Affine(shear=25),
    Affine(degrees=30, scale=(0.8, 1.2), shear=10, translate=0.1),
    Policy(changes=3, strength=20),
]
DISC, BLOCK = 2, 5
SHAPES = {"disc": DISC, "block": BLOCK}
NUM_CLASSES = 7
PIXEL = 1.0
"""How far a mask may be off, in pixels of the picture that was moved."""


@st.composite
def scenes(draw: st.DrawFn) -> dict[str, Any]:
    """Where a disc, a rectangle and a straight line lie, in pixels, in a picture of any size."""
    height, width = draw(st.integers(48, 80)), draw(st.integers(48, 80))
    real = st.floats(0, 1, width=32)
    radius = 6 + 6 * draw(real)
    return {
        "size": (height, width),
        "middle": (radius + draw(real) * (width - 2 * radius),
                   radius + draw(real) * (height - 2 * radius)),
        "radius": radius,
        "block": sorted_box(draw(real) * (width - 12), draw(real) * (height - 12),
                            8 + 4 * draw(real), 8 + 4 * draw(real)),
        "ends": [[draw(real) * width, draw(real) * height] for _ in range(2)],
        "seed": draw(st.integers(0, 2**32)),
    }  # fmt: skip


def sorted_box(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y + height]


def middles(height: int, width: int) -> np.ndarray:
    """(H, W, 2) x, y of the middles of pixels."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x, y], axis=-1)


def depth_in(scene: dict[str, Any], shape: str, points: np.ndarray) -> np.ndarray:
    """(..., 2) points -> how deep they lie in a shape, in pixels; below 0 outside."""
    if shape == "disc":
        return np.asarray(scene["radius"] - np.linalg.norm(points - scene["middle"], axis=-1))
    x0, y0, x1, y1 = scene["block"]
    x, y = points[..., 0], points[..., 1]
    return np.minimum(np.minimum(x - x0, x1 - x), np.minimum(y - y0, y1 - y))


def batch_of(scene: dict[str, Any], shape: str) -> tuple[Batch, dict[str, Port]]:
    """Rows of one scene: one shape as a picture, a mask, a box; a line; three landmarks."""
    height, width = scene["size"]
    inside = depth_in(scene, shape, middles(height, width))
    picture = torch.from_numpy(np.clip(inside + 0.5, 0, 1).astype(np.float32))  # smooth borders
    mask = torch.from_numpy(np.where(inside >= 0, SHAPES[shape] + 1, 1).astype(np.uint8))
    x, y = scene["middle"]
    r = scene["radius"]
    box = [x - r, y - r, x + r, y + r] if shape == "disc" else scene["block"]
    (xa, ya), (xb, yb) = scene["ends"]
    line = [xa, ya, (xa + xb) / 2, (ya + yb) / 2, xb, yb, 1]
    marks = [0, 0, width, 0, 0, height]
    one = torch.ones(ROWS, dtype=torch.int64)

    def rows(value: list[float]) -> Padded:
        padded = torch.tensor([value, [0.0] * len(value)]).repeat(ROWS, 1, 1)
        return Padded(padded, one)

    batch: Batch = {
        "picture": picture.repeat(ROWS, 3, 1, 1),
        "mask": mask.repeat(ROWS, 1, 1, 1),
        "boxes": rows([*box, SHAPES[shape]]),
        "lines": rows([float(number) for number in line]),
        "marks": rows([float(number) for number in marks]),
    }
    ports = {
        "picture": Port("grid", (3, height, width), frame="picture"),
        "mask": Port("grid", (1, height, width), NUM_CLASSES, frame="picture"),
        "boxes": Port("set", (5,), NUM_CLASSES, frame="picture"),
        "lines": Port("set", (7,), 2, frame="picture"),
        "marks": Port("set", (6,), frame="picture"),
    }
    return batch, ports


def first(batch: Batch, name: str) -> np.ndarray:
    """(B, D) the numbers of each row's only thing; behind it stands padding, which stays."""
    value = batch[name]
    assert isinstance(value, Padded)
    assert not value.values[:, 1].any()
    return value.values[:, 0].double().numpy()


def grid(batch: Batch, name: str) -> np.ndarray:
    value = batch[name]
    assert isinstance(value, Tensor)
    return value.numpy()


def maps_of(marks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(B, 2, 3) the maps that took three corners of a picture to where they lie now."""
    corner, right, below = marks.reshape(-1, 3, 2).transpose(1, 0, 2)
    x, y = (right - corner) / size[1], (below - corner) / size[0]
    return np.stack([x, y, corner], axis=2)


def through(maps: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(..., 2) points through one (2, 3) map."""
    return np.asarray(points @ maps[:, :2].T + maps[:, 2])


def back(maps: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.asarray((points - maps[:, 2]) @ np.linalg.inv(maps[:, :2]).T)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("augment", MOVES, ids=repr)
@settings(max_examples=12)
@given(scene=scenes())
def test_all_truths_of_a_shape_move_with_its_picture(
    augment: Augment, shape: str, scene: dict[str, Any]
) -> None:
    batch, ports = batch_of(scene, shape)
    moved = augment.apply(batch, ports, torch.Generator().manual_seed(scene["seed"]))
    masks, pictures = grid(moved, "mask")[:, 0], grid(moved, "picture")
    maps = maps_of(first(moved, "marks"), scene["size"])
    assert (first(moved, "boxes")[:, 4] == SHAPES[shape]).all()  # classes are no coordinates
    assert (first(moved, "lines")[:, 6] == 1).all()
    for row in range(ROWS):
        there = middles(*masks.shape[1:])
        origin = back(maps[row], there)
        depth = depth_in(scene, shape, origin)
        beyond = depth_of_border(scene["size"], origin)
        assert (masks[row][(depth > PIXEL) & (beyond > PIXEL)] == SHAPES[shape] + 1).all()
        assert (masks[row][(depth < -PIXEL) & (beyond > PIXEL)] == 1).all()
        assert not masks[row][beyond < -PIXEL].any()  # void came in from outside
        check_picture(augment, pictures[row], depth, beyond)
        check_box(first(moved, "boxes")[row, :4], masks[row] == SHAPES[shape] + 1, maps[row],
                  first(batch, "boxes")[row, :4])  # fmt: skip
        line = first(batch, "lines")[row, :6].reshape(3, 2)
        found = first(moved, "lines")[row, :6].reshape(3, 2)
        np.testing.assert_allclose(found, through(maps[row], line), atol=1e-3)


def depth_of_border(size: tuple[int, int], points: np.ndarray) -> np.ndarray:
    """How far inside the picture points lie."""
    x, y = points[..., 0], points[..., 1]
    return np.minimum(np.minimum(x, size[1] - x), np.minimum(y, size[0] - y))


def check_picture(
    augment: Augment, picture: np.ndarray, depth: np.ndarray, beyond: np.ndarray
) -> None:
    """The picture shows the shape where it is; a policy has changed its colours, not its place."""
    far = 0.5 + 2**0.5  # the border is a pixel wide, and four pixels, a diagonal apart, are mixed
    inside = picture[:, (depth > far) & (beyond > far)]
    outside = picture[:, (depth < -far) & (beyond > far)]
    if isinstance(augment, Policy):
        return
    np.testing.assert_allclose(inside, 1, atol=1e-4)
    np.testing.assert_allclose(outside, 0, atol=1e-4)


def check_box(box: np.ndarray, inside: np.ndarray, maps: np.ndarray, old: np.ndarray) -> None:
    """It is the one around its moved corners, so all of the shape lies in it."""
    corners = through(maps, old[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2))
    np.testing.assert_allclose(box, [*corners.min(axis=0), *corners.max(axis=0)], atol=1e-3)
    y, x = inside.nonzero()
    if len(x):
        assert box[0] - 1 <= x.min() + 0.5 and x.max() + 0.5 <= box[2] + 1
        assert box[1] - 1 <= y.min() + 0.5 and y.max() + 0.5 <= box[3] + 1


@pytest.mark.parametrize("augment", [m for m in MOVES if not isinstance(m, Policy)], ids=repr)
def test_a_box_is_tight_where_nothing_turns(augment: Augment) -> None:
    """A disc's box is a pixel around it at most, unless the disc was turned or sheared."""
    scene = {"size": (64, 72), "middle": (33.3, 30.1), "radius": 11.2}
    batch, ports = batch_of(scene | {"block": [0, 0, 1, 1], "ends": [[0, 0], [1, 1]]}, "disc")
    moved = augment.apply(batch, ports, torch.Generator().manual_seed(5))
    maps = maps_of(first(moved, "marks"), (64, 72))
    for row, mask in enumerate(grid(moved, "mask")[:, 0]):
        box, disc = first(moved, "boxes")[row, :4], mask == DISC + 1
        cut = (box[:2] < 0).any() or box[2] > mask.shape[1] or box[3] > mask.shape[0]
        if np.abs(maps[row, [0, 1], [1, 0]]).max() > 1e-6 or cut:
            continue
        y, x = disc.nonzero()
        seen = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        np.testing.assert_allclose(seen, box, atol=max(1.0, maps[row, 0, 0]))


def test_a_second_picture_of_the_frame_moves_as_smoothly_as_the_first() -> None:
    """A clean picture beside a noisy one is no mask: it is sampled alike, and is never erased."""
    scene = {"size": (48, 48), "middle": (20.0, 25.0), "radius": 9.0}
    batch, ports = batch_of(scene | {"block": [0, 0, 1, 1], "ends": [[0, 0], [1, 1]]}, "disc")
    batch["clean"], ports["clean"] = batch["picture"], ports["picture"]
    for augment in MOVES:
        moved = augment.apply(batch, ports, torch.Generator().manual_seed(2))
        assert torch.equal(moved["clean"], moved["picture"])  # type: ignore[arg-type]
