"""Simple rivals for classification: each answers with the probability of every class."""

from __future__ import annotations

from typing import Any

import numpy as np

from sonde.contracts.task import Arrays, Design
from sonde.tasks._estimators import linear, observed, tree_options, unfinished_is_fine

_MOST_ITERATIONS = 200


def boosted(train: Design, test: Design, seed: int, *, target: str, classes: int) -> Arrays:
    """Histogram gradient boosting with scikit-learn's own settings."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(**tree_options(train, seed))
    return _fitted(model, train, test, target=target, classes=classes)


def logistic(train: Design, test: Design, seed: int, *, target: str, classes: int) -> Arrays:
    """Logistic regression, with scikit-learn's own L2 penalty."""
    from sklearn.linear_model import LogisticRegression

    model = linear(train, LogisticRegression(max_iter=_MOST_ITERATIONS, random_state=seed % 2**32))
    with unfinished_is_fine():
        return _fitted(model, train, test, target=target, classes=classes)


def majority(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
    classes: int,
) -> Arrays:
    """The commonest class, each class as probable as it is common."""
    index = train.targets[target]
    counts = np.bincount(index[index < classes].astype(np.int64), minlength=classes)
    return _answers(np.tile(counts / counts.sum(), (len(test.numbers), 1)))


def _fitted(model: Any, train: Design, test: Design, *, target: str, classes: int) -> Arrays:
    """What the model answers for the test rows; a class absent from the sample gets 0."""
    index = train.targets[target].astype(np.int64)
    known = index < classes
    if len(np.unique(index[known])) < 2:  # a sample of one class teaches nothing else
        return majority(train, test, 0, target=target, classes=classes)
    fitted_on, asked = observed(train, test, known)
    model.fit(fitted_on, index[known])
    probability = np.zeros((len(asked), classes))
    probability[:, model.classes_] = model.predict_proba(asked)
    return _answers(probability)


def _answers(probability: np.ndarray) -> Arrays:
    """(N, K) probabilities as `read` gives them."""
    return {"index": probability.argmax(axis=1), "probability": probability.astype(np.float32)}
