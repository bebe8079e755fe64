"""Rivals that read texts: n-grams of words and of letters, and a linear model.

Wang, Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", 2012,
shows how hard such a model is to beat. Numbers and categories of a row stand beside its n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design
from sonde.core.port import PRESENT
from sonde.tasks._classifiers import Decide, likeliest, majority
from sonde.tasks._estimators import linear, observed, unfinished_is_fine

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LOGISTIC, RIDGE = "n-gram logistic regression", "n-gram ridge"
"""What the rivals are called."""

_LONGEST = 10_000
"""Letters of a text that are read."""
_MOST_GRAMS = 100_000
"""Of words, and as many of letters, in each field: the commonest."""
_MOST_ITERATIONS = 100
_TOKEN = r"\w+|[^\w\s]"  # as words are, and each sign by itself
_PENALTY = 0.1
"""Of squared weights, beside n-grams whose rows have length 1."""


def logistic(
    train: Design, test: Design, seed: int, *, target: str, classes: int, decide: Decide = likeliest
) -> Arrays:
    """Logistic regression with an L2 penalty, by L-BFGS."""
    from sklearn.linear_model import LogisticRegression

    index = train.targets[target].astype(np.int64)
    known = index < classes
    if len(np.unique(index[known])) < 2:
        return majority(train, test, 0, target=target, classes=classes, decide=decide)
    learned, asked = _features(train, test, known)
    model = LogisticRegression(C=1 / _PENALTY, max_iter=_MOST_ITERATIONS, random_state=seed % 2**32)
    with unfinished_is_fine():
        model.fit(learned, index[known])
    probability = np.zeros((asked.shape[0], classes), np.float32)
    probability[:, model.classes_] = model.predict_proba(asked)
    return {"index": decide(probability), "probability": probability}


def ridge(train: Design, test: Design, seed: int, *, target: str) -> Arrays:
    """Least squares with an L2 penalty, by conjugate gradients."""
    from sklearn.linear_model import Ridge

    values = train.targets[target]
    known = train.targets.get(PRESENT + target, np.ones(len(values), bool))
    learned, asked = _features(train, test, known)
    model = Ridge(alpha=1.0, solver="sparse_cg", max_iter=_MOST_ITERATIONS, tol=1e-3,
                  random_state=seed % 2**32)  # fmt: skip
    with unfinished_is_fine():
        model.fit(learned, values[known])
    return {"value": model.predict(asked).astype(np.float32)}


def _features(train: Design, test: Design, rows: np.ndarray) -> tuple[csr_matrix, csr_matrix]:
    """(n, P) to fit on, the training rows that `rows` (N,) bool choose, and (N_test, P) to ask."""
    from scipy.sparse import csr_matrix, hstack

    plain = linear(train, "passthrough")
    fitted_on, answered = observed(train, test, rows)
    blocks = [(csr_matrix(plain.fit_transform(fitted_on)), csr_matrix(plain.transform(answered)))]
    chosen = np.flatnonzero(rows)
    for name, texts in train.texts.items():
        learned, asked = [_cut(texts[at]) for at in chosen.tolist()], [*map(_cut, test.texts[name])]
        if any(map(str.strip, learned)):
            blocks += _grams(learned, asked)
    own, other = zip(*blocks, strict=True)
    return hstack(own, format="csr"), hstack(other, format="csr")


def _grams(learned: Sequence[str], asked: Sequence[str]) -> list[tuple[Any, Any]]:
    """One and two words; one to four letters inside words: by TF-IDF, each row of length 1."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    shared = {"sublinear_tf": True, "max_features": _MOST_GRAMS, "dtype": np.float32}
    readers = (
        TfidfVectorizer(ngram_range=(1, 2), token_pattern=_TOKEN, **shared),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), **shared),
    )
    return [(reader.fit_transform(learned), reader.transform(asked)) for reader in readers]


def _cut(text: str) -> str:
    return text[:_LONGEST]
