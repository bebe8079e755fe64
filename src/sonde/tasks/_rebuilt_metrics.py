"""Scores of rows that were rebuilt: over all columns, over pixels, as a bound, as a warning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from sonde.contracts.metric import (
    Arrays,
    Bounds,
    Metric,
)
from sonde.metrics._mean import RowMean
from sonde.metrics.accuracy import Accuracy
from sonde.metrics.psnr import decibels, squared_errors
from sonde.metrics.r2 import R2
from sonde.metrics.rmse import RootMeanSquaredError
from sonde.metrics.roc_auc import RocAuc
from sonde.tasks._median import median_filtered
from sonde.tasks._part_metric import PartMetric
from sonde.tasks._rebuilt import Part, errors_of, mean_over, sum_over


class _Named(Metric):
    """A metric of this file goes by its class's own name."""

    named: ClassVar[str] = ""

    @property
    def label(self) -> str:
        """Its own name: all metrics of a file have one kind."""
        return self.named


class RowError(_Named, RowMean):
    """Mean over rows of the mean over columns: squared error, or cross entropy in nats.

    Numbers count in standard deviations, pixels as intensities in [0, 1].
    """

    named: ClassVar[str] = "error"
    higher_is_better: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = (0.0, None)
    parts: tuple[Part, ...]

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each row's error."""
        errors = mean_over(*errors_of(self.parts, predicted, truth))
        rows: np.ndarray = errors.numpy().astype(np.float64)
        return rows


class VariationalBound(_Named, RowMean):
    """Mean lower bound of a row's log likelihood, in nats: Kingma, Welling 2014, eq. 10.

    Where the answers hold no bound of several draws, it is that of the one draw they were made by.
    """

    named: ClassVar[str] = "bound"
    parts: tuple[Part, ...]

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each row's bound."""
        if "bound" in predicted:
            return predicted["bound"].astype(np.float64)
        errors, known = errors_of(self.parts, predicted, truth)
        nats = [part.nats(error) for part, error in zip(self.parts, errors, strict=True)]
        rows = sum_over(nats, known).numpy().astype(np.float64)
        return -(rows + predicted.get("divergence", np.zeros(len(rows))))


class AnomalyAuc(_Named, Metric):
    """How often an anomalous row is rebuilt worse than a usual one, in [0, 1]; 0.5 is chance."""

    named: ClassVar[str] = "anomaly auc"
    bounds: ClassVar[Bounds] = (0.0, 1.0)
    resamples: ClassVar[int] = 1000
    parts: tuple[Part, ...]

    def score(self, predicted: Arrays, truth: Arrays, counts: np.ndarray | None = None) -> float:
        """The area under the ROC curve of the rows' errors."""
        return RocAuc().score(*self._ranked(predicted, truth), counts)

    def resampled(self, predicted: Arrays, truth: Arrays, counts: np.ndarray) -> np.ndarray:
        """(R,) areas of R resamples."""
        return RocAuc().resampled(*self._ranked(predicted, truth), counts)

    def influence(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) what one more of each row adds to the area."""
        return RocAuc().influence(*self._ranked(predicted, truth))

    def _ranked(self, predicted: Arrays, truth: Arrays) -> tuple[Arrays, Arrays]:
        """Errors as the probability of the second class."""
        error = mean_over(*errors_of(self.parts, predicted, truth)).numpy()
        likelihood = np.stack([-error, error], axis=1)
        return {"probability": likelihood}, {"index": np.asarray(truth["odd"]).astype(np.int64)}


class PixelRmse(RootMeanSquaredError):
    """Root mean squared error over pixels, of intensities in [0, 1]."""

    @property
    def label(self) -> str:
        """As the metric of numbers."""
        return "rmse"

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): the row's mean squared error, and 1."""
        error = squared_errors(predicted["said"], truth["true"])
        return np.stack([error, np.ones_like(error)], axis=1)


class Psnr(_Named, RowMean):
    """Mean peak signal-to-noise ratio in dB, 10 log10(1 / mean squared error), at most 100."""

    named: ClassVar[str] = "psnr"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each picture's ratio."""
        return decibels(squared_errors(predicted["said"], truth["true"]))


class PsnrOverInput(_Named, RowMean):
    """How much higher the ratio is than that of the corrupted picture itself, in dB."""

    named: ClassVar[str] = "psnr over the input"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each picture's gain."""
        own = decibels(squared_errors(predicted["said"], truth["true"]))
        gain: np.ndarray = own - decibels(squared_errors(truth["given"], truth["true"]))
        return gain


class PsnrOverMedian(_Named, RowMean):
    """How much higher the ratio is than that of a 3x3 median filter of the input, in dB."""

    named: ClassVar[str] = "psnr over a median filter"

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) each picture's gain."""
        own = decibels(squared_errors(predicted["said"], truth["true"]))
        filtered = decibels(squared_errors(median_filtered(truth["given"]), truth["true"]))
        gain: np.ndarray = own - filtered
        return gain


def part_metrics(parts: Sequence[Part], *, corrupted: bool) -> dict[str, Metric]:
    """The scores of each column, under its name where there are several."""
    found: dict[str, Metric] = {}
    for part in parts:
        about = part.name if len(parts) > 1 else ""
        for name, inner in _of_form(part, corrupted).items():
            metric = PartMetric(inner=inner, place=part.place, part=about)
            found[f"{about} {name}".strip()] = metric
    return found


def _of_form(part: Part, corrupted: bool) -> dict[str, Metric]:
    if part.form == "scalar":
        return {"rmse": RootMeanSquaredError(), "r2": R2()}
    if part.form == "category":
        return {"accuracy": Accuracy()}
    found: dict[str, Metric] = {"rmse": PixelRmse(), "psnr": Psnr()}
    if corrupted:
        found[PsnrOverMedian.named] = PsnrOverMedian()
        found[PsnrOverInput.named] = PsnrOverInput()
    return found
