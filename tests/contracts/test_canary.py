"""What stands in validation and test rows alone is never learned: a canary that must not sing.

The split is made on clean rows; then canaries are planted by part, and what was learned is compared
byte by byte. The same canaries in training rows do change it, so the comparison can fail.

It runs over the registries: a new split or column gets in by its examples, a new source by an entry
in `MAKERS` or `OF_A_FORM`, without which a test fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

import sonde
from sonde.contracts.data import Assignment, Column, Source, Split, World
from sonde.contracts.recipe import Recipe
from sonde.core.port import PART, TOKENS
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json
from sonde.data.columns._places import UNREADABLE
from sonde.data.memory import as_source
from sonde.data.source_rows import SourceRows
from sonde.data.sources.arrays import Arrays
from sonde.data.sources.folder import Folder
from sonde.data.sources.table import Table
from sonde.run.directory import RunDirectory, claim
from sonde.workflow.prepare import prepare
from tests.contracts._loud_sources import ASKED_OF_A_FORM, OF_A_FORM, loud_picture, picture

ROWS = 60
MOST_FOLDS = 2
LEARNED = ("columns.json", "columns.safetensors")

SPLITS: dict[str, Split] = {
    f"{split.kind}-{at}": split
    for at, split in enumerate(registry("split").examples())
    if isinstance(split, Split) and (split.kind != "given" or split.dump().get("by") is not None)
}
"""Every split's examples, which go by 'label', 'part', 'group' and 'day'; of given splits those
that go by a field, for not every source can say the part itself."""


def clean(column: Column) -> pa.Array:
    """(ROWS,) values of a column."""
    if column.kind == "image":
        return pa.array([picture(8, 8, row) for row in range(ROWS)])
    return type(column).sample(ROWS, 1)


def canaries(column: Column) -> pa.Array:
    """(ROWS,) values that no clean row has; of a kind without any here, another sample."""
    loud = {"number": "1e30", "category": "CANARY", "image": loud_picture()}
    if column.kind in loud:
        return pa.array([loud[column.kind]] * ROWS)
    return type(column).sample(ROWS, 2)


def planted(values: pa.Array, other: pa.Array, rows: np.ndarray) -> pa.Array:
    """The values, with others at these rows."""
    order = np.arange(ROWS)
    order[rows] += ROWS
    return pa.concat_arrays([values, other]).take(pa.array(order))


def rows_of(values: pa.Array, answer: pa.Array) -> dict[str, pa.Array]:
    """What every source holds: the column under test, the target, and what splits go by.

    No canary is planted in what splits go by, and 'row' tells all rows apart, so that none is taken
    for a copy of another.
    """
    rows = np.arange(ROWS)
    parts = np.array(["train", "train", "train", "valid", "test"])
    return {
        "value": values,
        "answer": answer,
        "row": pa.array(rows * 1.5),
        "label": pa.array(np.array(list("abb"))[rows % 3]),
        "group": pa.array(np.array([f"g{row // 4}" for row in rows])),
        "part": pa.array(parts[rows % 5]),
        "day": pa.array([f"{np.datetime64('2011-01-01') + row * 7 % 31}" for row in rows]),
    }


def beside(column: Column, values: pa.Array) -> dict[str, pa.Array]:
    """What a column that leans on pictures needs beside it: a mask is a picture of its own size."""
    if "image" not in column.leans_on:
        return {}
    if not pa.types.is_binary(values.type):
        return {"image": pa.array([picture(64, 64, row) for row in range(ROWS)])}
    return {"image": pc.fill_null(values, picture(8, 8, 0))}


def in_memory(data: Mapping[str, pa.Array], folder: Path) -> Source:
    return as_source(pa.table(dict(data)))


def as_csv(data: Mapping[str, pa.Array], folder: Path) -> Source:
    pyarrow.csv.write_csv(pa.table(dict(data)), folder / "rows.csv")
    return Table(str(folder / "rows.csv"))


def as_npz(data: Mapping[str, pa.Array], folder: Path) -> Source:
    arrays = {name: array.to_numpy(zero_copy_only=False) for name, array in data.items()}
    for name, array in arrays.items():
        if array.dtype == object:  # texts; NumPy has no missing ones
            arrays[name] = np.array(["" if value is None else value for value in array])
    np.savez(folder / "rows.npz", **arrays)
    return Arrays(train={name: f"rows.npz:{name}" for name in data}, root=str(folder))


def as_named_pictures(data: Mapping[str, pa.Array], folder: Path) -> Source:
    """A table that names picture files."""
    for row, content in enumerate(data["value"].to_pylist()):
        (folder / f"{row}.png").write_bytes(content)
    names = pa.array([f"{row}.png" for row in range(ROWS)])
    pyarrow.csv.write_csv(pa.table(dict(data) | {"value": names}), folder / "names.csv")
    return Folder(str(folder), table="names.csv", image="value")


def as_parquet(data: Mapping[str, pa.Array], folder: Path) -> Source:
    pq.write_table(pa.table(dict(data)), folder / "rows.parquet")
    return Source.parse({"kind": "parquet", "path": str(folder / "rows.parquet")})


def as_arrow(data: Mapping[str, pa.Array], folder: Path) -> Source:
    pyarrow.feather.write_feather(pa.table(dict(data)), folder / "rows.feather")
    return Source.parse({"kind": "arrow", "path": str(folder / "rows.feather")})


def as_jsonl(data: Mapping[str, pa.Array], folder: Path) -> Source:
    lines = [to_json(row) for row in pa.table(dict(data)).to_pylist()]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Source.parse({"kind": "jsonl", "path": str(folder / "rows.jsonl")})


Maker = Callable[[Mapping[str, pa.Array], Path], Source]
MAKERS: dict[str, Maker] = {
    "table": as_csv,
    "arrays": as_npz,
    "folder": as_named_pictures,
    "parquet": as_parquet,
    "arrow": as_arrow,
    "jsonl": as_jsonl,
}
"""Source kind -> how a source of that kind comes to hold given rows."""

COLUMNS = [c for c in registry("column").examples() if isinstance(c, Column)]
ONE_OF_EACH = list({column.kind: column for column in reversed(COLUMNS)}.values())[::-1]


def can_hold(kind: str, column: Column) -> bool:
    """Whether a source of that kind can hold a column's values, as these makers write them."""
    held = clean(column).type
    if kind == "folder":
        return column.kind == "image"
    if kind == "jsonl":  # lists of single values, no bytes
        inner = held.value_type if pa.types.is_nested(held) else held
        return not (pa.types.is_nested(inner) or pa.types.is_binary(inner))
    flat = not (pa.types.is_nested(held) or pa.types.is_binary(held))
    return flat or kind not in ("table", "arrays")


