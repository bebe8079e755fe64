"""Regression: how much of something a row has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from sonde.contracts.data import Column, Row
from sonde.contracts.task import Arrays, Baseline, Judged, Loss, Metric, Panel, SupervisedTask
from sonde.core.errors import DataError
from sonde.core.port import PRESENT, Port, Ports
from sonde.core.spec import Spec
from sonde.metrics.mae import MeanAbsoluteError
from sonde.metrics.r2 import R2
from sonde.metrics.rmse import RootMeanSquaredError
from sonde.tasks import _regressors, _value_panels
from sonde.tasks._target import bound_target

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch


class Regression(SupervisedTask):
    """One target column of numbers; the network gives (B,) standardised values for it.

    `read` gives {"value": (B,) float32} standardised; metrics, answers and panels speak the
    caller's unit.
    """

    main_metric: ClassVar[str] = "rmse"

    target: str

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [cls(target="amount")]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UsageError: the target is no column of numbers.
        """
        bound_target(self.target, columns, "scalar")
        return super().bind(columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of numbers."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Numbers, even where few values make a field look like classes."""
        return {self.target: "number"}

    @property
    def outputs(self) -> Ports:
        """One number a row."""
        return {self.target: Port("scalar")}

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """The columns as they are."""
        from sonde.core.batch import select

        return select(batch, self.inputs), select(batch, self.targets)

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Squared error in standard deviations; rows without a value count for nothing."""
        from sonde.core.batch import tensor_of

        true = tensor_of(targets, self.target)
        errors = (outputs[self.target].float() - true).square()
        if PRESENT + self.target not in targets:
            return Loss(errors, errors.new_ones(errors.shape))
        present = tensor_of(targets, PRESENT + self.target)
        return Loss(errors.where(present, 0.0), present.float())

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The value, standardised."""
        return {"value": outputs[self.target].float()}

    def answer(self, arrays: Arrays) -> list[Row]:
        """The value in the caller's unit."""
        values = self.columns[self.target].decode(arrays["value"])
        return [{self.target: value} for value in values]

    def predicted(self, arrays: Arrays) -> Arrays:
        """{"value": (N,) float64} in the caller's unit."""
        return {"value": self._in_unit(arrays["value"])}

    def truth(self, targets: Arrays) -> Arrays:
        """{"value": (N,) float64} in the caller's unit.

        Raises:
            DataError: some row has no value, so that no answer has an error.
        """
        present = targets.get(PRESENT + self.target)
        if present is not None and not present.all():
            raise DataError(
                f"{int((~present).sum()):,} of {len(present):,} rows have no {self.target!r} and "
                "cannot be judged. Fill it in, or leave those rows out."
            )
        return {"value": self._in_unit(targets[self.target])}

    def metrics(self) -> Mapping[str, Metric]:
        """Errors in the caller's unit, and the part of the variance explained."""
        return {"rmse": RootMeanSquaredError(), "mae": MeanAbsoluteError(), "r2": R2()}

    def baselines(self) -> Mapping[str, Baseline]:
        """Boosted trees, ridge regression, the mean."""
        rivals = {
            "gradient boosting": _regressors.boosted,
            "linear": _regressors.ridge,
            "mean": _regressors.mean,
        }
        return {name: partial(rival, target=self.target) for name, rival in rivals.items()}

    def panels(self, judged: Judged) -> list[Panel]:
        """Answers beside the truth, what is left over, the worst mistakes."""
        return [
            _value_panels.against_truth(judged, self.target),
            _value_panels.residuals(judged, self.target),
            _value_panels.largest_errors(judged),
        ]

    def _in_unit(self, standardised: np.ndarray) -> np.ndarray:
        return np.asarray(self.columns[self.target].decode(standardised), np.float64)
