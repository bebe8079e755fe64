"""A quantile of what a row has, instead of its mean: "with 90 % probability at most this".

Koenker, Bassett, "Regression Quantiles", Econometrica 46(1), 1978, eq. 1.6: the quantile minimises
the pinball loss, max(q * e, (q - 1) * e) for an error e = true - predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from pydantic import Field

from sonde.contracts.data import Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.task import Loss, SupervisedTask
from sonde.core.port import PRESENT, Port, Ports
from sonde.core.spec import Spec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch


class Pinball(Metric):
    """The mean pinball loss, in the target's unit."""

    kind: ClassVar[str] = "pinball"
    higher_is_better: ClassVar[bool] = False

    quantile: float = Field(0.5, gt=0, lt=1)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): each row's loss, and 1."""
        errors = truth["value"] - predicted["value"].astype(np.float64)
        losses = np.maximum(self.quantile * errors, (self.quantile - 1) * errors)
        return np.stack([losses, np.ones_like(losses)], axis=1)

    def combine(self, sums: np.ndarray) -> np.ndarray:
        """(..., 2) -> (...); NaN over no rows."""
        rows = sums[..., 1]
        means: np.ndarray = np.full(rows.shape, np.nan)
        np.divide(sums[..., 0], rows, out=means, where=rows > 0)
        return means


class Quantile(SupervisedTask):
    """One target column of numbers; the network gives (B,) standardised quantiles of it."""

    main_metric: ClassVar[str] = "pinball"

    target: str
    quantile: float = Field(0.5, gt=0, lt=1)

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [cls(target="amount", quantile=0.9)]

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
        """Pinball loss in standard deviations; rows without a value count for nothing."""
        import torch

        from sonde.core.batch import tensor_of

        true = tensor_of(targets, self.target)
        errors = true - outputs[self.target].float()
        losses = torch.maximum(self.quantile * errors, (self.quantile - 1) * errors)
        if PRESENT + self.target not in targets:
            return Loss(losses, torch.ones_like(losses))
        present = tensor_of(targets, PRESENT + self.target)
        return Loss(losses.where(present, 0.0), present.float())

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The quantile, standardised."""
        return {"value": outputs[self.target].float()}

    def answer(self, arrays: Arrays) -> list[Row]:
        """The quantile in the caller's unit."""
        return [{self.target: value} for value in self._in_unit(arrays["value"]).tolist()]

    def predicted(self, arrays: Arrays) -> Arrays:
        """{"value": (N,) float64} in the caller's unit."""
        return {"value": self._in_unit(arrays["value"])}

    def truth(self, targets: Arrays) -> Arrays:
        """{"value": (N,) float64} in the caller's unit."""
        return {"value": self._in_unit(targets[self.target])}

    def metrics(self) -> Mapping[str, Metric]:
        """The loss it is trained for."""
        return {"pinball": Pinball(quantile=self.quantile)}

    def _in_unit(self, standardised: np.ndarray) -> np.ndarray:
        return np.asarray(self.columns[self.target].decode(standardised), np.float64)
