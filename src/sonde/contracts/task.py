"""Contracts of tasks and metrics: what goes in, what comes out, how it is read, scored, shown."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
import pyarrow as pa
from pydantic import PrivateAttr

from sonde.contracts.data import Column, Ragged, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.core.port import Ports
from sonde.core.spec import Spec

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sonde.core.batch import Batch


class Loss(NamedTuple):
    """A loss not yet divided, so that parts of a step add up to the whole.

    Attributes:
        sums: (B,) float32, each row's loss times its weight.
        weights: (B,) float32, what each row counts for; 0 leaves a row out.
    """

    sums: Tensor
    weights: Tensor


@dataclass(frozen=True)
class Judged:
    """Answers beside the truth: what metrics and panels look at.

    Attributes:
        predicted, truth: arrays as the task's metrics read them, N rows each.
        rows: (N,) int64 row numbers.
        groups: (N,) int64, equal where rows hang together, such as pictures of one patient: a
            bootstrap then draws groups instead of rows. None where every row stands for itself.
        shown: panels of what was met while judging and is in no array, such as a film.
        rivals: name -> what simple methods that only judging can ask answered to the same rows,
            such as a filter over raw pictures; they stand beside `Task.baselines`.
    """

    predicted: Arrays
    truth: Arrays
    rows: np.ndarray
    groups: np.ndarray | None = None
    shown: Sequence[Panel] = ()
    rivals: Mapping[str, Arrays] = field(default_factory=dict)


@dataclass(frozen=True)
class Design:
    """A plain matrix for baselines that know no columns.

    Attributes:
        numbers: (N, P) float32, NaN where missing; categories as their index.
        categorical: (P,) bool.
        targets: the encoded targets, by column name.
        texts: raw field -> N texts as they stand in the data, for baselines that read any.
        steps: name of a column of sequences -> N rows of encoded steps, for baselines that read
            any; fetched when asked for. Targets can be asked for where the design has targets.
    """

    numbers: np.ndarray
    categorical: np.ndarray
    targets: Arrays
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    steps: Callable[[str], Ragged] | None = None


class Baseline(Protocol):
    """A simple rival on the same split."""

    def __call__(self, train: Design, test: Design, seed: int) -> Arrays:
        """What `Task.read` would give for the test rows, learned from the training rows."""


class Predictor(Protocol):
    """A model that answers raw rows: what `judge` is given."""

    @property
    def task(self) -> Task:
        """What it answers."""

    def arrays(self, rows: pa.RecordBatch | None, options: Spec | None = None) -> Arrays:
        """What the task's `predict` gives for raw rows; for None what it draws."""

    def features(self, rows: pa.RecordBatch) -> np.ndarray:
        """(N, G) float32: its network's last hidden layer for these raw rows."""

    def beside(self, path: str) -> Predictor:
        """Another sealed model, such as a classifier by which a task wants to be judged."""


Ask = Callable[[pa.RecordBatch], list[Row]]
"""Raw rows, such as those of parts of a row -> the task's answers, not yet completed."""


RawRows = Callable[[Sequence[int]], pa.RecordBatch]
"""Row numbers, ascending -> their raw rows."""


class NoOptions(Spec):
    """For tasks that leave a caller nothing to choose."""


