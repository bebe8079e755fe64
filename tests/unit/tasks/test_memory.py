"""The translation memory: the target of the training source most like a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sonde.contracts.data import Ragged
from sonde.contracts.task import Design
from sonde.tasks._memory import translation_memory


def ragged(texts: list[list[int]]) -> Ragged:
    lengths = np.array([len(text) for text in texts], np.int64)
    values = np.array([word for text in texts for word in text], np.uint16)
    return Ragged(values, np.cumsum(lengths) - lengths, lengths)


def design(**columns: list[list[int]]) -> Design:
    steps: Callable[[str], Ragged] = lambda name: ragged(columns[name])  # noqa: E731
    rows = len(next(iter(columns.values())))
    return Design(np.zeros((rows, 1)), np.zeros(1, bool), {}, steps=steps)


def said(found: Mapping[str, np.ndarray]) -> list[list[int]]:
    return [
        row[:length].tolist() for row, length in zip(found["words"], found["lengths"], strict=True)
    ]


def test_the_nearest_by_rare_words_is_said_whole() -> None:
    train = design(en=[[1, 1, 5], [1, 6, 1, 1], [1, 7]], de=[[50], [60, 61, 62], []])
    test = design(en=[[1, 6], [5], [1, 1, 7], [9], []])
    found = translation_memory(train, test, 0, source="en", target="de", size=10)
    assert said(found) == [[60, 61, 62], [50], [], [], []]  # 9 and nothing are like no text


def test_many_sources_are_looked_for_in_parts() -> None:
    texts = [[word % 30, 30 + word // 30] for word in range(600)]
    train = design(en=texts, de=[[row] for row in range(600)])
    found = translation_memory(train, design(en=texts), 0, source="en", target="de", size=60)
    assert said(found) == [[row] for row in range(600)]
