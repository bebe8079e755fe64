"""Restore: what is asked for, what a caller gets, and how it is judged."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image as Pillow
from torch import nn

import sonde
from sonde.contracts.data import Column
from sonde.contracts.metric import Arrays
from sonde.contracts.panels import Curves, Sheet
from sonde.contracts.task import Task
from sonde.core.batch import Batch, tensor_of
from sonde.core.errors import DataError, RecipeError, UnknownColumn, UsageError
from sonde.core.picture import png
from sonde.core.spec import Spec
from sonde.data.columns.category import Category
from sonde.data.columns.image import Image
from sonde.metrics.psnr import SQUARED, decibels, squared_errors
from sonde.metrics.ssim import SIMILARITY, similarities
from sonde.tasks._damage import Damage, damaged, enlarged
from sonde.tasks.restore import Restore

NOISE = {"gaussian": 0.1}


def smooth(rows: int, height: int = 16, width: int = 20, seed: int = 0) -> np.ndarray:
    """(N, H, W, 3) uint8: waves of differing length and direction."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    turn = rng.uniform(-0.5, 0.5, (2, rows, 1, 1, 3))
    waves = np.sin(turn[0] * y[None, ..., None] + turn[1] * x[None, ..., None])
    return (127 + 90 * waves).astype(np.uint8)


def tensors(pictures: np.ndarray) -> pa.Array:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(pictures)


def bound(columns: dict[str, Any] | None = None, **options: Any) -> Restore:
    """The task over fitted columns; 6 rows of 16 x 20."""
    fields = columns or {"image": tensors(smooth(6))}
    rows = pa.RecordBatch.from_pydict(fields)
    fitted: dict[str, Column] = {n: Image().named(n).fit([rows]) for n in fields}
    asked = {"target": "image", "damage": NOISE} | options
    return Restore.parse({k: v for k, v in asked.items() if v is not None}).bind(fitted)


class Same(nn.Module):
    """Gives back what it is given, or nothing to add to it, and `more` besides."""

    def __init__(self, task: Restore, more: float = 0.0) -> None:
        super().__init__()
        self.task, self.more = task, more

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        given = tensor_of(batch, self.task._worse) / 255
        return {self.task.target: (0 * given if self.task.residual else given) + self.more}


class Direct:
    """A predictor without a file."""

    def __init__(self, task: Restore, network: nn.Module) -> None:
        self.task, self.network = task, network

    def arrays(self, rows: pa.RecordBatch, options: Spec | None = None) -> Arrays:
        encoded = {
            n: torch.from_numpy(self.task.columns[n].encode(rows).values) for n in self.task.inputs
        }
        found = self.task.predict(self.network, encoded, options or self.task.Options())
        return {name: tensor_of(found, name).numpy() for name in found}


def answers(task: Restore, network: nn.Module, rows: pa.RecordBatch, **options: Any) -> list:
    chosen = task.Options(**options)
    model = Direct(task, network)
    return task.in_pieces(rows, chosen, lambda r: task.answer(model.arrays(r, chosen)))


def test_pictures_are_damaged_and_clean_ones_asked_for() -> None:
    task = bound()
    clean = torch.from_numpy(smooth(6).transpose(0, 3, 1, 2).copy())
    batch = {"image": clean, "#row": torch.arange(6)}
    generator = torch.Generator().manual_seed(0)
    inputs, targets = task.arrange(batch, True, generator)
    assert torch.equal(tensor_of(targets, "image"), clean)
    assert torch.equal(tensor_of(inputs, "image"), tensor_of(targets, "#given"))
    gap = (tensor_of(inputs, "image").float() - clean) / 255
    assert float(gap.std()) == pytest.approx(0.1, rel=0.1)
    again, _ = task.arrange(batch, True, generator)
    assert not torch.equal(tensor_of(inputs, "image"), tensor_of(again, "image"))


