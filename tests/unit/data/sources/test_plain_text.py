"""Plain text files: lines, pieces of one long text, encodings, what cannot be read."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, StorageError
from sonde.data.source_rows import SourceRows
from sonde.data.sources import _files
from sonde.data.sources.plain_text import PlainText
from sonde.data.splits.time import Time


def read(source: PlainText) -> tuple[list[str], list[int], list[RowError]]:
    errors: list[RowError] = []
    table = pa.Table.from_batches(list(source.scan(on_error=errors.append)))
    return table["text"].to_pylist(), table["place"].to_pylist(), errors


def test_a_line_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffAnna\r\n  Bert \n\n\u2028odd\u0085\nlast".encode())
    source = PlainText(str(path))
    texts, places, errors = read(source)
    assert texts == ["Anna", "  Bert ", "\u2028odd\u0085", "last"]
    assert places == [1, 2, 4, 5]
    assert [(e.row, e.harmless, e.place) for e in errors] == [(3, True, f"{path}, line 3")]
    assert source.title == "names" and source.describe() == "a text on each line, utf-8"


@pytest.mark.parametrize("length", [1, 3, 7, 1000])
def test_pieces_are_the_whole_text(
    length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a character of several bytes, or an end of a line, lies across two reads."""
    monkeypatch.setattr(_files, "CHUNK", 5)
    monkeypatch.setattr("sonde.data.sources._within.CHUNK", 5)
    written = "Élan — Straße\r\n\r\n\r 我爱\r你 \U0001f600 end\r\n\r"
    whole = written.replace("\r\n", "\n")
    path = tmp_path / "play.txt.gz"
    path.write_bytes(gzip.compress(written.encode()))
    texts, places, errors = read(PlainText(str(path), unit="piece", length=length))
    assert "".join(texts) == whole and not errors
    assert all(len(text) == length for text in texts[:-1])
    assert places == list(range(0, len(whole), length))


def test_the_end_of_a_long_text_is_for_testing(tmp_path: Path) -> None:
    path = tmp_path / "play.txt"
    path.write_text("".join(f"{n:06} " for n in range(1000)))
    source = PlainText(str(path), unit="piece", length=70)
    [parts] = Time(by="place", valid=0.05, test=0.1).folds(SourceRows(source))
    assert [len(parts.part(p)) for p in ("train", "valid", "test")] == [85, 5, 10]
    assert np.array_equal(np.concatenate([parts.train, parts.valid, parts.test]), np.arange(100))


def test_several_files_and_their_parts(tmp_path: Path) -> None:
    for name, text in {"a2": "c\nd", "a10": "e", "a1": "a\nb\n", "t": "x"}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    source = PlainText(str(tmp_path / "a*.txt"), test=str(tmp_path / "t.txt"))
    table = pa.Table.from_batches(list(source.scan()))
    assert table["text"].to_pylist() == ["a", "b", "c", "d", "e", "x"]
    assert table["place"].to_pylist() == [1, 2, 3, 4, 5, 1]
    assert table["#part"].to_pylist() == ["train"] * 5 + ["test"]
    whole = PlainText(str(tmp_path / "a*.txt"), unit="piece", length=2)
    assert read(whole)[:2] == (["a\n", "b\n", "c\n", "d", "e"], [0, 2, 4, 6, 7])


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "old.txt"
    path.write_bytes("Müller\nmid\0dle\nend".encode("latin-1"))
    source = PlainText(str(path))
    texts, _, errors = read(source)
    assert texts == ["Müller", "end"] and source.describe().endswith("latin-1")
    assert [(e.row, e.got, e.harmless) for e in errors] == [(2, "mid\0dle", False)]
    with pytest.raises(DataError, match="byte 1 is not utf-8"):
        PlainText(str(path), encoding="utf-8").fields()
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        PlainText(str(path)).fields()
    with pytest.raises(StorageError, match="no such file"):
        PlainText(str(tmp_path / "none.txt")).fields()


def test_equal_bytes_and_options_have_one_fingerprint(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("one\ntwo")
    first, same = (PlainText(str(tmp_path / name)).fingerprint() for name in ("a.txt", "b.txt"))
    assert first == same
    assert PlainText(str(tmp_path / "a.txt"), unit="piece").fingerprint() != first


def test_the_known_text_lies_in_4358_pieces(shared_data: Path) -> None:
    path = shared_data / "tinyshakespeare" / "input.txt.gz"
    texts, places, errors = read(PlainText(str(path), unit="piece"))
    assert len(texts) == 4358 and sum(map(len, texts)) == 1_115_394 and not errors
    assert texts[0].startswith("First Citizen:\nBefore we proceed") and places[1] == 256
