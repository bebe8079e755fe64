"""What a user is told: each message as it stands in `messages/`, word for word.

A message says what came, what was expected, what to do. `SONDE_MESSAGES=write` writes them anew;
read the difference before you keep it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

import sonde
from sonde.core.errors import (
    DamagedBundle,
    DataError,
    MissingPackage,
    RecipeError,
    RunLocked,
    SondeError,
    StorageError,
    UnknownColumn,
    UsageError,
)
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json
from sonde.data.sources.world import Gymnasium
from sonde.run.archive import MEMBERS, read_archive, write_archive
from sonde.run.bundle import Bundle
from sonde.run.directory import RunDirectory
from sonde.run.loop import Callback
from sonde.workflow.fit import as_recipe

MESSAGES = Path(__file__).parent / "messages"
JARGON = ("Traceback", "pydantic", "model_", "instance of", "isinstance", "NoneType")

CLASSIFY: dict[str, Any] = {
    "task": {"kind": "classification", "target": "label"},
    "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
}


def houses(rows: int = 100, **changed: Any) -> pa.Table:
    """Areas, districts, and a label that follows the area."""
    area = np.arange(rows, dtype=float)
    data = {
        "price": area * 3 + 1,
        "area": [f"{value:g}" for value in area],
        "district": [f"d{row % 3}" for row in range(rows)],
        "label": np.where(area > rows / 2, "large", "small"),
    }
    return pa.table(data | changed)


def with_texts(count: int) -> list[str]:
    return [f"{row}" if row >= count else f"{row},000 sqft" for row in range(100)]


def fit(recipe: dict[str, Any], data: Any = None) -> sonde.Run:
    """In the folder of the test."""
    return sonde.fit(CLASSIFY | recipe, houses() if data is None else data, judge=False)


def target(name: str) -> dict[str, Any]:
    return {"task": {"kind": "classification", "target": name}}


def pictures(broken: int) -> str:
    """A folder of 60 pictures, the first few of which are texts."""
    for row in range(60):
        place = Path("signs") / "ab"[row % 2] / f"{row:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        if row < broken:
            place.write_text("not a picture")
        else:
            Pillow.fromarray(np.full((6, 6), row, np.uint8)).save(place)
    return "signs"


def model() -> Path:
    """A small sealed model."""
    run = fit({"columns": {"area": "number", "label": "category"}, "model": "linear"})
    path: Path = run.directory.model
    return path


def resealed(member: str, change: Callable[[Any], Any]) -> Path:
    """A model file whose seal is whole and whose content is not ours."""
    path = model()
    archive = read_archive(path)
    members = {name: bytes(archive.members[name]) for name in MEMBERS}
    members[member] = to_json(change(from_json(members[member].decode()))).encode()
    write_archive("other.sonde", members)
    return Path("other.sonde")


def ask(rows: Any, **options: Any) -> Any:
    return Bundle.load(model()).predict(rows, **options)


def ask_a_broken_picture() -> Any:
    run = fit({"model": {"kind": "convnet", "stages": [2], "dense": [2]}}, pictures(0))
    Path("broken.png").write_text("not a picture")
    return run.bundle.predict([{"image": "broken.png"}, {"image": "none.png"}])


def flip() -> Any:
    path = model()
    data = bytearray(path.read_bytes())
    start = bytes(data).index(b'"weights.safetensors"') + 40
    place = bytes(data).rindex(b"PK\1\2") - 200
    assert place > start
    data[place] ^= 1
    path.write_bytes(data)
    return Bundle.load(path)


def locked() -> Any:
    home = Path("runs/one")
    with suppress(KeyboardInterrupt):
        sonde.fit(CLASSIFY, houses(), run_dir=home, callbacks=[Dies()])
    with RunDirectory(home).locked():
        return sonde.fit(CLASSIFY, houses(), run_dir=home)


class Dies(Callback):
    def on_step(self, step: int, logs: Any) -> None:
        raise KeyboardInterrupt


def another_run() -> Any:
    sonde.fit(CLASSIFY, houses(), run_dir="runs/one", judge=False)
    return sonde.fit(CLASSIFY | {"seed": 1}, houses(), run_dir="runs/one")


def file(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def world(name: str) -> Any:
    return Gymnasium(name).make(1, 0)


@dataclass(frozen=True)
class Case:
    """What a user does wrong, and the type of error it is."""

    name: str
    kind: type[SondeError]
    act: Callable[[], Any]


NUMBERS = {"columns": {"area": "number", "label": "category"}}
CASES = [
    Case("target unknown", UnknownColumn, lambda: fit(target("lable"))),
    Case("column unknown", UnknownColumn, lambda: fit({"columns": {"aera": "number"}})),
    Case("target has one class", DataError, lambda: fit({}, houses(label=["large"] * 100))),
    Case("target has no values", DataError, lambda: fit({}, houses(label=pa.nulls(100, "string")))),
    Case("text in a number column", DataError,
         lambda: fit(NUMBERS, houses(area=with_texts(2)))),
    Case("picture as a number", DataError,
         lambda: fit(NUMBERS, houses(area=pa.array([b"\x89PNG"] * 100)))),
    Case("data missing", StorageError, lambda: fit({}, "none.csv")),
    Case("data empty", DataError, lambda: fit({}, file("empty.csv", ""))),
    Case("data has only a header", DataError, lambda: fit({}, file("head.csv", "area,label\n"))),
    Case("data is no rows", UsageError, lambda: fit({}, 7)),
    Case("data not named", UsageError, lambda: sonde.fit(CLASSIFY)),
    Case("pictures unreadable", DataError, lambda: fit({}, pictures(2))),
    Case("picture unreadable in predict", DataError, ask_a_broken_picture),
    Case("kind of column unknown", RecipeError, lambda: fit({"columns": {"area": "numbr"}})),
    Case("kind of model unknown", RecipeError, lambda: fit({"model": "densse"})),
    Case("kind of task unknown", RecipeError, lambda: fit({"task": {"kind": "classify"}})),
    Case("kind of paradigm unknown", RecipeError, lambda: fit({"paradigm": "supervise"})),
    Case("kind of optimizer unknown", RecipeError,
         lambda: fit({"paradigm": {"kind": "supervised", "optimizer": "adamm"}})),
    Case("kind missing", RecipeError, lambda: fit({"model": {"hidden": [3]}})),
    Case("option unknown", RecipeError, lambda: fit({"model": {"kind": "dense", "hiden": [3]}})),
    Case("option unknown at the top", RecipeError, lambda: fit({"colums": {}})),
    Case("option unknown in a budget", RecipeError,
         lambda: fit({"paradigm": {"kind": "supervised", "budget": {"epoch": 3}}})),
    Case("option of the wrong type", RecipeError,
         lambda: fit({"paradigm": {"kind": "supervised", "batch_size": "many"}})),
    Case("option out of range", RecipeError,
         lambda: fit({"model": {"kind": "dense", "dropout": 1.5}})),
    Case("option is no list", RecipeError, lambda: fit({"model": {"kind": "dense", "hidden": 3}})),
    Case("option missing", RecipeError, lambda: fit({"task": "classification"})),
    Case("two errors", RecipeError,
         lambda: fit({"model": {"kind": "dense", "hiden": [3]}, "seed": -1})),
    Case("recipe missing", StorageError, lambda: as_recipe("none.yaml")),
    Case("recipe is not YAML", RecipeError, lambda: as_recipe(file("r.yaml", "task: [a\nb: c"))),
    Case("recipe has a key twice", RecipeError,
         lambda: as_recipe(file("r.yaml", "seed: 1\ntask: {}\nseed: 2\n"))),
    Case("recipe is a list", RecipeError, lambda: as_recipe(file("r.yaml", "- 1\n- 2\n"))),
    Case("stop score unknown", UsageError,
         lambda: fit({"paradigm": {"kind": "supervised", "stop": {"score": "acuracy"}}})),
    Case("too few rows for the folds", DataError,
         lambda: sonde.cross_validate(CLASSIFY | {"split": "kfold"}, houses(6))),
    Case("one fold only", UsageError, lambda: sonde.cross_validate(CLASSIFY | NUMBERS, houses())),
    Case("too few rows for the split", DataError, lambda: fit({}, houses(3))),
    Case("stratified by numbers", DataError,
         lambda: fit({"split": {"kind": "stratified", "by": "price"}})),
    Case("given split without parts", DataError, lambda: fit({"split": "given"})),
    Case("paradigm and task do not fit", UsageError,
         lambda: fit({"columns": {"price": "number", "label": "category"},
                      "task": {"kind": "regression", "target": "label"}})),
    Case("run locked", RunLocked, locked),
    Case("run is another", UsageError, another_run),
    Case("bundle damaged", DamagedBundle, flip),
    Case("bundle missing", StorageError, lambda: Bundle.load("none.sonde")),
    Case("bundle is no bundle", DamagedBundle,
         lambda: Bundle.load(file("model.sonde", "hello " * 40))),
    Case("bundle needs a plug-in", DamagedBundle,
         lambda: Bundle.load(resealed("task.json", lambda task: task | {"kind": "ranking"}))),
    Case("bundle says what cannot be", DamagedBundle,
         lambda: Bundle.load(resealed("task.json", lambda task: task | {"target": 3}))),
    Case("bundle answers differently", DamagedBundle,
         lambda: Bundle.load(resealed("golden.json", _other_answers))),
    Case("package missing", MissingPackage, lambda: world("CartPole-v1")),
    Case("field unknown in predict", UnknownColumn, lambda: ask([{"aera": 3}])),
    Case("value unreadable in predict", DataError, lambda: ask([{"area": 3}, {"area": "large"}])),
    Case("option unknown in predict", UsageError, lambda: ask([{"area": 3}], beam=4)),
    Case("rows are no rows in predict", UsageError, lambda: ask("area")),
]  # fmt: skip


def _other_answers(golden: dict[str, Any]) -> dict[str, Any]:
    kind, values = golden["arrays"]["probability"]
    return golden | {
        "arrays": golden["arrays"] | {"probability": [kind, (np.array(values) + 0.5).tolist()]}
    }


def shown(error: SondeError, folder: Path) -> str:
    """The message without what differs from run to run."""
    text = str(error).replace(str(folder), "<path>")
    return text.replace(f"process {os.getpid()}", "process <number>") + "\n"


def compare(name: str, text: str) -> None:
    path = MESSAGES / f"{name.replace(' ', '-')}.txt"
    if os.environ.get("SONDE_MESSAGES") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no {path}: write it with SONDE_MESSAGES=write"
    assert text == path.read_text(encoding="utf-8")


@pytest.fixture
def _no_plug_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Messages list the kinds there are: those of this package, whatever else is installed."""
    monkeypatch.setattr("sonde.core.registry.entry_points", lambda **_: ())
    registry.cache_clear()
    yield
    registry.cache_clear()


@pytest.mark.usefixtures("_no_plug_ins")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_message(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(case.kind) as caught:
        case.act()
    text = shown(caught.value, tmp_path)
    compare(case.name, text)
    assert not [word for word in JARGON if word in text]
    assert len(max(text.splitlines(), key=len)) < 400


def test_every_message_on_file_is_one_a_user_can_get() -> None:
    names = {case.name.replace(" ", "-") for case in CASES}
    assert {path.stem for path in MESSAGES.glob("*.txt")} == names


def test_few_unreadable_values_are_set_aside_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = fit(NUMBERS, houses(area=with_texts(1)))
    [line] = [from_json(text) for text in run.directory.quarantine.read_text().splitlines()]
    assert line == {
        "column": "area", "row": 0, "got": "0,000 sqft", "expected": "a number", "place": None,
    }  # fmt: skip
