"""F1 of answers: how many words they have in common with the true ones."""

from __future__ import annotations

from typing import Self

from sonde.metrics._answers import AnswerMetric, overlap


class AnswerF1(AnswerMetric):
    """The mean over rows of the overlap in words with the true answer that is nearest."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Over all rows, and over those with an answer."""
        return [cls(), cls(rows="answerable")]

    @property
    def label(self) -> str:
        """Names the rows where they are not all."""
        return "f1" if self.rows == "all" else "f1, answerable"

    def agreement(self, said: list[int], true: list[int]) -> float:
        """The F1 of two bags of words."""
        return overlap(said, true)
