"""Tables that name pictures need no recipe, whatever folder they are read from."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv
from pyarrow import parquet as pq

from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, StorageError, UsageError
from sonde.core.picture import png
from sonde.data.guess import guess_source
from sonde.data.inspect import inspect_source
from sonde.data.sources.folder import Folder
from sonde.data.sources.table import Table

ROWS = 40


def pictures(folder: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(np.full((4, 5), number, np.uint8)))


def table(path: Path, cells: list[str], head: str = "file,label") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{cell},{'ab'[number % 2]}" for number, cell in enumerate(cells)]
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def read(source: Source, field: str) -> list[str]:
    return [value for chunk in source.scan([field]) for value in chunk.column(0).to_pylist()]


LAYOUTS = {
    "names with their folder": ("file", "images/{}.png", "images/{}.png"),
    "names in a folder beside": ("file", "images/{}.png", "{}.png"),
    "names right beside": ("file", "{}.png", "{}.png"),
    "names deeper down": ("file", "data/all/{}.png", "{}.png"),
    "names without suffix": ("image", "images/{}.JPG", "{}"),
}


@pytest.mark.parametrize(("field", "lies", "said"), LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("by", ["the table", "its folder"])
def test_pictures_are_found_wherever_they_lie_below_the_table(
    field: str, lies: str, said: str, by: str, tmp_path: Path
) -> None:
    keys = [f"{number:03}" for number in range(ROWS)]
    pictures(tmp_path, [lies.format(key) for key in keys])
    path = table(tmp_path / "all.csv", [said.format(key) for key in keys])
    source = guess_source(str(path if by == "the table" else tmp_path))
    assert read(source, field) == [str(tmp_path / lies.format(key)) for key in keys]
    assert {"label", field} <= {item.name for item in source.fields()}
    found = inspect_source(source)
    assert (found.finding(field).kind, found.finding("label").kind) == ("image", "category")
    assert source.describe().endswith(" columns, pictures named by all.csv")


def typed(path: Path, names: list[str]) -> Path:
    """A table of file names and whole numbers, in the format its own name ends with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pa.table({"file_name": names, "size": list(range(len(names)))})
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows.to_pylist()))
    else:
        csv.write_csv(rows, path)
    return path


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_parts_have_their_pictures_and_their_table_in_a_folder_each(
    ending: str, tmp_path: Path
) -> None:
    """As Hugging Face's `imagefolder` has them."""
    names = [f"{number}.png" for number in range(ROWS)]
    for part in ("train", "validation"):
        pictures(tmp_path, [f"{part}/{name}" for name in names])
        typed(tmp_path / part / f"metadata.{ending}", names)
    source = guess_source(str(tmp_path))
    assert source.title == tmp_path.name
    assert read(source, "file_name") == [
        str(tmp_path / part / name) for part in ("train", "validation") for name in names
    ]
    assert read(source, "#part") == ["train"] * ROWS + ["valid"] * ROWS
    sizes = [str(number) if ending == "csv" else number for number in range(ROWS)]
    assert read(source, "size") == 2 * sizes
    alone = guess_source(str(tmp_path / f"validation/metadata.{ending}"))
    assert read(alone, "file_name") == read(source, "file_name")[ROWS:]


@pytest.mark.parametrize("around", ["", "cells/"])
def test_an_archive_of_such_parts_is_read_as_its_folder(around: str, tmp_path: Path) -> None:
    """The table in it was taken for a file that is no picture, and its labels were lost."""
    names = [f"{number}.png" for number in range(ROWS)]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for part in ("train", "test"):
            pictures(tmp_path / part, names)
            typed(tmp_path / part / "metadata.jsonl", names)
            for file in (tmp_path / part).iterdir():
                packed.write(file, f"{around}{part}/{file.name}")
    source, path = guess_source(str(tmp_path / "all.zip")), f"{tmp_path}/all.zip/{around}test"
    assert source.title == (around.strip("/") or "all")
    assert read(source, "#part") == ["train"] * ROWS + ["test"] * ROWS
    pixels = [(tmp_path / "train" / name).read_bytes() for name in names]
    assert read(source, "file_name") == 2 * pixels
    assert read(guess_source(path), "file_name") == pixels  # a folder in an archive is one too
    train = Folder(f"{tmp_path}/all.zip/{around}train", image="file_name", table="metadata.jsonl")
    assert (
        train.fingerprint() != Folder(path, image="file_name", table="metadata.jsonl").fingerprint()
    )
    with pytest.raises(StorageError, match=r"all\.zip holds no f.* 'cells/tset'"):
        guess_source(f"{tmp_path}/all.zip/cells/tset").fields()
    with pytest.raises(StorageError, match=r"all\.zip holds no folder 'cells/tset'"):
        Folder(f"{tmp_path}/all.zip/cells/tset").fields()


def test_a_typed_table_in_an_archive_names_pictures_too(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(ROWS)]
    pictures(tmp_path / "in", names)
    typed(tmp_path / "in/metadata.jsonl", [*names[:-1], "gone.png"])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for file in sorted((tmp_path / "in").iterdir()):
            packed.write(file, file.name)
    for path in ("all.zip", "all.zip/metadata.jsonl"):
        told: list[RowError] = []
        source = guess_source(str(tmp_path / path))
        rows = [row for chunk in source.scan(on_error=told.append) for row in chunk.to_pylist()]
        assert rows[3] == {"file_name": (tmp_path / "in/3.png").read_bytes(), "size": 3}
        assert (len(rows), [error.got for error in told]) == (ROWS - 1, ["gone.png"])