def test_rows_that_do_not_teach_keep_one_draw_each() -> None:
    """Whatever batch they are in, and in judgement too."""
    task = bound()
    pictures = smooth(6)
    clean = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())
    inputs, _ = task.arrange({"image": clean, "#row": torch.arange(6) + 40}, False, None)
    part, _ = task.arrange({"image": clean[4:], "#row": torch.tensor([44, 45])}, False, None)
    assert torch.equal(tensor_of(inputs, "image")[4:], tensor_of(part, "image"))
    rows = pa.RecordBatch.from_pydict({"image": tensors(pictures), "#row": np.arange(6) + 40})
    for row, (true, worse) in enumerate(task.pairs(rows)):
        assert (true == pictures[row]).all()
        assert (worse.transpose(2, 0, 1) == tensor_of(inputs, "image")[row].numpy()).all()


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize(
    ("objective", "cost"),
    [("absolute", 0.2), ("squared", 0.04), ("charbonnier", (0.04 + 1e-6) ** 0.5)],
)
def test_a_loss_is_that_of_its_formula(objective: str, cost: float, residual: bool) -> None:
    task = bound(objective=objective, residual=residual)
    clean = torch.full((2, 3, 16, 20), 51, dtype=torch.uint8)  # 0.2
    targets: Batch = {"image": clean, "#given": clean}
    said = 0.2 if residual else 0.4
    loss = task.loss({"image": torch.full((2, 3, 16, 20), said)}, targets)
    assert loss.sums.tolist() == pytest.approx([cost, cost], rel=1e-4)


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("size", [(16, 20), (7, 9), (40, 51), (16, 64)])
def test_answers_are_as_large_as_the_pictures(size: tuple[int, int], residual: bool) -> None:
    task = bound(residual=residual)
    pictures = smooth(2, *size)
    files = [png(pictures[0]), png(pictures[1][..., 0])]  # the second is grey
    found = answers(task, Same(task), pa.RecordBatch.from_pydict({"image": files}))
    assert (found[0]["image"] == pictures[0]).all()
    assert (found[1]["image"] == pictures[1][..., :1]).all()


def test_a_turned_photograph_and_other_modes_are_answered_upright() -> None:
    task = bound()
    (picture,) = smooth(1, 30, 12)
    camera, palette = io.BytesIO(), io.BytesIO()
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(picture).save(camera, "PNG", exif=exif)
    Pillow.fromarray(picture).quantize(16).save(palette, "GIF")
    rows = pa.RecordBatch.from_pydict({"image": [camera.getvalue(), palette.getvalue()]})
    turned, indexed = (each["image"] for each in answers(task, Same(task), rows))
    assert (turned == np.rot90(picture, -1)).all()
    assert indexed.shape == (30, 12, 3)


def test_a_picture_is_enlarged_first_where_that_is_asked_for() -> None:
    task = bound(damage={"low_resolution": 3})
    (picture,) = smooth(1, 10, 13)
    rows = pa.RecordBatch.from_pydict({"image": [png(picture)]})
    (found,) = answers(task, Same(task), rows, enlarge=3)
    assert (found["image"] == enlarged(picture, 3)).all()
    assert found["image"].shape == (30, 39, 3)


def test_a_caller_may_have_clean_pictures_damaged() -> None:
    task = bound()
    pictures = smooth(2)
    rows = pa.RecordBatch.from_pydict({"image": tensors(pictures)})
    for number, found in enumerate(answers(task, Same(task), rows, damage=True)):
        assert (found["image"] == damaged(pictures[number], Damage(gaussian=0.1), number)).all()


def test_flips_are_averaged() -> None:
    """A network that adds a ramp from left to right adds its mean once both ways are asked."""
    task = bound()

    class Ramp(nn.Module):
        def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
            ramp = torch.linspace(-0.1, 0.1, tensor_of(batch, "image").shape[3])
            return {"image": ramp.expand(tensor_of(batch, "image").shape)}

    pictures = smooth(1)
    rows = pa.RecordBatch.from_pydict({"image": tensors(pictures)})
    (plain,), (mean,) = (answers(task, Ramp(), rows, flips=flips) for flips in (False, True))
    assert (mean["image"] == pictures[0]).all() and (plain["image"] != pictures[0]).any()


def test_the_judgement_is_of_raw_pictures_beside_rivals() -> None:
    """Sizes differ from the network's and from one another."""
    task = bound()
    sizes = [(16, 20), (16, 20), (40, 25), (9, 8), (40, 25)]
    pictures = [smooth(1, *size, seed)[0] for seed, size in enumerate(sizes)]
    rows = pa.RecordBatch.from_pydict({"image": [png(p) for p in pictures], "#row": np.arange(5)})
    chunks = [rows.slice(0, 2), rows.slice(2)]
    judged = task.judge(Direct(task, Same(task, more=0.02)), chunks, seed=0)
    assert judged.rows.tolist() == [0, 1, 2, 3, 4]
    for row, clean in enumerate(pictures):
        worse = damaged(clean, task.damage, row)
        said = np.rint((worse / 255 + 0.02).clip(0, 1) * 255).astype(np.uint8)
        for arrays, made in ((judged.predicted, said), (judged.rivals["unrestored"], worse)):
            pair = made.transpose(2, 0, 1)[None], clean.transpose(2, 0, 1)[None]
            assert arrays[SQUARED][row] == pytest.approx(squared_errors(*pair)[0])
            assert arrays[SIMILARITY][row] == pytest.approx(similarities(*pair)[0])
    assert (judged.truth[f"given {SQUARED}"] == judged.rivals["unrestored"][SQUARED]).all()
    gain = decibels(judged.rivals["median filter"][SQUARED]) - decibels(
        judged.rivals["unrestored"][SQUARED]
    )
    assert (gain > 3).all(), "a median filter takes much of such noise from smooth pictures"


