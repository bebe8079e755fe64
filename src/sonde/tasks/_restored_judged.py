"""How restored pictures are held against clean ones, at full size, beside simple filters."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sonde.contracts.task import Judged, Predictor
from sonde.metrics.psnr import SQUARED, squared_errors
from sonde.metrics.ssim import SIMILARITY, similarities
from sonde.tasks._median import median_filtered

if TYPE_CHECKING:
    from sonde.tasks.restore import Restore

_TOGETHER = 2**17
"""Pixels of the pictures that are compared at once, where they are of one size."""

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]
"""A worse picture, the restored one and the clean one, (H, W) or (H, W, 3) uint8 each."""


def judged(task: Restore, predictor: Predictor, chunks: Iterable[pa.RecordBatch]) -> Judged:
    """What is kept of each picture are its error and its similarity, not its pixels."""
    notes = _Notes(median=task.damage is None or not task.damage.enlarges)
    rows: list[np.ndarray] = []
    for chunk in chunks:
        for triple in triples(task, predictor, chunk):
            notes.add(triple)
        rows.append(chunk.column("#row").to_numpy())
    found = notes.finish()
    truth = {f"given {SQUARED}": found["unrestored"][SQUARED]}
    enlarges = task.damage is not None and task.damage.enlarges
    rivals = {"bicubic" if enlarges and n == "unrestored" else n: a for n, a in found.items()}
    return Judged(rivals.pop(""), truth, np.concatenate(rows), rivals=rivals)


def triples(task: Restore, predictor: Predictor, rows: pa.RecordBatch) -> Iterator[Triple]:
    """Each judged row's picture before, after, and as it should be."""
    held: deque[tuple[np.ndarray, np.ndarray]] = deque()

    def given() -> Iterator[np.ndarray]:
        for clean, worse in task.pairs(rows):
            held.append((clean, worse))
            yield worse

    def ask(tiles: pa.RecordBatch) -> list[dict[str, np.ndarray]]:
        return task.answer(predictor.arrays(tiles))

    for restored in task.restored(given(), rows, task.Options(), ask):
        clean, worse = held.popleft()
        yield worse, restored, clean


@dataclass
class _Notes:
    """Errors and similarities by who answered, '' being the model; pictures of a size together."""

    median: bool
    found: dict[str, list[dict[str, np.ndarray]]] = field(default_factory=dict)
    _held: list[Triple] = field(default_factory=list)

    def add(self, triple: Triple) -> None:
        """One more picture."""
        if self._held and self._held[0][2].shape != triple[2].shape:
            self._compare()
        self._held.append(triple)
        if sum(clean[..., :1].size for *_, clean in self._held) >= _TOGETHER:
            self._compare()

    def finish(self) -> dict[str, dict[str, np.ndarray]]:
        """By who answered: (N,) errors and similarities."""
        self._compare()
        names = (SQUARED, SIMILARITY)
        if not self.found:
            return {who: dict.fromkeys(names, np.empty(0)) for who in ("", "unrestored")}
        return {
            who: {name: np.concatenate([part[name] for part in parts]) for name in names}
            for who, parts in self.found.items()
        }

    def _compare(self) -> None:
        if not self._held:
            return
        worse, restored, clean = (
            np.stack([_planes(each, triple[2]) for each in column])
            for triple, column in ((self._held[0], c) for c in zip(*self._held, strict=True))
        )
        self._held.clear()
        answers = {"": restored}
        if self.median:
            answers["median filter"] = median_filtered(worse)
        answers["unrestored"] = worse
        for who, said in answers.items():
            scores = {SQUARED: squared_errors(said, clean), SIMILARITY: similarities(said, clean)}
            self.found.setdefault(who, []).append(scores)


def _planes(picture: np.ndarray, like: np.ndarray) -> np.ndarray:
    """(C, H, W) with as many channels as another picture has."""
    planes = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
    wanted = 1 if like.ndim == 2 else 3
    if len(planes) == wanted:
        return planes
    return (
        np.repeat(planes, 3, axis=0)
        if wanted == 3
        else planes.mean(axis=0, keepdims=True).astype(np.uint8)
    )
