"""The command line: exit codes, one JSON object, and no torch where none is needed."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sonde.app import cli
from sonde.core.errors import (
    DamagedBundle,
    DataError,
    Interrupted,
    MissingPackage,
    RunLocked,
    SondeError,
    StorageError,
    UsageError,
)
from sonde.core.text import from_json, from_yaml

RECIPE = """
source: {kind: table, path: rows.csv}
columns: {area: number, sort: category}
task: {kind: classification, target: sort}
model: linear
paradigm: {kind: supervised, budget: {epochs: 1}}
"""

Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table, a recipe, and things that are wrong."""
    monkeypatch.chdir(tmp_path)
    lines = [f"{row},{'ab'[row % 2]},{row * 2.5}" for row in range(80)]
    Path("rows.csv").write_text("area,sort,price\n" + "\n".join(lines) + "\n")
    Path("recipe.yaml").write_text(RECIPE)
    bad = [line.replace(",", " sqft,", 1) for line in lines[:40]] + lines[40:]
    Path("bad.csv").write_text("area,sort,price\n" + "\n".join(bad) + "\n")
    Path("bad.yaml").write_text(RECIPE.replace("rows.csv", "bad.csv"))
    Path("kind.yaml").write_text(RECIPE.replace("linear", "lineer"))
    Path("option.yaml").write_text(RECIPE.replace("epochs", "epoch"))
    Path("broken.yaml").write_text("task: [a\nb: c")
    Path("model.sonde").write_bytes(b"hello")
    return tmp_path


