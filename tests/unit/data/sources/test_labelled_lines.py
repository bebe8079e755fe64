"""Labelled lines: labels before, behind and beside the texts; what cannot be read has a place."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, StorageError
from sonde.data.sources.labelled_lines import LabelledLines


def _rows(source: LabelledLines) -> tuple[list[dict[str, str]], list[RowError]]:
    told: list[RowError] = []
    batches = list(source.scan(None, told.append))
    return pa.Table.from_batches(batches).to_pylist(), told


def test_label_and_text_of_each_line_with_the_parts_files_say(tmp_path: Path) -> None:
    (tmp_path / "train.all.gz").write_bytes(
        gzip.compress(b"1 how  far ?\r\n0\twho was Caf\xe9 ?\n")
    )
    (tmp_path / "test.all").write_text("1 where ?\n")
    source = LabelledLines(str(tmp_path / "train.all.gz"), test=str(tmp_path / "test.all"))
    rows, told = _rows(source)
    assert rows == [
        {"label": "1", "text": "how  far ?", "#part": "train"},
        {"label": "0", "text": "who was Café ?", "#part": "train"},
        {"label": "1", "text": "where ?", "#part": "test"},
    ]
    assert not told
    assert source.describe() == "labelled lines, latin-1 and utf-8, 2 files"


def test_a_line_without_both_is_told_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text("good|fine film\n\nlonely\n|nothing\nbad|dull | long\n")
    rows, told = _rows(LabelledLines(str(path), separator="|"))
    assert [(row["label"], row["text"]) for row in rows] == [
        ("good", "fine film"), ("bad", "dull | long"),
    ]  # fmt: skip
    assert [(e.row, e.harmless, e.place) for e in told] == [
        (2, True, f"{path}, line 2"), (3, False, f"{path}, line 3"), (4, False, f"{path}, line 4"),
    ]  # fmt: skip
    assert told[1].expected == "a label, then a text, with '|' between them"


def test_the_label_may_stand_last(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a fine film\tgood\n")
    rows, _ = _rows(LabelledLines(str(tmp_path / "a.txt"), label="last", separator="\t"))
    assert rows == [{"label": "good", "text": "a fine film"}]


def test_a_file_for_each_label_in_an_archive_or_a_folder(tmp_path: Path) -> None:
    for name, lines in {"Greek": "Kanaris\n", "German": "Groß\nMüller\n"}.items():
        (tmp_path / f"{name}.txt").write_text(lines, encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "names.zip", "w") as packed:
        packed.write(tmp_path / "Greek.txt", "names/Greek.txt")
        packed.write(tmp_path / "German.txt", "names/German.txt")
        packed.writestr("__MACOSX/._Greek.txt", "litter")
    folder, archive = (
        LabelledLines(str(place), label="file") for place in (tmp_path, tmp_path / "names.zip")
    )
    expected = [
        {"label": "German", "text": "Groß"},
        {"label": "German", "text": "Müller"},
        {"label": "Greek", "text": "Kanaris"},
    ]
    assert _rows(folder)[0] == _rows(archive)[0] == expected
    assert archive.title == "names"
    assert archive.describe() == "2 labels in file names, utf-8, 2 files"


def test_only_the_fields_asked_for_and_equal_data_equal_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x one\ny two\n")
    (tmp_path / "b.txt").write_text("x one\ny two\n")
    first, second = (LabelledLines(str(tmp_path / name)) for name in ("a.txt", "b.txt"))
    assert next(first.scan(["text"])).to_pylist() == [{"text": "one"}, {"text": "two"}]
    assert first.fingerprint() == second.fingerprint()
    turned = LabelledLines(str(tmp_path / "a.txt"), label="last")
    assert turned.fingerprint() != first.fingerprint()


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "wrong.txt").write_bytes(b"a caf\xe9\n")
    with pytest.raises(DataError, match="the file is empty"):
        LabelledLines(str(tmp_path / "empty.txt")).describe()
    with pytest.raises(DataError, match="is not utf-8"):
        next(LabelledLines(str(tmp_path / "wrong.txt"), encoding="utf-8").scan())
    with pytest.raises(StorageError, match="no such file"):
        next(LabelledLines(str(tmp_path / "none.txt")).scan())
    with pytest.raises(ValueError, match="expected an encoding"):
        LabelledLines(str(tmp_path / "empty.txt"), encoding="hex")
