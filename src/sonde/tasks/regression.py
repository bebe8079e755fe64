"""Regression: how much of something a row has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Baseline,
    Judged,
    Loss,
    SupervisedTask,
)
from sonde.core.errors import DataError, UsageError
from sonde.core.port import PRESENT, Port, Ports
from sonde.core.spec import Spec
from sonde.metrics.mae import MeanAbsoluteError
from sonde.metrics.mape import MeanAbsolutePercentageError
from sonde.metrics.mean_quantile_loss import MeanQuantileLoss
from sonde.metrics.r2 import R2
from sonde.metrics.rmse import RootMeanSquaredError
from sonde.tasks import _ngrams, _regressors, _value_losses, _value_panels
from sonde.tasks._target import bound_target

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.core.batch import Batch

_USUAL = (0.1, 0.5, 0.9)
_INTERVAL = "interval"


class Regression(SupervisedTask):
    """One target column of numbers; the network gives (B,) standardised values for it.

    `read` gives {"value": (B,) float32} standardised; metrics, answers and panels speak the
    caller's unit. For several quantiles the network gives (B, Q), `read` {"quantiles": (B, Q)}
    besides, ascending in every row, and an answer holds the interval between the outermost two.
    For counts (Poisson) the network gives the logarithm of the rate over its training mean.
    """

    target: str
    objective: Literal["squared", "absolute", "huber", "quantile", "poisson", "relative"] = (
        "squared"
    )
    """Squared error asks for the mean, absolute for the median, quantile for quantiles, Poisson for
    the mean of counts; Huber's lies between mean and median and is not led by a few far values;
    relative asks for the least error as a part of the truth (MAPE), which lies below the median."""
    delta: float = Field(1.0, gt=0)
    """Of Huber's: where far begins, in standard deviations of the target."""
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Of the quantile objective, ascending; 0.1, 0.5 and 0.9 where none are named."""

    _counts: _value_losses.Counts | None = PrivateAttr(None)
    _parts: _value_losses.Parts | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.quantiles and self.objective != "quantile":
            raise ValueError(f"quantiles go with objective: quantile, not {self.objective}")
        if list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError(f"quantiles: got {list(self.quantiles)}, expected ascending ones")
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """One of each objective; the target is whatever column a test has."""
        return [
            cls(target="amount"),
            cls(target="amount", objective="absolute"),
            cls(target="amount", objective="huber", delta=0.5),
            cls(target="amount", objective="quantile", quantiles=(0.9,)),
            cls(target="amount", objective="quantile"),
            cls(target="amount", objective="poisson"),
            cls(target="amount", objective="relative"),
        ]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UsageError: the target is no column of numbers, or cannot be answered with.
            DataError: it is to hold counts, and does not.
        """
        bound_target(self.target, columns, "scalar")
        if self.target == _INTERVAL and len(self._levels) > 1:
            raise UsageError(
                "the target is called 'interval', the name that answers give the interval. "
                "Rename the column."
            )
        bound = super().bind(columns)
        if self.objective == "poisson":
            bound._counts = _value_losses.Counts.of(columns[self.target])
        if self.objective == "relative":
            bound._parts = _value_losses.Parts.of(columns[self.target])
        return bound

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of numbers."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Numbers, even where few values make a field look like classes."""
        return {self.target: "number"}

    @property
    def outputs(self) -> Ports:
        """One number a row, or one for each of several quantiles."""
        several = len(self._levels) > 1
        return {self.target: Port("vector", (len(self._levels),)) if several else Port("scalar")}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """The error in standard deviations; rows without a value count for nothing."""
        from sonde.core.batch import tensor_of

        errors = self._errors(outputs[self.target].float(), tensor_of(targets, self.target))
        if PRESENT + self.target not in targets:
            return Loss(errors, errors.new_ones(errors.shape))
        present = tensor_of(targets, PRESENT + self.target)
        return Loss(errors.where(present, 0.0), present.float())

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The value, standardised; and every quantile where there are several."""
        raw = outputs[self.target].float()
        if self._counts is not None:
            return {"value": self._counts.standardised(raw)}
        if len(self._levels) < 2:
            return {"value": raw}
        ascending = raw.sort(dim=1).values  # quantiles that cross are no distribution
        return {"value": ascending[:, _regressors.middle(self._levels)], "quantiles": ascending}

    def answer(self, arrays: Arrays) -> list[Row]:
        """The value in the caller's unit, and the interval around it where there is one."""
        values = self._in_unit(arrays["value"]).tolist()
        if "quantiles" not in arrays:
            return [{self.target: value} for value in values]
        ends = [self._in_unit(arrays["quantiles"][:, end]).tolist() for end in (0, -1)]
        return [
            {self.target: value, _INTERVAL: [low, high]}
            for value, low, high in zip(values, *ends, strict=True)
        ]

    def predicted(self, arrays: Arrays) -> Arrays:
        """{"value": (N,) float64} in the caller's unit, and {"quantile 0.1": (N,), ...}."""
        found = {"value": self._in_unit(arrays["value"])}
        if "quantiles" in arrays:
            each = zip(self._levels, arrays["quantiles"].T, strict=True)
            found |= {_name(level): self._in_unit(values) for level, values in each}
        return found

    def truth(self, targets: Arrays) -> Arrays:
        """{"value": (N,) float64} in the caller's unit.

        Raises:
            DataError: some row has no value, so that no answer has an error.
        """
        known = self.known(targets)
        if not known.all():
            raise DataError(
                f"{int((~known).sum()):,} of {len(known):,} rows have no {self.target!r} and "
                "cannot be judged. Fill it in, or leave those rows out."
            )
        encoded = targets[self.target]
        below, values, above = (
            self._in_unit(np.asarray(near))
            for near in (np.nextafter(encoded, -np.inf), encoded, np.nextafter(encoded, np.inf))
        )
        values[(below <= 0) & (above >= 0)] = 0.0  # an exact 0 has no relative error
        return {"value": values}

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it follows the objective
        """What the objective asks for."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """Errors in the caller's unit, and the part of the variance explained.

        Errors as parts of the truth are told where training rows all lie on one side of zero.
        """
        squared: dict[str, Metric] = {"rmse": RootMeanSquaredError()}
        absolute: dict[str, Metric] = {"mae": MeanAbsoluteError()}
        shared: dict[str, Metric] = {"r2": R2()}
        if self._one_sided:
            shared["mape"] = MeanAbsolutePercentageError()
        if self.objective == "quantile":
            names = tuple(map(_name, self._levels)) if len(self._levels) > 1 else ("value",)
            loss = MeanQuantileLoss(quantiles=self._levels, of=names)
            return {"quantile loss": loss, **absolute, **squared, **shared}
        if self.objective == "relative":
            return {"mape": MeanAbsolutePercentageError(), **absolute, **squared, **shared}
        if self.objective in ("absolute", "huber"):
            return {**absolute, **squared, **shared}
        return {**squared, **absolute, **shared}

    def baselines(self) -> Mapping[str, Baseline]:
        """Boosted trees, a linear model, a constant, each asked for what the objective asks for."""
        rivals: dict[str, Callable[..., Arrays]]
        options: dict[str, object] = {}
        match self.objective:
            case "quantile":
                options = {"quantiles": self._levels}
                rivals = {
                    "gradient boosting": _regressors.boosted_quantiles,
                    "linear": _regressors.ridge_quantiles,
                    "constant": _regressors.constant_quantiles,
                }
            case "poisson":
                assert self._counts is not None, "a bound task knows its counts"
                rivals = {
                    "gradient boosting": partial(_regressors.boosted_counts, counts=self._counts),
                    "linear": partial(_regressors.linear_counts, counts=self._counts),
                    "mean": _regressors.mean,
                }
            case "relative":
                assert self._parts is not None, "a bound task knows its parts"
                rivals = {
                    "gradient boosting": partial(_regressors.boosted_parts, parts=self._parts),
                    "linear": _regressors.ridge,
                    "weighted median": partial(_regressors.median_of_parts, parts=self._parts),
                }
            case "absolute":
                rivals = {
                    "gradient boosting": partial(_regressors.boosted, loss="absolute_error"),
                    "linear": _regressors.ridge,
                    "median": _regressors.median,
                }
            case _:
                rivals = {
                    "gradient boosting": _regressors.boosted,
                    "linear": _regressors.ridge,
                    "mean": _regressors.mean,
                }
        return {
            name: partial(rival, target=self.target, **options) for name, rival in rivals.items()
        }

    def text_baselines(self) -> Mapping[str, Baseline]:
        """Ridge regression on n-grams, where one value is asked for that least squares gives."""
        if self.objective in ("quantile", "poisson"):
            return {}
        return {_ngrams.RIDGE: partial(_ngrams.ridge, target=self.target)}

    def panels(self, judged: Judged) -> list[Panel]:
        """Answers beside the truth, what is left over, the worst mistakes."""
        shown: list[Panel] = [
            _value_panels.against_truth(judged, self.target),
            _value_panels.residuals(judged, self.target),
            _value_panels.largest_errors(judged),
        ]
        if self.objective != "quantile":
            return shown
        names = map(_name, self._levels) if len(self._levels) > 1 else ["value"]
        levels = dict(zip(self._levels, names, strict=True))
        return [_value_panels.quantiles(judged, levels), *shown]

    def _errors(self, said: Tensor, true: Tensor) -> Tensor:
        """(B,) each row's error."""
        match self.objective:
            case "absolute":
                return _value_losses.absolute(said, true)
            case "huber":
                return _value_losses.huber(said, true, self.delta)
            case "quantile":
                each = said if said.ndim == 2 else said[:, None]
                return _value_losses.pinball(each, true, self._levels)
            case "poisson":
                assert self._counts is not None, "a bound task knows its counts"
                return self._counts.loss(said, true)
            case "relative":
                assert self._parts is not None, "a bound task knows its parts"
                return self._parts.loss(said, true)
            case _:
                return (said - true).square()

    @property
    def _levels(self) -> tuple[float, ...]:
        """The quantiles that are answered with; () where it is no matter of quantiles."""
        return self.quantiles or (_USUAL if self.objective == "quantile" else ())

    @property
    def _one_sided(self) -> bool:
        """Whether training rows show the target to be above zero always, or below it."""
        edges = self.columns[self.target].port.edges
        if not edges:
            return False
        least, *_, most = self.columns[self.target].decode(np.array(edges))
        near_zero = 1e-6 * max(abs(least), abs(most))  # decoding rounds
        return bool(least > near_zero or most < -near_zero)

    def _in_unit(self, standardised: np.ndarray) -> np.ndarray:
        """(N,) float64; a rate that rounding has brought below 0 is 0."""
        found = np.asarray(self.columns[self.target].decode(standardised), np.float64)
        return found if self._counts is None else np.maximum(found, 0.0)


def _name(level: float) -> str:
    """What metrics call the answer for a quantile."""
    return f"quantile {level:g}"
