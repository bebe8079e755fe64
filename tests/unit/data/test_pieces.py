"""Rows divided into pieces: all of them, in order, none larger than it may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.contracts.data import Encoded
from sonde.data.pieces import pieces

STEP = 32  # pixels that a step of a sequence counts as


def _texts(lengths: list[int]) -> Encoded:
    ends = np.cumsum(lengths, dtype=np.int64)
    values = np.arange(ends[-1] if lengths else 0)
    return Encoded(values, ends - np.array(lengths, np.int64), np.array(lengths, np.int64))


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 100))
def test_pieces_are_all_rows_in_order_and_no_larger_than_allowed(
    lengths: list[int], most: int
) -> None:
    named = Encoded(np.arange(len(lengths)), present=np.ones(len(lengths), bool))
    found = list(pieces({"text": _texts(lengths), "id": named}, most * STEP))
    assert np.concatenate([p["id"].values for p in found]).tolist() == list(range(len(lengths)))
    for piece in found:
        held = piece["text"].lengths
        assert held is not None
        assert len(held) == len(piece["id"].values)
        assert len(held) <= 1 or len(held) * max(held) <= most
    given_back = [length for piece in found for length in piece["text"].lengths.tolist()]  # type: ignore[union-attr]
    assert given_back == lengths


def test_one_long_row_does_not_make_the_others_long() -> None:
    found = list(pieces({"text": _texts([3] * 100 + [100_000] + [3] * 100)}, 2**22))
    sizes = [(len(p["text"].lengths), int(p["text"].lengths.max())) for p in found]  # type: ignore[arg-type, union-attr]
    assert sizes == [(100, 3), (1, 100_000), (100, 3)]


@pytest.mark.parametrize(("side", "expected"), [(64, [5]), (1024, [4, 1]), (4096, [1] * 5)])
def test_large_pictures_go_a_few_at_a_time(side: int, expected: list[int]) -> None:
    picture = Encoded(np.broadcast_to(np.uint8(0), (5, 3, side, side)))
    assert [len(piece["image"].values) for piece in pieces({"image": picture}, 2**22)] == expected


def test_without_columns_there_is_one_empty_piece() -> None:
    assert list(pieces({}, 1)) == [{}]
