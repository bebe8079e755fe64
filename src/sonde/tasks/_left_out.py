"""What each word of a text says to a model: its answer with the word, less that without it.

Li, Monroe, Jurafsky, "Understanding Neural Networks through Representation Erasure", 2016,
arXiv:1612.08220, eq. 1. Any model can be asked so, since it is given raw rows; a text of one word
is taken letter by letter, and a long one some words at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from sonde.contracts.panels import Span
from sonde.data.texts import as_texts

LONGEST = 4000
"""Characters of a text whose words are left out, one after another."""

_MOST_PIECES = 64
_WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
_LONG_WORD = 24  # longer ones are of scripts without spaces
_ROWS_AT_ONCE = 256
_SLIGHT = 0.1
"""Words whose part is less than this of the largest are not marked."""

Scores = Callable[[pa.RecordBatch, np.ndarray], np.ndarray]
"""n raw rows, and which of the rows in question each was made of, (n,) -> (n,) scores."""


def pieces(text: str) -> list[tuple[int, int]]:
    """(start, end) of what is left out: words and signs, letters of a lone word, or a few words."""
    text = text[:LONGEST]
    found = [match.span() for match in _WORD.finditer(text)]
    if len(found) == 1:
        found = _letters(*found[0])
    split = [_letters(*at) if at[1] - at[0] > _LONG_WORD else [at] for at in found]
    whole = [at for each in split for at in each]
    run = -(-len(whole) // _MOST_PIECES) or 1
    return [
        (whole[at][0], whole[min(at + run, len(whole)) - 1][1]) for at in range(0, len(whole), run)
    ]


def marks(rows: pa.RecordBatch, fields: Sequence[str], scores: Scores) -> list[list[list[Span]]]:
    """For each row and field, the words that raise or lower the row's score.

    Strengths are parts of the row's largest; a word that lowers the score has one below 0.
    """
    texts = {name: as_texts(rows.column(name)) for name in fields}
    places = [
        (row, at, start, end)
        for row in range(rows.num_rows)
        for at, name in enumerate(fields)
        for start, end in pieces(texts[name][row])
    ]
    whole = scores(rows, np.arange(rows.num_rows))
    parts = np.concatenate([np.zeros(0), *_without(rows, fields, places, whole, scores)])
    largest = np.zeros(rows.num_rows)
    np.maximum.at(largest, [place[0] for place in places], np.abs(parts))
    found: list[list[list[Span]]] = [[[] for _ in fields] for _ in range(rows.num_rows)]
    for (row, at, start, end), part in zip(places, parts.tolist(), strict=True):
        if abs(part) >= _SLIGHT * largest[row] > 0:
            found[row][at].append(Span(start, end, part / float(largest[row])))
    return found


def _without(
    rows: pa.RecordBatch,
    fields: Sequence[str],
    places: Sequence[tuple[int, int, int, int]],
    whole: np.ndarray,
    scores: Scores,
) -> list[np.ndarray]:
    """By how much the score falls when each of the places (row, field, start, end) is left out."""
    texts = [as_texts(rows.column(name)) for name in fields]
    found = []
    for first in range(0, len(places), _ROWS_AT_ONCE):
        some = places[first : first + _ROWS_AT_ONCE]
        of = np.array([row for row, *_ in some])
        changed = rows.take(pa.array(of))
        for at, name in enumerate(fields):
            if not any(place[1] == at for place in some):
                continue
            values = [
                text[:start] + text[end:] if field == at else text
                for row, field, start, end in some
                for text in (texts[at][row],)
            ]
            column = pa.array(values, pa.string())
            changed = changed.set_column(changed.schema.get_field_index(name), name, column)
        found.append(whole[of] - scores(changed, of))
    return found


def _letters(start: int, end: int) -> list[tuple[int, int]]:
    return [(at, at + 1) for at in range(start, end)]
