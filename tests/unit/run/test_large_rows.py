"""Rows that are large pictures: answered a few at a time, and few of them sealed as golden rows."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import sonde
from sonde.app.commands.predict import predict
from sonde.core.errors import DataError
from sonde.core.text import from_json
from sonde.run import bundle as bundles
from sonde.run.journal import read_journal

RECIPE = {
    "columns": {"image": "image"},
    "split": {"kind": "random", "valid": 0.25, "test": 0.25},
    "task": {"kind": "restore", "target": "image", "damage": {"gaussian": 0.1}},
    "model": {"kind": "unet", "channels": [2, 3]},
    "paradigm": {"kind": "supervised", "batch_size": 4, "budget": {"steps": 6}},
}
PICTURES = np.random.default_rng(0).integers(0, 256, (24, 9, 8, 3), dtype=np.uint8)
ROWS = pa.table({"image": pa.FixedShapeTensorArray.from_numpy_ndarray(PICTURES)})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> sonde.Bundle:
    return sonde.fit(RECIPE, ROWS, run_dir=tmp_path_factory.mktemp("a") / "run").bundle


def test_few_pictures_at_a_time_are_answered_as_many(
    bundle: sonde.Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ROWS.to_batches()[0]
    whole = bundle.arrays(rows)["restored"]
    met: list[int] = []
    hook = bundle.network.register_forward_pre_hook(
        lambda _, given: met.append(len(given[0]["image"]))
    )
    monkeypatch.setattr(bundles, "_AT_ONCE", 5 * 72)
    parts = bundle.arrays(rows)["restored"]
    monkeypatch.setattr(bundles, "_AT_ONCE", 1)
    alone = bundle.arrays(rows.slice(0, 2))["restored"]
    hook.remove()
    assert met == [5, 5, 5, 5, 4, 1, 1]
    assert np.abs(parts - whole).max() < 1e-5 and np.abs(alone - whole[:2]).max() < 1e-5


def test_a_long_text_is_answered_alone_and_the_others_as_without_it(tmp_path: Path) -> None:
    texts = [f"{'good' if n % 2 else 'bad'} film {n % 7}" for n in range(40)]
    recipe = {
        "columns": {"text": "text", "label": "category"},
        "task": {"kind": "classification", "target": "label"},
        "model": {"kind": "textcnn", "maps": 4},
        "paradigm": {"kind": "supervised", "batch_size": 8, "budget": {"steps": 4}},
    }
    rows = pa.table({"text": texts, "label": ["yes", "no"] * 20})
    bundle = sonde.fit(recipe, rows, run_dir=tmp_path / "run", judge=False).bundle
    met: list[tuple[int, ...]] = []
    hook = bundle.network.register_forward_pre_hook(
        lambda _, given: met.append(tuple(given[0]["text"].values.shape))
    )
    long = "film " * 200_000
    answers = bundle.predict([{"text": text} for text in (*texts[:3], long, *texts[3:6])])
    hook.remove()
    assert [rows for rows, _ in met] == [3, 1, 3] and met[1][1] > 100 * met[0][1]
    alone = bundle.predict([{"text": text} for text in texts[:6]])
    for one, other in zip(answers[:3] + answers[4:], alone, strict=True):
        assert one["label"] == other["label"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)


def test_rows_that_cannot_be_read_are_told_and_the_others_answered(
    bundle: sonde.Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, shown = tmp_path / "m.sonde", tmp_path / "shown"
    bundle.save(model)
    shown.mkdir()
    for number, pixels in enumerate(PICTURES[:11]):
        Image.fromarray(pixels).save(shown / f"{number}.png")
    for number in (0, 3, 9, 10):  # at both ends of the batches of eight too
        (shown / f"{number}.png").write_bytes(b"damaged")
    with contextlib.redirect_stdout(io.StringIO()) as out, \
            contextlib.redirect_stderr(io.StringIO()) as err:  # fmt: skip
        predict(str(model), str(shown))
    answers = [from_json(line) for line in out.getvalue().splitlines()]
    assert [Path(row["file"]).stem for row in answers] == [str(n) for n in range(11)]
    assert [number for number, row in enumerate(answers) if "error" in row] == [0, 3, 9, 10]
    assert "expected" in answers[3]["error"] and "3.png" in answers[3]["error"]
    assert Path(answers[4]["image"]).name == "4-image.png"
    assert "4 of 11 rows cannot be read" in err.getvalue()
    for number in range(11):
        (shown / f"{number}.png").write_bytes(b"damaged")
    with pytest.raises(DataError, match="none of 11 rows can be read"):
        predict(str(model), str(shown))
    with pytest.raises(DataError, match="column 'image', row 1: got"):
        bundle.predict([{"image": PICTURES[0]}, {"image": b"damaged"}])


def test_golden_rows_are_as_many_as_their_answers_allow(
    bundle: sonde.Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert len(bundle.golden.rows) == 6, "all validation rows"
    rows = ROWS.to_batches()[0]
    for most, kept in ((10**9, 24), (10 * 216, 10), (1, 1)):
        monkeypatch.setattr(bundles, "_GOLDEN_VALUES", most)
        made = bundle.with_golden(rows)
        sizes = {len(made.golden.rows), len(made.golden.answers)}
        assert sizes == {kept} == {len(array) for array in made.golden.arrays.values()}
        made.save(tmp_path / "m.sonde")
        assert sonde.Bundle.load(tmp_path / "m.sonde").check_golden() is None


def test_validation_rows_are_looked_at_when_the_recipe_says(tmp_path: Path) -> None:
    """Instead of at the end of each epoch of three steps."""
    paradigm = RECIPE["paradigm"] | {"evaluate_every": 4, "budget": {"steps": 10}}
    run = sonde.fit(RECIPE | {"paradigm": paradigm}, ROWS, run_dir=tmp_path / "run", judge=False)
    lines = read_journal(run.directory.journal_path)
    assert [line["step"] for line in lines if line.get("event") == "epoch"] == [4, 8, 10]