def cases() -> list[Any]:
    """Every column; every source with one column of each kind; every split with three."""
    some = [column for column in ONE_OF_EACH if column.kind in ("number", "category", "image")]
    chosen: list[tuple[Column, Maker, str]]
    chosen = [(column, in_memory, "random-") for column in COLUMNS]
    chosen += [(column, make, "random-") for kind, make in MAKERS.items()
               for column in ONE_OF_EACH if can_hold(kind, column)]  # fmt: skip
    chosen += [(column, in_memory, split) for column in some for split in SPLITS]
    whole = [(c, m, next(n for n in SPLITS if n.startswith(s))) for c, m, s in chosen]
    return [
        pytest.param(column, make, split, id=f"{column.kind}-{make.__name__}-{split}-{at}")
        for at, (column, make, split) in enumerate(whole)
    ]


MADE = {"drawn", "frames"}
"""Sources whose rows a sealed model makes, so that nobody can put anything into them; the test rows
beside drawn ones are another source's, which is tried itself."""


ONLY_COUNT = {"span"}
"""Columns whose fit looks at training rows to say how many are odd, and keeps nothing of them."""


def test_every_source_is_tried() -> None:
    kinds = {source.kind for source in registry("source") if not issubclass(source, World)}
    untried = kinds - MAKERS.keys() - OF_A_FORM.keys() - MADE
    assert not untried, (
        f"say in MAKERS how a source of kind {untried} comes to hold given rows, or in OF_A_FORM "
        "how its test part holds a canary"
    )


