"""Kept rows: parsed once, read as often as one likes, and never half of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, UnknownColumn
from sonde.core.notice import SondeWarning
from sonde.data.cache import cache_folder
from sonde.data.kept import Kept
from sonde.data.memory import as_source
from sonde.data.sources.table import Table

TEXT = "a,b\n1,x\n2\n,\n3,y\n4,?\n5,6,7\n"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONDE_CACHE", str(tmp_path / "cache"))


def table(folder: Path, text: str = TEXT) -> Table:
    (folder / "t.csv").write_text(text)
    return Table(str(folder / "t.csv"))


def read(source: Source, fields: Sequence[str] | None = None) -> tuple[list[dict], list[RowError]]:  # type: ignore[type-arg]
    errors: list[RowError] = []
    return [row for b in source.scan(fields, errors.append) for row in b.to_pylist()], errors


def copies() -> list[Path]:
    """The copies of rows that are whole."""
    return list(cache_folder().glob("*/rows-*/index.json"))


def no_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the text was parsed again")

    monkeypatch.setattr(Table, "scan", refuse)


@pytest.mark.parametrize("fields", [None, ["b"], ["b", "a"]])
def test_a_copy_gives_what_the_source_gave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: list[str] | None
) -> None:
    source = table(tmp_path)
    expected = read(source, fields)
    first, second = Kept.of(source), Kept.of(source)
    assert read(first, fields) == expected
    no_parsing(monkeypatch)
    assert read(first, fields) == expected
    assert read(second, fields) == expected
    assert len(copies()) == 1


def test_only_costly_sources_are_kept(tmp_path: Path) -> None:
    data = as_source({"x": [1, 2]})
    assert Kept.of(data) is data
    kept = Kept.of(table(tmp_path))
    assert Kept.of(kept) is kept
    assert (kept.title, kept.describe()) == ("t", "2 columns, comma, utf-8, header")


def test_another_text_another_reading_or_another_path_is_another_copy(tmp_path: Path) -> None:
    source = table(tmp_path)
    read(Kept.of(source))
    read(Kept.of(source.model_copy(update={"missing": ("x",)})))
    rows, _ = read(Kept.of(table(tmp_path, TEXT + "8,9\n")))
    assert rows[-1] == {"a": "8", "b": "9"}
    (tmp_path / "u.csv").write_text(TEXT)
    place = read(Kept.of(Table(str(tmp_path / "u.csv"))))[1][0].place
    assert place == f"{tmp_path}/u.csv, line 3"
    assert len(copies()) == 4


def test_a_scan_that_ends_early_or_fails_leaves_no_copy(tmp_path: Path) -> None:
    scan = Kept.of(table(tmp_path)).scan()
    next(scan)
    scan.close()  # type: ignore[attr-defined]  # a generator
    with pytest.raises(DataError, match="never closed"):
        read(Kept.of(table(tmp_path, 'a,b\n1,2\n3,"4\n')))
    assert not copies()
    assert not list(cache_folder().glob("*/.draft-*"))


def test_a_field_that_is_not_there_is_told_by_the_source(tmp_path: Path) -> None:
    with pytest.raises(UnknownColumn, match="has no column 'c'"):
        read(Kept.of(table(tmp_path)), ["c"])


def test_without_a_cache_rows_are_parsed_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SONDE_CACHE", str(tmp_path / "file"))
    source = table(tmp_path)
    kept = Kept.of(source)
    with pytest.warns(SondeWarning, match="parsed anew for every look"):
        assert read(kept) == read(source)
    assert read(kept) == read(source)


_KILLED = """
import os, signal, sys
from sonde.data.kept import Kept
from sonde.data.sources import _csv
from sonde.data.sources.table import Table
_csv.BLOCK = 1 << 10
rows = 0
for batch in Kept.of(Table(sys.argv[1])).scan():
    rows += batch.num_rows
    if rows > 1000:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_while_it_writes_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    text = "a,b\n" + "".join(f"{row},x\n" for row in range(5000))
    source = table(tmp_path, text)
    child = subprocess.run(
        [sys.executable, "-c", _KILLED, source.path], env=os.environ, check=False
    )
    assert child.returncode == -signal.SIGKILL
    assert len(list(cache_folder().glob("*/.draft-*/rows-*/rows.arrow"))) == 1
    rows, _ = read(Kept.of(source))
    assert [row["a"] for row in rows] == [str(row) for row in range(5000)]
    assert len(copies()) == 1
    assert not list(cache_folder().glob("*/.draft-*"))
