"""A text in each file: labels of folders, parts, and what is told of files that hold none."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow as pa
import pytest

from sonde.contracts.data import RowError
from sonde.core.errors import DataError
from sonde.data.guess import guess_source
from sonde.data.sources.labelled_files import LabelledFiles

FILES = {
    "train/neg/2.txt": b"dull,\r\nand long\r\n",
    "train/pos/10.txt": "caf\u00e9 \U0001f600".encode(),
    "train/pos/9.txt": "na\u00efve".encode("latin-1"),
    "test/pos/1.txt": "\ufefffine".encode("utf-16-le"),
}


def written(top: Path, files: dict[str, bytes]) -> LabelledFiles:
    for name, data in files.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    return LabelledFiles(str(top))


def rows(source: LabelledFiles, *fields: str) -> tuple[list[dict[str, str]], list[RowError]]:
    told: list[RowError] = []
    batches = list(source.scan(fields or None, told.append))
    return pa.Table.from_batches(batches).to_pylist(), told


def test_each_file_is_a_text_of_its_folder(tmp_path: Path) -> None:
    source = written(tmp_path / "reviews", FILES)
    found, told = rows(source)
    assert not told
    assert found == [
        {"text": "dull,\nand long", "label": "neg", "#part": "train"},
        {"text": "café 😀", "label": "pos", "#part": "train"},
        {"text": "naïve", "label": "pos", "#part": "train"},
        {"text": "fine", "label": "pos", "#part": "test"},
    ]
    assert source.describe() == "2 labels of folders, 4 files"
    assert source.title == "reviews"


def test_an_archive_holds_the_same(tmp_path: Path) -> None:
    source = written(tmp_path / "reviews", FILES)
    with tarfile.open(tmp_path / "r.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "reviews", "reviews")
    assert rows(LabelledFiles(str(tmp_path / "r.tar.gz"))) == rows(source)


def test_what_holds_no_text_is_told_with_its_file(tmp_path: Path) -> None:
    bad = {"a/1.txt": b"", "a/2.txt": b"x\0y", "a/3.txt": b"good", "b/1.txt": b"too"}
    bad["b/x.pdf"] = b"%PDF"
    found, told = rows(written(tmp_path, bad), "label")
    assert found == [{"label": "a"}, {"label": "b"}]
    by_file = {Path(error.place).name: error for error in told}
    assert by_file["x.pdf"].expected == "a text (.text, .txt)"
    assert [error.got for error in told if error.place.endswith("a/1.txt")] == ["an empty file"]
    assert [error.harmless for error in told] == [False, True, False]
    assert any(error.got == "a NUL character" for error in told)


def test_texts_may_have_no_suffix(tmp_path: Path) -> None:
    """Twenty Newsgroups comes so; what is no text and has none is left to others."""
    top = tmp_path / "news"
    written(top, {"sci.space/60151": b"orbit", "sci.space/60152": b"", "rec.autos/101": b"wheel"})
    source = guess_source(str(top))
    assert isinstance(source, LabelledFiles)
    found, told = rows(source)
    assert [tuple(row.values()) for row in found] == [
        ("wheel", "rec.autos"),
        ("orbit", "sci.space"),
    ]
    assert [error.got for error in told] == ["an empty file"]
    written(tmp_path / "raw", {"a/1": b"\0\1", "b/2": b"\0\1"})
    with pytest.raises(DataError, match="no form is recognised"):
        guess_source(str(tmp_path / "raw"))


def test_a_file_that_tells_of_the_others_is_no_text_and_no_loss(tmp_path: Path) -> None:
    about = {"README.txt": b"whose", "b/LICENSE": b"free"}
    found, told = rows(written(tmp_path, {"a/1.txt": b"good", "b/1.txt": b"too"} | about))
    assert [row["text"] for row in found] == ["good", "too"]
    assert [Path(error.place).name for error in told] == [Path(name).name for name in about]
    assert all(error.harmless for error in told)


def test_a_text_in_its_folder_is_a_row_whatever_its_name(tmp_path: Path) -> None:
    found, told = rows(written(tmp_path, {"a/notice.txt": b"good", "b/1.txt": b"too"}))
    assert [row["text"] for row in found] == ["good", "too"] and not told


def test_an_encoding_that_is_given_is_kept_to(tmp_path: Path) -> None:
    source = written(tmp_path, {"a/1.txt": "\u00e9".encode("latin-1"), "b/1.txt": b"e"})
    _, told = rows(LabelledFiles(source.path, encoding="utf-8"))
    assert [(error.got, error.expected) for error in told] == [
        ("byte 0 not of utf-8", "a text in that encoding")
    ]
    assert source.fingerprint() != LabelledFiles(source.path, encoding="utf-8").fingerprint()


def test_texts_without_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no sub-folders, expected one per class with its texts"):
        written(tmp_path, {"1.txt": b"a"}).fields()
