"""What holds for every supervised task that will ever be written."""

from __future__ import annotations

from typing import cast

import numpy as np
import pyarrow as pa
import pytest
import torch

from sonde.contracts.data import Column
from sonde.contracts.metric import Metric
from sonde.contracts.task import SupervisedTask
from sonde.core.batch import Batch, Padded, Value, as_arrays, mapped
from sonde.core.port import PRESENT, Port
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json
from sonde.data.batches import batch_of as made_batch
from sonde.run.golden import to_jsonable_answers

TASKS = [task for task in registry("task").examples() if isinstance(task, SupervisedTask)]
ROWS = 64


TIED = {"verify"}
"""Tasks whose outputs a network makes of one another: free ones are not learned together."""


def kind_of(task: SupervisedTask) -> str:
    return task.kind


@pytest.fixture(params=TASKS, ids=kind_of)
def bound(request: pytest.FixtureRequest) -> SupervisedTask:
    """A task bound to fitted columns: one input, and its targets."""
    kinds = {"input": "number"} | {
        n: k or "number" for n, k in request.param.target_columns().items()
    }
    for kind in list(kinds.values()):  # the pictures that masks and boxes lie in
        kinds |= dict.fromkeys(kind_of_column(kind)().leans_on, "image")
    columns: dict[str, Column] = {}
    for name, kind in kinds.items():
        column = kind_of_column(kind)().named(name)
        columns[name] = column.fit([rows({name: columns_sample(kind)})])
    task: SupervisedTask = request.param.bind(columns)
    return task


def kind_of_column(kind: str) -> type[Column]:
    return cast("type[Column]", registry("column").load(kind))


def columns_sample(kind: str) -> pa.Array:
    """Raw values without gaps, so that every row can be judged."""
    sample = kind_of_column(kind).sample(4 * ROWS, 0).drop_null()
    return sample.slice(0, ROWS)


def rows(fields: dict[str, pa.Array]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(fields)


def batch_of(task: SupervisedTask) -> Batch:
    fields = {name: columns_sample(column.kind) for name, column in task.columns.items()}
    encoded = {name: column.encode(rows(fields)) for name, column in task.columns.items()}
    return mapped(made_batch(encoded), _wide)


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    whole = not tensor.is_floating_point() and tensor.dtype != torch.bool
    return tensor.long() if whole else tensor


def outputs_of(task: SupervisedTask) -> dict[str, torch.Tensor]:
    """Raw outputs, as a network that ignores its inputs would give them."""
    generator = torch.Generator().manual_seed(0)
    inputs, targets = task.arrange(batch_of(task), False, None)
    return {
        name: torch.randn(
            _shape(port, inputs.get(name, targets.get(name))),
            generator=generator,
            requires_grad=True,
        )
        for name, port in task.outputs.items()
    }


def _shape(port: Port, given: Value | Batch | None) -> tuple[int, ...]:
    if port.kind == "sequence" and port.size is not None:  # scores at each step of what is given
        assert isinstance(given, Padded)
        return ROWS, given.values.shape[1], port.size
    if port.kind == "grid" and port.size is not None:  # scores at each pixel
        return ROWS, port.size, *(size or 1 for size in port.shape[1:])
    return (
        (ROWS, port.classes)
        if port.kind == "category"
        else (ROWS, *(size or 1 for size in port.shape))
    )


def test_a_loss_is_a_number_for_each_row(bound: SupervisedTask) -> None:
    _, targets = bound.arrange(batch_of(bound), True, torch.Generator())
    loss = bound.loss(outputs_of(bound), targets)
    assert loss.sums.shape == loss.weights.shape == (ROWS,)
    assert loss.sums.dtype == loss.weights.dtype == torch.float32
    assert torch.isfinite(loss.sums).all() and (loss.weights >= 0).all()


def test_targets_never_reach_the_network(bound: SupervisedTask) -> None:
    inputs, targets = bound.arrange(batch_of(bound), True, torch.Generator())
    assert not set(inputs) & {key for n in bound.targets for key in (n, PRESENT + n)}
    assert set(bound.targets) <= set(targets)


def test_descending_the_loss_betters_the_main_metric(bound: SupervisedTask) -> None:
    """The loss teaches what the metric asks for: free outputs come to fit every row."""
    if bound.kind in TIED:
        pytest.skip("its loss teaches one output, and its metrics look at another")
    _, targets = bound.arrange(batch_of(bound), True, torch.Generator())
    outputs = outputs_of(bound)
    before = main_score(bound, outputs, targets)
    optimizer = torch.optim.Adam(outputs.values(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        bound.loss(outputs, targets).sums.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    after = main_score(bound, outputs, targets)
    higher = _watched(bound).higher_is_better
    assert after > before if higher else after < before / 10


def main_score(task: SupervisedTask, outputs: dict[str, torch.Tensor], targets: Batch) -> float:
    """Of those that are watched while learning."""
    answer, truth = task.noted(outputs, targets)
    metric = _watched(task)
    return metric.score(task.predicted(as_arrays(answer)), task.truth(as_arrays(truth)))


def _watched(task: SupervisedTask) -> Metric:
    watched = task.watched()
    return watched.get(task.main_metric) or next(iter(watched.values()))


def test_every_row_is_answered_in_plain_values(bound: SupervisedTask) -> None:
    read = bound.read(outputs_of(bound), bound.Options())
    answers = to_jsonable_answers(bound.answer(as_arrays(read)))  # pictures may be among them
    assert len(answers) == ROWS
    assert set(bound.targets) <= set(answers[0])
    assert from_json(to_json(answers)) == answers


def test_reading_is_a_function_of_the_row_alone(bound: SupervisedTask) -> None:
    outputs = outputs_of(bound)
    whole = as_arrays(bound.read(outputs, bound.Options()))
    half = as_arrays(bound.read({n: o[: ROWS // 2] for n, o in outputs.items()}, bound.Options()))
    for name, array in half.items():
        assert np.array_equal(array, whole[name][: ROWS // 2])


def test_the_main_metric_is_one_of_the_metrics(bound: SupervisedTask) -> None:
    assert next(iter(bound.metrics())) == bound.main_metric


def test_it_survives_json(bound: SupervisedTask) -> None:
    assert type(bound).parse(from_json(to_json(bound.dump()))).bind(bound.columns) == bound
