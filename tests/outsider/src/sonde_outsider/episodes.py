"""Learning to learn: episodes with support and query rows, and an inner loop.

Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", 2017,
arXiv:1703.03400, algorithm 1 with one inner step, second order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from sonde import (
    Batch,
    Budget,
    Descent,
    DescentSettings,
    Learner,
    Loss,
    Metric,
    Paradigm,
    Phase,
    Port,
    Spec,
    Task,
)
from sonde.contracts.learn import Context
from sonde.contracts.metric import Arrays
from sonde.contracts.sampler import (
    BatchIndex,
    Sampler,
    StoreIndex,
)
from sonde.contracts.task import Judged, Predictor
from sonde.core.batch import part


class Episodes(Sampler):
    """Each batch is `ways` classes times `rows` of them, the rows of a class one after another."""

    by: str
    ways: int = Field(3, ge=2)
    rows: int = Field(6, ge=2)
    per_epoch: int = Field(10, ge=1)

    @classmethod
    def examples(cls) -> list[Episodes]:
        return []  # needs a column of classes

    def plan(
        self, index: StoreIndex, batch_size: int, epoch: int, rng: np.random.Generator
    ) -> BatchIndex:
        classes = index.encoded(self.by)
        groups = [index.rows[classes == c] for c in np.unique(classes)]
        groups = [group for group in groups if len(group) >= self.rows]
        picked = [
            rng.choice(groups[at], self.rows, replace=False)
            for _ in range(self.per_epoch)
            for at in rng.choice(len(groups), self.ways, replace=False)
        ]
        bounds = np.arange(self.per_epoch + 1) * self.ways * self.rows
        return BatchIndex(np.concatenate(picked), bounds)


class Adapt(Task):
    """Tell apart classes never seen before, from a few examples of each."""

    class Options(Spec):
        """The first ways * shots rows are examples, class by class; the rest are asked about."""

        shots: int = Field(0, ge=0)

    target: str
    ways: int = Field(3, ge=2)
    rate: float = Field(0.5, gt=0)

    @classmethod
    def examples(cls) -> list[Adapt]:
        return []  # needs episodes

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        return {self.target: "category"}

    @property
    def outputs(self) -> Mapping[str, Port]:
        return {"way": Port("category", size=self.ways)}

    def adapted(self, model: nn.Module, support: Batch, shots: int, *, train: bool) -> dict:
        """Weights after one step down the loss of the support rows."""
        ways = torch.arange(self.ways).repeat_interleave(shots)
        weights = dict(model.named_parameters())
        if not train:
            weights = {n: w.detach().requires_grad_() for n, w in weights.items()}
        loss = cross_entropy(functional_call(model, weights, (support,))["way"].float(), ways)
        steps = torch.autograd.grad(loss, list(weights.values()), create_graph=train)
        return {
            name: weight - self.rate * step
            for (name, weight), step in zip(weights.items(), steps, strict=True)
        }

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        assert isinstance(options, Adapt.Options)
        given = self.ways * options.shots
        if not given:
            return self.read(model(inputs), options)
        rows = len(next(iter(inputs.values())))
        with torch.enable_grad():
            weights = self.adapted(model, part(inputs, 0, given), options.shots, train=False)
        queries = part(inputs, given, rows)
        return self.read(functional_call(model, weights, (queries,)), options)

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        return {"index": outputs["way"].argmax(dim=1), "probability": outputs["way"].softmax(dim=1)}

    def answer(self, arrays: Arrays) -> list[dict]:
        return [{"way": int(way)} for way in arrays["index"]]

    def metrics(self) -> Mapping[str, Metric]:
        from sonde.metrics.accuracy import Accuracy

        return {"accuracy": Accuracy()}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Three examples of each of the first classes, then questions about their other rows."""
        rows = pa.Table.from_batches(list(chunks)).combine_chunks().to_batches()[0]
        labels = self.columns[self.target].encode(rows).values
        classes = [c for c in np.unique(labels) if (labels == c).sum() > 3][: self.ways]
        support = np.concatenate([np.flatnonzero(labels == c)[:3] for c in classes])
        asked = np.concatenate([np.flatnonzero(labels == c)[3:] for c in classes])
        order = pa.array(np.concatenate([support, asked]))
        found = predictor.arrays(rows.take(order), Adapt.Options(shots=3))
        truth = np.array([classes.index(label) for label in labels[asked]])
        return Judged(found, {"index": truth}, rows.column("#row").to_numpy()[asked])


class Meta(Paradigm):
    """Learn weights from which one step is enough."""

    descent: DescentSettings = DescentSettings(precision="float32")
    budget: Budget = Budget(epochs=2)
    rows: int = Field(6, ge=4)
    shots: int = Field(3, ge=1)

    def phases(self, context: Context) -> Iterator[Phase]:
        task = context.task
        assert isinstance(task, Adapt), "this plug-in adapts"
        order = Episodes(by=task.target, ways=task.ways, rows=self.rows)
        batches = context.batches("train", task.ways * self.rows, sampler=order)
        network = context.build(context.model, task.inputs, task.outputs)
        descent = Descent(
            network, self.descent, self.budget, steps_per_epoch=batches.steps_per_epoch
        )
        learner = _MetaLearner(network, descent, task, self.shots)
        yield Phase("episodes", learner, batches, self.budget)


class _MetaLearner(Learner):
    def __init__(self, network: nn.Module, descent: Descent, task: Adapt, shots: int) -> None:
        super().__init__()
        self.network, self.descent, self.task, self.shots = network, descent, task, shots

    def step(self, batch: Batch) -> dict[str, Tensor]:
        self.network.train()
        ways = self.task.ways
        order = torch.arange(len(batch["#row"])).view(ways, -1)
        both = {
            "support": {n: v[order[:, : self.shots].flatten()] for n, v in batch.items()},
            "query": {n: v[order[:, self.shots :].flatten()] for n, v in batch.items()},
        }
        return {"loss": self.descent.minimize(self._loss, both)}

    def _loss(self, batch: Batch) -> Loss:
        weights = self.task.adapted(self.network, batch["support"], self.shots, train=True)
        logits = functional_call(self.network, weights, (batch["query"],))["way"].float()
        per_way = len(logits) // self.task.ways
        ways = torch.arange(self.task.ways).repeat_interleave(per_way)
        losses = cross_entropy(logits, ways, reduction="none")
        return Loss(losses, torch.ones_like(losses))

    def shipped(self) -> nn.Module:
        return self.descent.shipped()
