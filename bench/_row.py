"""A number to reach: which recipe, which score, what was published, the least done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Unit:
    """How a score is shown: `shown = offset + scale * score`.

    Attributes:
        text: what stands after the number.
        higher_is_better: of the number as shown.
    """

    text: str
    scale: float = 1.0
    offset: float = 0.0
    digits: int = 2
    higher_is_better: bool = True

    def of(self, score: float) -> float:
        """A score as a number in this unit."""
        return self.offset + self.scale * score

    def show(self, value: float) -> str:
        """A number already in this unit, as it is printed."""
        return f"{value:,.{self.digits}f} {self.text}".rstrip()


ACCURACY = Unit("%", 100.0)
ERROR = Unit("%", -100.0, 100.0, higher_is_better=False)
DOLLARS = Unit("$", digits=0, higher_is_better=False)
AREA = Unit("", digits=4)
DECIBELS = Unit("dB")
RETURN = Unit("", digits=1)
DISTANCE = Unit("", digits=3, higher_is_better=False)
BLEU = Unit("BLEU", digits=1)
NATS = Unit("nats", digits=3, higher_is_better=False)
PART = Unit("%", 100.0, higher_is_better=False)


@dataclass(frozen=True)
class Row:
    """One number to reach.

    Attributes:
        name: of the row, and of its recipe under `examples/`.
        what: for readers.
        score: the name of the task's score; `unit` says how it is shown.
        must: the least (or most) the mean over the seeds may be, as shown; None where a closed
            form is the measure instead, or where every answer is one that is said plainly.
        published: what somebody else reported.
        how: a fit with the recipe's own split, or every fold of it with scores over all rows.
        tolerance: how far the mean may lie from the closed form, as a part of it.
        rival: who is to be beaten: a row, so that the intervals of seed 0 lie apart; or a simple
            rival, so that the paired interval of the gain over it lies above 0.
        share: of a score that is better small: what part of the rival's of the same seed it may be
            on average, in place of intervals that lie apart. Both are on a scale of that seed.
        needs: runs that the recipe names, such as `runs/mnist-gan`, in the order in which they are
            trained, with the recipe of each.
        makes: data that is made here, with the script under `examples/` that makes it.
        told: scores whose gains over others on the same test rows the page tells, by name, and how
            it calls them.
        beside: a row whose run of the same seed and code is such another, as a rival that is a row
            is; either answer counts.
        most_work: multiply-adds that a judged row may cost on average, where that is the measure:
            half of those of the way to the end, `works` of the sealed network.
        also: other scores that are better large, by name, with the least that each mean may be.
    """

    name: str
    what: str
    score: str
    unit: Unit
    published: str
    must: float | None = None
    how: Literal["fit", "cross_validate"] = "fit"
    tolerance: float | None = None
    rival: str = ""
    share: float | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
    makes: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    beside: str = ""
    most_work: int | None = None
    also: Mapping[str, float] = field(default_factory=dict)

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return example(self.name)

    @property
    def must_in_words(self) -> str:
        """What counts as done."""
        if self.rival and self.share is not None:
            return f"≤ {self.share:g} of {self.rival}"
        if self.rival:
            return f"better than {self.rival}"
        if self.most_work is not None:
            return f"≤ {self.most_work / 1000:,.0f} k multiply-adds a row, half of the whole way"
        if self.must is None and self.tolerance is None:
            return "said plainly"
        if self.must is None:
            return f"within {100 * (self.tolerance or 0.0):g} % of the closed form"
        least = f"{'≥' if self.unit.higher_is_better else '≤'} {self.unit.show(self.must)}"
        others = (f"{name} ≥ {self.unit.show(value)}" for name, value in self.also.items())
        return ", ".join((least, *others))

    def met(self, mean: float, closed_form: float | None) -> bool:
        """Whether a mean, as shown, is enough."""
        if self.must is None and self.tolerance is None:
            return True
        if self.must is None:
            assert closed_form is not None and self.tolerance is not None, self.name
            return abs(mean / closed_form - 1) <= self.tolerance
        return mean >= self.must if self.unit.higher_is_better else mean <= self.must


def example(name: str) -> Path:
    """The file of a recipe."""
    return ROOT / "examples" / f"{name}.yaml"
