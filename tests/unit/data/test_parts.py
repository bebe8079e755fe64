"""Parts: told by the words others use, in folders, files and tables; never two of one part."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from sonde.core.errors import DataError
from sonde.core.port import PART
from sonde.data.guess import guess_source
from sonde.data.parts import one_each, part_of, parts_told

TABLE = "size,label\n1,a\n2,b\n"


def make(top: Path, *names: str, text: str = TABLE) -> str:
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    return str(top)


def read(path: str) -> list[dict[str, Any]]:
    return [row for batch in guess_source(path).scan() for row in batch.to_pylist()]


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["Train", "VAL", "Testing"], ["train", "valid", "test"]),
        (["seg_train", "seg_test", "seg_pred"], ["train", "test"]),
        (["alphabet train", "alphabet-test"], ["train", "test"]),
        (["model_train", "steam_test"], []),
        (["train_test", "a"], []),
        (["test", "b"], ["test"]),
    ],
)
def test_names_say_parts_in_any_case_and_with_words_in_common(
    names: list[str], parts: list[str]
) -> None:
    assert list(parts_told(names).values()) == parts


def test_one_name_for_a_part() -> None:
    assert list(one_each(["test", "other", "train"], "here").items()) == [
        ("train", "train"),
        ("test", "test"),
    ]
    with pytest.raises(DataError, match="here holds both val and valid"):
        one_each(["train", "val", "valid"], "here")
    assert part_of("trains") is None


@pytest.mark.parametrize(
    "names",
    [
        ("Training/a/1.png", "Training/b/2.png", "Testing/a/3.png", "Testing/b/4.png"),
        ("train/a/1.png", "train/b/2.png", "test/a/3.png", "test/b/4.png"),
        ("x/train/a/1.png", "x/train/b/2.png", "x/test/a/3.png", "x/test/b/4.png"),
        ("s_train/s_train/a/1.png", "s_train/s_train/b/2.png", "s_test/a/3.png", "s_test/b/4.png"),
    ],
)
def test_parts_of_classes_are_no_classes(tmp_path: Path, names: tuple[str, ...]) -> None:
    rows = read(make(tmp_path, *names))
    assert [(row["label"], row[PART]) for row in rows] == [
        ("a", "train"),
        ("b", "train"),
        ("a", "test"),
        ("b", "test"),
    ]


def test_a_folder_around_classes_is_no_class(tmp_path: Path) -> None:
    assert {row["label"] for row in read(make(tmp_path, "x/y/a/1.png", "x/y/b/2.png"))} == {
        "a",
        "b",
    }
    one = make(tmp_path / "one", "a/1.png", "a/deeper/2.png")
    assert {row["label"] for row in read(one)} == {"a"}


def test_two_folders_of_one_part_are_refused(tmp_path: Path) -> None:
    top = make(tmp_path, "train/a/1.png", "val/a/2.png", "valid/a/3.png")
    with pytest.raises(DataError, match="holds both val and valid"):
        read(top)
    boxes = make(
        tmp_path / "boxes",
        *(f"{p}/1{e}" for p in ("train", "val", "valid") for e in (".png", ".txt")),
    )
    with pytest.raises(DataError, match="holds both val and valid"):
        read(boxes)


def test_unlabelled_folders_beside_parts_are_named(tmp_path: Path) -> None:
    top = make(tmp_path, "seg_train/a/1.png", "seg_test/a/2.png", "seg_pred/3.png")
    with pytest.raises(DataError, match="besides seg_pred"):
        read(top)


def test_a_folder_of_tables_by_part_needs_no_recipe(tmp_path: Path) -> None:
    rows = read(make(tmp_path, "Train.csv", "Test.csv", "README.md"))
    assert [row[PART] for row in rows] == ["train", "train", "test", "test"]
    make(tmp_path / "json", "train.json", text='[{"size": 1}]')
    assert [
        row[PART] for row in read(make(tmp_path / "json", "test.json", text='{"size": 2}\n'))
    ] == [
        "train",
        "test",
    ]
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as packed:
        packed.writestr("x/sizes.csv", TABLE)
    assert read(str(tmp_path / "one.zip")) == [
        {"size": "1", "label": "a"},
        {"size": "2", "label": "b"},
    ]
    with pytest.raises(DataError, match=r"both val\.csv and valid\.csv"):
        read(make(tmp_path / "twice", "train.csv", "val.csv", "valid.csv"))


def test_a_test_table_without_labels_is_to_be_answered(tmp_path: Path) -> None:
    make(tmp_path, "test.csv", text="size\n1\n")
    with pytest.raises(DataError, match=r"lacks label .* sonde predict MODEL \S+/test\.csv$"):
        read(make(tmp_path, "train.csv"))
