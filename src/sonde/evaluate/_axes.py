"""Axes of a chart: round ticks, and where a value lies in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Axis:
    """A line of values from `low` to `high`, drawn from `start` to `end`.

    Attributes:
        low, high: values at the ends.
        start, end: pixels at the ends.
        ticks: values that are labelled.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def place(self, values: np.ndarray | float) -> np.ndarray:
        """Values as pixels, same shape."""
        part = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        placed: np.ndarray = self.start + part * (self.end - self.start)
        return placed


def axis(values: np.ndarray, start: float, end: float, *, most: int = 6) -> Axis:
    """An axis that holds all values, ending at round ticks.

    Args:
        values: (n,) finite.
        start: pixel of the low end.
        end: pixel of the high end.
        most: intervals between ticks, about.
    """
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if not high > low:
        low, high = low - abs(low) / 2 - 0.5, high + abs(high) / 2 + 0.5
    step = round_step((high - low) / most)
    if len(values) and np.all(values == np.rint(values)):
        step = max(1.0, step)  # no half epochs
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(index * step for index in range(first, last + 1))
    return Axis(ticks[0], ticks[-1], start, end, ticks)


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... times a power of ten that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))


def tick_text(value: float) -> str:
    """A tick as short as can be: 0.25, 40, 250k, 1.5M."""
    value = float(f"{value:.9g}")  # 0.30000000000000004 is 0.3
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{value:g}"
