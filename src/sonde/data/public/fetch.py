"""Where public sets are kept, and what of them is there already."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from pathlib import Path

from sonde.data.public.catalogue import PublicFile, PublicSet
from sonde.data.public.download import Progress, download, sha256_of
from sonde.data.sources._files import CHUNK


def home() -> Path:
    """The folder of sets: `SONDE_DATA`, else the user's data folder."""
    named = os.environ.get("SONDE_DATA")
    base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return Path(named) if named else base / "sonde"


def get_set(found: PublicSet, folder: Path, progress: Progress) -> list[tuple[PublicFile, Path]]:
    """Every file of a set with its place: in `SONDE_DATA`, in the folder, or brought there.

    Raises:
        StorageError: a file cannot be had; says where to put it.
        DataError: the server gives another file.
    """
    places = []
    for file in found.files:
        kept = kept_at(file, found.name, folder)
        if kept is None:
            kept = folder / found.name / file.name
            download(file, kept, progress)
        places.append((file, kept))
    return places


def kept_at(file: PublicFile, name: str, folder: Path) -> Path | None:
    """Where a file with the right bytes lies already, packed with gzip or not."""
    for top in dict.fromkeys((home(), folder)):
        plain = top / name / file.name
        right_size = plain.is_file() and plain.stat().st_size == file.size
        if right_size and sha256_of(plain) == file.sha256:
            return plain
        packed = plain.with_name(f"{plain.name}.gz")
        if packed.is_file() and _unpacked_sha256(packed, file.size) == file.sha256:
            return packed
    return None


def _unpacked_sha256(path: Path, size: int) -> str | None:
    """The SHA-256 of what a gzip file holds; None where it is damaged or longer."""
    digest, done = hashlib.sha256(), 0
    try:
        with gzip.open(path) as file:
            while data := file.read(CHUNK):
                digest.update(data)
                done += len(data)
                if done > size:
                    return None
    except (OSError, EOFError, zlib.error):
        return None
    return digest.hexdigest()