@pytest.fixture
def shell(home: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """`sonde ...` in this process: exit code, stdout, stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.run(list(words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


WRONG = {
    "no target": (2, ["train", "rows.csv"]),
    "unknown target": (2, ["train", "rows.csv", "--target", "srot"]),
    "unknown kind by flag": (2, ["train", "rows.csv", "--target", "sort", "--model", "densse"]),
    "unknown kind in a recipe": (2, ["train", "kind.yaml"]),
    "unknown option in a recipe": (2, ["train", "option.yaml"]),
    "a recipe that is not YAML": (2, ["train", "broken.yaml"]),
    "a target beside a recipe": (2, ["train", "recipe.yaml", "--target", "sort"]),
    "a change without a value": (2, ["train", "recipe.yaml", "--set", "seed"]),
    "unknown flag": (2, ["train", "rows.csv", "--tarket", "sort"]),
    "unknown command": (2, ["trian", "rows.csv"]),
    "no path": (2, ["train"]),
    "a number that is none": (2, ["train", "rows.csv", "--target", "sort", "--seed", "one"]),
    "a file in the way": (2, ["init", "rows.csv", "--target", "sort", "--output", "rows.csv"]),
    "unreadable data": (65, ["train", "bad.yaml"]),
    "damaged model": (65, ["predict", "model.sonde", "rows.csv"]),
    "damaged model to evaluate": (65, ["evaluate", "model.sonde"]),
    "missing data": (74, ["train", "none.csv", "--target", "sort"]),
    "missing recipe": (74, ["train", "none.yaml"]),
    "missing model": (74, ["predict", "none.sonde", "rows.csv"]),
    "missing rows": (74, ["predict", "model.sonde", "none.csv"]),
    "missing data to inspect": (74, ["inspect", "none.csv"]),
    "a folder without a run": (74, ["seal", "."]),
}
WITHOUT_TORCH = [name for name, (_, words) in WRONG.items()
                 if "option.yaml" not in words and "bad.yaml" not in words
                 and words[0] not in ("seal", "evaluate") and name != "damaged model"]  # fmt: skip


@pytest.mark.parametrize(("code", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_has_its_exit_code_and_one_json_object(
    code: int, words: list[str], shell: Shell
) -> None:
    found, out, err = shell(*words)
    assert found == code
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("error:") == 1
    assert "Traceback" not in err
    found, out, err = shell(*words, "--json")
    assert found == code
    assert out.count("\n") == 1
    told = from_json(out)
    assert told["exit_code"] == code
    assert f"error: {told['error']}\n" == err


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_they_import_no_torch(name: str, home: Path) -> None:
    """Nor anything else that takes long; checked by asking the process itself."""
    code = (
        "import sys; from sonde.app import cli; code = cli.run(sys.argv[1:])\n"
        "heavy = {'torch', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    expected, words = WRONG[name]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == expected, done.stderr


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["--version"]])
def test_help_imports_nothing_that_takes_long(words: list[str], home: Path) -> None:
    code = (
        "import sys; from sonde.app import cli; code = cli.run(sys.argv[1:])\n"
        "heavy = {'torch', 'numpy', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert not done.stderr


@pytest.mark.parametrize(("words", "told"), [
    (["train", "rows.csv", "--set", "seed=1", "task.target=x"],
     "got task.target=x, which belongs to no option. An option that may come with several values "
     "is repeated for each, such as  --set a=1 --set b=2 . See  sonde train --help"),
    (["train", "rows.csv", "--target"], "See  sonde train --help"),
    (["trian", "rows.csv"], 'Did you mean "train"?'),
])  # fmt: skip
def test_a_wrong_command_line_is_told_how_to_be_right(
    words: list[str], told: str, shell: Shell
) -> None:
    code, _, err = shell(*words)
    assert code == 2
    assert told in err


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError, 2), (DataError, 65), (DamagedBundle, 65), (MissingPackage, 69), (SondeError, 70),
     (RunLocked, 73), (StorageError, 74), (Interrupted, 75)],
)  # fmt: skip
def test_every_type_of_error_ends_with_its_code(
    error: type[SondeError], code: int, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise error("what came, what was expected, what to do")

    monkeypatch.setattr("sonde.data.inspect.inspect_source", fails)
    found, out, err = shell("inspect", "rows.csv", "--json")
    assert (found, err) == (code, "error: what came, what was expected, what to do\n")
    assert from_json(out)["kind"] == error.__name__


def test_a_fault_of_ours_says_so_with_all_we_know(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonde.data.inspect.inspect_source", lambda _: 1 / 0)
    code, out, err = shell("inspect", "rows.csv")
    assert code == 70
    assert "ZeroDivisionError" in err
    assert "this is a fault in Sonde, not in what you did. Please report it" in err
    assert out == ""


def test_a_fault_of_ours_is_one_json_object_too(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonde.data.inspect.inspect_source", lambda _: 1 / 0)
    code, out, _ = shell("inspect", "rows.csv", "--json")
    assert code == 70
    assert from_json(out)["exit_code"] == 70


def test_train_judge_predict_evaluate_and_seal(shell: Shell) -> None:
    """The whole way, each step's JSON naming what the next one needs."""
    code, out, err = shell("train", "recipe.yaml", "--json")
    assert code == 0, err
    told = from_json(out)
    assert Path(told["report"]).is_file()
    assert set(told["verdict"]["scores"]) >= {"accuracy", "auc"}
    code, out, _ = shell("predict", told["model"], "rows.csv", "--json")
    assert code == 0
    assert len(from_json(out)["answers"]) == 80
    code, out, _ = shell("evaluate", told["model"], "--json")
    assert code == 0
    assert from_json(out)["scores"] == told["verdict"]["scores"]
    code, out, _ = shell("evaluate", told["model"], "rows.csv", "--json")
    assert code == 0
    assert from_json(out)["rows"] == 80
    lines = Path("rows.csv").read_text().splitlines()
    Path("odd.csv").write_text("\n".join([*lines[:3], "3,odd,1", "4,a", "5,,1", ""]))
    code, out, err = shell("evaluate", told["model"], "odd.csv")
    assert code == 0
    assert "sort: 1 of 3 rows hold values that no training row had (odd)" in err
    assert "odd: not judged is what cannot be read, line 5. The first: " in err
    assert "odd: 1 of 4 rows have no sort and are not judged" in err
    code, out, _ = shell("seal", told["run"], "--output", "again.sonde", "--json")
    assert code == 0
    assert Path("again.sonde").read_bytes() == Path(told["model"]).read_bytes()
    code, out, _ = shell("predict", told["model"], "rows.csv", "--output", "answers.jsonl")
    assert (code, out) == (0, "")
    answers = [from_json(line) for line in Path("answers.jsonl").read_text().splitlines()]
    assert len(answers) == 80
    assert shell("predict", told["model"], "rows.csv", "--output", "answers.csv")[0] == 0
    with Path("answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{name: str(value) for name, value in row.items()} for row in answers]


def test_one_column_is_changed_and_the_others_stay(shell: Shell) -> None:
    asked = ["rows.csv", "--target", "sort", "--epochs", "1", "--no-judge", "--run-dir", "one"]
    code, _, err = shell("train", *asked, "--set", "columns.area=category")
    assert code == 0, err
    found = from_yaml(Path("one/recipe.yaml").read_text())["columns"]
    assert {name: column["kind"] for name, column in found.items()} == {
        "area": "category", "sort": "category", "price": "number",
    }  # fmt: skip


def test_flags_and_set_change_the_recipe(shell: Shell) -> None:
    flags = ["--model", "dense", "--epochs", "0.5", "--seed", "3", "--run-dir", "here"]
    places = ["--set", "paradigm.batch_size=5", "--set", "split={kind: random, test: 0.3}"]
    code, out, err = shell("train", "recipe.yaml", *flags, "--no-judge", *places)
    assert code == 0, err
    assert "The test part was not opened." in out
    found = from_yaml(Path("here/recipe.yaml").read_text())
    assert found["model"]["kind"] == "dense"
    assert found["paradigm"]["budget"]["epochs"] == 0.5
    assert found["paradigm"]["batch_size"] == 5
    assert (found["seed"], found["split"]["test"]) == (3, 0.3)


def test_a_recipe_that_init_wrote_trains(shell: Shell) -> None:
    code, out, err = shell("init", "rows.csv", "--target", "sort", "--output", "new.yaml")
    assert (code, out) == (0, "")
    assert "sonde train new.yaml" in err
    found = from_yaml(Path("new.yaml").read_text())
    assert found["task"].items() >= {"kind": "classification", "target": "sort"}.items()
    assert found["source"]["path"] == "rows.csv"
    code, out, _ = shell("init", "rows.csv", "--target", "sort", "--json")
    assert from_json(out) == found
    code, _, err = shell("train", "new.yaml", "--epochs", "1", "--no-judge")
    assert code == 0, err


def test_a_number_is_regressed_from_the_data_alone(shell: Shell) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60))
    lines = [f"{a},{b},{a + b}" for a, b in zip(x, y, strict=True)]
    Path("sum.csv").write_text("a,b,sum\n" + "\n".join(lines) + "\n")
    code, out, err = shell("train", "sum.csv", "--target", "sum", "--epochs", "1")
    assert code == 0, err
    assert "target sum" in err
    assert "mae" in out
    assert "runs/sum-1/model.sonde" in out


