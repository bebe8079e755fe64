"""Segmentation from files to masks as large as the pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from scipy.special import log_softmax

import sonde
from sonde.core.errors import DataError, UsageError
from sonde.data.columns._placing import Placing
from sonde.data.columns.image import Image
from sonde.data.columns.mask import Mask
from sonde.tasks._full_size import full_size, means_of_squares
from sonde.tasks._mask_losses import mask_loss, weighed
from sonde.tasks.segment import Segment

VALUES = (7, 40, 200)
"""Ground, disc and box in the files; 90 is void."""
SIZES = ((20, 26), (24, 18))


def scene(row: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture (H, W, 3) of a disc and a box, and its mask (H, W)."""
    rng = np.random.default_rng(row)
    height, width = SIZES[row % 2]
    y, x = np.mgrid[:height, :width]
    mask = np.full((height, width), VALUES[0], np.uint8)
    top, left = rng.integers(0, (height - 8, width - 8))
    mask[top : top + 7, left : left + 7] = VALUES[2]
    cy, cx = rng.integers(5, (height - 5, width - 5))
    mask[(y - cy) ** 2 + (x - cx) ** 2 < 17] = VALUES[1]
    planes = [(mask == VALUES[1]) * 170, (mask == VALUES[2]) * 170, np.full_like(mask, 60)]
    picture = np.stack(planes, axis=-1) + rng.integers(0, 50, (height, width, 3))
    mask[0, :3] = 90
    return picture.astype(np.uint8), mask


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for row in range(20):
        for name, drawn in zip(("image", "mask"), scene(row), strict=True):
            (folder / name).mkdir(exist_ok=True)
            Pillow.fromarray(drawn).save(folder / name / f"{row}.png")
    return folder


