"""Labels that look wrong: confident learning.

Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2019,
arXiv:1911.00068. A row is suspect where a model that never saw it is as sure of another class as it
usually is of that class's own rows (eq. 1); we list those by how much more it is sure (their
"normalized margin").
"""

from __future__ import annotations

import numpy as np
import torch

from sonde.contracts.learn import Budget
from sonde.core.batch import as_arrays, to_device
from sonde.learn._descent import Diverged
from sonde.workflow._checks import Finding
from sonde.workflow._trial import Attempt, Trial, folds

_FOLDS = 3
_MOST_ROWS = 12


def suspect_labels(made: Trial, steps: int) -> tuple[Finding | None, dict[int, str]]:
    """What a short training says about labels, and the rows; None where the task has no classes."""
    task = made.attempt(budget=Budget(steps=1)).task
    classes = [n for n in task.targets if n in task.outputs and task.outputs[n].kind == "category"]
    if not classes or len(made.prepared.parts.train) < 10 * _FOLDS:
        return None, {}
    target = classes[0]
    found = []
    for parts in folds(made.prepared.parts, _FOLDS, made.prepared.recipe.seed):
        attempt = made.attempt(parts, budget=Budget(steps=steps))
        try:
            for _ in attempt.train(steps):
                pass
        except Diverged:
            return Finding("labels", False, "not looked at: the training diverged"), {}
        found.append((parts.valid, *_left_out(attempt, target)))
    rows, probability, label = (np.concatenate(each) for each in zip(*found, strict=True))
    known = label < probability.shape[1]
    rows, probability, label = rows[known], probability[known], label[known]
    suspects = wrong_labels(probability, label)
    column = made.prepared.columns[target]
    names = [str(name) for name in column.decode(np.arange(probability.shape[1]))]
    remarks = {
        int(rows[i]): f"says {names[label[i]]} ({probability[i, label[i]]:.2f}), looks like "
        f"{names[probability[i].argmax()]} ({probability[i].max():.2f})"
        for i in suspects
    }
    share = len(remarks) / max(1, len(rows))
    said = f"{len(remarks):,} of {len(rows):,} rows look as if they were of another class"
    shown = dict(list(remarks.items())[:_MOST_ROWS])
    return Finding("labels", share < 0.01, said, _advice(share)), shown


def wrong_labels(probability: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(n,) positions of rows whose label looks wrong, the surest first.

    Args:
        probability: (N, K) of models that did not see the row.
        label: (N,) in [0, K).
    """
    rows, classes = probability.shape
    usual = np.array(
        [
            probability[label == k, k].mean() if (label == k).any() else np.inf
            for k in range(classes)
        ]
    )
    sure = np.where(probability >= usual, probability, -1.0)
    other = sure.argmax(axis=1)
    suspect = (sure.max(axis=1) >= 0) & (other != label)
    margin = probability[np.arange(rows), label] - probability.max(axis=1)
    positions = np.flatnonzero(suspect & (margin < 0))
    order: np.ndarray = positions[np.argsort(margin[positions], kind="stable")]
    return order


def _advice(share: float) -> str:
    if share < 0.01:
        return ""
    if share > 0.1:
        return (
            "so many are rather classes that overlap, or little that can be learned; look at the "
            "first rows"
        )
    return "look at these rows and correct what is wrong"


@torch.no_grad()
def _left_out(attempt: Attempt, target: str) -> tuple[np.ndarray, np.ndarray]:
    """(n, K) probabilities and (n,) labels of the rows that were left out, in stored order."""
    network = attempt.phase.learner.shipped().eval()
    batches = attempt.phase.valid
    assert batches is not None and batches.steps_per_epoch is not None
    batches.seek(0)
    source = iter(batches)
    probability, labels = [], []
    for _ in range(batches.steps_per_epoch):
        batch = to_device(next(source), attempt.context.device)
        inputs, targets = attempt.task.arrange(batch, False, None)
        raw = network(inputs)[target].float()
        probability.append(as_arrays({"p": raw.softmax(dim=1)})["p"])
        labels.append(as_arrays({"y": targets[target]})["y"].astype(np.int64))
    return np.concatenate(probability), np.concatenate(labels)
