"""The verdict: what the test part said, as a run writes it down and reads it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sonde.contracts.metric import Score
from sonde.core.text import from_json
from sonde.run.directory import RunDirectory
from sonde.run.stored import scores_from

_BESIDE = ("baselines", "gains")
"""What a verdict says of each rival."""


@dataclass(frozen=True)
class Verdict:
    """What the test part said.

    Attributes:
        scores: the model's, by metric.
        baselines: each rival's scores, by name.
        gains: rival -> metric -> by how much the model is better, with the paired interval.
        notes: what a reader must know of a rival, such as the rows it was fitted on.
        sentence: in plain words, whether the model is better than the best rival.
        rows: test rows judged.
        opened: how often the test part of this run has been opened.
        work: multiply-adds of matrix products and convolutions a row took; None where they were not
            counted.
    """

    scores: Mapping[str, Score]
    baselines: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    gains: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    sentence: str = ""
    rows: int = 0
    opened: int = 1
    work: float | None = None

    def dump(self) -> dict[str, Any]:
        """As plain data."""
        beside = {
            part: {rival: _plain(scores) for rival, scores in getattr(self, part).items()}
            for part in _BESIDE
        }
        return {**vars(self), "scores": _plain(self.scores), **beside}


def read_verdict(directory: RunDirectory) -> Verdict | None:
    """What the run's test part said, or None where it was not opened."""
    if not directory.scores.exists():
        return None
    plain = from_json(directory.scores.read_text(encoding="utf-8"))
    beside = {
        part: {rival: scores_from(scores) for rival, scores in plain.get(part, {}).items()}
        for part in _BESIDE
    }
    return Verdict(**plain | {"scores": scores_from(plain["scores"])} | beside)


def _plain(scores: Mapping[str, Score]) -> dict[str, Any]:
    return {name: vars(score) for name, score in scores.items()}
