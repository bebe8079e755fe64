"""The cache: what can be made again from the data, kept so that it need not be.

    store/<data>/.lock                 held, shared, by every process that uses what lies beside it
    store/<data>/<entry>/index.json    written last; its time of change is the entry's last use
    store/<data>/.draft-<id>/          an entry in the making, renamed when it is whole

An entry is there whole or not at all, even if its writer is killed. `SONDE_CACHE_GB` bounds the
sum of entries: the least recently used go first, never one whose data a living process uses.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import uuid
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sonde.core.errors import StorageError, UsageError

_INDEX, _LOCK, _DRAFT = "index.json", ".lock", ".draft-"

_LIMIT_GB = 20.0
"""Size the cache may have where `SONDE_CACHE_GB` says nothing."""


def cache_folder() -> Path:
    """Where encoded columns are kept: `SONDE_CACHE`, else the user's cache folder."""
    named = os.environ.get("SONDE_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(named) if named else base / "sonde") / "store"


def cache_limit() -> int:
    """Bytes that entries may take together.

    Raises:
        UsageError: `SONDE_CACHE_GB` is no number of gigabytes.
    """
    said = os.environ.get("SONDE_CACHE_GB", "").strip()
    try:
        limit = float(said) if said else _LIMIT_GB
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise UsageError(f"SONDE_CACHE_GB: got {said!r}, expected gigabytes, such as 20 or 0.5")
    return int(limit * 1e9)


class Entries:
    """The entries of one data set; none of them is evicted while this object lives.

    Raises:
        StorageError: the cache cannot be written.
    """

    def __init__(self, data: str, root: Path | None = None) -> None:
        """`data` is the data's fingerprint; drafts that dead processes left are swept."""
        cache_limit()  # a wrong one is told now, not when a long scan is over
        self.root = root or cache_folder()
        self.folder = self.root / data[:20]
        with writing(self.folder):
            lock = _hold(self.folder)
        weakref.finalize(self, os.close, lock)  # lets others evict; also as Python ends

    def index(self, name: str) -> Any | None:
        """What the writer of an entry noted of it, or None where there is no such entry."""
        place = self.folder / name / _INDEX
        try:
            text = place.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return None
        with suppress(OSError):  # a cache that is only read tells no use
            os.utime(place)
        return json.loads(text)

    def place(self, name: str) -> Path:
        """The folder of an entry."""
        return self.folder / name

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """Room to write entries; what is not finished when the block ends is removed.

        Raises:
            StorageError: there is no room, or the cache cannot be written.
        """
        made = Draft(self.folder)
        try:
            yield made
        finally:
            shutil.rmtree(made.folder, ignore_errors=True)
        evict(self.root)


class Draft:
    """Entries in the making."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.folder = data / f"{_DRAFT}{uuid.uuid4().hex}"

    def start(self, name: str) -> Path:
        """An empty folder for an entry's files."""
        folder = self.folder / name
        with writing(folder):
            folder.mkdir(parents=True)
        return folder

    def finish(self, name: str, index: Mapping[str, Any]) -> None:
        """Note what is worth knowing and put the entry in place; another may have been first."""
        made, place = self.folder / name, self.data / name
        with writing(made):
            (made / _INDEX).write_text(json.dumps(index), encoding="utf-8")
            try:
                made.rename(place)
            except OSError:
                if not (place / _INDEX).exists():
                    raise


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Around every writing into the cache.

    Raises:
        StorageError: there is no room, or it cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{place}: cannot be written: {error.strerror or error}. What is made of the data goes "
            "there; SONDE_CACHE names another folder."
        ) from None


def evict(root: Path) -> None:
    """Remove the least recently used entries until the rest is within the limit."""
    limit = cache_limit()
    entries = sorted(_used(root))
    total = sum(size for _, size, _ in entries)
    for _, size, entry in entries:
        if total <= limit:
            return
        with _alone(entry.parent) as is_alone:
            if is_alone:
                doomed = entry.with_name(f"{_DRAFT}{uuid.uuid4().hex}")
                entry.rename(doomed)  # a half removed entry must not look whole
                shutil.rmtree(doomed, ignore_errors=True)
                total -= size


def _used(root: Path) -> Iterator[tuple[float, int, Path]]:
    """Every entry: when it was last used, its size in bytes, its folder."""
    for index in root.glob(f"*/[!.]*/{_INDEX}"):
        with suppress(FileNotFoundError):  # another process evicts at this moment
            size = sum(file.stat().st_size for file in index.parent.iterdir())
            yield index.stat().st_mtime, size, index.parent


def _hold(folder: Path) -> int:
    """A descriptor that keeps a data set's entries from being evicted while it is open."""
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder) as is_alone:
        for draft in folder.glob(f"{_DRAFT}*") if is_alone else ():
            shutil.rmtree(draft, ignore_errors=True)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether no process uses a data set's entries; none begins to while the block lasts."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_alone = True
    except BlockingIOError:
        is_alone = False
    try:
        yield is_alone
    finally:
        os.close(lock)
