"""A file is either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sonde.core.errors import StorageError
from sonde.run.files import move, replace, write_synced


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_content_takes_the_place_of_old_and_leaves_nothing_beside(tmp_path: Path) -> None:
    for content in ("first", b"second", ""):
        replace(tmp_path / "deep" / "file", content)
        expected = content.encode() if isinstance(content, str) else content
        assert (tmp_path / "deep" / "file").read_bytes() == expected
    assert names(tmp_path / "deep") == ["file"]


def test_a_write_that_is_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """POSIX lets `write` take fewer bytes than it was given."""
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[:3]))
    write_synced(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_disk_that_refuses_leaves_the_old_content(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace(tmp_path / "file", "old")

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(StorageError, match="cannot be written: No space left"):
            replace(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_new_file_is_never_written_over_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises(StorageError, match="File exists"):
        write_synced(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_text() == "old"


def test_a_folder_is_moved_as_one(tmp_path: Path) -> None:
    (tmp_path / "draft").mkdir()
    (tmp_path / "draft" / "a").touch()
    move(tmp_path / "draft", tmp_path / "place")
    assert names(tmp_path) == ["place"]
    assert names(tmp_path / "place") == ["a"]
