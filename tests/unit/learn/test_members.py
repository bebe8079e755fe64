"""Networks that answer a row several times in training; precision that a first step decides."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sonde.contracts.learn import Budget, Context
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, tensor_of
from sonde.core.device import Precision
from sonde.learn import _descent
from sonde.learn._descent import Descent, DescentSettings
from sonde.learn.paradigms.supervised import SupervisedLearner
from sonde.tasks.classification import Classification

EPOCH = Budget(epochs=1)


class Three(nn.Module):
    """Three answers to a row in training."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 6)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        each = self.layer(tensor_of(batch, "age")[:, None]).unflatten(1, (3, 2))
        return {"label": each.flatten(0, 1) if self.training else each.mean(dim=1)}


def learner(**settings: Any) -> SupervisedLearner:
    from sonde.data.columns.category import Category
    from sonde.data.columns.number import Number

    rows = pa.record_batch({"age": [1.0, 2.0, 3.0, 4.0], "label": ["a", "b", "b", "a"]})
    columns = {
        "age": Number().named("age").fit([rows]),
        "label": Category().named("label").fit([rows]),
    }
    context = SimpleNamespace(
        task=Classification(target="label").bind(columns),
        device=torch.device("cpu"),
        augment=lambda batch: batch,
        mix=lambda inputs, targets: (inputs, targets),
    )
    torch.manual_seed(0)
    network = Three()
    seed.begin(0, "test", 0)
    descent = Descent(network, DescentSettings(**settings), EPOCH, steps_per_epoch=9)
    return SupervisedLearner(network, descent, cast("Context", context))


def batch() -> Batch:
    return {"age": torch.tensor([-1.0, 0.3, 2.0]), "label": torch.tensor([0, 1, 0])}


@pytest.mark.parametrize("micro_batch", [None, 2])
def test_what_is_minimised_is_the_mean_of_the_members_losses(micro_batch: int | None) -> None:
    made = learner(precision="float32", micro_batch=micro_batch)
    rows = batch()
    each = made.network.train()(rows)["label"]
    index = tensor_of(rows, "label").repeat_interleave(3)
    wanted = functional.cross_entropy(each, index)
    loss = made.step(rows)["loss"]
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-6)


def test_outside_training_a_row_has_one_answer() -> None:
    scores = learner().evaluate([batch()])
    assert np.isfinite(scores["loss"])


def rows_loss(module: nn.Module, rows: int) -> Loss:
    found = module(torch.ones(rows, 64)).square().mean(dim=1)
    return Loss(found, torch.ones(rows))


@pytest.mark.parametrize(("rows", "wanted"), [(8, "float32"), (1024, "bfloat16")])
def test_the_first_step_decides_the_precision_and_a_resumed_descent_keeps_it(
    rows: int, wanted: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_descent, "resolve_precision", lambda *_: "auto")

    def made() -> Descent:
        return Descent(nn.Linear(64, 64), DescentSettings(), EPOCH, steps_per_epoch=9)

    descent = made()
    assert descent.precision == descent.state()["precision"] == "auto"
    seed.begin(0, "test", 0)
    descent.minimize(lambda _: rows_loss(descent.module, rows), {"x": torch.ones(rows)})
    assert descent.precision == wanted
    resumed = made()
    resumed.restore(descent.state())
    assert resumed.precision == wanted
