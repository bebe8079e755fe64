"""Arrays from .npy, .npz and idx files, told apart by their first bytes; never by pickle."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import numpy as np

from sonde.core.errors import DataError, SondeError, listed, nearest
from sonde.data.sources._files import open_file, reading
from sonde.data.sources._idx import is_idx, read_idx

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"


def split_key(place: str) -> tuple[str, str | None]:
    """'file.npz:images' as ('file.npz', 'images'); a place without a key has None."""
    path, colon, key = place.rpartition(":")
    return (path, key) if colon and path.lower().endswith(".npz") else (place, None)


def array_names(path: str) -> list[str]:
    """The names of the arrays in an .npz file.

    Raises:
        StorageError: it cannot be read.
        DataError: it is no .npz file.
    """
    with open_file(path) as file, _numpy(path), np.load(file, allow_pickle=False) as archive:
        return list(archive.files)


def load_array(place: str) -> np.ndarray:
    """The array at 'file.npy', 'file.npz:key' or an idx file, packed with gzip or not.

    A plain .npy file is mapped, not read.

    Raises:
        StorageError: the file cannot be read.
        DataError: it is none of these, is damaged, holds Python objects, or lacks the key.
    """
    path, key = split_key(place)
    with open_file(path) as file:
        with reading(path):
            head = file.read(6)
            file.seek(0)
        if head.startswith(_ZIP):
            return _member(path, key)
        if key is not None:
            raise DataError(f"{path}: got {key!r} of it, but it is no .npz file")
        if is_idx(head):
            return read_idx(path, file)
        if not head.startswith(_NPY):
            raise DataError(f"{path}: neither .npy, .npz nor idx; expected an array")
        with _numpy(path):
            if isinstance(file, gzip.GzipFile):
                return cast("np.ndarray", np.load(file, allow_pickle=False))
            return cast("np.ndarray", np.load(path, mmap_mode="r", allow_pickle=False))


def _member(path: str, key: str | None) -> np.ndarray:
    names = array_names(path)
    if key is None and len(names) == 1:
        key = names[0]
    if key not in names:
        near = nearest(key, names) if key else None
        hint = f" Did you mean {near!r}?" if near else f" Say which: {path}:{names[0]}" * (not key)
        raise DataError(f"{path}: has no array {key!r}.{hint} Arrays: {listed(names)}")
    with open_file(path) as file, _numpy(path), np.load(file, allow_pickle=False) as archive:
        return cast("np.ndarray", archive[key])


@contextmanager
def _numpy(path: str) -> Iterator[None]:
    """Around NumPy's readers, whose complaints are as many as the ways to damage a file."""
    try:
        with reading(path):
            yield
    except (ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, SondeError):
            raise
        if "pickle" in str(error):
            raise DataError(
                f"{path}: holds Python objects, which are not read since they may run code. Save "
                "it as numbers or texts of one dtype."
            ) from None
        raise DataError(f"{path}: a damaged array file: {error}") from None
