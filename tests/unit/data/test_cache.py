"""The cache: entries are whole or not there, the least recently used go first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sonde.core.errors import StorageError, UsageError
from sonde.data.cache import Entries, cache_limit


def put(root: Path, data: str, name: str, size: int = 1000, used: float | None = None) -> None:
    """An entry of so many bytes, last used at that time."""
    entries = Entries(data, root)
    with entries.draft() as draft:
        (draft.start(name) / "rows.bin").write_bytes(bytes(size))
        draft.finish(name, {"size": size})
    if used is not None:
        os.utime(entries.place(name) / "index.json", (used, used))


def names(root: Path) -> set[str]:
    return {place.parent.name for place in root.glob("*/*/index.json")}


def test_what_is_not_finished_is_not_there(tmp_path: Path) -> None:
    entries = Entries("data", tmp_path)
    with entries.draft() as draft:
        (draft.start("half") / "rows.bin").write_bytes(b"rows")
        assert entries.index("half") is None
    assert entries.index("half") is None
    assert [path.name for path in entries.folder.iterdir()] == [".lock"]


def test_the_first_of_two_writers_wins(tmp_path: Path) -> None:
    entries = Entries("data", tmp_path)
    with entries.draft() as one, entries.draft() as other:
        for draft, text in ((one, b"first"), (other, b"second")):
            (draft.start("x") / "rows.bin").write_bytes(text)
        one.finish("x", {"who": 1})
        other.finish("x", {"who": 2})
    assert entries.index("x") == {"who": 1}
    assert (entries.place("x") / "rows.bin").read_bytes() == b"first"


def test_the_least_recently_used_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for used, name in enumerate(["a", "b", "c"], start=1):
        put(tmp_path, name, name, used=float(used))
    Entries("a", tmp_path).index("a")  # a use: now b is the one that was not used for longest
    monkeypatch.setenv("SONDE_CACHE_GB", "0.0000025")
    put(tmp_path, "d", "d")
    assert names(tmp_path) == {"a", "d"}


def test_what_is_in_use_stays_whatever_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "used", "old", used=1.0)
    held = Entries("used", tmp_path)
    monkeypatch.setenv("SONDE_CACHE_GB", "0")
    put(tmp_path, "other", "new")
    assert names(tmp_path) == {"old", "new"}
    del held
    put(tmp_path, "third", "newest")
    assert names(tmp_path) == {"newest"}


def test_drafts_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    (tmp_path / "data" / ".draft-dead").mkdir(parents=True)
    living = Entries("data", tmp_path)
    assert not list(living.folder.glob(".draft-*"))
    with living.draft() as draft:
        draft.start("x")
        Entries("data", tmp_path)
        assert draft.folder.is_dir()


@pytest.mark.parametrize("said", ["much", "-1", "inf", "nan"])
def test_a_limit_that_is_none_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONDE_CACHE_GB", said)
    with pytest.raises(UsageError, match=f"SONDE_CACHE_GB: got '{said}', expected gigabytes"):
        cache_limit()


def test_a_cache_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="SONDE_CACHE names another folder"):
        Entries("data", tmp_path / "file")
