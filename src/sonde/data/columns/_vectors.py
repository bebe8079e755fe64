"""Vectors of words from a file, in word2vec's text form or GloVe's, also packed by gzip.

Word2vec's has a first line with the number of words and of numbers a word; GloVe's has none.
Mikolov, Chen, Corrado, Dean, "Efficient Estimation of Word Representations in Vector Space", 2013,
arXiv:1301.3781; Pennington, Socher, Manning, "GloVe: Global Vectors for Word Representation", 2014.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

import numpy as np

from sonde.core.errors import DataError, StorageError
from sonde.data.columns._text import shortened

_PACKED = b"\x1f\x8b"


def read_vectors(path: str, places: Mapping[str, int], size: int) -> np.ndarray:
    """The vectors of wanted words; of a word that stands twice the first.

    Args:
        path: the file.
        places: word -> its row. A word that the file has in small letters alone takes that vector.
        size: how many rows there are.

    Returns:
        (size, D) float32, NaN where the file does not have a word.

    Raises:
        StorageError: it cannot be read.
        DataError: it is not what is said above.
    """
    try:
        with Path(path).open("rb") as plain:
            packed = plain.read(2) == _PACKED
            plain.seek(0)
            with gzip.open(plain) if packed else plain as lines:
                return _read(lines, path, places, size)
    except FileNotFoundError:
        raise StorageError(f"{path}: no such file. Looked from {Path.cwd()}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise StorageError(f"{path}: cannot be read: {error}") from None


def _read(lines: Iterable[bytes], path: str, places: Mapping[str, int], size: int) -> np.ndarray:
    rows = enumerate(lines, 1)
    first = next(rows, (1, b""))[1].split()
    headed = len(first) == 2 and all(number.isdigit() for number in first)
    width = int(first[1]) if headed else len(first) - 1
    if width < 1:
        raise _wrong(path, 1, b" ".join(first), "a word and its numbers, one space apart")
    body = rows if headed else chain([(1, b" ".join(first))], rows)
    wanted: dict[bytes, list[int]] = {}
    for word, place in places.items():
        for form in {word, word.lower()}:
            wanted.setdefault(form.encode(), []).append(place)
    words = {place: word.encode() for word, place in places.items()}
    vectors = np.full((size, width), np.nan, np.float32)
    exact: set[int] = set()
    for number, line in body:
        head, _, rest = line.partition(b" ")
        for place in wanted.get(head, ()):
            itself = words[place] == head
            if place in exact or not (itself or np.isnan(vectors[place, 0])):
                continue
            vector = _numbers(rest, width, path, number)
            if vector is not None:
                vectors[place] = vector
                exact |= {place} if itself else set()
    return vectors


def _numbers(text: bytes, width: int, path: str, line: int) -> np.ndarray | None:
    """The (D,) float32 of a line; None where its word goes on after a space."""
    parts = text.split()
    if len(parts) > width:
        return None
    try:
        vector = np.array(parts).astype(np.float32)
    except ValueError:
        vector = np.empty(0, np.float32)
    if len(vector) != width or not np.isfinite(vector).all():
        raise _wrong(path, line, text, f"{width} numbers after the word")
    return vector


def _wrong(path: str, line: int, got: bytes, expected: str) -> DataError:
    shown = shortened(got.decode("utf-8", "replace").strip())
    return DataError(
        f"{path}, line {line}: got {shown!r}, expected {expected}. Give vectors as text, as GloVe "
        "and word2vec write them; a binary file is none."
    )
