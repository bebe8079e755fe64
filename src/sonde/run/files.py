"""Writing so that a file is either whole or not there: temporary name, flush, fsync, rename.

Everything a run must not lose goes through these few functions, so that a test can stop a process
at each of them.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from sonde.core.errors import StorageError


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file and wait until it is on the disk.

    Raises:
        StorageError: no space left, or the disk refused.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


def sync_folder(path: Path) -> None:
    """Wait until a folder's entries are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def move(draft: Path, place: Path) -> None:
    """Give a finished file or folder its real name, and wait until the name is on the disk."""
    draft.replace(place)
    sync_folder(place.parent)


def replace(path: Path, data: bytes | str) -> None:
    """Put new content at `path`: a reader sees the old or the new, never a part.

    Raises:
        StorageError: it cannot be written; the old content is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        write_synced(draft, data.encode() if isinstance(data, str) else data)
        move(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def is_draft(path: Path) -> bool:
    """Whether it is what a killed process left half written."""
    return path.name.startswith(".tmp-")


def sweep(folder: Path) -> None:
    """Remove what a killed process left half written here."""
    for path in folder.iterdir():
        if is_draft(path):
            path.unlink(missing_ok=True)
