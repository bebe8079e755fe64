"""Verification goes the whole way: new people are told apart, by bundle and command line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

import sonde
from sonde.core.errors import DataError, SondeError, UsageError
from sonde.run.bundle import Bundle
from tests.contracts._shipped import command
from tests.contracts._strains import people, strains


def recipe(**changes: Any) -> dict[str, Any]:
    """That of the strain, trained until it can do it; `task` and `paradigm` are merged in."""
    plain = strains()["verifying"].recipe
    plain["paradigm"] |= {"budget": {"epochs": 25}, "average": None, "stop": None}
    for name, value in changes.items():
        plain[name] = {**plain[name], **value} if name in ("task", "paradigm") else value
    return plain


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    return sonde.fit(recipe(), people(16, 6), run_dir=tmp_path_factory.mktemp("verify") / "run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of three people whom nobody trained on, in a folder each, and a broken one."""
    top = tmp_path_factory.mktemp("gallery")
    rng = np.random.default_rng(77)
    for name in ("ada", "bert", "carl"):
        pattern = rng.integers(0, 2, (8, 8)) * 180
        (top / "people" / name).mkdir(parents=True)
        for number in range(4):
            drawn = (pattern + rng.integers(0, 75, (8, 8))).astype(np.uint8)
            place = top / "people" / name if number < 2 else top
            Pillow.fromarray(drawn).save(place / f"{name}-{number}.png")
    return top


def test_people_never_trained_on_are_told_apart(run: sonde.Run) -> None:
    assert run.scores["equal error rate"].value < 0.25  # chance is 0.5
    assert run.scores["auc"].value > 0.85
    task = run.bundle.task
    trained = set(task.columns["who"].decode(np.arange(task.columns["who"].port.classes)))
    assert len(trained) == 8
    assert run.bundle.task.dump(learned=True)["cut"] is not None


def test_rivals_and_panels_are_there(run: sonde.Run) -> None:
    page = (run.directory.path / "report.html").read_text(encoding="utf-8")
    for words in ("raw values", "linear discriminants", "True accepts by false ones",
                  "How alike pairs are", "Thresholds", "Hardest pairs"):  # fmt: skip
        assert words in page


def test_two_pictures_are_said_to_be_of_one_person_or_of_two(run: sonde.Run, folder: Path) -> None:
    paths = [str(folder / f"{name}.png") for name in ("ada-2", "bert-2", "ada-3")]
    first, other, second = run.bundle.predict([{"image": path} for path in paths])
    assert first["nearest"] == paths[2] and second["nearest"] == paths[0]
    assert first["same"] and second["same"] and not other["same"]
    assert first["similarity"] == pytest.approx(second["similarity"], abs=1e-6)
    assert first["similarity"] > other["similarity"]
    assert first["who"] is None  # nobody gave names


def test_more_rows_than_a_batch_are_all_compared(run: sonde.Run, folder: Path) -> None:
    path = {"image": str(folder / "ada-2.png")}
    others = [{"image": str(folder / "bert-2.png")}] * 9
    answers = run.bundle.predict([path, *others, path], batch_size=3)
    assert answers[0]["similarity"] == pytest.approx(1, abs=1e-5)
    assert answers[-1]["similarity"] == pytest.approx(1, abs=1e-5)


def test_a_gallery_names_whom_it_knows_and_nobody_else(run: sonde.Run, folder: Path) -> None:
    rows = [{"image": str(folder / f"{name}-3.png")} for name in ("ada", "bert", "carl")]
    known = run.bundle.predict(rows, gallery=_gallery(folder))
    assert [answer["who"] for answer in known] == ["ada", "bert", "carl"]
    rows_of_two = [r for r in _gallery(folder) if r["who"] != "carl"]
    alike = [answer["similarity"] for answer in run.bundle.predict(rows, gallery=rows_of_two)]
    assert alike[2] < min(alike[:2])
    cut = (alike[2] + min(alike[:2])) / 2
    without = run.bundle.predict(rows, gallery=rows_of_two, threshold=cut)
    assert [answer["who"] for answer in without] == ["ada", "bert", None]
    assert without[2]["nearest"] in ("ada", "bert") and without[2]["same"] is False
    assert run.bundle.predict(rows, gallery=str(folder / "people")) == known
    alone = run.bundle.predict(rows[:1], gallery=rows_of_two[:1], threshold=-1)
    assert alone[0]["who"] == "ada"


def _gallery(folder: Path) -> list[dict[str, str]]:
    found = sorted((folder / "people").glob("*/*.png"))
    return [{"image": str(path), "who": path.parent.name} for path in found]


def test_what_was_embedded_once_serves_as_a_gallery(run: sonde.Run, folder: Path) -> None:
    gallery = _gallery(folder)
    kept = run.bundle.predict([{"image": row["image"]} for row in gallery], embedding=True)
    assert all(len(answer["embedding"]) == 6 for answer in kept)
    named = [
        {"who": row["who"], "embedding": answer["embedding"]}
        for row, answer in zip(gallery, kept, strict=True)
    ]
    asked = [{"image": str(folder / "bert-3.png")}]
    (first,), (second,) = (run.bundle.predict(asked, gallery=g) for g in (gallery, named))
    assert first["who"] == second["who"] == "bert"
    assert first["similarity"] == pytest.approx(second["similarity"], abs=1e-5)


