"""Counting words: the same however they are cut into chunks and whatever is pooled when."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.data.columns import _levels
from sonde.data.columns._levels import Tally, clash, kept, one_by_case

WORDS = st.sampled_from(["a", "b", "A", "", "ü", "ü ", "(rare)", "12", "12.0"])


@given(words=st.lists(WORDS, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=5),
       pooled=st.sampled_from([1, 7, 1 << 16]))  # fmt: skip
def test_a_tally_is_a_counter(words: list[str], cuts: list[int], pooled: int) -> None:
    tally = Tally()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_levels, "_POOLED", pooled)
        for start, end in pairwise([0, *sorted(cuts), len(words)]):
            part = words[start:end]
            tally.add(pa.array(part, pa.string()), np.ones(len(part), np.int64))
        assert tally.counts() == Counter(words)
        assert tally.counts() == Counter(words), "asked twice"


@given(st.lists(st.tuples(st.none() | WORDS, st.integers(0, 5)), max_size=30))
def test_words_come_with_their_counts_and_no_word_is_none(pairs: list[tuple[str, int]]) -> None:
    """A word that came never is not there, and what is no word counts for nothing."""
    tally = Tally()
    words, counts = [word for word, _ in pairs], [count for _, count in pairs]
    tally.add(pa.array(words, pa.string()), np.array(counts, np.int64))
    expected: Counter[str] = Counter()
    for word, count in pairs:
        if word is not None and count:
            expected[word] += count
    found = tally.counts()
    assert found == expected
    assert set(found) == set(expected)


def test_nothing_added_is_nothing_counted() -> None:
    assert Tally().counts() == Counter()


def test_one_by_case_takes_the_commonest_spelling_and_loses_no_row() -> None:
    counts = {"Yes": 3, "yes": 5, "YES": 1, "no": 2}
    assert one_by_case(counts) == {"yes": 9, "no": 2}


def test_a_clash_is_told_among_few_words_and_never_for_truth_values() -> None:
    assert clash({"Yes": 3, "yes": 5, "no": 2}) == ("yes", "Yes")
    assert clash({"True": 3, "true": 5}) is None
    names = {f"name {place}": 1 for place in range(_levels.MOST_ASKED)}
    assert clash(names | {"Name 1": 1}) is None


def test_of_equally_common_words_the_first_by_letter_are_kept() -> None:
    counts = {"c": 2, "a": 2, "b": 2, "d": 1, "(rare)": 9}
    assert kept(counts, rare=2, most=2) == {"a", "b"}
    assert kept(counts, rare=1, most=10) == {"a", "b", "c", "d"}
