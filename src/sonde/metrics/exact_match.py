"""Exact match: how often an answer is a true one to the word."""

from __future__ import annotations

from typing import Self

from sonde.metrics._answers import AnswerMetric


class ExactMatch(AnswerMetric):
    """The share of rows whose answer equals one of the true ones, articles and signs aside."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Over all rows, and over those with an answer."""
        return [cls(), cls(rows="answerable")]

    @property
    def label(self) -> str:
        """Names the rows where they are not all."""
        return "exact match" if self.rows == "all" else "exact match, answerable"

    def agreement(self, said: list[int], true: list[int]) -> float:
        """1 where the words are the same in the same order."""
        return float(said == true)
