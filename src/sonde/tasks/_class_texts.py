"""The surest mistakes of a classifier of texts, with the words that led it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column
from sonde.contracts.panels import Passage, Texts
from sonde.contracts.task import Judged, Predictor, RawRows
from sonde.data.texts import as_texts, text_fields
from sonde.tasks._class_panels import worst
from sonde.tasks._left_out import LONGEST, marks

_LEAST = 1e-7  # of a probability: what float32 tells from 1


def surest_mistakes(
    columns: Mapping[str, Column],
    predictor: Predictor,
    judged: Judged,
    labels: Sequence[str],
    raw: RawRows,
) -> list[Texts]:
    """A panel where an input is a text and some row is wrong.

    Args:
        columns: the input columns.
        predictor: asked for the rows without each of their words.
        judged: what it said.
        labels: names of the classes; one more for classes never seen.
        raw: gives the raw rows.
    """
    at, remarks = worst(judged, labels)
    if not len(at) or not any(column.port.kind == "sequence" for column in columns.values()):
        return []
    order = np.argsort(judged.rows[at], kind="stable")
    rows = raw(judged.rows[at][order].tolist())
    fields = text_fields(columns.values(), {f.name: f.type for f in rows.schema})
    if not fields:
        return []
    said, true = judged.predicted["index"][at][order], judged.truth["index"][at][order]

    def leaning(asked: pa.RecordBatch, of: np.ndarray) -> np.ndarray:
        probability = predictor.arrays(asked)["probability"].astype(np.float64)
        return _log_odds(probability, said[of], true[of])

    spans = marks(rows, fields, leaning)
    texts = [as_texts(rows.column(name)) for name in fields]
    named = fields if len(fields) > 1 else [""]
    items = [
        [
            Passage(texts[place][row], spans[row][place], name)
            for place, name in enumerate(named)
            if texts[place][row].strip()
        ]
        for row in np.argsort(order).tolist()
    ]
    cut = any(len(text) > LONGEST for each in texts for text in each)
    beyond = f" Of long texts the first {LONGEST:,} characters are marked." if cut else ""
    note = (
        "Marked with a line are the words that led to the wrong class, with dots those that spoke "
        "for the true one: by how much the odds change when the word is left out, as a part of the "
        f"largest change in that row.{beyond}"
    )
    return [Texts("The surest mistakes, word by word", items, remarks, note)]


def _log_odds(probability: np.ndarray, said: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(n,) log p(said) - log p(true); of a class never seen, against all other classes."""
    rows = np.arange(len(said))
    of_said = probability[rows, said]
    of_true = np.where(true < 0, 1 - of_said, probability[rows, np.maximum(true, 0)])
    odds: np.ndarray = np.log(np.maximum(of_said, _LEAST)) - np.log(np.maximum(of_true, _LEAST))
    return odds
