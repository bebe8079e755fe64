"""Identification: how often the most like picture of a gallery is of the same identity.

The gallery holds the first rows of each identity; all other rows are asked about. An identity
without another row is in the gallery all the same, for others to be taken for.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean
from sonde.metrics._pairs import unit

_AT_ONCE = 20_000_000


class Identification(RowMean):
    """The part of the rows outside the gallery whose nearest row in it is of their identity."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    enrolled: int = Field(1, ge=1)
    """Rows of each identity in the gallery."""

    @property
    def label(self) -> str:
        """As tables have it."""
        return "identification"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) 1 where it is right, else 0."""
        said = predicted["match"] if "match" in predicted else self._found(predicted, truth)
        right: np.ndarray = said == truth["identity"]
        return right.astype(np.float64)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2), zeros of the rows in the gallery."""
        asked: np.ndarray = super().terms(predicted, truth) * ~self._gallery(truth)[:, None]
        return asked

    def _gallery(self, truth: Arrays) -> np.ndarray:
        """(N,) bool, the rows that are enrolled."""
        if "enrolled" in truth:
            return truth["enrolled"].astype(bool)
        return first_of_each(truth["identity"], self.enrolled)

    def _found(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        return nearest(predicted["embedding"], truth["identity"], self._gallery(truth),
                       predicted.get("space"))  # fmt: skip


def first_of_each(identity: np.ndarray, count: int) -> np.ndarray:
    """(N,) bool, whether fewer than `count` rows of the same identity stand before."""
    order = np.argsort(identity, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(identity[order]) != 0)[: len(order)])
    sizes = np.diff(np.append(starts, len(order)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, sizes)
    first: np.ndarray = rank < count
    return first


def nearest(
    embedding: np.ndarray, identity: np.ndarray, gallery: np.ndarray, space: np.ndarray | None
) -> np.ndarray:
    """(N,) int64, the identity of the row of the gallery that is most like each row; else -1.

    Args:
        embedding: (N, K).
        identity: (N,).
        gallery: (N,) bool, the rows that are enrolled.
        space: (N,) which network gave the embedding; None where one gave all.
    """
    found = np.full(len(identity), -1, np.int64)
    held = np.flatnonzero(gallery)
    if not len(held):
        return found
    directions = unit(embedding)
    step = max(1, _AT_ONCE // len(held))
    for at in range(0, len(found), step):
        some = slice(at, at + step)
        alike = directions[some] @ directions[held].T
        if space is not None:
            alike[space[some, None] != space[held]] = -np.inf
        found[some] = identity[held[alike.argmax(axis=1)]]
    return found
