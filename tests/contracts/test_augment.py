"""What every augmentation keeps, whatever it changes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sonde.contracts.learn import Augment
from sonde.core.batch import Batch, Padded, mapped
from sonde.core.port import OTHER, PRESENT, ROW, SHARE, Port, Ports
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json

ROWS, SIZE = 24, 8
INPUTS: Ports = {
    "picture": Port("grid", (3, SIZE, SIZE), frame="picture"),
    "depth": Port("grid", (1, SIZE, SIZE), frame="depth"),
    "mask": Port("grid", (1, SIZE, SIZE), size=3, frame="picture"),
    "boxes": Port("set", (4,), frame="picture"),
    "age": Port("scalar"),
    "sex": Port("category", size=2, optional=False),
    "wind": Port("vector", (2,), optional=False),
    "review": Port("sequence", (None,), size=9),
}


def augments() -> list[Augment]:
    return [each for each in registry("augment").examples() if isinstance(each, Augment)]


every = pytest.mark.parametrize("augment", augments(), ids=repr)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_batch(dtype: torch.dtype = torch.uint8) -> Batch:
    draw = generator(7)
    picture = torch.randint(256, (ROWS, 3, SIZE, SIZE), generator=draw, dtype=torch.uint8)
    corners = torch.randint(SIZE, (ROWS, 2, 2), generator=draw).float()
    return {
        "picture": picture if dtype == torch.uint8 else (picture / 255).to(dtype),
        "depth": torch.rand(ROWS, 1, SIZE, SIZE, generator=draw),
        "mask": torch.randint(3, (ROWS, 1, SIZE, SIZE), generator=draw, dtype=torch.uint8),
        "boxes": Padded(torch.cat([corners, corners + 1], dim=2), torch.full((ROWS,), 2)),
        "age": torch.randn(ROWS, generator=draw),
        PRESENT + "age": torch.arange(ROWS) % 3 > 0,
        "sex": torch.randint(2, (ROWS,), generator=draw, dtype=torch.uint8),
        "wind": torch.randn(ROWS, 2, generator=draw),
        "review": Padded(torch.ones(ROWS, 5, dtype=torch.int64), torch.full((ROWS,), 5)),
        ROW: torch.arange(ROWS),
    }


def some_targets() -> Batch:
    return {
        "label": torch.arange(ROWS) % 4,
        "price": torch.arange(ROWS) / 7,
        ROW: torch.arange(ROWS),
    }


def changed(augment: Augment, batch: Batch, seed: int = 0) -> tuple[Batch, Batch]:
    moved = augment.apply(batch, INPUTS, generator(seed))
    boxes = {"boxes": moved["boxes"]}  # which cutmix refuses
    inputs, targets = augment.mix(without_boxes(moved), some_targets(), INPUTS, generator(seed))
    return inputs | boxes, targets


def without_boxes(batch: Batch) -> Batch:
    return {name: value for name, value in batch.items() if name != "boxes"}


def flat(batch: Batch, prefix: str = "") -> dict[str, Tensor]:
    """Every tensor by its place."""
    out: dict[str, Tensor] = {}
    for name, value in batch.items():
        if isinstance(value, Tensor):
            out[prefix + name] = value
        elif isinstance(value, Padded):
            out |= {
                prefix + name + ".values": value.values,
                prefix + name + ".lengths": value.lengths,
            }
        else:
            out |= flat(value, f"{prefix}{name}.")
    return out


def same(one: Batch, other: Batch) -> bool:
    first, second = flat(one), flat(other)
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


@every
def test_equal_generators_change_equally_and_others_otherwise(augment: Augment) -> None:
    runs = [changed(augment, a_batch(), seed) for seed in (1, 1, 2, 3, 4)]
    assert same(runs[0][0], runs[1][0]) and same(runs[0][1], runs[1][1])
    assert any(not same(runs[0][0], other[0]) for other in runs[2:])


@every
def test_the_given_batch_stays_as_it_was(augment: Augment) -> None:
    before = a_batch()
    changed(augment, before)
    assert same(before, a_batch())


@every
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_shapes_types_and_memory_formats_are_kept(
    augment: Augment, dtype: torch.dtype, layout: torch.memory_format
) -> None:
    before = a_batch(dtype)
    picture = before["picture"]
    assert isinstance(picture, Tensor)
    before["picture"] = picture.contiguous(memory_format=layout)
    wanted, found = flat(before), flat(changed(augment, before)[0])
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        assert (value.shape, value.dtype) == (wanted[name].shape, wanted[name].dtype), name
        assert value.is_floating_point() <= bool(value.isfinite().all()), name
    assert found["picture"].is_contiguous(memory_format=layout)


@every
def test_what_it_cannot_mean_stays(augment: Augment) -> None:
    """Row numbers, texts, the padding and number of boxes; masks keep their classes and void."""
    before, after = flat(a_batch()), flat(changed(augment, a_batch())[0])
    for name in (ROW, "review.values", "review.lengths", "boxes.lengths"):
        assert torch.equal(after[name], before[name]), name
    assert set(after["mask"].unique().tolist()) <= {0, 1, 2}
    assert int(after["sex"].max()) <= 3  # two classes, unseen, missing


@every
def test_what_is_marked_stays_in_its_box(augment: Augment) -> None:
    """A patch of class 1 in the mask, a box around it: one draw moves both."""
    batch = a_batch()
    corner = torch.arange(ROWS) % 5 + 1
    boxes = torch.stack([corner, corner, corner + 2, corner + 2], dim=1).float()[:, None]
    mask = torch.zeros(ROWS, 1, SIZE, SIZE, dtype=torch.uint8)
    for row, place in enumerate(corner.tolist()):
        mask[row, 0, place : place + 2, place : place + 2] = 1
    batch |= {"mask": mask, "boxes": Padded(boxes, torch.ones(ROWS, dtype=torch.int64))}
    moved = augment.apply(batch, INPUTS, generator())
    after, around = moved["mask"], moved["boxes"]
    assert isinstance(after, Tensor) and isinstance(around, Padded)
    for row in range(ROWS):
        y, x = (after[row, 0] == 1).nonzero().float().add(0.5).unbind(dim=1)
        left, top, right, bottom = around.values[row, 0].tolist()
        assert bool(((x > left - 1e-3) & (x < right + 1e-3)).all()), row
        assert bool(((y > top - 1e-3) & (y < bottom + 1e-3)).all()), row
    assert bool((after == 1).any())


@every
def test_batches_without_its_kinds_of_port_pass(augment: Augment) -> None:
    batch: Batch = {"review": a_batch()["review"], ROW: torch.arange(ROWS)}
    assert same(augment.apply(batch, {"review": INPUTS["review"]}, generator()), batch)


@every
def test_mixed_targets_say_the_other_row_and_the_share(augment: Augment) -> None:
    for seed in range(8):
        targets = some_targets()
        inputs, mixed = augment.mix(without_boxes(a_batch()), targets, INPUTS, generator(seed))
        assert all(mixed[name] is value for name, value in targets.items())
        if OTHER not in mixed:
            assert mixed is targets and same(inputs, without_boxes(a_batch()))
            continue
        share, other = mixed[SHARE], mixed[OTHER]
        assert isinstance(share, Tensor) and isinstance(other, dict)
        assert share.shape == (ROWS,) and share.dtype == torch.float32
        assert bool(((share >= 0) & (share <= 1)).all())
        rows = other[ROW]
        assert isinstance(rows, Tensor)
        assert same(other, mapped(targets, lambda tensor, r=rows: tensor[r]))  # type: ignore[misc]
        assert sorted(rows.tolist()) == list(range(ROWS))


@every
def test_a_batch_is_mixed_once(augment: Augment) -> None:
    mixup = registry("augment").load("mixup")()
    assert isinstance(mixup, Augment)
    batch = without_boxes(a_batch())
    inputs, targets = mixup.mix(batch, some_targets(), INPUTS, generator())
    again = augment.mix(inputs, targets, INPUTS, generator(1))
    assert same(again[0], inputs) and same(again[1], targets)


@every
def test_json_brings_it_back(augment: Augment) -> None:
    assert type(augment).parse(from_json(to_json(augment.dump()))) == augment
