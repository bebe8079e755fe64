"""Lanes: where the lines of a road run, as curves.

    task: {kind: lanes, target: mask}

What a network says of each pixel, as in `segment`, becomes a polynomial x = f(y) for each line. An
answer holds the lines as points of the raw picture, beside the mask; drawn, they lie over the road.
Any mask of lines will do, such as of rows in a field, if no line turns back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import Ask, Baseline, Judged, NoOptions, Predictor, RawRows
from sonde.core.errors import UsageError, unknown
from sonde.core.spec import Spec
from sonde.metrics.line_error import LineError
from sonde.metrics.line_f1 import LineF1
from sonde.metrics.line_iou import LineIou
from sonde.tasks import _lane_rows, _mask_panels
from sonde.tasks.segment import Segment

if TYPE_CHECKING:
    from torch import nn

    from sonde.core.batch import Batch

LINES = "lines"
"""The field of an answer that holds the curves."""


class Lanes(Segment):
    """A segmentation whose classes, all but one, are lines."""

    main_metric: ClassVar[str] = "line iou"
    # a mirrored left line is a right one, and a tile is no road
    Options: ClassVar[type[Spec]] = NoOptions  # type: ignore[assignment]

    ground: str | None = None
    """The class that is no line; by default the one most pixels are of."""
    degree: int = Field(3, ge=1, le=5)
    """Of the polynomial x = f(y): 1 is straight, 3 may bend twice."""
    several: bool = False
    """Whether a class may have several lines: each connected part of it is one then. Without it
    all parts of a class, such as the dashes of the left line, are one line."""
    near: float = Field(0.02, gt=0, le=1)
    """How far from the true line a point is still right, as a part of the picture's width."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Curves, and several straight lines of a class."""
        return [cls(), cls(degree=1, several=True)]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn, UsageError, DataError: as `segment` does; or the ground is no class.
        """
        bound = super().bind(columns)
        if self.ground is not None and self.ground not in bound._names:
            raise UsageError(f"ground: {unknown('class', self.ground, bound._names)}")
        if self.target == LINES:
            raise UsageError(
                f"the target is called {LINES!r}, as the curves of answers are. Rename the column."
            )
        return bound

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """As `read`."""
        return self.read(model(inputs), options)

    def in_pieces(self, rows: pa.RecordBatch, options: Spec, ask: Ask) -> list[Row] | None:
        """None: where a line runs shows in the whole picture alone."""
        return None

    def completed(self, answers: list[Row], rows: pa.RecordBatch) -> list[Row]:
        """The mask as large as the raw picture, and the lines in its pixels, lowest point first.

        A line's score is the mean confidence of its class's pixels.
        """
        full = super().completed(answers, rows)
        return [
            whole
            | {
                LINES: _lane_rows.answered(
                    self._lines(self._column.from_filed(whole[self.target]), self._line_values),
                    _scores(answer[self.target], answer["confidence"], self._line_values),
                )
            }
            for whole, answer in zip(full, answers, strict=True)
        ]

    def pictured(self, answers: list[Row], rows: pa.RecordBatch) -> list[np.ndarray]:
        """The lines over each picture."""
        return [
            _lane_rows.painted(
                np.zeros_like(answer[self.target]) if picture is None else picture,
                _places(self._column.from_filed(answer[self.target]), self._line_values),
                answer[LINES],
                list(self._line_values.values()),
            )
            for answer, picture in zip(answers, self._picture.whole(rows), strict=True)
        ]

    def metrics(self) -> Mapping[str, Metric]:
        """Of lines, then of all classes."""
        lines = {
            "line iou": LineIou(ground=self._ground),
            "line f1": LineF1(),
            "line error (pixels)": LineError(),
        }
        return lines | dict(super().metrics())

    def watched(self) -> Mapping[str, Metric]:
        """Those that need no curves."""
        return {"line iou": LineIou(ground=self._ground)} | dict(super().watched())

    def baselines(self) -> Mapping[str, Baseline]:
        """The commonest class everywhere: no line."""
        return {name: _lane_rows.without_lines(b) for name, b in super().baselines().items()}

    def beyond_pixels(self, said: np.ndarray, true: np.ndarray) -> tuple[Arrays, Arrays]:
        """Lines beside true ones, and what `segment` judges."""
        predicted, truth = super().beyond_pixels(said, true)
        found, real = (self._lines(mask, self._line_places) for mask in (said, true))
        of_said, of_true = _lane_rows.counted(found, real, said.shape, self.near * said.shape[1])
        return {**predicted, **of_said}, {**truth, **of_true}

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """The worst pictures and usual ones, with true and answered lines."""
        at = _mask_panels.chosen(judged)
        if not at:
            return []
        places = sorted(at, key=lambda place: int(judged.rows[place]))
        shown = raw([int(judged.rows[place]) for place in places])
        names = list(self._line_places.values())
        panels = {}
        for row, picture in enumerate(self._picture.whole(shown)):
            ((said, true),) = self.beside_truth(predictor, shown.slice(row, 1))
            base = np.zeros_like(said) if picture is None else picture
            panels[places[row]] = _lane_rows.compared(base, [
                (_places(mask, self._line_places),
                 _lane_rows.answered(self._lines(mask, self._line_places), dict.fromkeys(names, 1)))
                for mask in (true, said)
            ], names)  # fmt: skip
        return [_lane_rows.sheet(judged, at, panels, LineIou(ground=self._ground))]

    def _lines(self, mask: np.ndarray, values: Mapping[int, str]) -> list[_lane_rows.Line]:
        return _lane_rows.lines_in(mask, values, degree=self.degree, several=self.several)

    @property
    def _ground(self) -> int:
        """The class that is no line."""
        if self.ground is not None:
            return self._names.index(self.ground)
        return int(np.argmax(self._column.class_counts))

    @property
    def _line_values(self) -> Mapping[int, str]:
        """What the data's masks hold where a line is -> its name."""
        return {self._column.values[place - 1]: n for place, n in self._line_places.items()}

    @property
    def _line_places(self) -> Mapping[int, str]:
        """What encoded masks hold there: a class and 1."""
        names = enumerate(self._names)
        return {place + 1: name for place, name in names if place != self._ground}


def _places(mask: np.ndarray, values: Mapping[int, str]) -> np.ndarray:
    """(H, W) uint8: 0 where no line is, line n is n + 1."""
    table = np.zeros(256, np.uint8)
    table[list(values)] = np.arange(1, len(values) + 1)
    return np.asarray(table[mask])


def _scores(
    mask: np.ndarray, confidence: np.ndarray, values: Mapping[int, str]
) -> dict[str, float]:
    """The mean confidence of each class's pixels, in [0, 1]; 0 where it has none."""
    there = {name: mask == value for value, name in values.items()}
    return {
        name: round(float(confidence[here].mean()), 3) if here.any() else 0.0
        for name, here in there.items()
    }
