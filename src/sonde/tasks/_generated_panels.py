"""What a report shows of drawn pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sonde.contracts.panels import Panel, Sheet
from sonde.contracts.task import Judged
from sonde.tasks._generated_rows import flat
from sonde.tasks._manifolds import nearest

if TYPE_CHECKING:
    from sonde.tasks.generate import Generate

_ACROSS, _DOWN = 10, 8
_PAIRS = (
    "The nearest pairs, with the distance of their pixels: a drawn picture on the left, a real one "
    "of the test part on the right."
)
_WITHOUT = (
    "How lifelike pictures are is scored in the features of a classifier, and the recipe names "
    "none: there is no Fréchet distance, no precision and no recall. Train one on the same "
    "pictures and name it,  task: {kind: generate, judge_by: path/to/model.sonde}."
)


def panels(task: Generate, judged: Judged) -> list[Panel]:
    """Drawn and real pictures in the same order of classes; pairs that are most alike."""
    from sonde.core.picture import sheet

    order = in_turns(judged.truth["class"], _ACROSS * _DOWN)
    across = min(_ACROSS, max(1, len(task.classes) or _ACROSS))
    order = order[: across * _DOWN]
    ours = task.columns[task.drawn].decode(judged.predicted["picture"])
    theirs = task.columns[task.drawn].decode(judged.truth["picture"])
    closest = closest_by_class(judged.predicted["to real"], judged.truth["class"])
    found, _ = nearest(flat(judged.predicted["picture"][closest]), flat(judged.truth["picture"]))
    pairs = [sheet([ours[at], theirs[real]], 2) for at, real in zip(closest, found, strict=True)]
    apart = [f"distance {judged.predicted['to real'][at]:.3f}" for at in closest]
    notes = [f"A column for each {task.condition}."] if task.classes else []
    notes += [_WITHOUT] if task.judge_by is None else []
    return [
        Sheet("Drawn", [sheet([ours[at] for at in order], across)], note=" ".join(notes)),
        Sheet("Real", [sheet([theirs[at] for at in order], across)], note="From the test part."),
        Sheet("Drawn beside the nearest real one", pairs, apart, note=_PAIRS),
    ]


def closest_by_class(far: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Positions of the drawn pictures that are nearest to a real one: of each class as many.

    Args:
        far: (N,) how far each is from the nearest real picture.
        classes: (N,) of which class.
    """
    order = np.argsort(far, kind="stable")
    kept = np.unique(classes)[:_ACROSS]
    each = max(1, _ACROSS // len(kept))
    return np.concatenate([order[classes[order] == one][:each] for one in kept])


def in_turns(classes: np.ndarray, most: int) -> np.ndarray:
    """Positions of the first, second, ... row of each class in turn, so that columns are classes.

    Of more than ten classes the first ten.
    """
    kept = np.unique(classes)[:_ACROSS]
    places = [np.flatnonzero(classes == each) for each in kept]
    down = min(min(map(len, places)), -(-most // len(kept)))
    return np.stack([place[:down] for place in places], axis=1).ravel()