@pytest.fixture(scope="module")
def run(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    recipe = {
        "source": {"kind": "paired", "path": str(scenes)},
        "split": {"kind": "in-order", "valid": 0.1, "test": 0.3},
        "columns": {
            "image": {"kind": "image", "size": [18, 20]},
            "mask": {"kind": "mask", "classes": dict(zip(VALUES, "gdb", strict=True)),
                     "void": [90]},
        },
        "augment": ["flip", {"kind": "crop", "size": [16, 16]}],
        "task": {"kind": "segment", "boundary": 2},
        "model": {"kind": "unet", "channels": [8, 12]},
        "paradigm": {"kind": "supervised", "batch_size": 4, "budget": {"epochs": 20},
                     "schedule": "one-cycle",
                     "optimizer": {"kind": "adamw", "learning_rate": 0.02}},
    }  # fmt: skip
    return sonde.fit(recipe, run_dir=tmp_path_factory.mktemp("run") / "run")


def answered(run: sonde.Run, scenes: Path, rows: range) -> list[dict[str, np.ndarray]]:
    return run.bundle.predict([{"image": str(scenes / "image" / f"{row}.png")} for row in rows])


def test_it_is_learned_and_beats_the_commonest_class(run: sonde.Run) -> None:
    assert float(run.scores["mean iou"]) > 0.6
    assert run.scores["mean iou"].low is not None


def test_scores_are_those_of_the_answered_masks_beside_the_files(
    run: sonde.Run, scenes: Path
) -> None:
    """Judged as large as the raw pictures: counted anew from what a caller gets."""
    rows = range(14, 20)
    both = np.zeros(3)
    either = np.zeros(3)
    for row, answer in zip(rows, answered(run, scenes, rows), strict=True):
        true = scene(row)[1]
        said = answer["mask"]
        assert said.shape == true.shape and said.dtype == np.uint8
        for at, value in enumerate(VALUES):
            mine, real = (said == value) & (true != 90), true == value
            both[at] += (mine & real).sum()
            either[at] += (mine | real).sum()
    assert float(run.scores["mean iou"]) == pytest.approx((both / either).mean(), abs=1e-9)
    for at, name in enumerate("gdb"):
        assert float(run.scores[f"iou ({name})"]) == pytest.approx(both[at] / either[at], abs=1e-9)


def test_an_answer_has_the_values_of_the_data_and_says_how_sure_it_is(
    run: sonde.Run, scenes: Path
) -> None:
    for answer in answered(run, scenes, range(14, 20)):
        assert set(np.unique(answer["mask"]).tolist()) <= set(VALUES)
        assert 1 / 3 < answer["confidence"] <= 1


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16"])
def test_pictures_of_other_sizes_and_modes_are_answered_in_their_size(
    mode: str, run: sonde.Run
) -> None:
    drawn = Pillow.fromarray(scene(3)[0]).resize((61, 37))
    shown = Pillow.fromarray(np.asarray(drawn.convert("L")).astype(np.uint16) * 200)
    file = io.BytesIO()
    (shown if mode == "I;16" else drawn.convert(mode)).save(file, "PNG")
    (answer,) = run.bundle.predict([{"image": file.getvalue()}])
    assert answer["mask"].shape == (37, 61)


def test_answers_can_be_looked_at(run: sonde.Run, scenes: Path) -> None:
    for rows, answers in run.bundle.predicting([{"image": str(scenes / "image" / "15.png")}]):
        assert rows is not None
        (picture,) = run.bundle.task.pictured(answers, rows)
        assert picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8


def test_a_report_shows_the_worst_pictures(run: sonde.Run) -> None:
    report = run.report.read_text(encoding="utf-8")
    assert "The worst pictures, then usual ones" in report and "Class by class" in report


def test_a_sealed_file_is_small(run: sonde.Run) -> None:
    """What proves it are means of squares, not pixels."""
    assert run.bundle.golden.arrays.keys() == {"confidence"}
    assert run.directory.model.stat().st_size < 300_000


def test_mirror_images_are_answered_too_where_the_recipe_says_so(
    run: sonde.Run, scenes: Path
) -> None:
    """The mean over them is that of the mirrored picture, mirrored back."""
    task = run.bundle.task
    assert isinstance(task, Segment)
    both = task.model_copy(update={"flips": "all"}).bind(task.columns)
    given = torch.rand(2, 3, 18, 20)
    options = Segment.Options()
    with torch.no_grad():
        here = both.predict(run.bundle.network, {"image": given}, options)
        there = both.predict(run.bundle.network, {"image": given.flip(2, 3)}, options)
        plain = task.predict(run.bundle.network, {"image": given}, options)
    assert isinstance(here["confidence"], torch.Tensor)
    torch.testing.assert_close(here["confidence"], there["confidence"].flip(1, 2))
    assert not torch.equal(here["confidence"], plain["confidence"])


def placed(size: tuple[int, int], grid: tuple[int, int], resize: str) -> Placing:
    return Placing.of([size], grid, resize)  # type: ignore[arg-type]


def test_an_answer_of_the_pictures_size_stays_as_it_is() -> None:
    said = np.random.default_rng(0).integers(1, 5, (9, 7)).astype(np.uint8)
    full = full_size(said, np.ones((9, 7), np.float32), placed((9, 7), (9, 7), "stretch"), 0)
    assert full is said


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
def test_a_disc_comes_back_where_it_was(resize: str) -> None:
    """Of an analytic disc in a picture of 90 x 60, seen in a grid of 30 x 40."""
    size, grid = (90, 60), (30, 40)
    placing = placed(size, grid, resize)
    y, x = np.mgrid[: grid[0], : grid[1]] + 0.5
    (sx, sy), (ox, oy) = placing.scale[0], placing.offset[0]
    here = ((x - ox) / sx - 30) ** 2 + ((y - oy) / sy - 45) ** 2 < 20**2
    said = np.where(here, 2, 1).astype(np.uint8)
    full = full_size(said, np.ones(grid, np.float32), placing, 0, outside=9)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    true = (x - 30) ** 2 + (y - 45) ** 2 < 20**2
    seen = full != 9
    assert seen.all() == (resize != "crop")
    disc = (full == 2)[seen]
    assert (disc & true[seen]).sum() / (disc | true[seen]).sum() > 0.9
    off = (full == 2) != true
    assert (abs(np.hypot(x - 30, y - 45) - 20)[off & seen] < 2.5).all()


def test_the_surer_neighbour_decides_between_two() -> None:
    said = np.array([[1, 2]], np.uint8)
    wide = placed((1, 8), (1, 2), "stretch")
    for confidence, edge in (((0.9, 0.9), 4), ((0.95, 0.4), 5), ((0.4, 0.95), 3)):
        full = full_size(said, np.array([confidence], np.float32), wide, 0)
        assert full[0].tolist() == [1] * edge + [2] * (8 - edge)


def test_large_pictures_are_made_strip_by_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    said = np.random.default_rng(1).integers(1, 4, (40, 50)).astype(np.uint8)
    confidence = np.random.default_rng(2).random((40, 50)).astype(np.float32)
    placing = placed((160, 170), (40, 50), "stretch")
    whole = full_size(said, confidence, placing, 0)
    monkeypatch.setattr("sonde.tasks._full_size._AT_ONCE", 1000)
    assert np.array_equal(full_size(said, confidence, placing, 0), whole)


def test_means_of_squares_are_cut_at_edges() -> None:
    values = np.arange(15, dtype=np.float32).reshape(1, 3, 5)
    assert means_of_squares(values, 2)[0].tolist() == [[3, 5, 6.5], [10.5, 12.5, 14]]


def reference(logits: np.ndarray, mask: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B,) in float64, pixel by pixel: cross entropy plus 1 less Dice."""
    losses = []
    for row, said in zip(logits.astype(np.float64), mask[:, 0], strict=True):
        logs = log_softmax(row, axis=0)
        total = weight = 0.0
        for y, x in np.argwhere(said > 0):
            place = said[y, x] - 1
            total -= weights[place] * logs[place, y, x]
            weight += weights[place]
        dice = []
        for place in np.unique(said[said > 0]) - 1:
            p, g = np.exp(logs[place])[said > 0], (said == place + 1)[said > 0]
            dice.append((2 * (p * g).sum() + 1) / (p.sum() + g.sum() + 1))
        losses.append((total / weight + 1 - np.mean(dice)) * weight / said.size)
    return np.array(losses)


def test_the_loss_is_cross_entropy_and_dice() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 4, 5, 6)).astype(np.float32)
    mask = rng.integers(0, 5, (3, 1, 5, 6)).astype(np.uint8)
    mask[1][mask[1] == 2] = 1  # a class that a picture does not have
    weights = (0.5, 1.0, 2.0, 0.25)
    loss = mask_loss(
        torch.from_numpy(logits), torch.from_numpy(mask),
        cross_entropy=1.0, dice=1.0, weights=weights,
    )  # fmt: skip
    expected = reference(logits, mask, np.array(weights))
    assert loss.sums.numpy() == pytest.approx(expected, rel=1e-5)


def test_void_pixels_teach_nothing() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    mask = torch.randint(1, 4, (2, 1, 4, 4), dtype=torch.uint8)
    mask[0, 0, :2], mask[1] = 0, 0
    loss = mask_loss(logits, mask, cross_entropy=1.0, dice=1.0, weights=())
    assert loss.weights.tolist() == [0.5, 0.0]
    loss.sums.sum().backward()
    assert logits.grad is not None
    assert not logits.grad[0, :, :2].any() and not logits.grad[1].any()
    assert logits.grad[0, :, 2:].any()


def test_weights_even_classes_out() -> None:
    counts = (900, 90, 10)
    inverse, root, log = (np.array(weighed(counts, how)) for how in ("inverse", "root", "log"))
    share = np.array(counts) / 1000
    assert inverse * share == pytest.approx([1 / 3] * 3)
    assert root**2 / root[0] ** 2 == pytest.approx(inverse / inverse[0])
    for weights in (inverse, root, log):
        assert (weights * share).sum() == pytest.approx(1) and (np.diff(weights) > 0).all()


def fitted(mask: Mask) -> dict[str, sonde.Column]:
    image = Image().named("image").learn(height=4, width=5, planes=3)
    return {"image": image, "mask": mask.named("mask").beside({"image": image})}


def test_few_pictures_make_a_batch_unless_told_otherwise() -> None:
    recipe = sonde.Recipe.parse({"task": "segment"})
    assert isinstance(recipe.paradigm, sonde.Supervised) and recipe.paradigm.batch_size == 4


def test_what_is_no_segmentation_is_refused_with_the_reason() -> None:
    named = Mask().learn(values=(0, 1), names=("a", "b"), counts=(1, 1))
    with pytest.raises(UsageError, match="expected masks"):
        Segment(target="image").bind(fitted(named))
    with pytest.raises(UsageError, match="'mask' is the mask of 'image', which is no input"):
        Segment().bind({"mask": named.named("mask")})
    with pytest.raises(DataError, match="training masks have one class"):
        Segment().bind(fitted(Mask().learn(values=(0,), names=("a",), counts=(1,))))
    with pytest.raises(UsageError, match="unknown class 'c'"):
        Segment(class_weights={"c": 2.0}).bind(fitted(named))
    with pytest.raises(ValueError, match="one of them above 0"):
        Segment(cross_entropy=0.0, dice=0.0)
