"""What learners showed while they learned, for the report."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from sonde.contracts.panels import Panel, Sheet
from sonde.run.directory import RunDirectory

_AT_MOST = 8
"""Pictures of one kind in the report: the first, the last, and some between them."""


def shown_while_learning(directory: RunDirectory) -> list[Panel]:
    """A sheet for each kind of picture, in the order of steps; all lie in the run's folder."""
    if not directory.pictures.exists():
        return []
    found: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for path in sorted(directory.pictures.glob("*.png")):
        phase, step, name = path.stem.rsplit("-", 2)
        found[f"{phase}: {name}"].append((int(step), path))
    return [_sheet(title, steps) for title, steps in found.items()]


def _sheet(title: str, steps: list[tuple[int, Path]]) -> Sheet:
    from PIL import Image

    places = np.unique(np.linspace(0, len(steps) - 1, _AT_MOST).round().astype(int))
    picked = [steps[place] for place in places]
    pictures = [np.asarray(Image.open(path)) for _, path in picked]
    left_out = len(steps) - len(picked)
    more = f"{left_out} more in the run's folder, in pictures/." if left_out else ""
    return Sheet(title, pictures, [f"step {step:,}" for step, _ in picked], more)
