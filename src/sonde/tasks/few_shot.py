"""Few-shot classification: classes that were never trained on, from a few examples of each.

    model.predict(queries, support=[{"image": "a.png", "label": "alpha"}, ...])

answers with the labels of the support set. A model is judged over episodes: classes of the test
part, some rows of each shown, others asked about. Its accuracy has an interval over episodes, since
the answers of one hang together.

How it is answered is said here, since a bundle must know: by the nearest class mean in the space
that the network maps rows into, or with `adapt` by a network that first takes steps of its own down
the loss of the support set. The paradigms `prototypes` and `maml` train for these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.sampler import StoreIndex
from sonde.contracts.task import (
    Judged,
    Predictor,
    Task,
    stack,
)
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import say
from sonde.core.port import Port, Ports
from sonde.core.spec import Spec
from sonde.data.samplers.episodic import Episodic
from sonde.metrics.accuracy import Accuracy
from sonde.metrics.log_loss import LogLoss
from sonde.tasks._episodes import by_episode, labels_of, named_episodes, support_rows
from sonde.tasks._target import bound_target, shortest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sonde.core.batch import Batch


class Adapt(Spec):
    """Steps down the mean loss of the support set, with plain gradients, before it answers."""

    steps: int = Field(5, ge=1, le=100)
    learning_rate: float = Field(0.1, gt=0)


class Given(Spec):
    """Test episodes as they were published, in fields of the test rows."""

    run: str = "run"
    """The field that names a row's episode."""
    role: str = "role"
    """The field that says `support` of a row that is shown, and `query` of one to be answered."""


class Support(Spec):
    """What is shown before the questions."""

    support: Any = ()
    """Rows with their labels: mappings, a data frame, or the path of a table or of a folder of
    pictures with a sub-folder for each class. Without any, the network's own output is answered."""


