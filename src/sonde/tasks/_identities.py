"""Simple rivals of an embedding: plain values, and linear discriminants."""

from __future__ import annotations

import warnings

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design

_COMPONENTS = 100


def raw_values(train: Design, test: Design, seed: int) -> Arrays:  # noqa: ARG001 - draws nothing
    """Values as they are, around their mean over the training rows."""
    middle = np.nan_to_num(np.nanmean(train.numbers, axis=0))
    return {"embedding": np.nan_to_num(test.numbers - middle).astype(np.float32)}


def discriminants(train: Design, test: Design, seed: int, *, target: str, classes: int) -> Arrays:
    """Principal components, then the directions in which identities of the training rows differ.

    Belhumeur, Hespanha, Kriegman, "Eigenfaces vs. Fisherfaces: Recognition Using Class Specific
    Linear Projection", IEEE TPAMI 19, 1997, section 2.4, on means of windows of the pictures.
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    middle = np.nan_to_num(np.nanmean(train.numbers, axis=0))
    known = train.targets[target] < classes
    rows = np.nan_to_num(train.numbers - middle)[known].astype(np.float64)
    most = min(_COMPONENTS, rows.shape[1], max(1, len(rows) - classes))
    components = PCA(most, random_state=seed).fit(rows)
    asked = components.transform(np.nan_to_num(test.numbers - middle).astype(np.float64))
    if len(rows) <= classes:  # one row of each: nothing is known of how a person differs
        return {"embedding": asked.astype(np.float32)}
    line = LinearDiscriminantAnalysis()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # collinear components are no matter
        line.fit(components.transform(rows), train.targets[target][known])
    return {"embedding": line.transform(asked).astype(np.float32)}
