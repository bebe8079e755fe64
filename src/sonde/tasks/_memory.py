"""A translation memory: the simple rival of `translate`, which says what somebody said before.

The answer to a source is the translation of the training source most like it: by the cosine of
what their words weigh, tf-idf (Salton, Buckley, "Term-weighting approaches in automatic text
retrieval", 1988, doi:10.1016/0306-4573(88)90021-0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sonde.contracts.data import Ragged
from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

NAME = "translation memory"

_AT_ONCE = 256
"""Sources that are looked for together, in a matrix as wide as there are training rows."""


def translation_memory(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # as all rivals
    *,
    source: str,
    target: str,
    size: int,
) -> Arrays:
    """{"words": (N, T), "lengths": (N,)} of the training rows' targets that are nearest.

    Where no training source shares a word, nothing is said.

    Args:
        train: with the steps of both columns.
        test: with those of the source.
        seed: of nothing.
        source: the column that is read.
        target: the column that is said.
        size: how many words the source's column knows.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    assert train.steps is not None and test.steps is not None, "texts have steps"
    weigh = TfidfTransformer(sublinear_tf=True)
    known = weigh.fit_transform(_counts(train.steps(source), size))
    asked = weigh.transform(_counts(test.steps(source), size))
    nearest = np.empty(asked.shape[0], np.int64)
    for start in range(0, len(nearest), _AT_ONCE):
        alike = (asked[start : start + _AT_ONCE] @ known.T).toarray()
        best = alike.argmax(axis=1)
        nearest[start : start + _AT_ONCE] = np.where(alike.max(axis=1) > 0, best, -1)
    return _padded(train.steps(target), nearest)


def _counts(texts: Ragged, size: int) -> csr_matrix:
    """(N, size) how often each word is in each text."""
    from scipy.sparse import csr_matrix

    count = len(texts.lengths)
    rows = np.repeat(np.arange(count), texts.lengths)
    words = _steps(texts, np.arange(count))
    return csr_matrix((np.ones(len(words)), (rows, words)), (count, size))


def _padded(texts: Ragged, rows: np.ndarray) -> Arrays:
    """The words of these rows, none of row -1."""
    lengths = np.where(rows < 0, 0, texts.lengths[rows].astype(np.int64))
    words = np.zeros((len(rows), max(1, int(lengths.max(initial=0)))), np.int64)
    words[np.arange(words.shape[1]) < lengths[:, None]] = _steps(texts, rows[rows >= 0])
    return {"words": words, "lengths": lengths}


def _steps(texts: Ragged, rows: np.ndarray) -> np.ndarray:
    """The words of these rows, one text after the other."""
    lengths = texts.lengths[rows].astype(np.int64)
    before = np.repeat(np.cumsum(lengths) - lengths, lengths)
    places = np.repeat(texts.starts[rows], lengths) + np.arange(int(lengths.sum())) - before
    words: np.ndarray = np.asarray(texts.values)[places].astype(np.int64)
    return words
