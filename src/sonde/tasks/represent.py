"""Represent: rows in, a code out.

What a network keeps of a row when nobody says what the row is: the last features of any blueprint,
learned by comparing views of rows (`contrast`, `vicreg`) or by saying what was hidden of them
(`masked`). The model that comes out is an encoder, from which another recipe may start:

    model: {kind: resnet, encoder: runs/pretraining/model.sonde}

A label is never learned from. It judges: do rows with like codes belong to one class, and can a
line tell the classes apart?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Baseline,
    Design,
    Judged,
    Predictor,
    Task,
    encode_all,
)
from sonde.core.code import CODE, code_port
from sonde.core.errors import DataError, UnknownColumn, UsageError, listed, unknown
from sonde.core.port import Ports
from sonde.core.spec import Spec
from sonde.metrics._mean import RowMean
from sonde.tasks import _class_panels, _code_panels, _codes

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.core.batch import Batch

_KNN, _PROBE, _UNIFORMITY = "knn accuracy", "probe accuracy", "uniformity"


class Represent(Task):
    """Every column but the label becomes a code, as wide as the network's last features.

    `read` gives {"code": (B, K)}.
    """

    learns_by: ClassVar[str] = "contrast"

    label: str | None = None
    """A column of classes that judges the codes; it is neither an input nor learned from."""
    neighbours: int = Field(20, ge=1)
    """How many judged rows vote on a row's class, itself left out."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Judged by its spread alone; by a label."""
        return [cls(), cls(label="label", neighbours=5)]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn: the label is no column.
            UsageError: the label has no classes, or there is nothing besides it.
        """
        bound = super().bind(columns)
        if self.label is not None:
            if self.label not in columns:
                raise UnknownColumn(unknown("column", self.label, columns))
            if columns[self.label].port.kind != "category":
                raise UsageError(
                    f"label: column {self.label!r} is of kind {columns[self.label].kind!r}, "
                    f"expected classes. Declare it as category, or name another: {listed(columns)}"
                )
        if not bound.inputs:
            raise UsageError(
                f"a code is made of columns, and there is none but the label {self.label!r}"
            )
        return bound

    def target_columns(self) -> Mapping[str, str]:
        """The label, whose whole numbers are classes too, though it is no target."""
        return {self.label: "category"} if self.label is not None else {}

    @property
    def inputs(self) -> Ports:
        """Every column but the label."""
        return {name: port for name, port in self._ports.items() if name != self.label}

    @property
    def outputs(self) -> Ports:
        """The code, as wide as the network has it."""
        return {CODE: code_port(None)}

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The code, (B, K) float32."""
        return {"code": outputs[CODE].float().flatten(1)}

    def answer(self, arrays: Arrays) -> list[Row]:
        """The code as a list of numbers."""
        return [{"code": code.tolist()} for code in arrays["code"]]

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it follows the label
        """Neighbours' accuracy where there is a label, else uniformity."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """What neighbours and a line make of the codes, and how evenly these are spread."""
        uniformity = {_UNIFORMITY: Uniformity()}
        if self.label is None:
            return uniformity
        knn = LabelAccuracy(by="knn", neighbours=self.neighbours)
        probe = LabelAccuracy(by="probe", neighbours=self.neighbours)
        return {_KNN: knn, _PROBE: probe, **uniformity}

    def baselines(self) -> Mapping[str, Baseline]:
        """The row itself as its code: what learning a code is worth."""
        if self.label is None:
            return {}
        return {"raw values": self._raw}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Codes of all rows, and of each what the others say of it.

        Raises:
            DataError: there are no rows.
        """
        codes, labels, rows = [], [], []
        for chunk in chunks:
            codes.append(predictor.arrays(chunk)["code"])
            labels.append(self._labels_of(chunk))
            rows.append(chunk.column("#row").to_numpy())
        if not rows:
            raise DataError("codes are judged on rows, and there are none. Give the split a test.")
        said = self.said_of(np.concatenate(codes), np.concatenate(labels))
        truth = {"label": np.concatenate(labels)}
        return Judged(said, truth, np.concatenate(rows))

    def said_of(self, codes: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """What metrics look at, of (N, K) codes with (N,) labels, -1 where unknown."""
        said = {"code": codes, "nearness": _codes.nearness(codes)}
        if self.label is not None:
            said["knn"] = _codes.by_neighbours(codes, labels, self.neighbours)
            said["probe"] = _codes.by_probe(codes, labels)
        return said

    def watched(self, codes: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Scores that cost little, to be looked at while a network learns; arguments as above."""
        metrics = self.metrics()
        said = {"code": codes, "nearness": _codes.nearness(codes)}
        scores = {
            name: metrics[name].score(said, {"label": labels})
            for name in (_KNN, _UNIFORMITY)
            if name in metrics
        }
        return scores | {"spread": _codes.spread(codes)}

    def known_labels(self, encoded: np.ndarray) -> np.ndarray:
        """(N,) int64: classes of an encoded label column, -1 for missing and unseen ones."""
        assert self.label is not None
        labels = encoded.astype(np.int64)
        return np.where(labels < self._ports[self.label].classes, labels, -1)

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """All folds together; each fold's codes are of a space of their own, and stay out."""
        alone = [
            (task, replace(judged, predicted=_without_codes(judged.predicted)))
            for task, judged in folds
        ]
        return super().pooled(alone)

    def panels(self, judged: Judged) -> list[Panel]:
        """The codes in two dimensions, and which classes neighbours take for one another."""
        found: list[Panel] = []
        names = self._names
        if "code" in judged.predicted:
            directions = {**judged.predicted, "code": _codes.unit(judged.predicted["code"])}
            drawn = _code_panels.codes(replace(judged, predicted=directions), names)
            found.append(replace(drawn, title="Codes, as directions"))
        if names and "knn" in judged.predicted:
            known = (judged.truth["label"] >= 0) & (judged.predicted["knn"] >= 0)
            said = {"index": judged.predicted["knn"][known]}
            true = {"index": judged.truth["label"][known]}
            confused = _class_panels.confusion(Judged(said, true, judged.rows[known]), names)
            found.append(replace(confused, title="Classes by nearest neighbours"))
        return found

    def _labels_of(self, chunk: pa.RecordBatch) -> np.ndarray:
        """(N,) int64: the classes of raw rows, -1 where they do not say."""
        if self.label is None or not set(self.columns[self.label].reads) <= set(chunk.schema.names):
            return np.full(chunk.num_rows, -1, np.int64)
        return self.known_labels(encode_all(self.columns, [self.label], chunk)[self.label])

    @property
    def _names(self) -> list[str]:
        """The classes of the label as a reader sees them; [] without one."""
        if self.label is None:
            return []
        places = np.arange(self._ports[self.label].classes)
        return [str(name) for name in self.columns[self.label].decode(places)]

    def _raw(self, train: Design, test: Design, seed: int) -> Arrays:
        """Values around their training mean, of a table in standard deviations; classes apart."""
        pictures = all(port.kind == "grid" for port in self.inputs.values())
        return {"code": _codes.raw_values(train, test, scaled=not pictures)}


class LabelAccuracy(RowMean):
    """The part of the labelled rows whose class is told from their codes."""

    bounds: ClassVar[Bounds] = (0.0, 1.0)

    by: Literal["knn", "probe"]
    neighbours: int

    @property
    def label(self) -> str:
        """As tables have it."""
        return f"{self.by} accuracy"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) 1 where the class is right, else 0."""
        labels = truth["label"]
        right: np.ndarray = self._said(predicted, labels) == labels
        return right.astype(np.float64)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2), zeros where the class is not known."""
        return super().terms(predicted, truth) * (truth["label"] >= 0)[:, None]

    def _said(self, predicted: Arrays, labels: np.ndarray) -> np.ndarray:
        """(N,) classes: as they were found once, else found now."""
        if self.by in predicted:
            return predicted[self.by]
        if self.by == "probe":
            return _codes.by_probe(predicted["code"], labels)
        return _codes.by_neighbours(predicted["code"], labels, self.neighbours)


class Uniformity(Metric):
    """The logarithm of the mean of exp(-2 d^2) over all pairs of unit codes, at most 0."""

    higher_is_better: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """As tables have it."""
        return _UNIFORMITY

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """NaN of fewer than two rows, and of rivals, whose codes are no directions."""
        near = predicted.get("nearness", np.zeros(0))
        mean = np.average(near, weights=counts) if len(near) > 1 else 0.0
        return float(np.log(mean)) if mean > 0 else float("nan")

    def influence(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) of a mean over pairs, in which each row stands twice (Hoeffding 1948)."""
        near = predicted.get("nearness", np.full(len(truth["label"]), np.nan))
        mean = near.mean() if len(near) > 1 else np.nan
        added: np.ndarray = 2 * (near / mean - 1) / len(near)
        return added


def _without_codes(predicted: Arrays) -> Arrays:
    return {name: array for name, array in predicted.items() if name != "code"}