class Task(Spec):
    """What goes in, what comes out, how an output is read, answered, scored and shown."""

    family: ClassVar[str] = "task"
    Options: ClassVar[type[Spec]] = NoOptions
    settles: ClassVar[bool] = False
    """True where `settle` decides something, so that validation rows are passed through for it."""
    main_metric: ClassVar[str] = ""
    """The name in `metrics()` that early stopping watches unless told otherwise."""
    suggests: ClassVar[str | Mapping[str, Any]] = ""
    """The model where the recipe names none: its kind, or a mapping with options; without it one
    that fits the inputs."""
    learns_by: ClassVar[str | Mapping[str, Any]] = "supervised"
    """The paradigm where the recipe names none: its kind, or a mapping with options."""
    compares: ClassVar[bool] = False
    """True where rows of one call are compared with one another, and so answered together."""

    _columns: Mapping[str, Column] = PrivateAttr(default_factory=dict)
    _ports: Ports = PrivateAttr(default_factory=dict)  # kept, because every step asks for them

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns: ports and class counts get their home."""
        bound = self.model_copy()
        bound._columns = dict(columns)
        bound._ports = {name: column.port for name, column in columns.items()}
        return bound

    @property
    def columns(self) -> Mapping[str, Column]:
        """The bound columns, by name."""
        return self._columns

    @property
    def targets(self) -> tuple[str, ...]:
        """Columns whose values must be known to learn or to be judged."""
        return ()

    @property
    def inputs(self) -> Ports:
        """What the network receives: by default every column that is no target."""
        return {name: port for name, port in self._ports.items() if name not in self.targets}

    @property
    @abstractmethod
    def outputs(self) -> Ports:
        """What the network gives."""

    @property
    def given(self) -> tuple[str, ...]:
        """The raw fields a caller supplies at prediction time."""
        columns = (self._columns[name] for name in self.inputs if name in self._columns)
        return tuple(dict.fromkeys(field for column in columns for field in column.reads))

    @property
    def draws(self) -> bool:
        """Whether it answers without rows too: draws some, or plays; inputs are then {}."""
        return not self.given

    @property
    def judges(self) -> tuple[str, ...]:
        """Sealed models that judging opens: they are looked for before a run begins."""
        return ()

    @property
    def kept_whole(self) -> str | None:
        """A column whose equal values, such as a person's, lie in one part unless a recipe says."""
        return None

    def target_columns(self) -> Mapping[str, str]:
        """Target column -> the column kind it should have, where no recipe says; '' for any."""
        return dict.fromkeys(self.targets, "")

    @abstractmethod
    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """Raw outputs as what they mean: the only place for softmax, argmax, sigmoid."""

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """From inputs to what `read` gives; override to search (beam, sampling)."""
        return self.read(model(inputs), options)

    @abstractmethod
    def answer(self, arrays: Arrays) -> list[Row]:
        """What a caller gets, one mapping per row; NumPy only.

        A picture is uint8, (H, W) or (H, W, 3), a film (T, H, W, 3): the command line writes files.
        """

    def completed(self, answers: list[Row], rows: pa.RecordBatch) -> list[Row]:
        """Answers with what only raw rows hold, such as a text that an answer is a part of."""
        return answers

    def in_pieces(self, rows: pa.RecordBatch, options: Spec, ask: Ask) -> list[Row] | None:
        """Completed answers, put together from answers to parts of rows, such as tiles.

        None where rows are to be answered whole, as they are by default. What `ask` is given has
        the fields of `rows`, and is answered with the same options.
        """
        return None

    def evidence(self, arrays: Arrays) -> Arrays:
        """What a sealed model keeps of its answers to golden rows, to compare at every load.

        By default all that `predict` gives. Override where that is much, or holds decisions so
        many that some are by a hair: those may differ on another processor.
        """
        return arrays

    def pictured(self, answers: list[Row], rows: pa.RecordBatch) -> list[np.ndarray]:
        """A picture of each completed answer, such as boxes drawn over what they were found in.

        Returns:
            uint8 (H, W, 3) each, for people who would rather look; none where there is nothing to
            see.
        """
        return []

    def predicted(self, arrays: Arrays) -> Arrays:
        """What `read` gives, as metrics look at it."""
        return arrays

    def beside(self, said: Arrays, raw: Callable[[], pa.RecordBatch]) -> Arrays:
        """A rival's answers to raw rows as metrics look at them; texts are counted by theirs."""
        return said

    def usable(self, known: Mapping[str, np.ndarray]) -> np.ndarray:
        """(N,) bool, rows to learn from and be judged on; by default those with all targets.

        `known` (N,) bool says of each target column which rows have a value.
        """
        return np.logical_and.reduce(list(known.values()))

    def known(self, targets: Arrays) -> np.ndarray:
        """(N,) bool, rows whose encoded targets are all there, so that they can be judged."""
        marks = [targets["#present:" + n] for n in self.targets if "#present:" + n in targets]
        rows = len(next(iter(targets.values()))) if targets else 0
        return np.logical_and.reduce([np.ones(rows, bool), *marks])

    def truth(self, targets: Arrays) -> Arrays:
        """Encoded targets (and `#present:` arrays), as metrics look at them."""
        return targets

    def settle(self, outputs: Arrays, targets: Arrays) -> Self:
        """A copy with what validation rows decide, such as a threshold."""
        return self

    def metrics(self) -> Mapping[str, Metric]:
        """Scores by name, the most telling first."""
        return {}

    def baselines(self) -> Mapping[str, Baseline]:
        """Simple rivals by name, from the strongest to the simplest."""
        return {}

    def text_baselines(self) -> Mapping[str, Baseline]:
        """Rivals that read the raw texts too, asked where an input is one."""
        return {}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Final judgement on raw rows (each chunk has `#row`); an agent's task acts instead."""
        predicted: list[Arrays] = []
        truth: list[Arrays] = []
        rows: list[np.ndarray] = []
        for chunk in chunks:
            predicted.append(self.predicted(predictor.arrays(chunk)))
            truth.append(self.truth(encode_all(self._columns, self.targets, chunk)))
            rows.append(chunk.column("#row").to_numpy())
        return Judged(stack(predicted), stack(truth), np.concatenate(rows))

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """One judgement of all folds, and the task that scores it.

        Each fold's task has columns fitted on its own rows; override where what they learned
        decides what judged arrays mean, such as which class an index is.
        """
        judged = [each for _, each in folds]
        predicted, truth = stack([j.predicted for j in judged]), stack([j.truth for j in judged])
        return self, Judged(predicted, truth, np.concatenate([j.rows for j in judged]))

    def panels(self, judged: Judged) -> list[Panel]:
        """What the report shows of a judgement: so the report knows no task."""
        return []

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """What it shows of a few rows by asking the model again, such as without a word."""
        return []


