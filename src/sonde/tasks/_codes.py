"""What codes are worth, found without training a network: by neighbours, by a line, by spread.

Wu, Xiong, Yu, Lin, "Unsupervised Feature Learning via Non-Parametric Instance Discrimination",
2018, arXiv:1805.01978, section 3.4 (neighbours); Alain, Bengio, "Understanding intermediate layers
using linear classifier probes", 2016, arXiv:1610.01644 (probe); Wang, Isola, "Understanding
Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere", 2020,
arXiv:2005.10242, section 4.1.2 (uniformity).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sonde.contracts.task import Design
from sonde.core.seed import numpy_rng

_AT_ONCE = 20_000_000
"""Similarities held at once."""
_SHARPNESS = 0.07
"""tau of Wu et al.: how fast a neighbour's vote fades with its similarity."""
_FOLDS = 5
_TINY = 1e-12


def unit(codes: np.ndarray) -> np.ndarray:
    """(N, K) float32 codes of length 1; a code of zeros stays one."""
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    scaled: np.ndarray = (codes / np.maximum(lengths, _TINY)).astype(np.float32)
    return scaled


def by_neighbours(codes: np.ndarray, labels: np.ndarray, neighbours: int) -> np.ndarray:
    """(N,) int64, the class that most of a row's neighbours say, the row itself left out.

    Each of the most similar rows (cosine s) votes with exp(s / 0.07).

    Args:
        codes: (N, K).
        labels: (N,) classes from 0 on; -1 where unknown: such a row is answered, and has no vote.
        neighbours: how many vote, or as many as there are.

    Returns:
        The classes; -1 where nobody has a vote.
    """
    found = np.full(len(codes), -1, np.int64)
    voters = np.flatnonzero(labels >= 0)
    most = min(neighbours, len(voters) - 1)
    if most < 1:
        return found
    places = np.full(len(codes), -1)
    places[voters] = np.arange(len(voters))
    classes = int(labels.max()) + 1
    for start, similar in _similarities(unit(codes), voters):
        rows = np.arange(len(similar))
        own = places[start : start + len(similar)]
        similar[rows[own >= 0], own[own >= 0]] = -np.inf
        near = np.argpartition(-similar, most - 1, axis=1)[:, :most]
        weights = np.exp((np.take_along_axis(similar, near, axis=1) - 1) / _SHARPNESS)
        votes = np.zeros((len(similar), classes))
        np.add.at(votes, (rows[:, None], labels[voters][near]), weights)
        found[start : start + len(similar)] = votes.argmax(axis=1)
    return found


def by_probe(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) int64, what a linear classifier of codes says of each row, fitted on other rows.

    Logistic regression over standardised codes, five folds in proportion to the classes.

    Args:
        codes: (N, K).
        labels: (N,) classes from 0 on; -1 where unknown: such a row is neither fitted on nor
            answered.

    Returns:
        The classes; -1 where there is no answer.
    """
    from sonde.data.splits._parts import shuffled_by_stratum

    found = np.full(len(codes), -1, np.int64)
    known = np.flatnonzero(labels >= 0)
    if len(known) < 2:
        return found
    order = known[shuffled_by_stratum(labels[known], numpy_rng("folds of a probe"))]
    fold = np.full(len(codes), -1)
    fold[order] = np.arange(len(order)) % min(_FOLDS, len(order))
    for index in range(fold.max() + 1):
        fitted, asked = np.flatnonzero((fold >= 0) & (fold != index)), np.flatnonzero(fold == index)
        found[asked] = _linear(codes[fitted], labels[fitted], codes[asked])
    return found


def nearness(codes: np.ndarray) -> np.ndarray:
    """(N,) float64, the mean of exp(-2 d^2) over the distances d to all other rows' unit codes.

    The logarithm of its mean is the uniformity of Wang and Isola: the lower, the more evenly codes
    cover the sphere. Zeros where there is but one row.
    """
    found = np.zeros(len(codes))
    if len(codes) < 2:
        return found
    for start, similar in _similarities(unit(codes), np.arange(len(codes))):
        rows = np.arange(len(similar))
        kernel = np.exp(4 * similar.astype(np.float64) - 4)
        kernel[rows, start + rows] = 0
        found[start : start + len(similar)] = kernel.sum(axis=1) / (len(codes) - 1)
    return found


def spread(codes: np.ndarray) -> float:
    """In [0, 1]: the variance of unit codes in all directions; 0 where all rows have one code."""
    directions = unit(codes).astype(np.float64)
    return float(directions.var(axis=0).sum()) if len(codes) else float("nan")


def raw_values(train: Design, test: Design, *, scaled: bool) -> np.ndarray:
    """(N, K) float32: the test rows themselves as codes.

    Args:
        train: whose means, deviations and classes count.
        test: N rows.
        scaled: whether numbers are divided by their deviation.
    """
    blocks = []
    for place, categorical in enumerate(train.categorical):
        known, asked = train.numbers[:, place], test.numbers[:, place]
        known = known[~np.isnan(known)]
        if categorical:
            blocks.append(asked[:, None] == np.unique(known)[None])
            continue
        mean = known.mean() if len(known) else 0.0
        deviation = known.std() if scaled and len(known) else 1.0
        centred = (np.nan_to_num(asked, nan=mean) - mean) / (deviation or 1.0)
        blocks.append(centred[:, None])
    return np.hstack(blocks).astype(np.float32)


def _similarities(units: np.ndarray, to: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The first of some rows, and (n, T) their cosines to the rows `to`."""
    rows = max(1, _AT_ONCE // max(1, len(to)))
    for start in range(0, len(units), rows):
        yield start, units[start : start + rows] @ units[to].T


def _linear(codes: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """(n,) classes of the asked codes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from sonde.tasks._estimators import unfinished_is_fine

    if len(np.unique(labels)) < 2:
        return np.full(len(asked), labels[0])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100))
    with unfinished_is_fine():
        said: np.ndarray = model.fit(codes.astype(np.float64), labels).predict(asked)
    return said
