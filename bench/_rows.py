"""The numbers Sonde has to reach: which recipe, which score, what was published, the least done."""

from __future__ import annotations

from dataclasses import dataclass
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
        return f"{value:,.{self.digits}f} {self.text}"


ACCURACY = Unit("%", 100.0)
ERROR = Unit("%", -100.0, 100.0, higher_is_better=False)
DOLLARS = Unit("$", digits=0, higher_is_better=False)


@dataclass(frozen=True)
class Row:
    """One number to reach.

    Attributes:
        name: of the row, and of its recipe under `examples/`.
        what: for readers.
        score: the name of the task's score; `unit` says how it is shown.
        must: the least (or most) the mean over the seeds may be, as shown; None where a closed
            form is the measure instead.
        published: what somebody else reported.
        how: a fit with the recipe's own split, or every fold of it with scores over all rows.
        tolerance: how far the mean may lie from the closed form, as a part of it.
    """

    name: str
    what: str
    score: str
    unit: Unit
    published: str
    must: float | None = None
    how: Literal["fit", "cross_validate"] = "fit"
    tolerance: float | None = None

    @property
    def recipe(self) -> Path:
        """The recipe's file."""
        return ROOT / "examples" / f"{self.name}.yaml"

    @property
    def must_in_words(self) -> str:
        """What counts as done."""
        if self.must is None:
            assert self.tolerance is not None, self.name
            return f"within {100 * self.tolerance:g} % of the closed form"
        return f"{'≥' if self.unit.higher_is_better else '≤'} {self.unit.show(self.must)}"

    def met(self, mean: float, closed_form: float | None) -> bool:
        """Whether a mean, as shown, is enough."""
        if self.must is None:
            assert closed_form is not None and self.tolerance is not None, self.name
            return abs(mean / closed_form - 1) <= self.tolerance
        return mean >= self.must if self.unit.higher_is_better else mean <= self.must


ROWS = (
    Row(
        name="mnist-cnn",
        what="mnist, the article's CNN, 5 epochs: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="LeNet-5 99.05 %, Keras example about 99 %",
        must=98.9,
    ),
    Row(
        name="wdbc-logistic",
        what="breast-cancer-wdbc, logistic regression, 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="97.5 % (repeated 10-fold)",
        must=97.0,
        how="cross_validate",
    ),
    Row(
        name="california-linear",
        what="california-housing, linear regression, 80/20: RMSE",
        score="rmse",
        unit=DOLLARS,
        published="69,052 $ (linear, 10-fold)",
        tolerance=0.005,
    ),
    Row(
        name="california-deep",
        what="california-housing, deep regression, 80/20: RMSE",
        score="rmse",
        unit=DOLLARS,
        published="random forest 52,583 $, boosted trees about 47,000 $",
        must=52_500,
    ),
    Row(
        name="adult",
        what="adult, given test part: error",
        score="accuracy",
        unit=ERROR,
        published="NBTree 14.10 %, MLP 14.8 %, boosted trees 12.7 %",
        must=14.8,
    ),
)
