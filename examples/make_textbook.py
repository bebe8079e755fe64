"""The two data sets of the textbook's first examples, written into `examples/data/`.

    python examples/make_textbook.py

A line with noise, y = 2x + 0.33 + noise, and a step, y = [x > 0]; 100 points each. The noise has a
deviation of 0.1; everything follows from one seed, so the files are the same on every machine.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

POINTS = 100
SLOPE, OFFSET, NOISE = 2.0, 0.33, 0.1


def main() -> None:
    """Write line.csv and step.csv."""
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, POINTS)
    line = SLOPE * x + OFFSET + rng.normal(0.0, NOISE, POINTS)
    _write(folder / "line.csv", [f"{a:.6f},{b:.6f}" for a, b in zip(x, line, strict=True)])
    _write(folder / "step.csv", [f"{a:.6f},{int(a > 0)}" for a in x])


def _write(path: Path, rows: list[str]) -> None:
    path.write_text("\n".join(["x,y", *rows, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