def test_where_pixels_lack_alone_the_rival_is_called_bicubic() -> None:
    task = bound(damage={"low_resolution": 2})
    rows = pa.RecordBatch.from_pydict({"image": tensors(smooth(3)), "#row": np.arange(3)})
    assert set(task.judge(Direct(task, Same(task)), [rows], seed=0).rivals) == {"bicubic"}


def test_no_rows_are_no_judgement() -> None:
    task = bound()
    rows = pa.RecordBatch.from_pydict({"image": tensors(smooth(3)), "#row": np.arange(3)})
    judged = task.judge(Direct(task, Same(task)), [rows.slice(0, 0)], seed=0)
    assert len(judged.rows) == 0 and len(judged.predicted[SQUARED]) == 0


PAIRS = {"clean": tensors(smooth(6)), "noisy": tensors(smooth(6, seed=1))}


def test_pairs_are_taken_as_they_are() -> None:
    task = bound(PAIRS, target="clean", source="noisy", damage=None)
    assert task.given == ("noisy",) and task.targets == ("clean",)
    batch = {n: torch.zeros(2, 3, 16, 20, dtype=torch.uint8) + i for i, n in enumerate(PAIRS)}
    inputs, targets = task.arrange(batch, True, torch.Generator())
    assert set(inputs) == {"noisy"} and int(tensor_of(inputs, "noisy").max()) == 1
    assert int(tensor_of(targets, "clean").max()) == 0
    rows = pa.RecordBatch.from_pydict({**PAIRS, "#row": np.arange(6)})
    judged = task.judge(Direct(task, Same(task)), [rows], seed=0)
    assert (judged.predicted[SQUARED] == judged.rivals["unrestored"][SQUARED]).all()
    first = squared_errors(smooth(6, seed=1)[:1], smooth(6)[:1])
    assert judged.predicted[SQUARED][0] == pytest.approx(first[0])


def test_pairs_of_differing_sizes_are_refused_by_name() -> None:
    task = bound(PAIRS, target="clean", source="noisy", damage=None)
    small, large = png(smooth(1)[0]), png(smooth(1, 20, 25)[0])
    rows = pa.RecordBatch.from_pydict({"clean": [large], "noisy": [small], "#row": [7]})
    with pytest.raises(DataError, match="row 7: 'noisy' is 20 x 16 pixels and 'clean' 25 x 20"):
        list(task.pairs(rows))


def test_grey_pictures_may_get_colours() -> None:
    columns = {"photo": tensors(smooth(6)), "grey": tensors(smooth(6)[..., 0].copy())}
    task = bound(columns, target="photo", source="grey", damage=None, residual=False)
    rows = pa.RecordBatch.from_pydict({**columns, "#row": np.arange(6)})
    network = nn.Module()
    network.forward = lambda batch: {  # type: ignore[method-assign]
        "photo": (tensor_of(batch, "grey") / 255).repeat(1, 3, 1, 1)
    }
    judged = task.judge(Direct(task, network), [rows], seed=0)
    assert judged.predicted[SQUARED] == pytest.approx(judged.rivals["unrestored"][SQUARED])
    with pytest.raises(UsageError, match=r"'photo' is .*\(3, 16, 20\) and 'grey' \(1, 16, 20\).*or "
                       "leave residual out"):  # fmt: skip
        bound(columns, target="photo", source="grey", damage=None)


