"""Reconstruct: say a row again, from a code of few numbers, or from a corrupted copy of it.

What goes in and what is asked for are the same columns: pictures, numbers, categories. That alone
reduces dimensions and finds rows that are unlike the others; with `corrupt` it removes noise
(Vincent et al. 2010); with `beta` the code is drawn, and the loss is a bound of the likelihood
(Kingma, Welling, "Auto-Encoding Variational Bayes", 2014, arXiv:1312.6114, eq. 10; Higgins et al.,
"beta-VAE", 2017, eq. 4), from which new rows can be drawn; with `condition` both ways are told some
columns that are not rebuilt (Sohn, Lee, Yan 2015, eq. 4); with `mixture` rows are drawn from what
codes turned out to be distributed like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, PrivateAttr, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Baseline,
    Judged,
    Loss,
    Predictor,
    SupervisedTask,
    Task,
)
from sonde.core.code import CODE, LOG_VARIANCE, NOISE, code_port
from sonde.core.errors import UnknownColumn, UsageError, unknown
from sonde.core.port import Ports
from sonde.core.spec import Learned, Spec
from sonde.tasks import _code_panels
from sonde.tasks._corruption import Corruption, intensities
from sonde.tasks._drawn import bound, fixed, normal, prior, settled
from sonde.tasks._frechet import Frechet
from sonde.tasks._mixture import Mixture
from sonde.tasks._part_metric import prefixed
from sonde.tasks._rebuilders import PrincipalComponents
from sonde.tasks._rebuilt import (
    Objective,
    Part,
    check_rebuilt,
    divergence,
    errors_of,
    levels_of,
    mean_over,
    sum_over,
)
from sonde.tasks._rebuilt_judged import judged
from sonde.tasks._rebuilt_metrics import AnomalyAuc, RowError, VariationalBound, part_metrics
from sonde.tasks._rebuilt_rows import TOLD, for_metrics, padded, rows_of, widest

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sonde.core.batch import Batch


class Reconstruct(SupervisedTask):
    """Every column is rebuilt, but the conditions and the label.

    `read` gives {"0:said": ...} for the first rebuilt column and so on: intensities in [0, 1],
    standardised numbers, probabilities of classes; {"code": (B, K)}; {"divergence": (B,)} where
    the code is drawn.
    """

    suggests: ClassVar[str] = "autoencoder"

    class Options(Spec):
        """What a caller may choose."""

        give: Literal["all", "code", "reconstruction", "anomaly"] = "all"
        """The code, the rebuilt row, how badly it is rebuilt, or all of them."""
        count: int = Field(16, ge=1, le=10_000)
        """Rows to draw where none is given."""
        seed: int = 0
        """Of what is drawn."""
        corrupt: bool = False
        """Whether the rows are corrupted first, as in training."""
        draws: int = Field(0, ge=0, le=10_000)
        """Codes drawn for each row to estimate its bound; 0 leaves the bound out."""

    code: int | None = Field(None, ge=1, le=65536)
    """Numbers a row is said again from; None leaves it to the network."""
    objective: Objective = "squared"
    """What a pixel costs; numbers always cost their squared error, categories cross entropy."""
    corrupt: Corruption | None = None
    """Noise on the inputs, never on what is asked for."""
    beta: float | None = Field(None, ge=0)
    """Makes the code a drawn one: what its divergence from N(0, 1) counts for; 1 is the bound."""
    spread: float = Field(0.3, gt=0)
    """Deviation of numbers, and of pixels under squared error, around what is said, in the bound:
    in standard deviations of the number, or of intensities in [0, 1]."""
    mixture: int | None = Field(None, ge=1, le=1000)
    """Draws rows from so many normal distributions, fitted to the codes of validation rows, instead
    of from N(0, 1); then a plain autoencoder draws rows too."""
    judge_by: str | None = Field(None, min_length=1)
    """A `model.sonde` that sorts such pictures into classes: in the features of its last hidden
    layer drawn pictures are compared with real ones (Fréchet distance)."""
    condition: tuple[str, ...] = ()
    """Columns that are told and not rebuilt, such as the class of what is to be drawn."""
    label: str | None = None
    """A column of classes that is neither told nor rebuilt: it colours the codes in the report."""
    anomalous: str | None = None
    """The class of `label` whose rows do not teach, and should be rebuilt worst."""

    codes: Learned[Mixture | None] = None
    _parts: tuple[Part, ...] = PrivateAttr(())

    @model_validator(mode="after")
    def _go_together(self) -> Self:
        if self.code is None and (self.beta is not None or self.mixture):
            raise ValueError("a code that is drawn (beta, mixture) needs a width, such as code: 16")
        if self.anomalous is not None and self.label is None:
            raise ValueError(f"anomalous: {self.anomalous!r} is a class of which label? Name it")
        if self.judge_by is not None and self.beta is None and self.mixture is None:
            raise ValueError("judge_by compares drawn pictures: to draw some, give beta or mixture")
        if self.label is not None and self.label in self.condition:
            raise ValueError(f"{self.label!r} cannot be the label and a condition")
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """Plain, denoising, with a drawn code, and with what codes are distributed like."""
        return [
            cls(),
            cls(code=2, mixture=2),
            cls(code=2, corrupt=Corruption(noise="gaussian", amount=0.1)),
            cls(code=1, beta=1.0, objective="cross-entropy"),
        ]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn: a condition or the label is no column.
            UsageError: a column cannot be rebuilt, none is left to be, or one has a name that
                answers need.
        """
        for name in [*self.condition, *([self.label] if self.label else [])]:
            if name not in columns:
                raise UnknownColumn(unknown("column", name, columns))
        bound = super().bind(columns)
        rebuilt = {n: p for n, p in bound.inputs.items() if n not in self.condition}
        if not rebuilt:
            raise UsageError("every column is a condition or the label; leave some to be rebuilt")
        for name, port in rebuilt.items():
            check_rebuilt(name, columns[name].kind, port)
        bound._parts = tuple(
            Part.of(name, place, port, self.objective, self.spread)
            for place, (name, port) in enumerate(rebuilt.items())
        )
        if self.anomalous is not None and self.anomalous not in bound._labels:
            raise UsageError(f"anomalous: {unknown('class', self.anomalous, bound._labels)}")
        return bound

    @property
    def parts(self) -> tuple[Part, ...]:
        """The rebuilt columns, in order."""
        return self._parts

    @property
    def targets(self) -> tuple[str, ...]:
        """The label, where it says which rows are anomalous; what is rebuilt is no column more."""
        return (self.label,) if self.label is not None and self.anomalous is not None else ()

    @property
    def judges(self) -> tuple[str, ...]:
        """The named classifier."""
        return (self.judge_by,) if self.judge_by is not None else ()

    @property
    def draws(self) -> bool:
        """Where it is known how codes are distributed, rows can be drawn from nothing."""
        return self.beta is not None or self.codes is not None

    @property
    def settles(self) -> bool:  # type: ignore[override]  # it follows the options
        """The mixture is fitted to codes of validation rows."""
        return self.mixture is not None

    def settle(self, outputs: Arrays, targets: Arrays) -> Self:
        """The mixture."""
        if self.mixture is None:
            return self
        return self.learn(codes=settled(outputs, self.mixture)).bind(self.columns)

    def target_columns(self) -> Mapping[str, str]:
        """Classes."""
        return dict.fromkeys(self.targets, "category")

    @property
    def inputs(self) -> Ports:
        """Every column but the label."""
        return {name: port for name, port in self._ports.items() if name != self.label}

    @property
    def outputs(self) -> Ports:
        """The rebuilt columns and the code."""
        asked = {part.name: self._ports[part.name] for part in self.parts}
        asked[CODE] = code_port(self.code)
        if self.beta is not None:
            asked[LOG_VARIANCE] = code_port(self.code)
        return asked

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """Corrupted inputs and noise for the code; beside them the clean columns.

        Validation rows are corrupted too, by one fixed draw, since that is what is to be learned.
        """
        from sonde.core.batch import count, select, tensor_of

        inputs = select(batch, self.inputs)
        draw = generator or fixed(0, tensor_of(batch, self.parts[0].name).device)
        targets = self.asked(batch)
        if self.corrupt is not None:
            inputs = self.corrupt.apply(inputs, self._rebuilt, draw)
            targets |= {} if training else self._given(inputs)
        if self.beta is not None:
            inputs[NOISE] = normal((count(inputs), self._width), draw)
        if self.label is not None and self.label in batch:
            targets["label"] = tensor_of(batch, self.label).long()
        return inputs, targets

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Mean error of the columns; with a drawn code nats of all of them, and its divergence."""
        import torch

        from sonde.core.batch import tensor_of

        losses, known = [], []
        for part in self.parts:
            losses.append(part.loss(outputs[part.name], tensor_of(targets, f"{part.place}:true")))
            known.append(tensor_of(targets, f"{part.place}:#known"))
        weights = torch.stack(known).any(dim=0).float()
        if self.anomalous is not None and "label" in targets:
            weights = weights * (tensor_of(targets, "label") != self._odd).float()
        if self.beta is None:
            return Loss(mean_over(losses, known) * weights, weights)
        costs = [part.nats(loss) for part, loss in zip(self.parts, losses, strict=True)]
        far = divergence(outputs[CODE].float(), outputs[LOG_VARIANCE].float())
        return Loss((sum_over(costs, known) + self.beta * far) * weights, weights)

    def levels(self, targets: Batch) -> Mapping[str, Tensor]:
        """Pictures begin at their mean brightness, not half way between black and white."""
        return levels_of(self.parts, targets)

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """What is said, the code, and its divergence where it is drawn."""
        found: Batch = {f"{p.place}:said": p.said(outputs[p.name]) for p in self.parts}
        if CODE in outputs:
            found["code"] = outputs[CODE].float().flatten(1)
        if LOG_VARIANCE in outputs:
            found["divergence"] = divergence(outputs[CODE].float(), outputs[LOG_VARIANCE].float())
        return found

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """Rebuilt rows with code and anomaly; without inputs, rows made of drawn codes."""
        from sonde.core.batch import tensor_of

        assert isinstance(options, Reconstruct.Options)
        if not inputs:
            return self._drawn(model, options)
        clean, extra = self.asked(inputs), {}
        if options.corrupt and self.corrupt is not None:
            draw = fixed(options.seed, tensor_of(inputs, self.parts[0].name).device)
            inputs = self.corrupt.apply(inputs, self._rebuilt, draw)
            extra = self._given(inputs)
        outputs = model(inputs)
        found = self.read(outputs, options)
        errors = [
            p.error(tensor_of(found, f"{p.place}:said"), tensor_of(clean, f"{p.place}:true"))
            for p in self.parts
        ]
        known = [tensor_of(clean, f"{p.place}:#known") for p in self.parts]
        found["anomaly"] = mean_over(errors, known)
        if options.draws and self.beta is not None:
            batches = (inputs, clean)
            found["bound"] = bound(
                model, self.parts, batches, outputs, options.draws, options.seed + 1
            )
        match options.give:
            case "all":
                return found | extra
            case "reconstruction":
                return {f"{part.place}:said": found[f"{part.place}:said"] for part in self.parts}
            case one:
                return {one: found[one]}

    def answer(self, arrays: Arrays) -> list[Row]:
        """Each column as its data writes it, the code, the anomaly, the bound: what was asked."""
        return rows_of(self.parts, self.columns, arrays)

    def predicted(self, arrays: Arrays) -> Arrays:
        """The same, with numbers in the caller's unit and the likeliest class."""
        return for_metrics(self.parts, self.columns, arrays, "said")

    def truth(self, targets: Arrays) -> Arrays:
        """What the columns hold, as each column's metric looks at it, and who is anomalous."""
        found = for_metrics(self.parts, self.columns, targets, "true")
        if "label" in found and self.anomalous is not None:
            found["odd"] = found["label"] == self._odd
        return found

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """On rows corrupted as in training, if so; and drawn rows, where a classifier is named."""
        return judged(self, predictor, chunks, seed)

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it follows the options
        """Anomalies found, else the bound, else the error."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """Over all columns, then each column's own."""
        metrics = part_metrics(self.parts, corrupted=self.corrupt is not None)
        whole: dict[str, Metric] = {"error": RowError(parts=self.parts)}
        if self.beta is not None:
            whole = {"bound": VariationalBound(parts=self.parts), **whole}
        if self.anomalous is not None:
            whole = {"anomaly auc": AnomalyAuc(parts=self.parts), **whole}
        lifelike: dict[str, Metric] = {} if self.judge_by is None else {"frechet": Frechet()}
        return {**whole, **metrics, **lifelike}

    def watched(self) -> Mapping[str, Metric]:
        """All of them but what drawing is scored by."""
        return {name: metric for name, metric in self.metrics().items() if name != "frechet"}

    def baselines(self) -> Mapping[str, Baseline]:
        """Of rows without pictures: as many principal components as the code has, and the mean."""
        if any(part.form == "grid" for part in self.parts):
            return {}
        odd = {} if self.anomalous is None else {str(self.label): self._odd}
        rival = partial(PrincipalComponents, self.parts, list(self.inputs), without=odd)
        found: dict[str, Baseline] = {"mean": rival(width=0)}
        return {"principal components": rival(width=self.code), **found} if self.code else found

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """All folds together, where a fold may know fewer classes of a column than another."""
        tasks = [task for task, _ in folds if isinstance(task, Reconstruct)]
        parts = widest([task.parts for task in tasks])
        alike = [(task, replace(j, predicted=padded(parts, j.predicted))) for task, j in folds]
        pooled = self.model_copy()
        pooled._parts = parts
        return pooled, super().pooled(alike)[1]

    def panels(self, judged: Judged) -> list[Panel]:
        """The codes in two dimensions, how large errors are, the rows that are rebuilt worst."""
        error = mean_over(*errors_of(self.parts, judged.predicted, judged.truth)).numpy()
        return _code_panels.panels(judged, error, self._labels, apart=self.anomalous is not None)

    def asked(self, batch: Batch) -> Batch:
        """By place, the columns as they are and which rows know them."""
        asked: Batch = {}
        for part in self.parts:
            own = {"true": batch[part.name], "#known": part.known(batch)}
            asked |= prefixed(own, part.place)
        return asked

    def _given(self, inputs: Batch) -> Batch:
        """Corrupted pictures, to be compared with."""
        from sonde.core.batch import tensor_of

        grids = [part for part in self.parts if part.form == "grid"]
        return {f"{p.place}:given": intensities(tensor_of(inputs, p.name)) for p in grids}

    def _drawn(self, model: nn.Module, options: Reconstruct.Options) -> Batch:
        """Rows made of codes from N(0, 1), or from the mixture."""
        draw = fixed(options.seed, next(model.parameters()).device)
        told = {name: self._ports[name] for name in self.condition}
        batch = prior(told, self._width, options.count, draw, self.codes)
        found = self.read(model(batch), options) | {"code": batch[CODE]}
        return found | {TOLD + name: batch[name] for name in told}

    @property
    def _rebuilt(self) -> Ports:
        return {part.name: self._ports[part.name] for part in self.parts}

    @property
    def _width(self) -> int:
        assert self.code is not None, "a code that is drawn has a width"
        return self.code

    @property
    def _labels(self) -> list[str]:
        """The classes of the label as a reader sees them; [] without one."""
        return [] if self.label is None else _code_panels.classes_of(self.label, self.columns)

    @property
    def _odd(self) -> int:
        assert self.anomalous is not None
        return self._labels.index(self.anomalous)
