"""Shifts and crops: pictures and what lives in their frame move together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sonde.contracts.learn import Augment
from sonde.core.batch import Batch, Padded
from sonde.core.errors import UsageError
from sonde.core.port import Port
from sonde.data.augment.crop import Crop
from sonde.data.augment.flip import Flip
from sonde.data.augment.shift import Shift

HEIGHT, WIDTH, ROWS = 9, 12, 40
PORTS = {
    "picture": Port("grid", (3, HEIGHT, WIDTH), frame="picture"),
    "mask": Port("grid", (1, HEIGHT, WIDTH), size=7, frame="picture"),
    "boxes": Port("set", (4,), frame="picture"),
    "elsewhere": Port("set", (4,), frame="another"),
    "label": Port("category", size=2),
}
MOVES = [
    Shift(most=3),
    Crop(size=(HEIGHT, WIDTH), padding=2),
    Crop(size=(5, 7)),
    Flip(),
    Flip(horizontal=0.3, vertical=0.6),
]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch_of(dtype: torch.dtype = torch.uint8) -> Batch:
    """Each picture has one bright pixel; the box is that pixel; a second box is padding."""
    draw = generator(9)
    x = torch.randint(0, WIDTH, (ROWS,), generator=draw)
    y = torch.randint(0, HEIGHT, (ROWS,), generator=draw)
    picture = torch.zeros(ROWS, 3, HEIGHT, WIDTH, dtype=dtype)
    picture[torch.arange(ROWS), :, y, x] = 200
    boxes = torch.zeros(ROWS, 2, 4)
    boxes[:, 0] = torch.stack([x, y, x + 1, y + 1], dim=1)
    return {
        "picture": picture,
        "mask": picture[:, :1].clone(),
        "boxes": Padded(boxes, torch.ones(ROWS, dtype=torch.int64)),
        "elsewhere": Padded(boxes.clone(), torch.ones(ROWS, dtype=torch.int64)),
        "label": torch.zeros(ROWS, dtype=torch.int64),
    }


def padded(batch: Batch, name: str) -> Padded:
    value = batch[name]
    assert isinstance(value, Padded)
    return value


def tensor(batch: Batch, name: str) -> torch.Tensor:
    value = batch[name]
    assert isinstance(value, torch.Tensor)
    return value


@pytest.mark.parametrize("augment", MOVES, ids=repr)
def test_boxes_and_masks_follow_the_picture(augment: Augment) -> None:
    moved = augment.apply(batch_of(), PORTS, generator())
    picture = tensor(moved, "picture")
    height, width = picture.shape[-2:]
    inside = 0
    for row in range(ROWS):
        left, top, right, bottom = padded(moved, "boxes").values[row, 0].int().tolist()
        assert (right - left, bottom - top) == (1, 1)
        bright = picture[row].amax(dim=0).nonzero().tolist()
        visible = 0 <= left < width and 0 <= top < height
        assert bright == ([[top, left]] if visible else [])
        inside += visible
    assert inside > 0
    assert torch.equal(tensor(moved, "mask")[:, 0], picture[:, 0])


@pytest.mark.parametrize("augment", MOVES, ids=repr)
def test_all_else_stays(augment: Augment) -> None:
    before = batch_of()
    moved = augment.apply(before, PORTS, generator())
    assert torch.equal(padded(moved, "boxes").values[:, 1], torch.zeros(ROWS, 4))
    assert moved["elsewhere"] is before["elsewhere"]
    assert moved["label"] is before["label"]
    assert torch.equal(tensor(before, "picture"), tensor(batch_of(), "picture"))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize("augment", MOVES, ids=repr)
def test_type_and_memory_format_are_kept(
    augment: Augment, dtype: torch.dtype, layout: torch.memory_format
) -> None:
    batch = batch_of(dtype)
    batch["picture"] = tensor(batch, "picture").contiguous(memory_format=layout)
    picture = tensor(augment.apply(batch, PORTS, generator()), "picture")
    assert picture.dtype == dtype
    assert picture.is_contiguous(memory_format=layout)


def test_every_offset_is_drawn_and_none_beyond() -> None:
    batch: Batch = {"picture": torch.ones(3000, 1, 5, 5)}
    batch["boxes"] = Padded(torch.zeros(3000, 1, 4), torch.ones(3000, dtype=torch.int64))
    moved = Shift(most=2).apply(batch, PORTS, generator())
    drawn = padded(moved, "boxes").values[:, 0, :2].numpy()
    offsets, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(offsets) == 25
    assert np.abs(offsets).max() == 2
    assert counts.min() > 60  # 120 expected, deviation 11


def test_equal_generators_draw_equally_and_rows_apart() -> None:
    one, same, other = (
        tensor(Shift(most=3).apply(batch_of(), PORTS, generator(seed)), "picture")
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_batch_without_pictures_is_left_alone() -> None:
    batch: Batch = {"label": torch.zeros(3)}
    assert Shift(most=1).apply(batch, PORTS, generator()) == batch


def test_a_crop_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="crop of 20 x 20 does not fit into 'picture', 13 x 16"):
        Crop(size=(20, 20), padding=2).apply(batch_of(), PORTS, generator())


def test_grids_of_one_frame_must_have_one_size() -> None:
    batch = batch_of()
    batch["mask"] = tensor(batch, "mask")[:, :, :4]
    with pytest.raises(UsageError, match="picture 9 x 12, mask 4 x 12"):
        Shift(most=1).apply(batch, PORTS, generator())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_on_a_device_take_draws_from_any_generator() -> None:
    pictures = tensor(batch_of(), "picture")
    expected = Shift(most=2).apply({"picture": pictures}, PORTS, generator())
    moved = Shift(most=2).apply({"picture": pictures.cuda()}, PORTS, generator())
    assert torch.equal(tensor(moved, "picture").cpu(), tensor(expected, "picture"))