def test_a_list_of_objects_names_pictures_too(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(ROWS)]
    pictures(tmp_path / "images", names)
    rows = [{"file": name, "label": "ab"[n % 2]} for n, name in enumerate(names)]
    (tmp_path / "labels.json").write_text(json.dumps(rows, indent=1))
    source = guess_source(str(tmp_path / "labels.json"))
    assert isinstance(source, Folder)
    assert read(source, "file") == [str(tmp_path / "images" / name) for name in names]


def test_a_value_of_another_type_than_in_training_is_told(tmp_path: Path) -> None:
    for part in ("train", "test"):
        pictures(tmp_path, [f"{part}/{number}.png" for number in range(ROWS)])
        typed(tmp_path / part / "metadata.jsonl", [f"{number}.png" for number in range(ROWS)])
    path = tmp_path / "test/metadata.jsonl"
    path.write_text(path.read_text().replace('"size": 7}', '"size": 7.5}'))
    with pytest.raises(DataError, match=r"test/metadata\.jsonl: column 'size': .*int64 there"):
        read(guess_source(str(tmp_path)), "size")


def test_an_archive_is_read_so_too(tmp_path: Path) -> None:
    pictures(tmp_path / "in", [f"p/{number}.png" for number in range(ROWS)])
    table(tmp_path / "in/all.csv", [f"{number}.png" for number in range(ROWS)])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        for file in (tmp_path / "in").rglob("*.*"):
            packed.write(file, file.relative_to(tmp_path / "in"))
    source = guess_source(str(tmp_path / "all.zip"))
    first = read(source, "file")[0]
    assert first == (tmp_path / "in/p/0.png").read_bytes()


def test_several_columns_name_several_pictures(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{side}/{n}.png" for side in ("left", "right") for n in range(ROWS)])
    cells = [f"left/{n}.png,right/{n}.png" for n in range(ROWS)]
    source = guess_source(str(table(tmp_path / "all.csv", cells, "before,after,label")))
    assert read(source, "before")[3] == str(tmp_path / "left/3.png")
    assert read(source, "after")[3] == str(tmp_path / "right/3.png")


def test_rows_that_are_objects_are_boxes(tmp_path: Path) -> None:
    pictures(tmp_path, ["images/a.png", "images/b.png"])
    cells = ["a.png,1,1,3,3,dog", "a.png,0,0,2,2,cat", "b.png,1,0,3,2,dog"]
    path = table(tmp_path / "all.csv", cells, "filename,xmin,ymin,xmax,ymax,class,note")
    source = guess_source(str(path))
    assert source.describe() == "2 pictures with 3 boxes"


def test_the_table_of_train_has_that_of_test_beside_it(tmp_path: Path) -> None:
    pictures(tmp_path, [f"images/{number}.png" for number in range(2 * ROWS)])
    names = [f"{number}.png" for number in range(2 * ROWS)]
    table(tmp_path / "train.csv", names[:ROWS])
    table(tmp_path / "test.csv", names[ROWS:])
    source = guess_source(str(tmp_path))
    assert read(source, "#part").count("test") == ROWS
    assert guess_source(str(tmp_path / "train.csv")).fields()[-1].name == "file"  # and no part


def test_a_table_without_the_label_is_no_test_part(tmp_path: Path) -> None:
    pictures(tmp_path, [f"images/{number}.png" for number in range(ROWS)])
    path = table(tmp_path / "train.csv", [f"{number}.png" for number in range(ROWS)])
    (tmp_path / "test.csv").write_text("file\n1.png\n2.png\n")
    with pytest.raises(
        UsageError, match=r"test\.csv lacks label. To learn from .* give it:  (\S+)"
    ):
        guess_source(str(tmp_path))
    assert read(guess_source(str(path)), "label")[:2] == ["a", "b"]


def test_test_pictures_elsewhere_are_not_looked_for_among_those_of_train(tmp_path: Path) -> None:
    for part in ("train", "test"):
        pictures(tmp_path, [f"{part}/{number}.png" for number in range(ROWS)])
        table(tmp_path / f"{part}.csv", [f"{part}/{number}.png" for number in range(ROWS)])
    source = guess_source(str(tmp_path))  # with their folders they are told apart
    assert read(source, "file")[-1] == str(tmp_path / f"test/{ROWS - 1}.png")
    table(tmp_path / "test.csv", [f"other{number}.png" for number in range(ROWS)])
    with pytest.raises(UsageError, match=r"test\.csv names none beside them"):
        guess_source(str(tmp_path))


def test_folders_of_classes_are_classes_whatever_table_lists_them(tmp_path: Path) -> None:
    names = [f"{'ab'[number % 2]}/{number}.png" for number in range(ROWS)]
    pictures(tmp_path, names)
    path = table(tmp_path / "all.csv", names, "file,size")
    by_class = guess_source(str(tmp_path))
    assert isinstance(by_class, Folder) and by_class.table is None
    assert read(guess_source(str(path)), "file")[1] == str(tmp_path / names[1])


@pytest.mark.parametrize("cells", [
    [f"gone{number}.png" for number in range(ROWS)],
    [str(number % 7) for number in range(ROWS)],
    [f"{number}.0" for number in range(ROWS)],
])  # fmt: skip
def test_other_tables_are_tables(cells: list[str], tmp_path: Path) -> None:
    pictures(tmp_path, [f"images/{number}.png" for number in range(ROWS)])
    assert isinstance(guess_source(str(table(tmp_path / "all.csv", cells))), Table)


def test_names_that_are_not_found_are_no_numbers(tmp_path: Path) -> None:
    path = table(tmp_path / "all.csv", [f"{number:03}.jpg" for number in range(ROWS)])
    finding = inspect_source(guess_source(str(path))).finding("file")
    assert finding.kind == "image"
    assert "not found from here" in finding.reason
