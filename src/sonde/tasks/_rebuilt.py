"""What rebuilding one column costs: while learning, when judged, and as a likelihood.

The likelihood is what a variational bound is made of (Kingma, Welling 2014, arXiv:1312.6114,
appendix C): normal around what is said, Bernoulli for intensities under cross entropy (a density
only where pixels are 0 or 1), categorical for classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.core.errors import UsageError
from sonde.core.port import PRESENT, Port
from sonde.core.spec import Spec
from sonde.tasks._corruption import intensities

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.core.batch import Batch

Objective = Literal["squared", "cross-entropy"]

_FORMS = ("grid", "scalar", "category")
_ANSWERS = ("code", "anomaly", "bound")

_DARKEST = 0.01
"""Mean intensity that outputs begin at, at least, and at most as far from white."""

_SMALLEST = 1e-7
"""Probabilities are raised to it, so that one value costs at most 16.1 nats."""


class Part(Spec):
    """One column that is rebuilt; `place` is its number, under which its arrays go by.

    Tensors of B rows: raw outputs; `said`, what they mean: intensities in [0, 1] (B, C, H, W),
    standardised numbers (B,), probabilities (B, classes); `true`, as the column encodes.
    """

    name: str
    place: int
    form: Literal["grid", "scalar", "category"]
    size: int
    """Values of a row: pixels times channels, else 1."""
    classes: int = 0
    objective: Objective = "squared"
    spread: float = 1.0

    @classmethod
    def of(cls, name: str, place: int, port: Port, objective: Objective, spread: float) -> Part:
        """For a column's port."""
        return cls(
            name=name,
            place=place,
            form=port.kind,
            size=math.prod(s or 1 for s in port.shape) if port.kind == "grid" else 1,
            classes=port.classes if port.kind == "category" else 0,
            objective=objective if port.kind == "grid" else "squared",
            spread=spread,
        )

    def known(self, batch: Batch) -> Tensor:
        """(B,) bool: rows that have a value, of a known class."""
        import torch

        from sonde.core.batch import tensor_of

        values = tensor_of(batch, self.name)
        if self.form == "category":
            return values < self.classes
        if PRESENT + self.name in batch:
            return tensor_of(batch, PRESENT + self.name)
        return torch.ones(len(values), dtype=torch.bool, device=values.device)

    def said(self, raw: Tensor) -> Tensor:
        """Raw outputs as what they mean."""
        if self.form == "grid":
            return raw.float().sigmoid()
        return raw.float().softmax(dim=1) if self.form == "category" else raw.float()

    def loss(self, raw: Tensor, true: Tensor) -> Tensor:
        """(B,) `error` from raw outputs, where a logarithm loses nothing."""
        from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

        if self.form == "category":
            return cross_entropy(raw.float(), self._index(true), reduction="none")
        if self.objective == "cross-entropy":
            surprise = binary_cross_entropy_with_logits(
                raw.float(), intensities(true), reduction="none"
            )
            return surprise.flatten(1).mean(dim=1)
        return self.error(self.said(raw), true)

    def level(self, true: Tensor) -> Tensor:
        """(B, C, H, W) pictures -> (C,) raw outputs that say the mean intensity of each channel.

        Not beyond `_DARKEST` from black or white, where a sigmoid would have little gradient.
        """
        return intensities(true).mean(dim=(0, 2, 3)).clamp(_DARKEST, 1 - _DARKEST).logit()

    def error(self, said: Tensor, true: Tensor) -> Tensor:
        """(B,) mean over a row's values: squared error, or cross entropy in nats."""
        if self.form == "category":
            given = said.gather(1, self._index(true)[:, None])[:, 0]
            return -given.clamp(min=_SMALLEST).log()
        if self.form == "scalar":
            return (said - true).square()
        light = intensities(true)
        if self.objective == "squared":
            return (said - light).square().flatten(1).mean(dim=1)
        said = said.clamp(_SMALLEST, 1 - _SMALLEST)
        surprise = -light * said.log() - (1 - light) * (1 - said).log()
        return surprise.flatten(1).mean(dim=1)

    def nats(self, error: Tensor) -> Tensor:
        """(B,) negative log likelihood of a row's values, from its error."""
        if self.form == "category" or self.objective == "cross-entropy":
            return self.size * error
        normal = error / (2 * self.spread**2) + math.log(2 * math.pi * self.spread**2) / 2
        return self.size * normal

    def _index(self, true: Tensor) -> Tensor:
        """(B,) int64; a class that is not known is any, for its row does not count."""
        return true.long().clamp(max=self.classes - 1)


def levels_of(parts: Sequence[Part], targets: Batch) -> dict[str, Tensor]:
    """By name, where the outputs for pictures begin."""
    from sonde.core.batch import tensor_of

    grids = [part for part in parts if part.form == "grid"]
    return {part.name: part.level(tensor_of(targets, f"{part.place}:true")) for part in grids}


def check_rebuilt(name: str, kind: str, port: Port) -> None:
    """Refuse a column that cannot be rebuilt.

    Args:
        name: the column's.
        kind: the column's.
        port: the column's.

    Raises:
        UsageError: it is of another form, or has a name that answers need.
    """
    if port.kind not in _FORMS:
        raise UsageError(
            f"column {name!r} is of kind {kind!r} (port {port.kind}), and only pictures, numbers "
            "and categories can be rebuilt. Leave it out, or name it under condition."
        )
    if name in _ANSWERS:
        raise UsageError(f"{name!r} is what answers call something else; rename the column")


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(B,) KL divergence of N(mean, variance) from N(0, 1), in nats, summed over the code.

    Kingma, Welling 2014, eq. 10 and appendix B.

    Args:
        mean: (B, K).
        log_variance: (B, K), natural logarithm.
    """
    each = mean.square() + log_variance.exp() - log_variance - 1
    return each.sum(dim=1) / 2


def mean_over(errors: Sequence[Tensor], known: Sequence[Tensor]) -> Tensor:
    """(B,) the mean of the columns' errors (B,) that are known; 0 where none is."""
    import torch

    marks = torch.stack(list(known), dim=1).float()
    kept = torch.stack(list(errors), dim=1).where(marks > 0, 0.0)
    return kept.sum(dim=1) / marks.sum(dim=1).clamp(min=1)


def sum_over(costs: Sequence[Tensor], known: Sequence[Tensor]) -> Tensor:
    """(B,) the sum of the columns' costs (B,) that are known."""
    import torch

    marks = torch.stack(list(known), dim=1)
    return torch.stack(list(costs), dim=1).where(marks, 0.0).sum(dim=1)


def errors_of(
    parts: Sequence[Part], predicted: Arrays, truth: Arrays
) -> tuple[list[Tensor], list[Tensor]]:
    """Each part's errors (N,), and which rows are known, from arrays as metrics get them."""
    errors = [
        part.error(_tensor(predicted, f"{part.place}:said"), _tensor(truth, f"{part.place}:true"))
        for part in parts
    ]
    return errors, [_tensor(truth, f"{part.place}:#known") for part in parts]


def _tensor(arrays: Mapping[str, np.ndarray], name: str) -> Tensor:
    import torch

    array = np.asarray(arrays[name])
    wide = array.astype(np.int64) if array.dtype.kind in "ui" and array.ndim == 1 else array
    return torch.from_numpy(np.ascontiguousarray(wide))