@pytest.mark.parametrize("mistake", [
    ["--set", "columns={aera: number, sort: category}"],
    ["--set", "source.path=bad.csv"],
    ["--set", "paradigm.stop.score=acuracy"],
    ["--set", "columns={area: number, again: {kind: category, field: sort}, sort: category}"],
], ids=["unknown column", "unreadable rows", "unknown score", "column that tells all"])  # fmt: skip
def test_after_a_mistake_the_corrected_command_has_its_folder(
    mistake: list[str], shell: Shell
) -> None:
    words = ["train", "recipe.yaml", "--no-judge", "--run-dir", "here"]
    code, _, err = shell(*words, *mistake)
    assert code in (2, 65), err
    code, _, err = shell(*words)
    assert code == 0, err
    assert from_yaml(Path("here/recipe.yaml").read_text())["columns"].keys() == {"area", "sort"}
    code, _, err = shell(*words, *mistake)
    assert (code, "here holds another run" in err) == (2, True)


@pytest.mark.parametrize(("words", "told"), [
    (["--epochs", "-5"], "--epochs: got -5.0, expected greater than 0"),
    (["--seed", "-1"], "--seed: got -1, expected greater than or equal to 0"),
    (["--set", "paradigm.budget={"], "--set paradigm.budget={: got '{', expected a value such"),
    (["--set", "seed=1", "--set", "seed.x=1"], "got 'seed' as 1, which has no options"),
])  # fmt: skip
def test_a_flag_that_cannot_be_meant_is_refused_before_the_data_is_read(
    words: list[str], told: str, shell: Shell
) -> None:
    code, _, err = shell("train", "none.csv", "--target", "sort", *words)
    assert (code, told in err) == (2, True), err
    assert "YAML" not in err