@pytest.mark.parametrize("kind", OF_A_FORM)
def test_a_source_of_fixed_form_learns_from_its_training_part(kind: str, tmp_path: Path) -> None:
    pictures = {
        "columns": {"image": "image", "label": "category"},
        "task": {"kind": "classification", "target": "label"},
    }
    asked = Recipe.parse(ASKED_OF_A_FORM.get(kind, pictures))
    quiet, loud = (OF_A_FORM[kind](is_loud, tmp_path / str(is_loud)) for is_loud in (False, True))
    expected = learned(asked, quiet, tmp_path / "run-quiet", 0)
    found = learned(asked, loud, tmp_path / "run-loud", 0)
    assert found == expected
    assert b"CANARY" not in b"".join(found)
    names = [field.name for field in loud.fields() if not pa.types.is_binary(field.type)]
    assert any("CANARY" in str(row) for chunk in loud.scan(names) for row in chunk.to_pylist())


def test_every_split_is_tried() -> None:
    kinds = {split.kind for split in SPLITS.values()}
    assert kinds == set(registry("split").names()), (
        "a split without an example that goes by 'label', 'part', 'group' or 'day' is not tried"
    )


def recipe(column: Column, split: Mapping[str, Any]) -> Recipe:
    return Recipe.parse(
        {
            "columns": {
                "value": column.dump(),
                "answer": "category",
                "row": "number",
                **dict.fromkeys(column.leans_on, "image"),
            },
            "task": {"kind": "classification", "target": "answer"},
            "split": split,
        }
    )


def learned(asked: Recipe, source: Source, home: Path, fold: int) -> tuple[bytes, ...]:
    """All that a run writes down of its columns, and what it goes on with."""
    directory = claim(home, {})
    prepared = prepare(asked, source, directory, source.fingerprint(), fold)
    now = str({name: c.dump(learned=True) for name, c in prepared.columns.items()})
    return (*((home / name).read_bytes() for name in LEARNED), now.encode())


def folds_of(asked: Recipe, source: Source) -> list[Assignment]:
    assert isinstance(asked.split, Split)
    return list(asked.split.folds(SourceRows(source)))


