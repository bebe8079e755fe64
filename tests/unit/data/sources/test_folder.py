"""Folders: every picture in a fixed order with its class, everything odd told."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent

import pytest

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, StorageError, UnknownColumn
from sonde.core.port import PART
from sonde.core.text import from_yaml
from sonde.data.sources.folder import Folder
from sonde.data.store import check_fields


def make(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return str(folder)


def read(source: Folder) -> tuple[list[tuple[str | None, ...]], list[RowError]]:
    errors: list[RowError] = []
    batches = list(source.scan(None, errors.append))
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()], errors


def test_a_folder_per_class_gives_paths_and_labels_in_order(tmp_path: Path) -> None:
    top = make(tmp_path, "b/2.PNG", "b/10.jpg", "a/deep/x.webp", "a/1.ppm", "README.md")
    rows, errors = read(Folder(top))
    assert rows == [
        (f"{top}/a/1.ppm", "a"),
        (f"{top}/a/deep/x.webp", "a"),
        (f"{top}/b/10.jpg", "b"),
        (f"{top}/b/2.PNG", "b"),
    ]
    assert errors == []


def test_pictures_without_folders_have_no_labels(tmp_path: Path) -> None:
    top = make(tmp_path, "2.png", "1.jpg", "README.md", "notes.txt")
    source = Folder(top, file="name")
    rows, errors = read(source)
    assert [field.name for field in source.fields()] == ["image", "name"]
    assert rows == [(f"{top}/1.jpg", "1"), (f"{top}/2.png", "2")]
    assert [(error.got, error.harmless) for error in errors] == [
        ("README.md", True),
        ("notes.txt", False),
    ]
    with pytest.raises(DataError, match="no sub-folders, expected one per class"):
        Folder(top, test=top).fields()  # parts of a classification have classes


def test_the_path_stays_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "signs", "stop/1.png")
    monkeypatch.chdir(tmp_path)
    assert read(Folder("./signs/"))[0] == [("./signs/stop/1.png", "stop")]
    assert Folder("signs/").title == "signs"


def test_litter_is_not_seen_and_the_rest_is_told(tmp_path: Path) -> None:
    top = make(
        tmp_path, "a/1.png", "a/.DS_Store", "a/Thumbs.db", ".git/x.png", "a/notes.txt", "lost.png"
    )
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    rows, errors = read(Folder(top))
    assert [row[1] for row in rows] == ["a"]
    assert {(error.got, error.expected.split(" (")[0]) for error in errors} == {
        ("lost.png", "a picture inside the folder of its class"),
        ("a/notes.txt", "a picture"),
        ("a/up", "a folder, not a link to one"),
    }


def test_a_name_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    top = make(tmp_path, "a/1.png")
    Path(os.fsdecode(os.fsencode(top) + b"/a/\xff.png")).write_bytes(b"")
    rows, errors = read(Folder(top))
    assert len(rows) == 1
    assert [(error.got, error.expected) for error in errors] == [
        (r"a/\udcff.png", "a file name in UTF-8")
    ]


def test_parts_are_told_from_classes(tmp_path: Path) -> None:
    parts = make(tmp_path / "p", "train/a/1.png", "val/a/2.png", "test/b/3.png")
    rows, _ = read(Folder(parts))
    assert [field.name for field in Folder(parts).fields()] == ["image", "label", PART]
    assert [row[1:] for row in rows] == [("a", "train"), ("a", "valid"), ("b", "test")]
    classes = make(tmp_path / "c", "car/1.png", "train/2.png")
    assert [row[1] for row in read(Folder(classes))[0]] == ["car", "train"]


def test_parts_without_classes_have_no_labels(tmp_path: Path) -> None:
    """Train and test are no classes."""
    top = make(tmp_path, "train/1.png", "train/2.png", "test/3.png", "lost.png")
    rows, errors = read(Folder(top))
    assert [field.name for field in Folder(top).fields()] == ["image", PART]
    assert [row[1:] for row in rows] == [("train",), ("train",), ("test",)]
    assert [error.got for error in errors] == ["lost.png"]
    make(tmp_path, "solution.csv")  # which may tell the labels
    with pytest.raises(DataError, match=r"train has no sub-folders, .* it holds 2 x \.png"):
        Folder(top).fields()
    with pytest.raises(DataError, match=r"test holds no pictures"):
        Folder(make(tmp_path / "empty", "train/1.png", "test/notes.txt")).fields()


def test_parts_beside_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="besides extra"):
        Folder(make(tmp_path, "train/a/1.png", "extra/b/2.png")).fields()


def test_folders_without_pictures_are_refused_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds 2 x \.csv, 1 x \.txt"):
        Folder(make(tmp_path / "x", "a.csv", "b.csv", "c.txt")).fields()
    top = make(tmp_path / "y", "a/1.png", "b/notes.txt")
    with pytest.raises(DataError, match="b holds no pictures"):
        Folder(top).fields()
    with pytest.raises(StorageError, match="no such file or folder"):
        Folder(str(tmp_path / "absent")).fields()
    with pytest.raises(StorageError, match="got a file, expected a folder"):
        Folder(str(tmp_path / "x" / "a.csv")).fields()


def test_a_table_may_name_the_pictures(tmp_path: Path) -> None:
    top = make(tmp_path, "images/1.jpg", "images/2.jpg")
    (tmp_path / "info.csv").write_text("file,price\n1.jpg,100\n 2.jpg,200\n,300\n")
    source = Folder(f"{top}/images", table=f"{top}/info.csv", image="file")
    assert read(source)[0] == [
        (f"{top}/images/1.jpg", "100"),
        (f"{top}/images/2.jpg", "200"),
        (None, "300"),
    ]
    assert [batch.schema.names for batch in source.scan(["price"])] == [["price"]]
    with pytest.raises(UnknownColumn, match="has no column 'image'"):
        Folder(f"{top}/images", table=f"{top}/info.csv").fields()
    with pytest.raises(StorageError, match="no such table: neither"):
        Folder(top, table="absent.csv").fields()


def test_the_fingerprint_follows_bytes_and_names_but_not_the_place(tmp_path: Path) -> None:
    first = Folder(make(tmp_path / "x", "a/1.png")).fingerprint()
    assert Folder(make(tmp_path / "y", "a/1.png")).fingerprint() == first
    assert Folder(make(tmp_path / "z", "b/1.png")).fingerprint() != first
    (tmp_path / "x" / "a" / "1.png").write_bytes(b"other")
    assert Folder(str(tmp_path / "x")).fingerprint() != first


def advised(top: str) -> dict[str, object]:
    """The recipe lines in the message about a folder without class folders."""
    with pytest.raises(DataError, match=r"a recipe .* reads") as refused:
        Folder(top).fields()
    _, _, lines = str(refused.value).partition(":\n")
    found = from_yaml(dedent(lines))["source"]
    assert isinstance(found, dict)
    return found


def test_an_empty_folder_says_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected one per class .*\.png.* it holds nothing"):
        Folder(str(tmp_path)).fields()


def test_tables_in_a_folder_are_advised_by_a_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "my sales", "1.csv", "2.csv")
    with pytest.raises(DataError, match=r"it holds 2 x \.csv.* pattern:  'my sales/\*\.csv'$"):
        Folder("my sales").fields()
    make(tmp_path / "one", "1.csv")
    with pytest.raises(DataError, match=r"by its own name:  one/1\.csv$"):
        Folder("one").fields()
    make(tmp_path / "parts", "train.csv", "test.csv")
    parts = {"path": "parts/train.csv", "test": "parts/test.csv"}
    assert advised("parts") == {"kind": "table"} | parts


def test_pictures_that_tables_name_are_advised_with_the_lines_that_read_them(
    tmp_path: Path,
) -> None:
    for part in ("train/a", "test"):
        make(tmp_path, f"{part}/1.png", f"{part}/2.png")
        table = tmp_path / f"{part[:5].strip('/')}.csv"
        table.write_text(f"sign,Path\n3,{part}/1.png\n4,{part}/2.png\n")
    found = advised(str(tmp_path))
    assert found["image"] == "Path"
    rows, errors = read(Folder.parse(found))
    assert [(row[0], row[2]) for row in rows] == [
        ("3", "train"), ("4", "train"), ("3", "test"), ("4", "test"),
    ]  # fmt: skip
    assert not errors


def test_names_without_ending_are_advised_as_a_pattern(tmp_path: Path) -> None:
    top = make(tmp_path, "1.png", "2.png")
    (tmp_path / "info.csv").write_text("id,price\n1,10\n2,20\n")
    found = advised(top)
    assert found["images"] == {"image": "{id}.png"}
    assert [row[2] for row in read(Folder.parse(found))[0]] == [f"{top}/1.png", f"{top}/2.png"]


def test_the_part_is_no_column_to_name(tmp_path: Path) -> None:
    source = Folder(make(tmp_path, "train/a/1.png", "test/a/2.png"))
    with pytest.raises(UnknownColumn) as refused:
        check_fields(source, ["prt"])
    assert str(refused.value).endswith("has no column 'prt'. Columns: image, label")


def test_the_names_of_files_are_a_field_where_that_is_asked_for(tmp_path: Path) -> None:
    top = make(tmp_path, "s1/1.pgm", "s1/10.pgm", "s2/deep/2.b.pgm")
    rows, _ = read(Folder(top, file="number"))
    assert [row[1:] for row in rows] == [("s1", "1"), ("s1", "10"), ("s2", "2.b")]
    check_fields(Folder(top, file="number"), ["number"])
    with pytest.raises(ValueError, match="under a name of its own"):
        Folder(top, file="image")
    with pytest.raises(ValueError, match="beside a table"):
        Folder(top, file="number", table="info.csv")