@pytest.mark.parametrize("command", [["train"], ["compare"], ["data", "list"]])
def test_help_shows_no_flag_that_means_nothing(command: list[str], shell: Shell) -> None:
    _, out, _ = shell(*command, "--help")
    assert "--json" in out
    assert not [flag for flag in ("--no-no", "--empty", "--no-json", "--no-debug") if flag in out]


def test_the_picture_of_learning_rates_takes_a_free_name(shell: Shell) -> None:
    Path("learning-rate.svg").write_text("mine")
    words = ["train", "recipe.yaml", "--find-learning-rate"]
    code, out, err = shell(*words)
    assert (code, "picture: learning-rate-2.svg" in out) == (0, True), err
    assert Path("learning-rate.svg").read_text() == "mine"
    code, out, err = shell(*words, "--run-dir", "here", "--json")
    assert (code, from_json(out)["picture"]) == (0, "here/learning-rate.svg"), err
    code, _, err = shell("train", "recipe.yaml", "--run-dir", "here", "--no-judge")
    assert code == 0, err
    assert Path("here/learning-rate.svg").exists()


def test_a_suspect_is_told_once(home: Path) -> None:
    """On a terminal, over all folds, and once in each journal."""
    lines = [f"{row * 7 % 61},{'ab'[row % 2]},{'xy'[row % 2]}" for row in range(80)]
    Path("leak.csv").write_text("area,sort,paid\n" + "\n".join(lines) + "\n")
    kfold = "{kind: kfold, num_folds: 2}"
    words = ["train", "leak.csv", "--target", "sort", "--epochs", "1", "--model", "linear"]
    for more, journals in (["--no-judge"], 1), (["--set", f"split={kfold}"], 3):
        code = "import sys; from sonde.app import cli; cli.main(sys.argv[1:])"
        command = [sys.executable, "-c", code, *words, *more, "--run-dir", f"run {journals}"]
        env = os.environ | {"FORCE_COLOR": "1", "TTY_COMPATIBLE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
        assert "columns    area number" in done.stderr, "it is shown as on a terminal"
        assert done.stderr.count("paid: it alone almost decides sort") == 1
        told = [path.read_text() for path in Path(f"run {journals}").rglob("journal.jsonl")]
        assert [text.count("paid: it alone") for text in told] == [1] * journals


def test_what_init_finds_is_said_as_a_sentence(shell: Shell) -> None:
    lines = [f"{row * 7 % 61},{'ab'[row % 2]},{'xy'[row % 2]}" for row in range(80)]
    Path("leak.csv").write_text("area,sort,paid\n" + "\n".join(lines) + "\n")
    code, _, err = shell("init", "leak.csv", "--target", "sort")
    assert (code, err[:10], err.count("\n")) == (0, "left out: ", 1)


def test_schema_prints_what_editors_need(shell: Shell) -> None:
    code, out, _ = shell("schema")
    assert code == 0
    assert from_json(out)["properties"]["task"]["$ref"] == "#/$defs/task"


def test_a_run_that_is_asked_to_stop_ends_with_75(shell: Shell, home: Path) -> None:
    """And the same command goes on."""
    code = (
        "import os, signal, sys; from sonde.run.loop import Loop; from sonde.app import cli\n"
        "log = Loop._log\n"
        "def kill(self, at, *rest):\n"
        "    log(self, at, *rest)\n"
        "    if at.step == 1: os.kill(os.getpid(), signal.SIGTERM)\n"
        "Loop._log = kill\n"
        "cli.main(['train', 'recipe.yaml', '--no-judge'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 75, done.stderr
    assert "stopped by SIGTERM after step 1; everything is saved" in done.stderr
    found, out, err = shell("train", "recipe.yaml", "--no-judge")
    assert found == 0, err
    assert "runs/rows-1/model.sonde" in out


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_is_no_fault(
    unbuffered: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-m", "sonde.app.cli", "inspect", "rows.csv"]
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
