"""The folds of a cross-validation put together.

Every test row is answered by the fold that had not seen it, beside the rivals of that fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sonde.contracts.task import Judged, Task
from sonde.workflow.judged import Answers


def pool(folds: Sequence[tuple[Task, Answers]]) -> tuple[Task, Answers]:
    """One task and one judgement of all folds, with the rivals that every fold has.

    Where rows were judged several times, as in repeated folds, what belongs to one row is a group:
    its answers hang together.
    """
    first = folds[0][0]
    task, judged = first.pooled([(task, answers.judged) for task, answers in folds])
    groups = _groups([answers.judged for _, answers in folds])
    judged = replace(judged, groups=groups)
    known = [*first.baselines(), *first.text_baselines()]
    shared = [name for name in known if all(name in a.rivals for _, a in folds)]
    rivals = {
        name: first.pooled([(task, answers.of(name)) for task, answers in folds])[1].predicted
        for name in shared
    }
    return task, Answers(judged, rivals)


def _groups(judged: Sequence[Judged]) -> np.ndarray | None:
    """(N,) what the splits said, else the row numbers where some stand there twice."""
    if all(each.groups is not None for each in judged):
        return np.concatenate([each.groups for each in judged if each.groups is not None])
    rows = np.concatenate([each.rows for each in judged])
    return rows if len(np.unique(rows)) < len(rows) else None
