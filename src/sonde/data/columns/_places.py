"""Ragged rows of places: what the ways of cutting a text share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.port import END, PAD, SEPARATOR, START

UNREADABLE = "\ufffd"
"""What an unknown word is answered with; never a word itself."""


def through_distinct(
    parts: pa.ListArray, read: Callable[[list[str]], tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Places of all parts of N lists, each distinct part being read once.

    Args:
        parts: (N,) lists of texts.
        read: makes of n distinct texts their places one after another (m,), and (n,) how many
            each has.

    Returns:
        (M,) int64 places of all rows, and (N,) int64 lengths.
    """
    coded = pc.dictionary_encode(parts.flatten())
    codes = coded.indices.to_numpy(zero_copy_only=False)
    places, sizes = read(coded.dictionary.to_pylist())
    starts = np.cumsum(sizes) - sizes
    of_part = sizes[codes]
    ends = np.concatenate([[0], np.cumsum(of_part)])
    step = np.arange(ends[-1]) - np.repeat(ends[:-1], of_part)
    last = np.cumsum(pc.list_value_length(parts).to_numpy(zero_copy_only=False))
    totals = ends[last] if len(last) else np.empty(0, np.int64)
    values: np.ndarray = places[np.repeat(starts[codes], of_part) + step]
    lengths: np.ndarray = np.diff(totals, prepend=0)
    return values, lengths


def readable(places: np.ndarray) -> np.ndarray:
    """(n,) places -> those up to the first END, without PAD and START."""
    ends = np.flatnonzero(places == END)
    places = places[: ends[0]] if len(ends) else places
    kept: np.ndarray = places[(places != PAD) & (places != START)]
    return kept


def beside(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Ragged rows of several fields as one: each row's texts with SEPARATOR between them."""
    if len(parts) == 1:
        return parts[0]
    between = (np.full(len(parts[0][1]), SEPARATOR), np.ones(len(parts[0][1]), np.int64))
    every = [piece for part in parts for piece in (between, part)][1:]
    lengths = np.stack([lengths for _, lengths in every], axis=1)
    starts = (np.cumsum(lengths) - lengths.ravel()).reshape(lengths.shape)
    values = np.empty(lengths.sum(), np.int64)
    for at, (some, sizes) in enumerate(every):
        step = np.arange(len(some)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        values[np.repeat(starts[:, at], sizes) + step] = some
    return values, lengths.sum(axis=1)


def cut(values: np.ndarray, lengths: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Ragged rows without what stands beyond their first `longest` steps."""
    step = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return values[step < longest], np.minimum(lengths, longest)


def any_valid(texts: Sequence[pa.StringArray]) -> np.ndarray:
    """(N,) bool: whether one of a row's texts is there."""
    valid = [text.is_valid().to_numpy(zero_copy_only=False) for text in texts]
    one: np.ndarray = np.logical_or.reduce(valid)
    return one