def test_the_command_line_compares_and_names(run: sonde.Run, folder: Path, tmp_path: Path) -> None:
    model = str(run.directory.model)
    pair = [str(folder / "ada-2.png"), str(folder / "ada-3.png")]
    said = command("predict", model, *pair, "--draw", "--output", tmp_path / "shown.jsonl")
    assert said.returncode == 0, said.stderr
    lines = (tmp_path / "shown.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    assert len(list(tmp_path.glob("shown/*drawn*.png"))) == 2
    assert [answer["same"] for answer in answers] == [True, True]
    assert answers[0]["nearest"] == pair[1]
    table = tmp_path / "gallery.csv"
    lines = [f"{row['image']},{row['who']}" for row in _gallery(folder)]
    table.write_text("\n".join(["image,who", *lines]), encoding="utf-8")
    named = command("predict", model, pair[0], "--gallery", table)
    assert named.returncode == 0, named.stderr
    assert json.loads(named.stdout)["who"] == "ada"
    people, known = folder / "people", tmp_path / "known.jsonl"
    enrol = command("predict", model, people, "--gallery", people, "--embedding", "--output", known)
    assert enrol.returncode == 0, enrol.stderr
    again = command("predict", model, pair[0], "--gallery", known)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout) == json.loads(named.stdout)


def test_a_gallery_that_cannot_serve_is_refused(
    run: sonde.Run, folder: Path, tmp_path: Path
) -> None:
    row = {"image": str(folder / "ada-2.png")}
    with pytest.raises(DataError, match="gallery has no rows"):
        run.bundle.predict(row, gallery=[])
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"gallery, column 'image', row 0.*a readable picture"):
        run.bundle.predict(row, gallery=[{"image": str(broken), "who": "x"}])
    with pytest.raises(DataError, match="gallery row 0 has no 'who'"):
        run.bundle.predict(row, gallery=[row | {"who": None}])
    with pytest.raises(UsageError, match="embeddings have 2 numbers, and this model's 6"):
        run.bundle.predict(row, gallery=[{"who": "x", "embedding": [1.0, 0.0]}])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SondeError):
        run.bundle.predict(row, gallery=str(tmp_path / "empty"))


def test_a_sealed_model_opens_and_answers_alike(
    run: sonde.Run, folder: Path, tmp_path: Path
) -> None:
    shutil.copy(run.directory.model, tmp_path / "m.sonde")
    rows = [{"image": str(folder / f"{name}-3.png")} for name in ("ada", "bert")]
    assert Bundle.load(tmp_path / "m.sonde").predict(rows) == run.bundle.predict(rows)


ONCE = {"budget": {"epochs": 1}}


def test_people_known_from_training_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = {"kind": "random", "valid": 0.25, "test": 0.25}
    sonde.fit(recipe(split=split, paradigm=ONCE), people(8, 8), run_dir=tmp_path / "run")
    said = capsys.readouterr().err
    assert re.search(r"all \d people of the test rows were trained on", said)
    assert "{kind: group, by: who}" in said


def test_people_with_one_picture_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are strangers to everybody; without others there is nothing to settle or to score."""
    run = sonde.fit(recipe(paradigm=ONCE), people(40, 1), run_dir=tmp_path / "run")
    said = capsys.readouterr().err
    assert "10 of 10 people of the test rows have one picture" in said
    assert "nothing is settled" in said
    assert np.isnan(run.scores["equal error rate"].value)
    assert run.bundle.predict([{"image": np.zeros((8, 8), np.uint8)}] * 2)[0]["same"] is None


def test_a_split_that_nobody_names_keeps_people_whole(tmp_path: Path) -> None:
    asked = recipe(paradigm=ONCE)
    del asked["split"]
    made = sonde.fit(asked, people(16, 6), run_dir=tmp_path / "run", judge=False)
    assert made.bundle.recipe["split"]["kind"] == "group"
    assert made.bundle.recipe["split"]["by"] == "who"


def test_what_cannot_be_learned_is_refused(tmp_path: Path) -> None:
    for changes, words in (
        ({"columns": {"image": "image", "who": "category"}}, "Declare  who: identity"),
        ({"model": {"kind": "resnet", "blocks": [1], "channels": [4]}}, "embedding"),
    ):
        with pytest.raises(SondeError, match=words):
            sonde.fit(recipe(**changes), people(8, 4), run_dir=tmp_path / "run")
    plain = recipe() | {"task": {"kind": "represent"}, "paradigm": {"kind": "contrast"}}
    with pytest.raises(UsageError, match="'who' is of kind 'identity', which a target can be"):
        sonde.fit(plain, people(8, 4), run_dir=tmp_path / "run")
