"""A small detector from rows to a sealed model: answers, drawings, the report, comparisons."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from tests.unit.tasks._squares import recipe, squares

import sonde
from sonde.contracts.panels import Curves, Sheet, Table
from sonde.tasks.detect import Detect


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    folder = tmp_path_factory.mktemp("run")
    return sonde.fit(recipe(budget={"epochs": 5}), squares(150), run_dir=folder / "run")


def test_a_small_detector_finds_squares(run: sonde.Run) -> None:
    assert run.scores["map@50"].value > 0.3
    assert set(run.scores) == {"map@50", "map", "f1", "count error"}
    task = run.bundle.task
    assert isinstance(task, Detect) and task.cut is not None and 0 < task.cut < 1


def test_a_bundle_opens_and_answers_pictures_of_any_size_and_mode(run: sonde.Run) -> None:
    from PIL import Image as Pillow

    bundle = sonde.Bundle.load(run.directory.model)
    [raw] = squares(1, 5)
    whole = Pillow.open(io.BytesIO(raw["image"]))
    for picture in (whole.resize((560, 400)), whole.convert("L"), whole.convert("RGBA")):
        file = io.BytesIO()
        picture.save(file, "PNG")
        [answer] = bundle.predict([{"image": file.getvalue()}], score=0.0)
        assert answer["boxes"]
        for box in answer["boxes"]:
            assert 0 <= box["x0"] < box["x1"] <= picture.width
            assert 0 <= box["y0"] < box["y1"] <= picture.height
            assert box["label"] in ("blue", "red")
    small, large = (
        bundle.predict([{"image": bytes_of(whole.resize(size))}])[0]["boxes"]
        for size in ((56, 40), (112, 80))
    )
    assert isinstance(small, list) and isinstance(large, list)


def bytes_of(picture: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_what_was_found_is_drawn(run: sonde.Run) -> None:
    rows = pa.RecordBatch.from_pylist([{"image": row["image"]} for row in squares(3, 7)])
    answers = run.bundle.predict(rows.to_pylist(), score=0.05)
    shown = run.bundle.task.pictured(answers, rows)
    bare = run.bundle.task.pictured([{"boxes": []}] * 3, rows)
    assert [picture.shape[2] for picture in shown] == [3, 3, 3]
    for answer, picture, plain in zip(answers, shown, bare, strict=True):
        assert bool(answer["boxes"]) == bool((picture != plain).any())


def test_the_report_shows_classes_curves_and_pictures(run: sonde.Run) -> None:
    task = run.bundle.task
    rows = pa.RecordBatch.from_pylist(
        [{**row, "#row": at} for at, row in enumerate(squares(20, 3))]
    )
    judged = task.judge(run.bundle, [rows], 0)
    assert judged.truth["boxes"][..., 5].sum() == sum(len(r["boxes"]) for r in squares(20, 3))
    table, curves = task.panels(judged)
    assert isinstance(table, Table) and [row[0] for row in table.rows] == ["blue", "red"]
    assert isinstance(curves, Curves) and set(curves.series) == {"blue", "red"}
    [sheet] = task.close_ups(run.bundle, judged, lambda numbers: rows.take(pa.array(numbers)))
    assert isinstance(sheet, Sheet)
    assert len(sheet.pictures) == len(sheet.remarks) == 6
    report = Path(run.directory.report).read_text()
    assert "Best, middling and worst pictures" in report and "By class" in report


def test_settling_in_parts_is_settling_at_once(
    run: sonde.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sonde.workflow import fit

    rows = pa.RecordBatch.from_pylist(squares(7, 9))
    pictures = torch.from_numpy(run.bundle.columns["image"].encode(rows).values)
    whole = fit._outputs(run.bundle.network, {"image": pictures})
    monkeypatch.setattr(fit, "_AT_ONCE", 3 * pictures[0].numel())
    for name, values in fit._outputs(run.bundle.network, {"image": pictures}).items():
        assert values == pytest.approx(whole[name], abs=1e-4)


def test_two_detectors_are_compared_each_by_its_own_cut(
    run: sonde.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sonde.metrics.mean_ap import MeanAp

    monkeypatch.setattr(MeanAp, "resamples", 50)
    worse = sonde.fit(recipe(budget={"epochs": 1}), squares(150), run_dir=tmp_path / "run")
    contest = sonde.compare(run, worse)
    assert {found.metric for found in contest.differences} == set(run.scores)
    for each in (run, worse):
        [name] = [n for n in contest.scores if contest.scores[n]["f1"].value
                  == pytest.approx(each.scores["f1"].value)]  # fmt: skip
        assert contest.scores[name]["count error"].value == pytest.approx(
            each.scores["count error"].value
        )


def test_the_report_shows_rows_that_the_audit_names(tmp_path: Path) -> None:
    """Their objects stand beside their pictures."""
    rows = squares(60)
    busy = next(row for row in rows if len(row["boxes"]) > 1)
    run = sonde.fit(recipe(budget={"epochs": 1}), [*rows, *[near(busy)] * 5], run_dir=tmp_path)
    report = Path(run.directory.report).read_text()
    assert "nearly the same" in report and busy["boxes"][0]["label"] in report


def near(row: dict[str, Any]) -> dict[str, Any]:
    """The same picture in other bytes."""
    from PIL import Image as Pillow

    file = io.BytesIO()
    Pillow.open(io.BytesIO(row["image"])).save(file, "BMP")
    return {**row, "image": file.getvalue()}