@pytest.mark.parametrize(("column", "make", "split"), cases())
def test_a_canary_outside_training_rows_is_not_learned(
    column: Column, make: Maker, split: str, tmp_path: Path
) -> None:
    asked = recipe(column, SPLITS[split].dump())
    values, other = clean(column), canaries(column)
    answers = pa.array([f"c{row % 4}" for row in range(ROWS)])
    strange = pa.array(["CANARY"] * ROWS)

    def made(name: str, rows: np.ndarray) -> Source:
        (tmp_path / name).mkdir()
        held = planted(values, other, rows)
        data = rows_of(held, planted(answers, strange, rows)) | beside(column, held)
        return make(data, tmp_path / name)

    untouched = made("clean", np.empty(0, np.int64))
    for fold, parts in enumerate(folds_of(asked, untouched)[:MOST_FOLDS]):
        home = tmp_path / f"run-{fold}"
        home.mkdir()
        held_out = np.concatenate([parts.valid, parts.test])
        expected = learned(asked, untouched, home / "clean", fold)
        found = learned(asked, made(f"held-out-{fold}", held_out), home / "held-out", fold)
        assert found == expected
        assert b"CANARY" not in b"".join(found)
        spoiled = learned(asked, made(f"train-{fold}", parts.train), home / "train", fold)
        assert b"CANARY" in b"".join(spoiled)


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_no_word_of_held_out_rows_is_in_a_vocabulary(tokens: str, tmp_path: Path) -> None:
    """Each row has a word and a character of its own, twice; a piece is a part of training rows."""
    words = [
        "q" + "".join("abcdefghij"[int(digit)] for digit in f"{row:02}") for row in range(ROWS)
    ]
    signs = [chr(0x4E00 + row) for row in range(ROWS)]
    texts = [f"all {s} {w} {s} {w}" for s, w in zip(signs, words, strict=True)]
    column = Column.parse({"kind": "text", "tokens": tokens, "vocabulary": 1000})
    answers = pa.array([f"c{row % 4}" for row in range(ROWS)])
    source = in_memory(rows_of(pa.array(texts), answers), tmp_path)
    asked = recipe(column, {"kind": "random"})
    parts = folds_of(asked, source)[0]
    prepared = prepare(asked, source, claim(tmp_path / "run", {}), source.fingerprint(), 0)
    fitted = prepared.columns["value"]
    size = fitted.port.size
    assert size is not None
    known = fitted.decode(np.arange(TOKENS, size)[:, None])
    train = " ".join(texts[row] for row in parts.train)
    assert not [word for word in known if word not in train and UNREADABLE not in word
                and len(word.encode()) > 1]  # fmt: skip
    own = {"words": words, "bpe": [f" {word}" for word in words], "characters": signs}[tokens]
    assert len({own[row] for row in parts.train} & set(known)) > len(parts.train) / 2


def test_the_canaries_are_loud_enough() -> None:
    """Each kind that learns anything learns something else from them."""
    heard = set()
    for column in COLUMNS:
        named = column.named("value")
        both = [pa.record_batch({"value": rows}) for rows in (clean(column), canaries(column))]
        first, second = (str(named.fit([rows]).dump(learned=True)) for rows in both)
        heard |= {column.kind} if first != second else set()
        assert first == second or column.learns
    deaf = {column.kind for column in COLUMNS if column.learns} - heard - ONLY_COUNT
    assert not deaf, (
        f"columns of kind {deaf} learn the same from canaries: let their samples of two seeds "
        "differ in what is learned, or give them loud values in `canaries`"
    )


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("split", ["random", "stratified", "given", "kfold"])
def test_a_folder_of_classes_learns_sizes_from_training_rows(
    split: str, part: str, tmp_path: Path
) -> None:
    """Planting is overwriting files: the rows, and so the split, stay as they are."""
    home = tmp_path / "pictures"
    places = [
        home / ("" if split != "given" else "test" if row % 4 == 0 else "train") / f"c{row % 2}"
        for row in range(ROWS)
    ]
    for row, place in enumerate(places):
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row:03}.png").write_bytes(picture(8, 8, row))
    how = {"given": "given", "stratified": {"kind": "stratified", "by": "label"},
           "random": "random", "kfold": {"kind": "kfold", "num_folds": 3}}  # fmt: skip
    asked = Recipe.parse(
        {
            "columns": {"image": "image", "label": "category"},
            "task": {"kind": "classification", "target": "label"},
            "split": how[split],
        }
    )
    parts = folds_of(asked, Folder(str(home)))[0]
    expected = learned(asked, Folder(str(home)), tmp_path / "clean", 0)
    names = [r for c in Folder(str(home)).scan(["image"]) for r in c["image"].to_pylist()]
    rows = parts.train if part == "train" else np.concatenate([parts.valid, parts.test])
    for row in rows:
        Path(names[row]).write_bytes(loud_picture(row))
    found = learned(asked, Folder(str(home)), tmp_path / "planted", 0)
    assert (found == expected) == (part == "test")


