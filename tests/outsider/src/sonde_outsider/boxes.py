"""Pictures with boxes: a ragged column that lives in the frame of another.

The task is as small as it can be and still need every box: say the mean box of each picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from torch import Tensor

from sonde import Batch, Column, Encoded, Loss, Metric, Padded, Port, Spec, SupervisedTask
from sonde.contracts.data import Ragged
from sonde.contracts.metric import Arrays
from sonde.contracts.task import Judged, stack
from sonde.core.batch import select

SCALE = 16.0


class PlainBoxes(Column):
    """A list of boxes x0, y0, x1, y1 in pixels of a picture; any number of them, or none."""

    learns: ClassVar[bool] = False
    frame: str = "image"

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        rng = np.random.default_rng(seed)
        lists = [rng.integers(0, 16, (rng.integers(0, 4), 4)).tolist() for _ in range(rows)]
        return pa.array(lists, pa.list_(pa.list_(pa.float32(), 4)))

    @property
    def port(self) -> Port:
        return Port("set", (4,), frame=self.frame)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> PlainBoxes:
        return self

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        lists = rows.column(self.reads[0])
        if pa.types.is_null(lists.type):
            empty = np.zeros(len(lists), np.int64)
            return Encoded(np.zeros((0, 4), np.float32), empty, empty)
        lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        flat = lists.flatten().flatten().to_numpy(zero_copy_only=False)
        lengths = lengths.astype(np.int64)
        starts = np.cumsum(lengths) - lengths
        return Encoded(flat.astype(np.float32).reshape(-1, 4), starts, lengths)

    def decode(self, arrays: np.ndarray | Ragged) -> list[list[list[float]]]:
        assert isinstance(arrays, Ragged)
        ends = zip(arrays.starts, arrays.lengths, strict=True)
        return [arrays.values[start : start + length].tolist() for start, length in ends]


class MeanBox(SupervisedTask):
    """The mean of a picture's boxes."""

    main_metric: ClassVar[str] = "gap"
    target: str = "boxes"

    @classmethod
    def examples(cls) -> list[MeanBox]:
        return []  # needs boxes

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        return {self.target: "plain-boxes"}

    @property
    def outputs(self) -> Mapping[str, Port]:
        return {"mean": Port("vector", (4,))}

    def arrange(self, batch: Batch, training: bool, generator) -> tuple[Batch, Batch]:
        boxes = batch[self.target]
        assert isinstance(boxes, Padded)
        count = boxes.lengths.clamp(min=1)[:, None]
        mean = (boxes.values * boxes.mask()[:, :, None]).sum(dim=1) / count / SCALE
        known = (boxes.lengths > 0).float()
        return select(batch, self.inputs), {"mean": mean, "known": known}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        gaps = (outputs["mean"] - targets["mean"]).abs().mean(dim=1)
        return Loss(gaps * targets["known"], targets["known"])

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        return {"value": outputs["mean"] * SCALE}

    def truth(self, targets: Arrays) -> Arrays:
        return {"value": targets["mean"] * SCALE}

    def answer(self, arrays: Arrays) -> list[dict]:
        return [{"mean": box.tolist()} for box in arrays["value"]]

    def metrics(self) -> Mapping[str, Metric]:
        return {"gap": MeanGap()}

    def judge(self, predictor, chunks, seed: int) -> Judged:
        found, truth, rows = [], [], []
        for chunk in chunks:
            found.append(predictor.arrays(chunk))
            lists = self.columns[self.target].decode(_ragged(self.columns[self.target], chunk))
            truth.append(np.array([np.mean(b, axis=0) if b else np.zeros(4) for b in lists]))
            rows.append(chunk.column("#row").to_numpy())
        return Judged(stack(found), {"value": np.concatenate(truth)}, np.concatenate(rows))


class MeanGap(Metric):
    """Mean distance of the coordinates, in pixels."""

    kind: ClassVar[str] = "mean-gap"
    higher_is_better: ClassVar[bool] = False

    @classmethod
    def examples(cls) -> list[MeanGap]:
        return []  # looks at boxes only

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        gaps = np.abs(predicted["value"] - truth["value"]).mean(axis=1)
        return np.stack([gaps, np.ones_like(gaps)], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        return sums[..., 0] / sums[..., 1]


def _ragged(column: Column, chunk: pa.RecordBatch) -> Ragged:
    encoded = column.encode(chunk)
    assert encoded.starts is not None and encoded.lengths is not None
    return Ragged(encoded.values, encoded.starts, encoded.lengths)
