"""`sonde predict`: what is strange in the rows is told beside the answers, and bad options."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from sonde.app import cli, given
from sonde.app.commands.predict import with_values
from sonde.core.picture import png


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a number, a category and a date."""
    home = tmp_path_factory.mktemp("predict")
    rng = np.random.default_rng(0)
    colours = ["blue", "red", "red"] * 40
    rows = [
        f"{rng.normal():.3f},{colour},2015-01-{1 + row % 28:02},{rng.normal()}"
        for row, colour in enumerate(colours)
    ]
    (home / "t.csv").write_text("size,colour,day,price\n" + "\n".join(rows) + "\n")
    flags = ["--target", "price", "--epochs", "1", "--model", "linear", "--no-audit"]
    assert cli.run(["train", str(home / "t.csv"), *flags, "--run-dir", str(home / "run")]) == 0
    return home / "run" / "model.sonde"


STRANGE = [
    {"size": 0.1, "colour": "mauve", "day": "2015-01-05"},
    {"size": 1e6, "colour": "red", "day": "2031-01-01"},
    {"size": None, "colour": "teal", "day": "2015-01-05"},
]


def test_lines_without_an_answer_are_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the second answer would pass for that of the second line."""
    rows = tmp_path / "rows.csv"
    rows.write_text("size,colour,day\n1,red,2015-01-05\n2,red\n,,\n1,blue,2015-01-05\n\n")
    assert cli.run(["predict", str(model), str(rows)]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 2
    broken, empty = shown.err.splitlines()
    assert broken.startswith(f"note: {rows}: no answer to what cannot be read, line 3. The first: ")
    assert empty == f"note: {rows}: no answer to what is empty, line 4, line 6"


def test_notices_stand_beside_the_answers(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line a column on stderr, a list with `--json`; stdout holds the answers alone."""
    (tmp_path / "rows.json").write_text(json.dumps(STRANGE))
    assert cli.run(["predict", str(model), str(tmp_path / "rows.json")]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    notes = shown.err.splitlines()
    assert [note.split(":")[1].strip() for note in notes] == ["size", "colour", "day"]
    assert all(note.startswith("note: ") for note in notes)
    assert "colour: 2 of 3 rows hold values that no training row had (mauve, teal)" in notes[1]
    assert (
        "1 of 3 rows lie outside the training rows' 2015-01-01 to 2015-01-28 (2031-01-01)"
        in (notes[2])
    )
    assert cli.run(["predict", str(model), str(tmp_path / "rows.json"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["notices"] == [note.removeprefix("note: ") for note in notes]
    assert len(told["answers"]) == 3


def test_rows_like_those_of_training_get_no_notice(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.json").write_text('{"size": 0.1, "colour": "red", "day": "2015-01-05"}')
    assert cli.run(["predict", str(model), str(tmp_path / "rows.json")]) == 0
    assert capsys.readouterr().err == ""


def test_an_option_the_task_has_not_says_where_it_was_settled(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(STRANGE))
    rows = str(tmp_path / "rows.json")
    assert cli.run(["predict", str(model), rows, "--levels", "0.1,0.9"]) == 2
    said = capsys.readouterr().err
    assert "unknown option 'levels' (got '0.1,0.9')" in said
    assert "a model of the task 'regression' has no options" in said
    assert '"quantiles":[]' in said
    assert cli.run(["predict", "--help"]) == 0
    assert "quantiles: [0.05, 0.5, 0.95]" in " ".join(capsys.readouterr().out.split())


def test_a_table_of_other_fields_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert cli.run(["predict", str(model), str(tmp_path / "other.csv")]) == 65
    told = capsys.readouterr().err
    assert "none of the fields this model reads: size, colour, day. It has: a, b" in told


def test_a_task_that_draws_nothing_says_so(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.json").write_text(json.dumps(STRANGE))
    assert cli.run(["predict", str(model), str(tmp_path / "rows.json"), "--draw"]) == 2
    told = capsys.readouterr().err
    assert "--draw: a model of the task 'regression' has nothing to draw" in told


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of grey pictures of two sorts, in a folder of each."""
    home = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for label, light in (("dark", 40), ("light", 200)):
        (home / "shades" / label).mkdir(parents=True)
        for row in range(20):
            picture = (rng.normal(light, 10, (8, 8))).clip(0, 255).astype(np.uint8)
            (home / "shades" / label / f"{row}.png").write_bytes(png(picture))
    flags = ["--epochs", "1", "--model", "linear", "--no-audit", "--run-dir", str(home / "run")]
    assert cli.run(["train", str(home / "shades"), *flags]) == 0
    return home


def answers(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert cli.run(["predict", *words]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_folder_of_pictures_is_answered_by_file(
    seeing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order in which people count, as a pattern is; one picture needs no name."""
    model, folder = str(seeing / "run" / "model.sonde"), seeing / "shades" / "dark"
    (folder / "notes.txt").write_text("no picture")
    found = answers(capsys, model, str(seeing / "shades"))
    assert len(found) == 40
    names = [str(folder / f"{number}.png") for number in range(20)]
    assert [answer["file"] for answer in found[:20]] == names
    assert answers(capsys, model, str(folder / "1*.png")) == [found[1], *found[10:20]]
    [alone] = answers(capsys, model, str(folder / "3.png"))
    assert {"file": str(folder / "3.png")} | alone == found[3]


@pytest.mark.parametrize(("form", "suffix"), [("zip", ".zip"), ("gztar", ".tar.gz")])
def test_an_archive_of_pictures_is_answered_as_its_folder(
    form: str, suffix: str, seeing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folder = str(seeing / "run" / "model.sonde"), seeing / "shades"
    (folder / "dark" / "notes.txt").write_text("no picture")
    packed = shutil.make_archive(str(tmp_path / "shades"), form, folder)
    assert packed.endswith(suffix)
    assert answers(capsys, model, packed) == [
        answer | {"file": str(answer["file"]).replace(str(folder), packed)}
        for answer in answers(capsys, model, str(folder))
    ]


def test_an_archive_of_more_than_is_held_at_once_is_refused(
    seeing: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    packed = shutil.make_archive(str(tmp_path / "shades"), "zip", seeing / "shades")
    monkeypatch.setattr(given, "_MOST_UNPACKED", 1000)
    assert cli.run(["predict", str(seeing / "run" / "model.sonde"), packed]) == 65
    assert "GiB in 40 files, expected at most" in capsys.readouterr().err


def test_a_folder_without_pictures_is_refused(
    seeing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["predict", str(seeing / "run" / "model.sonde"), str(tmp_path)]) == 65
    assert "no pictures in this folder (.bmp, .gif," in capsys.readouterr().err


def test_a_folder_with_a_table_beside_its_pictures_is_answered(
    seeing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where pictures alone are not all that the model reads."""
    shutil.copytree(seeing / "shades" / "dark", data := tmp_path / "dark")
    (data / "notes.txt").unlink(missing_ok=True)
    lines = [f"{row}.png,{row / 7:.2f},{'ab'[row % 2]}" for row in range(20)]
    (data / "all.csv").write_text("\n".join(["file,size,label", *lines]) + "\n")
    flags = ["--target", "label", "--epochs", "1", "--model", "linear", "--no-audit"]
    assert cli.run(["train", str(data), *flags, "--run-dir", str(tmp_path / "run")]) == 0
    model, packed = (
        str(tmp_path / "run" / "model.sonde"),
        shutil.make_archive(str(data), "zip", data),
    )
    by_table = answers(capsys, model, str(data / "all.csv"))
    assert len(by_table) == 20
    assert answers(capsys, model, str(data)) == by_table
    assert answers(capsys, model, packed) == by_table
    assert cli.run(["predict", model, str(data / "1.png")]) == 2
    assert "this model needs size, file for each row" in capsys.readouterr().err


def test_an_option_without_a_value_means_true() -> None:
    words = ["predict", "m", "a.png", "--tiles", "--overlap", "4", "--draw", "--flips"]
    assert with_values(words) == [
        *("predict", "m", "a.png", "--tiles=true", "--overlap", "4", "--draw", "--flips=true")
    ]


def test_rows_behind_an_option_without_a_value_are_told(
    seeing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(seeing / "shades" / "dark" / "1.png")
    assert cli.run(["predict", str(seeing / "run" / "model.sonde"), "--tiles", picture]) == 2
    said = capsys.readouterr().err
    assert f"{picture} was read as the value of --tiles" in said
    assert "sonde predict MODEL ROWS --tiles" in said
