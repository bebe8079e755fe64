"""Simple rivals for classification: each answers with the probability of every class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design
from sonde.tasks._estimators import linear, observed, tree_options, unfinished_is_fine

_MOST_ITERATIONS = 200

Decide = Callable[[np.ndarray], np.ndarray]
"""(N, K) probabilities -> (N,) the index of the class that is said."""


def likeliest(probability: np.ndarray) -> np.ndarray:
    """(N, K) -> (N,) the class of largest probability."""
    index: np.ndarray = probability.argmax(axis=1)
    return index


def boosted(
    train: Design, test: Design, seed: int, *, target: str, classes: int, decide: Decide = likeliest
) -> Arrays:
    """Histogram gradient boosting with scikit-learn's own settings."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(**tree_options(train, seed))
    return _fitted(model, train, test, target=target, classes=classes, decide=decide)


def logistic(
    train: Design, test: Design, seed: int, *, target: str, classes: int, decide: Decide = likeliest
) -> Arrays:
    """Logistic regression, with scikit-learn's own L2 penalty."""
    from sklearn.linear_model import LogisticRegression

    model = linear(train, LogisticRegression(max_iter=_MOST_ITERATIONS, random_state=seed % 2**32))
    with unfinished_is_fine():
        return _fitted(model, train, test, target=target, classes=classes, decide=decide)


def majority(
    train: Design,
    test: Design,
    seed: int,  # noqa: ARG001  # every baseline is given one
    *,
    target: str,
    classes: int,
    decide: Decide = likeliest,
) -> Arrays:
    """The commonest class, each class as probable as it is common."""
    index = train.targets[target]
    counts = np.bincount(index[index < classes].astype(np.int64), minlength=classes)
    return _answers(np.tile(counts / counts.sum(), (len(test.numbers), 1)), decide)


def _fitted(
    model: Any,
    train: Design,
    test: Design,
    *,
    target: str,
    classes: int,
    decide: Decide = likeliest,
) -> Arrays:
    """What the model answers for the test rows; a class absent from the sample gets 0."""
    index = train.targets[target].astype(np.int64)
    known = index < classes
    if len(np.unique(index[known])) < 2:  # a sample of one class teaches nothing else
        return majority(train, test, 0, target=target, classes=classes, decide=decide)
    fitted_on, asked = observed(train, test, known)
    model.fit(fitted_on, index[known])
    probability = np.zeros((len(asked), classes))
    probability[:, model.classes_] = model.predict_proba(asked)
    return _answers(probability, decide)


def _answers(probability: np.ndarray, decide: Decide) -> Arrays:
    """(N, K) probabilities as `read` gives them."""
    return {"index": decide(probability), "probability": probability.astype(np.float32)}