def test_a_class_that_only_test_folders_have_is_not_learned(tmp_path: Path) -> None:
    for part, labels in {"train": "ab", "test": ["a", "b", "CANARY"]}.items():
        for label in labels:
            place = tmp_path / "pictures" / part / label
            place.mkdir(parents=True)
            for row in range(8):
                (place / f"{row}.png").write_bytes(picture(8, 8, len(part) + 10 * row))
    source = Folder(str(tmp_path / "pictures"))
    asked = Recipe.parse({"task": {"kind": "classification", "target": "label"}})
    assert b"CANARY" not in b"".join(learned(asked, source, tmp_path / "run", 0))


@pytest.mark.parametrize("form", ["npz", "idx"])
def test_arrays_in_parts_learn_from_the_training_arrays(form: str, tmp_path: Path) -> None:
    """A part that files give: test arrays hold a value and a class of their own."""
    rng = np.random.default_rng(0)
    train = {"x": rng.integers(0, 9, 40), "label": rng.integers(0, 3, 40)}
    test = {"x": np.full(20, 250), "label": np.full(20, 77)}

    def stored(name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, str]:
        small = {field: array.astype(np.uint8) for field, array in arrays.items()}
        if form == "npz":
            np.savez(tmp_path / f"{name}.npz", **small)  # type: ignore[arg-type]  # its stub
            return {field: f"{name}.npz:{field}" for field in small}
        for field, array in small.items():
            head = bytes([0, 0, 8, 1]) + len(array).to_bytes(4, "big")
            (tmp_path / f"{name}-{field}-idx1-ubyte").write_bytes(head + array.tobytes())
        return {field: f"{name}-{field}-idx1-ubyte" for field in small}

    asked = Recipe.parse(
        {
            "columns": {"x": "number", "label": "category"},
            "task": {"kind": "classification", "target": "label"},
        }
    )
    quiet, loud = (
        Arrays(train=stored("train", train), test=stored("test", other), root=str(tmp_path))
        for other in ({name: array[:20] for name, array in train.items()}, test)
    )
    assert PART in [field.name for field in loud.fields()]
    expected = learned(asked, quiet, tmp_path / "quiet", 0)
    assert learned(asked, loud, tmp_path / "loud", 0) == expected
    assert b'"77"' not in expected[0]


def test_every_fold_of_a_cross_validation_learns_from_its_own_rows(tmp_path: Path) -> None:
    """Each row has a word of its own: a fold knows exactly the words of its training rows."""
    rng = np.random.default_rng(0)
    value = rng.normal(size=ROWS)
    words = [f"word-{row}" for row in range(ROWS)]
    data = {"value": value, "word": words, "label": np.where(value > 0, "yes", "no")}
    runs = sonde.cross_validate(
        {
            "columns": {"value": "number", "word": "category", "label": "category"},
            "split": {"kind": "kfold", "num_folds": 3, "valid": 0.2, "stratify": "label"},
            "task": {"kind": "classification", "target": "label"},
            "model": "linear",
            "paradigm": {"kind": "supervised", "budget": {"epochs": 1}},
        },
        pa.table(data),
        run_dir=tmp_path / "folds",
    )
    homes = [run.path for run in runs.folds] + [tmp_path / "folds" / "all"]
    for home in homes:
        directory = RunDirectory(home)
        table = pq.read_table(directory.split)
        train = np.flatnonzero(np.array(table["part"].to_pylist()) == "train")
        columns = from_json(directory.columns.read_text())
        assert set(columns["word"]["values"]) == {words[row] for row in train}
        assert columns["value"]["mean"] == pytest.approx(value[train].mean(), rel=1e-12)
        assert columns["value"]["deviation"] == pytest.approx(value[train].std(), rel=1e-12)
    tested = [pq.read_table(RunDirectory(run.path).split)["part"].to_pylist() for run in runs.folds]
    assert all(sum(fold[row] == "test" for fold in tested) == 1 for row in range(ROWS))
