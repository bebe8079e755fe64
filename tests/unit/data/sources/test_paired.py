"""Pictures and masks, matched by their names."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.annotated import Files, packed, png, read, unpacked

from sonde.core.errors import DataError, StorageError
from sonde.core.port import PART
from sonde.data.guess import guess_source
from sonde.data.sources._shelf import spans
from sonde.data.sources.paired import Paired

ONE, TWO = png(seed=1), png(seed=2)


def pair(pictures: str, masks: str, name: str = "1", ending: str = "") -> Files:
    return {f"{pictures}/{name}.jpg": ONE, f"{masks}/{name}{ending}.png": TWO}


LAYOUTS: dict[str, tuple[Files, list[str | None]]] = {
    "two folders": (pair("image", "label"), [None]),
    "one level down": (pair("data/images", "data/masks"), [None]),
    "annot behind": (pair("train", "trainannot") | pair("val", "valannot"), ["train", "valid"]),
    "parts above": (pair("train/img", "train/gt") | pair("test/img", "test/gt"), ["train", "test"]),
    "parts below": (pair("images/train", "masks/train") | pair("images/validation",
                    "masks/validation"), ["train", "valid"]),
}  # fmt: skip


@pytest.mark.parametrize(("files", "parts"), LAYOUTS.values(), ids=LAYOUTS)
def test_folders_are_found_by_their_names(
    files: Files, parts: list[str | None], tmp_path: Path
) -> None:
    for path in (packed(files, tmp_path / "a.zip"), unpacked(files, tmp_path / "a")):
        source = guess_source(path)
        assert isinstance(source, Paired)
        rows, errors = read(source)
        assert not errors
        assert [row.get(PART) for row in rows] == parts
        for row in rows:
            both = [row["image"], row["mask"]]
            assert [v if isinstance(v, bytes) else Path(v).read_bytes() for v in both] == [ONE, TWO]
        kinds = {field.name: field.kind for field in source.fields()}
        assert (kinds["image"], kinds["mask"]) == ("image", "mask")


def test_folders_and_endings_may_be_said(tmp_path: Path) -> None:
    files = pair("photos", "outlines", "7", "_L") | pair("new/a", "new/b", "8", "_L")
    path = packed(files, tmp_path / "a.zip")
    said = {"pictures": "photos", "masks": "outlines"}
    for ending in ({}, {"ending": "_L"}):
        test = {"pictures": "new/a", "masks": "new/b"}
        rows, errors = read(Paired(path, **said, **ending, test=test))
        assert not errors
    assert [row[PART] for row in rows] == ["train", "test"]
    together = packed({f"all/{n}": c for n, c in
                       {"1.jpg": ONE, "1_mask.png": TWO, "2.jpg": ONE, "2_mask.png": TWO}.items()},
                      tmp_path / "b.zip")  # fmt: skip
    rows, errors = read(Paired(together, pictures="all", masks="all", ending="_mask"))
    assert (len(rows), errors) == (2, [])
    with pytest.raises(DataError, match="pictures and masks lie in one folder; expected `ending`"):
        read(Paired(together, pictures="all", masks="all"))


@pytest.mark.parametrize("ending", ["", "_mask", "0"])
def test_what_stands_behind_the_names_of_most_masks_is_found(ending: str, tmp_path: Path) -> None:
    files = {n: c for at in ("7", "70", "a") for n, c in pair("img", "masks", at, ending).items()}
    alone = {"img/new.jpg": ONE, "masks/other.png": TWO}
    source = guess_source(packed(files | alone, tmp_path / "a.zip"))
    assert isinstance(source, Paired), "one picture without a mask makes no classes of folders"
    rows, errors = read(source)
    assert [row["image"] for row in rows] == [ONE] * 3
    told = [(error.got, error.expected) for error in errors]
    assert told == [
        ("a picture without a mask", f"new{ending}.png"),
        ("a mask without a picture", "a picture in img/"),
    ]


def test_rows_are_in_the_order_people_count(tmp_path: Path) -> None:
    files = {n: c for at in (10, 9, 1) for n, c in pair("image", "label", str(at)).items()}
    rows, _ = read(Paired(unpacked(files, tmp_path)), "mask")
    assert [Path(row["mask"]).stem for row in rows] == ["1", "9", "10"]


@pytest.mark.parametrize(
    ("more", "got", "expected", "file"),
    [
        ({"image/2.jpg": ONE}, "a picture without a mask", "2.png", "image/2.jpg"),
        ({"label/2.png": ONE}, "a mask without a picture", "a picture in image/", "label/2.png"),
        ({"image/1.tif": ONE}, "a second picture called '1'", "one", "image/1.tif"),
        ({"label/1.tif": ONE}, "a second mask called '1'", "one", "label/1.tif"),
    ],
)
def test_what_has_no_partner_of_its_own_is_told(
    more: Files, got: str, expected: str, file: str, tmp_path: Path
) -> None:
    files = pair("image", "label") | pair("image", "label", "3") | more
    rows, (error,) = read(Paired(packed(files, tmp_path / "a.zip")))
    assert len(rows) == 2 - ("second" in got)
    assert (error.got, error.expected) == (got, expected)
    assert error.place == str(tmp_path / "a.zip" / file)


def test_a_file_that_is_no_picture_is_passed_over(tmp_path: Path) -> None:
    files = pair("image", "label") | {"image/about.txt": "x", "label/.DS_Store": "x"}
    rows, errors = read(Paired(packed(files, tmp_path / "a.zip")))
    assert (len(rows), errors) == (1, [])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, DataError, "no folder of pictures with one of masks beside it.* It holds: a/, b/"),
        ({"pictures": "a"}, DataError, "expected both `pictures` and `masks`"),
        ({"test": {"pictures": "a", "masks": "b"}}, DataError, "expected both `pictures` and"),
        ({"pictures": "a", "masks": "c"}, StorageError, "has no folder 'c'"),
        ({"pictures": "images", "masks": "b"}, StorageError, "has no folder 'images'"),
    ],
)
def test_folders_that_are_not_found(
    options: Any, error: type[Exception], message: str, tmp_path: Path
) -> None:
    files = pair("a", "b")
    for path in (packed(files, tmp_path / "a.zip"), unpacked(files, tmp_path / "a")):
        with pytest.raises(error, match=re.compile(message, re.DOTALL)):
            Paired(path, **options).fields()


def test_large_pictures_come_a_few_at_a_time(tmp_path: Path) -> None:
    """Of both fields together some 32 MiB are held, whatever the archive holds."""
    big = bytes(10 << 20)
    files = {n: big for at in range(6) for n in pair("image", "label", str(at))}
    source = Paired(packed(files, tmp_path / "a.zip"))
    assert [chunk.num_rows for chunk in source.scan()] == [1] * 6
    assert [chunk.num_rows for chunk in source.scan(["mask"])] == [3, 3]
    assert list(spans(6, [20 << 20] * 6)) == [slice(n, n + 1) for n in range(6)]


def test_the_road_scenes_and_membranes_are_as_published(shared_data: Path) -> None:
    roads = guess_source(str(shared_data / "camvid" / "camvid-subset.zip"))
    rows, errors = read(roads, PART)
    assert not errors
    assert Counter(row[PART] for row in rows) == {"train": 46, "valid": 10, "test": 23}
    cells = guess_source(str(shared_data / "membrane" / "membrane-train.zip"))
    assert (len(read(cells)[0]), read(cells)[1]) == (30, [])
    assert cells.title == "membrane-train"