def test_what_cannot_be_restored_is_refused() -> None:
    with pytest.raises(RecipeError, match="got neither, expected source"):
        Restore.parse({"target": "image"})
    with pytest.raises(RecipeError, match="got both, expected source"):
        Restore.parse({"target": "image", "source": "noisy", "damage": NOISE})
    with pytest.raises(RecipeError, match="source and target are both 'image'"):
        Restore.parse({"target": "image", "source": "image"})
    with pytest.raises(UnknownColumn, match="imagee"):
        bound(target="imagee")
    with pytest.raises(UsageError, match="'noisy' is a picture too, and restore reads one"):
        bound(PAIRS, target="clean")
    with pytest.raises(UsageError, match=r"'clean' is .*16, 20.*'small' .*8, 8.*one size"):
        bound({"clean": PAIRS["clean"], "small": tensors(smooth(6, 8, 8))}, target="clean",
              source="small", damage=None)  # fmt: skip
    rows = pa.RecordBatch.from_pydict({"sort": ["a", "b"]})
    with pytest.raises(UsageError, match="port category"):
        Restore(target="sort", damage=Damage(gaussian=0.1)).bind(
            {"sort": Category().named("sort").fit([rows])}
        )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    """From picture files, of two sizes, to a sealed model."""
    folder = tmp_path_factory.mktemp("restored")
    pictures = folder / "pictures"
    pictures.mkdir()
    for number in range(48):
        (shown,) = smooth(1, 24, 24 + 8 * (number % 2), seed=number)
        (pictures / f"{number:02d}.png").write_bytes(png(shown))
    rows = {"image": [str(path) for path in sorted(pictures.iterdir())]}
    recipe = {
        "columns": {"image": {"kind": "image", "size": [24, 24]}},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": {"kind": "restore", "target": "image", "damage": {"gaussian": 0.15}},
        "model": {"kind": "unet", "channels": [8, 12], "norm": "none"},
        "paradigm": {
            "kind": "supervised",
            "batch_size": 8,
            "optimizer": {"kind": "adam", "learning_rate": 0.005},
            "schedule": "one-cycle",
            "budget": {"steps": 240},
            "evaluate_every": 120,
        },
    }
    return sonde.fit(recipe, pa.table(rows), run_dir=folder / "run")


def test_a_trained_model_is_judged_beside_its_rivals(trained: sonde.Run) -> None:
    psnr, ssim = (trained.scores[name].value for name in ("psnr", "ssim"))
    assert 20.5 < psnr < 40 and 0.5 < ssim < 1, "noise of 0.15 alone is 16.5 dB"
    page = Path(trained.report).read_text()
    assert "median filter" in page and "unrestored" in page and "Before and after" in page
    assert "usual ones" in page and "dB" in page


def test_a_sealed_model_answers_files_of_any_size(trained: sonde.Run, tmp_path: Path) -> None:
    opened = sonde.Bundle.load(trained.directory.model)
    (clean,) = smooth(1, 61, 90, seed=99)
    worse = damaged(clean, Damage(gaussian=0.15), 0)
    (tmp_path / "worse.png").write_bytes(png(worse))
    (found,) = opened.predict([{"image": str(tmp_path / "worse.png")}])
    better, as_given = (
        decibels(squared_errors(each[None], clean[None]))[0] for each in (found["image"], worse)
    )
    assert found["image"].shape == clean.shape and better > as_given + 3.5
    (mean,) = opened.predict([{"image": worse}], flips=True)
    assert decibels(squared_errors(mean["image"][None], clean[None]))[0] > better
    rows = pa.RecordBatch.from_pydict({"image": [png(worse)]})
    (shown,) = opened.task.pictured([found], rows)
    assert shown.ndim == 3 and shown.shape[1] > 2 * 90


def test_a_picture_that_cannot_be_read_is_said(trained: sonde.Run) -> None:
    with pytest.raises(DataError, match="column 'image', row 1"):
        trained.bundle.predict([{"image": png(smooth(1)[0])}, {"image": b"none"}])
    with pytest.raises(UsageError, match="overlap: got 12"):
        trained.bundle.predict([{"image": smooth(1)[0]}], overlap=12)
    with pytest.raises(UsageError, match="unknown option 'flip'"):
        trained.bundle.predict([{"image": smooth(1)[0]}], flip=True)


def test_panels_show_the_worst_the_usual_and_the_best(trained: sonde.Run) -> None:
    task: Task = trained.bundle.task
    clean = smooth(9, 24, 24, seed=50)
    rows = pa.RecordBatch.from_pydict({"image": tensors(clean), "#row": np.arange(9) * 2})
    judged = task.judge(trained.bundle, [rows], seed=0)
    (curves,) = task.panels(judged)
    assert isinstance(curves, Curves) and len(curves.series["a picture"][0]) == 9

    def raw(numbers: Any) -> pa.RecordBatch:
        assert list(numbers) == sorted(numbers)
        return rows.take(pa.array([number // 2 for number in numbers])).drop_columns(["#row"])

    (sheet,) = task.close_ups(trained.bundle, judged, raw)
    assert isinstance(sheet, Sheet) and len(sheet.pictures) == len(sheet.remarks) == 6
    order = np.argsort(judged.predicted[SQUARED])[::-1]
    ratio = decibels(judged.predicted[SQUARED])
    for at, remark in zip([*order[:2], *order[-2:]], [*sheet.remarks[:2], *sheet.remarks[-2:]],
                          strict=True):  # fmt: skip
        assert remark.startswith(f"row {2 * at}: ") and remark.endswith(f"-> {ratio[at]:.1f} dB")