class SupervisedTask(Task):
    """A task whose target is in the batch."""

    separable: ClassVar[bool] = True
    """False (in-batch negatives): never split into micro-batches."""

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """(inputs, targets), by default the columns as they are.

        Override where a target is shifted, masked or made from the inputs.
        """
        from sonde.core.batch import select  # it imports torch

        return select(batch, self.inputs), select(batch, self.targets)

    @abstractmethod
    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Each row's loss and what it counts for."""

    def levels(self, targets: Batch) -> Mapping[str, Tensor]:
        """Where raw outputs had better begin: the best answer to these targets that is constant.

        Override where zero is far from it and learning could be lost on the way: a sigmoid under
        squared error goes dark at once and has no gradient there.

        Returns:
            by output, shaped as `Levelled.level` takes it; what is left out begins as it is.
        """
        return {}

    def watched(self) -> Mapping[str, Metric]:
        """Scores of the validation rows while it learns; by default all there are.

        Override, with `noted`, where answering takes a search, or outputs are too large to keep.
        Where the main metric is not among them, early stopping watches the first.
        """
        return self.metrics()

    def noted(self, outputs: Mapping[str, Tensor], targets: Batch) -> tuple[Batch, Batch]:
        """What is kept of a validation batch for `watched`: plain tensors, answers and targets.

        By default what `read` gives; `predicted` and `truth` make of it what metrics look at.
        """
        return self.read(outputs, self.Options()), targets


def encode_all(
    columns: Mapping[str, Column], names: Iterable[str], rows: pa.RecordBatch
) -> dict[str, np.ndarray]:
    """Dense encodings of the named columns, with `#present:` arrays where they have them."""
    out: dict[str, np.ndarray] = {}
    for name in names:
        encoded = columns[name].encode(rows)
        out[name] = encoded.values
        if encoded.present is not None:
            out["#present:" + name] = encoded.present
    return out


def stack(parts: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Arrays of the same names one after another.

    Where sequences make one part's rows longer than another's, zeros follow the shorter ones.
    """
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    shapes = [array.shape[1:] for array in arrays]
    if len(set(shapes)) == 1:
        return np.concatenate(arrays)
    longest = np.max(shapes, axis=0)
    grown = [
        np.pad(
            array, [(0, 0), *((0, most - own) for most, own in zip(longest, shape, strict=True))]
        )
        for array, shape in zip(arrays, shapes, strict=True)
    ]
    return np.concatenate(grown)
