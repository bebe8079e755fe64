"""Answers to raw rows as arrays that metrics read, row by row and question by question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design, Judged
from sonde.metrics._answers import word_numbers

Offsets = Sequence[tuple[int, int]]
"""(start, end) in characters of each step of a text."""


def texts_of(spans: np.ndarray, contexts: Sequence[str], offsets: Sequence[Offsets]) -> list[str]:
    """(N, 2) first and last steps as the texts they cover; empty where a context has no step."""
    return [
        context[places[first][0] : places[last][1]] if places else ""
        for (first, last), context, places in zip(spans.tolist(), contexts, offsets, strict=True)
    ]


def judged_alone(arrays: Arrays, contexts: Sequence[str], offsets: Sequence[Offsets]) -> Arrays:
    """What `read` gave, with words as numbers, and how many steps each context has."""
    words = word_numbers(texts_of(np.asarray(arrays["span"]), contexts, offsets))
    steps = np.array([len(places) for places in offsets], np.int64)
    kept = {name: np.asarray(arrays[name]) for name in ("score", "probability", "says")}
    return {**kept, "words": words, "steps": steps}


def true_texts(answers: Sequence[Sequence[str]]) -> Arrays:
    """{"words": (N, A, W) int64, each answer's words as numbers, "index": (N,) 1 where any is}."""
    most = max(1, max(map(len, answers), default=1))
    flat = [text for own in answers for text in (*own, *[""] * (most - len(own)))]
    words = word_numbers(flat)
    shape = (len(answers), most, words.shape[1])
    index = np.array([len(own) > 0 for own in answers], np.int64)
    return {"words": words.reshape(shape), "index": index}


def judged_together(judged: Judged, groups: Sequence[Any]) -> Judged:
    """Rows of one group as one, the first: it was asked the same, and its answers are all theirs.

    A row whose group is None stands alone.
    """
    numbers: dict[Any, int] = {}
    place = np.array(
        [numbers.setdefault(at if group is None else (group,), len(numbers))
         for at, group in enumerate(groups)], np.int64
    )  # fmt: skip
    first = np.unique(place, return_index=True)[1]
    order = np.argsort(place, kind="stable")
    sizes = np.bincount(place)
    rank = np.arange(len(place)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    words = judged.truth["words"]
    several = np.zeros((len(first), int(sizes.max(initial=1)), *words.shape[1:]), words.dtype)
    several[place[order], rank] = words[order]
    truth = {
        "words": several.reshape(len(first), -1, words.shape[2]),
        "index": np.maximum.reduceat(judged.truth["index"][order], np.cumsum(sizes) - sizes),
    }
    return Judged({n: a[first] for n, a in judged.predicted.items()}, truth, judged.rows[first])


def no_answer(train: Design, test: Design, seed: int) -> Arrays:  # noqa: ARG001  # as all rivals
    """That there is none, to every question, as likely as among training rows."""
    (spans,) = [values for name, values in train.targets.items() if not name.startswith("#")]
    rows = len(test.numbers)
    share = float((np.asarray(spans)[:, 0] >= 0).mean()) if len(spans) else 0.0
    return {
        "span": np.full((rows, 2), -1, np.int64),
        "score": np.zeros(rows, np.float32),
        "probability": np.tile(np.array([1 - share, share], np.float32), (rows, 1)),
        "says": np.zeros(rows, np.int64),
    }