class FewShot(Task):
    """One column of classes; those of the test part need not stand in the training part."""

    Options: ClassVar[type[Spec]] = Support
    main_metric: ClassVar[str] = "accuracy"
    learns_by: ClassVar[str] = "prototypes"

    target: str
    ways: int = Field(5, ge=2)
    """Classes in an episode."""
    shots: int = Field(1, ge=1)
    """Rows of each class that are shown."""
    queries: int = Field(15, ge=1)
    """Rows of each class that are asked about."""
    within: str | None = None
    """A column of classes of which an episode's classes share one, such as a letter's alphabet; it
    is no input."""
    episodes: int = Field(200, ge=1)
    """How many the model is judged on."""
    published: Given | None = None
    """Where the test rows say themselves which episodes they make: those are judged, no others."""
    seed: int = 0
    """The test episodes' own seed: repeats with other seeds are judged on the same episodes."""
    width: int = Field(64, ge=1)
    """Features a row is mapped to; not used with `adapt`."""
    adapt: Adapt | None = None
    """None answers by the nearest class mean."""

    @model_validator(mode="after")
    def _named_apart(self) -> Self:
        if self.within == self.target:
            raise ValueError(f"got {self.target!r} as target and within, expected two columns")
        if self.target == "probability":
            raise ValueError(
                "got the target 'probability', the name that answers give the class's probability; "
                "expected another. Rename the column"
            )
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """By class means, and adapting."""
        return [cls(target="label"), cls(target="label", shots=5, adapt=Adapt(steps=1))]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UsageError: the target is no column of classes.
        """
        bound_target(self.target, columns, "category")
        return super().bind(columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of classes, and the one they share."""
        return (self.target, self.within) if self.within else (self.target,)

    @property
    def kept_whole(self) -> str:
        """Classes, and what they share: episodes are of classes that nobody trained on."""
        return self.within or self.target

    def target_columns(self) -> Mapping[str, str]:
        """Whole numbers are classes too."""
        return dict.fromkeys(self.targets, "category")

    @property
    def output(self) -> str:
        """The name of what the network gives."""
        return "embedding" if self.adapt is None else "logits"

    @property
    def outputs(self) -> Ports:
        """A vector; or a logit for each way."""
        if self.adapt is None:
            return {self.output: Port("vector", (self.width,))}
        return {self.output: Port("category", size=self.ways)}

    def sampler(self, **changes: Any) -> Episodic:
        """Episodes like those it is judged on."""
        same = {"ways": self.ways, "shots": self.shots, "queries": self.queries}
        options = {"by": self.target, "within": self.within, "episodes": self.episodes}
        return Episodic.parse(options | same | changes)

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """Each row's class among those of the support set.

        Raises:
            DataError: a row of the support set cannot be read, or has no label.
            UsageError: it has fewer than two classes, or not as many as an adapting model has ways.
        """
        import torch

        from sonde.core.batch import mapped
        from sonde.tasks._few_shot import as_letters

        assert isinstance(options, Support)
        shown = support_rows(options.support, self)
        if shown is None:
            return self.read(model(inputs), options)
        device = next(model.parameters()).device
        support = mapped(shown.batch, lambda tensor: tensor.to(device))
        ways = torch.from_numpy(shown.ways).to(device)
        logits = self.logits(model, support, ways, inputs, len(shown.labels))
        index = logits.argmax(dim=1)
        said = as_letters([shown.labels[way] for way in index.tolist()])
        return {"index": index, "probability": logits.softmax(dim=1), "said": said}

    def logits(
        self, model: nn.Module, support: Batch, ways: Tensor, queries: Batch, count: int
    ) -> Tensor:
        """(Q, W) float32 logits of Q rows after S examples with classes (S,) of `count`."""
        from functools import partial

        from sonde.tasks import _few_shot

        if self.adapt is None:
            means = _few_shot.class_means(model(support)[self.output].float(), ways, count)
            return _few_shot.distance_logits(model(queries)[self.output].float(), means)
        if count != self.ways:
            raise UsageError(
                f"the support set has {count} classes, and this model adapts to {self.ways}. Show "
                f"{self.ways}, or train with  ways: {count}"
            )
        descend = partial(_few_shot.adapted, rate=self.adapt.learning_rate, steps=self.adapt.steps)
        found = _few_shot.adapted_logits(model, self.output, support, ways, queries, descend)
        return found.float()

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The network's output, (B, D) float32."""
        return {self.output: outputs[self.output].float()}

    def answer(self, arrays: Arrays) -> list[Row]:
        """The label as the support set writes it, and its probability; else the output."""
        if "index" not in arrays:
            return [{self.output: row.tolist()} for row in arrays[self.output]]
        index = arrays["index"][:, None]
        given = shortest(np.take_along_axis(arrays["probability"], index, axis=1)[:, 0])
        labels = ["".join(map(chr, row[row > 0])) for row in arrays["said"]]
        return [
            {self.target: label, "probability": probability}
            for label, probability in zip(labels, given, strict=True)
        ]

    def metrics(self) -> Mapping[str, Metric]:
        """Of all queries of all episodes."""
        return {"accuracy": Accuracy(), "log_loss": LogLoss()}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Over episodes of the test rows; rows of one episode hang together.

        Raises:
            DataError: the test rows make no such episodes.
        """
        batches = list(chunks)
        if not batches:
            raise DataError("the test part has no rows to make episodes of. Give the split some.")
        rows = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
        classes = labels_of(self.columns[self.target], rows)[1]
        fields = list(dict.fromkeys((*self.given, *self.columns[self.target].reads)))
        predicted: list[Arrays] = []
        truth: list[np.ndarray] = []
        asked: list[np.ndarray] = []
        groups: list[np.ndarray] = []
        for number, (shown, queries) in enumerate(self._episodes(rows, classes)):
            options = Support(support=rows.take(pa.array(shown)).select(fields))
            found = predictor.arrays(rows.take(pa.array(queries)), options)
            predicted.append({name: found[name] for name in ("index", "probability")})
            among = np.unique(classes[shown])
            truth.append(np.searchsorted(among, classes[queries]))
            asked.append(rows.column("#row").to_numpy()[queries])
            groups.append(np.full(len(queries), number))
        true = {"index": np.concatenate(truth)}
        return Judged(stack(predicted), true, np.concatenate(asked), np.concatenate(groups))

    def panels(self, judged: Judged) -> list[Panel]:
        """The episodes, worst first."""
        return [by_episode(judged, drawn=self.published is None)]

    def _episodes(
        self, rows: pa.RecordBatch, classes: np.ndarray
    ) -> Sequence[tuple[np.ndarray, np.ndarray]]:
        """Positions in `rows` (N of classes (N,)) that are shown and asked about, by episode."""
        if self.published is not None:
            return named_episodes(rows, classes, run=self.published.run, role=self.published.role)
        from sonde.core.seed import numpy_rng  # it imports torch

        fresh = np.arange(len(classes))[self._unknown(rows, classes)]
        encoded = {self.target: classes}
        if self.within:
            encoded[self.within] = labels_of(self.columns[self.within], rows)[1]
        index = StoreIndex(fresh, lambda name: encoded[name][fresh])
        plan = self.sampler().plan(index, 0, 0, numpy_rng(self.seed, "episodes"))
        cut = [plan[at].reshape(self.ways, -1) for at in range(len(plan))]
        return [(e[:, : self.shots].ravel(), e[:, self.shots :].ravel()) for e in cut]

    def _unknown(self, rows: pa.RecordBatch, classes: np.ndarray) -> np.ndarray:
        """(N,) bool, rows of classes that were not trained on."""
        column = self.columns[self.target]
        trained = np.asarray(column.encode(rows).values) < column.port.classes
        met = len(np.unique(classes[trained]))
        if trained.all():
            raise DataError(
                f"every class of the test rows was trained on, and few-shot judges classes that "
                f"were not. Keep whole classes apart:  split: {{kind: group, by: {self.target}}}"
            )
        if met:
            say(f"{met:,} classes of the test rows were trained on and are in no episode")
        return ~trained
