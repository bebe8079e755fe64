"""Simple rivals of an autoencoder on rows of numbers and categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Design
from sonde.tasks._rebuilt import Part

_SMALLEST = 1e-3
"""Least probability a linear method gives a class: what it says is no probability."""


@dataclass(frozen=True)
class PrincipalComponents:
    """Rows from their first principal components; from none, every row's mean.

    Pearson, "On lines and planes of closest fit to systems of points in space", 1901; categories
    as indicators, missing numbers as the mean.

    Attributes:
        parts: what is rebuilt.
        names: of the features, in their order: one for each input.
        width: number of components.
        without: by column, the class whose rows teach nothing.
    """

    parts: Sequence[Part]
    names: Sequence[str]
    width: int
    without: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, train: Design, test: Design, seed: int) -> Arrays:
        """What is said of each test row, by place; nothing is drawn."""
        places = [self.names.index(part.name) for part in self.parts]
        known, asked = (_matrix(d.numbers[:, places], self.parts) for d in (train, test))
        for name, index in self.without.items():
            known = known[train.targets[name] != index]
        centre = known.mean(axis=0)
        _, vectors = np.linalg.eigh((known - centre).T @ (known - centre))
        axes = vectors[:, ::-1][:, : self.width]
        return self._said(centre + (asked - centre) @ axes @ axes.T)

    def _said(self, rebuilt: np.ndarray) -> dict[str, np.ndarray]:
        """(N, Q) cut into columns; indicators become probabilities."""
        found: dict[str, np.ndarray] = {}
        at = 0
        for part in self.parts:
            own = rebuilt[:, at : at + max(1, part.classes)].astype(np.float32)
            at += own.shape[1]
            if part.form == "category":
                own = own.clip(_SMALLEST)
                own = own / own.sum(axis=1, keepdims=True)
            found[f"{part.place}:said"] = own if part.form == "category" else own[:, 0]
        return found


def _matrix(numbers: np.ndarray, parts: Sequence[Part]) -> np.ndarray:
    """(N, P) features -> (N, Q) float64: indicators for classes, 0 for missing numbers."""
    blocks = [
        np.equal(column[:, None], np.arange(part.classes)).astype(np.float64)
        if part.form == "category"
        else np.nan_to_num(column[:, None].astype(np.float64))
        for part, column in zip(parts, numbers.T, strict=True)
    ]
    return np.hstack(blocks)
