"""Fit the textbook's line and its step, and draw the points with what was learned.

    python examples/draw_textbook.py          from the top of the repository

Writes docs/textbook-line.svg and docs/textbook-logistic.svg.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import sonde

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).resolve().parents[1]
X = np.linspace(-1.0, 1.0, 201)


def main() -> None:
    """Two recipes, two pictures."""
    draw_line()
    draw_step()


def draw_line() -> None:
    """The answers at 0 and 1 say the offset and the slope."""
    bundle = _learned("textbook-line")
    offset, at_one = (answer["y"] for answer in bundle.predict([{"x": 0.0}, {"x": 1.0}]))
    fitted = f"learned: y = {at_one - offset:.2f} x + {offset:.2f}"
    answers = np.array([answer["y"] for answer in bundle.predict(_rows())])
    _draw("textbook-line", "line.csv", answers, fitted, "y = 2 x + 0.33 + noise")


def draw_step() -> None:
    """An answer names the likelier class and its probability; drawn is that of class 1."""
    answers = _learned("textbook-logistic").predict(_rows())
    certain = np.array([answer["probability"] for answer in answers])
    ones = np.array([answer["y"] == "1" for answer in answers])
    _draw(
        "textbook-logistic",
        "step.csv",
        np.where(ones, certain, 1 - certain),
        "learned: probability of 1",
        "y = [x > 0]",
    )


def _rows() -> list[dict[str, float]]:
    return [{"x": float(x)} for x in X]


def _learned(name: str) -> sonde.Bundle:
    return sonde.fit(ROOT / "examples" / f"{name}.yaml", judge=False).bundle


def _draw(name: str, data: str, answers: np.ndarray, fitted: str, points: str) -> None:
    """Points and curve into docs/, the same bytes each time."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    x, y = np.loadtxt(ROOT / "examples" / "data" / data, delimiter=",", skiprows=1, unpack=True)
    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 11}):
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes: Axes = figure.subplots()
        axes.plot(x, y, "o", markersize=4, color="#888888", label=f"100 points, {points}")
        axes.plot(X, answers, color="#c0392b", linewidth=2, label=fitted)
        axes.set_xlabel("x")
        axes.set_ylabel("y")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="upper left")
        figure.savefig(ROOT / "docs" / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
