"""Scores of generated texts as counts, row by row, so that sums of rows make the corpus's score.

A score of a corpus of texts is no mean over its rows: n-grams are counted over all of them, and
their ratio is taken once. What a row adds to these counts is all that is kept of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sonde.core.errors import MissingPackage


def ngram_counts(rows: Sequence[Sequence[int]], width: int) -> np.ndarray:
    """(N, width) int32 of each row's counts, also where there are no rows."""
    return np.array(rows, np.int32).reshape(len(rows), width)


def sacrebleu() -> Any:
    """The package whose words, and whose scores, these are.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        import sacrebleu as package
    except ImportError:
        raise MissingPackage(
            'BLEU needs the package sacrebleu. Install it: pip install "sonde[text]"'
        ) from None
    return package
