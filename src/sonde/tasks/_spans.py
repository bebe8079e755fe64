"""Spans of a text as logits, as words, and as a threshold: what the task `answer` computes with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from torch import Tensor


class Places(Protocol):
    """A text column: what `data/columns/text.py` offers."""

    def offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """(start, end) in characters of each step of each text."""


@runtime_checkable
class Answers(Protocol):
    """A column of answers: what `data/columns/span.py` offers."""

    def texts(self, rows: pa.RecordBatch) -> list[list[str]]:
        """All true answers of each row."""

    def places(self, rows: pa.RecordBatch) -> list[tuple[int, int] | None]:
        """Characters [start, end) of each row's first answer; None where there is none."""


class Settled(NamedTuple):
    """A probability from which an answer is given, and the mean F1 of validation rows there."""

    cut: float
    score: float


def best_spans(start: Tensor, end: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """The likeliest span of each row: start and end are independent, and at most so far apart.

    Args:
        start: (B, T) log-probabilities of the first step.
        end: (B, T) of the last one.
        longest: most steps of a span.

    Returns:
        (B, 2) int64 first and last step, and (B,) its log-probability.
    """
    import torch
    from torch.nn import functional

    before = functional.pad(start, (longest - 1, 0), value=-torch.inf)
    most, places = functional.max_pool1d(before[:, None], longest, 1, return_indices=True)
    score, last = (most[:, 0] + end).max(dim=1)
    first = places[:, 0].gather(1, last[:, None])[:, 0] - (longest - 1)
    return torch.stack([first, last], dim=1), score


def covered(spans: np.ndarray) -> np.ndarray:
    """(N, 2) first and last steps -> (N, W) int64, each step's number from 1 on, 0 beyond the last.

    So a span is a bag of words, as the metrics of answers read them. None is -1 and -1.
    """
    spans = spans.astype(np.int64)
    sizes = np.where(spans[:, 0] < 0, 0, spans[:, 1] - spans[:, 0] + 1)
    steps = np.arange(max(1, int(sizes.max(initial=0))))
    covered: np.ndarray = np.where(steps < sizes[:, None], spans[:, :1] + steps + 1, 0)
    return covered


def best_cut(probability: np.ndarray, f1: np.ndarray, answerable: np.ndarray) -> Settled:
    """The threshold of greatest mean F1, where saying nothing is right if there is no answer.

    Args:
        probability: (N,) that there is an answer.
        f1: (N,) of the likeliest span, 0 where there is no answer.
        answerable: (N,) bool.
    """
    order = np.argsort(-probability, kind="stable")
    # gains[k]: what is won by giving the k surest answers, and saying nothing to the others
    gained = np.where(answerable, f1, -1.0)[order]
    gains = np.concatenate([[0.0], np.cumsum(gained)])
    ranked = probability[order]
    # rows of one probability are answered together
    changes = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
    at = np.concatenate([[0], np.flatnonzero(changes) + 1])
    best = int(at[np.flatnonzero(gains[at] == gains[at].max())[-1]])  # of equals, more answers
    score = (gains[best] + (~answerable).sum()) / max(1, len(f1))
    if best == len(ranked):
        return Settled(0.0, float(score))
    above = ranked[best - 1] if best else 1.0
    return Settled(float((float(above) + float(ranked[best])) / 2), float(score))
