"""The learning-rate finder: one short training whose rate rises until it breaks.

Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, arXiv:1506.01186, section 3.3,
with a rate that rises geometrically and a smoothed loss, as fastai does it. Suggested is a tenth of
the rate at which the smoothed loss is least: there it is about to rise again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sonde.contracts.learn import Budget, Schedule
from sonde.contracts.panels import Curves
from sonde.contracts.recipe import Recipe
from sonde.core.errors import DataError
from sonde.evaluate._svg import standalone
from sonde.learn._descent import DescentSettings, Diverged
from sonde.workflow._trial import trial

_LOWEST, _HIGHEST = 1e-6, 10.0
_KEPT = 0.9
"""How much of the smoothed loss a step keeps."""
_BROKEN = 3.0
"""Times the fall so far by which the loss may rise above its least before the search ends."""


class _Rising(Schedule):
    """From `_LOWEST` to `_HIGHEST` at equal ratios."""

    def shape(self, progress: float) -> float:
        factor: float = (_LOWEST / _HIGHEST) ** (1 - progress)
        return factor


@dataclass(frozen=True)
class LearningRates:
    """What the finder saw.

    Attributes:
        suggestion: the rate to begin with.
        rates: (n,) tried, ascending.
        losses: (n,) smoothed loss at each.
    """

    suggestion: float
    rates: np.ndarray
    losses: np.ndarray

    def curves(self) -> Curves:
        """The loss over the rate, as a report would show it."""
        nearest = int(np.abs(np.log(self.rates / self.suggestion)).argmin())
        place = np.log10([self.rates[nearest]])
        return Curves(
            "Learning rate",
            {
                "smoothed loss": (np.log10(self.rates), self.losses),
                "suggested": (place, self.losses[[nearest]]),
            },
            x_title="learning rate, as a power of 10",
            y_title="loss",
            points=frozenset({"suggested"}),
        )

    def save(self, path: str | Path) -> None:
        """Write the picture, an SVG file that stands alone."""
        Path(path).write_text(standalone(self.curves()), encoding="utf-8")

    def __str__(self) -> str:
        """A row of the table for each factor of about three, and the suggestion."""
        shown = []
        for low in np.arange(np.log10(_LOWEST), np.log10(self.rates[-1]), 0.5):
            inside = (np.log10(self.rates) >= low) & (np.log10(self.rates) < low + 0.5)
            if inside.any():
                shown.append((10 ** (low + 0.25), float(self.losses[inside].mean())))
        most = max(loss for _, loss in shown)
        lines = [f"{rate:8.1e}  {loss:8.3g}  {_bar(loss / most)}" for rate, loss in shown]
        return "\n".join([*lines, f"suggested learning rate: {self.suggestion:.2g}"])


def find_learning_rate(
    recipe: Recipe | Mapping[str, Any] | str | Path, data: Any = None, *, steps: int = 150
) -> LearningRates:
    """Try rates from 1e-6 to 10 on the recipe's training rows; no run is begun.

    Args:
        recipe: as for `fit`.
        data: as for `fit`.
        steps: at most; the search ends before where the loss breaks away.

    Raises:
        UsageError: the recipe does not follow a loss of rows with one descent.
        DataError: the loss is not finite at any rate.
    """
    with trial(recipe, data) as made:
        paradigm = made.prepared.recipe.paradigm
        rising: dict[str, Any] = {}
        if isinstance(paradigm, DescentSettings):  # others are refused by the attempt
            optimizer = paradigm.optimizer.model_copy(update={"learning_rate": _HIGHEST})
            rising = {"optimizer": optimizer, "schedule": _Rising()}
        attempt = made.attempt(budget=Budget(steps=steps), **rising)
        losses: list[float] = []
        try:
            for loss in attempt.train(steps):
                losses.append(loss)
                if not np.isfinite(loss) or _has_broken(_smoothed(losses)):
                    break
        except Diverged:
            pass
    finite = [loss for loss in losses if np.isfinite(loss)]
    if len(finite) < steps // 10:
        raise DataError("the loss is not finite even at the smallest rate; look at the inputs with "
                        "sonde train --debug")  # fmt: skip
    smoothed = _smoothed(finite)
    progress = np.arange(len(smoothed)) / steps
    rates = _HIGHEST * (_LOWEST / _HIGHEST) ** (1 - progress)
    return LearningRates(float(rates[smoothed.argmin()] / 10), rates, smoothed)


def _smoothed(losses: list[float]) -> np.ndarray:
    """(n,) exponential average, without the pull of its start (Kingma, Ba 2014, section 3)."""
    out, mean = [], 0.0
    for step, loss in enumerate(losses, start=1):
        mean = _KEPT * mean + (1 - _KEPT) * loss
        out.append(mean / (1 - _KEPT**step))
    return np.array(out)


def _has_broken(smoothed: np.ndarray) -> bool:
    """Whether the loss has risen far above its least: beside what it fell, and what it began at."""
    least = smoothed.min()
    fallen = max(smoothed[0] - least, 0.1 * abs(smoothed[0]), 1e-6)
    return bool(smoothed[-1] > least + _BROKEN * fallen)


def _bar(part: float) -> str:
    return "#" * max(1, round(40 * max(0.0, min(1.0, part))))
