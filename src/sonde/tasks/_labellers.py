"""Simple rivals for labels: each label is a matter of two classes, on its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design
from sonde.core.port import PRESENT
from sonde.tasks._decisions import best_f1
from sonde.tasks._estimators import linear, observed, tree_options, unfinished_is_fine


def boosted(train: Design, test: Design, seed: int, *, target: str, by_f1: bool) -> Arrays:
    """Histogram gradient boosting for each label, with scikit-learn's own settings."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    options = tree_options(train, seed)
    return _each(lambda: HistGradientBoostingClassifier(**options), train, test, target, by_f1)


def logistic(train: Design, test: Design, seed: int, *, target: str, by_f1: bool) -> Arrays:
    """Logistic regression for each label, with scikit-learn's own L2 penalty."""
    from sklearn.linear_model import LogisticRegression

    def make() -> Any:
        return linear(train, LogisticRegression(max_iter=200, random_state=seed % 2**32))

    with unfinished_is_fine():
        return _each(make, train, test, target, by_f1)


def frequencies(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
    by_f1: bool,
) -> Arrays:
    """Each label as probable as it is common."""
    common = train.targets[target][_known(train, target)].mean(axis=0)
    return _answers(np.tile(common, (len(test.numbers), 1)), by_f1)


def _each(make: Callable[[], Any], train: Design, test: Design, target: str, by_f1: bool) -> Arrays:
    """One model for each label; a label that all training rows have, or none, needs no model."""
    known = _known(train, target)
    fitted_on, asked = observed(train, test, known)
    columns = []
    for true in train.targets[target][known].T > 0.5:
        if true.all() or not true.any():
            columns.append(np.full(len(asked), float(true.any())))
        else:
            columns.append(make().fit(fitted_on, true).predict_proba(asked)[:, 1])
    return _answers(np.stack(columns, axis=1), by_f1)


def _answers(probability: np.ndarray, by_f1: bool) -> Arrays:
    """(N, K) probabilities as `read` gives them.

    With `by_f1` each label's F1 is made as large as it would be if the probabilities were true
    (Lipton, Elkan, Naryanaswamy 2014, arXiv:1402.1892, theorem 1).
    """
    said = probability.astype(np.float32)
    cuts = [best_f1(each, each.astype(np.float64)).cut if by_f1 else 0.5 for each in said.T]
    return {"labels": said >= np.array(cuts, np.float32), "label probability": said}


def _known(train: Design, target: str) -> np.ndarray:
    """(N,) bool, where the set is present."""
    values = train.targets[target]
    return train.targets.get(PRESENT + target, np.ones(len(values), bool))
