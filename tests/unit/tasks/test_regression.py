from __future__ import annotations

import numpy as np
import pytest
import torch

from sonde.contracts.panels import Curves, Rowlist
from sonde.contracts.task import Judged
from sonde.core.batch import Batch
from sonde.core.errors import DataError, UsageError
from sonde.core.port import PRESENT
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.tasks.regression import Regression


@pytest.fixture
def task() -> Regression:
    columns = {
        "price": Number().learn(name="price", mean=100.0, deviation=20.0),
        "size": Number().learn(name="size"),
    }
    return Regression(target="price").bind(columns)


def judged(said: np.ndarray, true: np.ndarray) -> Judged:
    return Judged({"value": said}, {"value": true}, 100 + np.arange(len(true)))


def test_answers_and_scores_are_in_the_callers_unit(task: Regression) -> None:
    read = {"value": np.array([0.0, 1.5], np.float32)}
    assert task.answer(read) == [{"price": 100.0}, {"price": 130.0}]
    truth = task.truth({"price": np.array([0.0, 1.0], np.float32)})
    assert task.metrics()["mae"].score(task.predicted(read), truth) == pytest.approx(5.0)


def test_the_loss_is_the_squared_error_of_rows_with_a_value(task: Regression) -> None:
    outputs = {"price": torch.tensor([1.0, 2.0], requires_grad=True)}
    present = torch.tensor([True, False])
    targets: Batch = {"price": torch.tensor([0.5, 0.0]), PRESENT + "price": present}
    loss = task.loss(outputs, targets)
    assert loss.sums.tolist() == [0.25, 0.0] and loss.weights.tolist() == [1.0, 0.0]
    without = task.loss(outputs, {"price": torch.tensor([0.5, 0.0])})
    assert without.sums.tolist() == [0.25, 4.0] and without.weights.tolist() == [1.0, 1.0]


def test_rows_without_a_value_cannot_be_judged(task: Regression) -> None:
    targets = {"price": np.zeros(3, np.float32), PRESENT + "price": np.array([True, False, False])}
    with pytest.raises(DataError, match="2 of 3 rows have no 'price' and cannot be judged"):
        task.truth(targets)


def test_classes_are_no_target() -> None:
    column = Category().learn(name="colour", values=("red", "blue"))
    with pytest.raises(UsageError, match="expected one whose port is scalar"):
        Regression(target="colour").bind({"colour": column})


def test_panels_draw_a_sample_that_is_the_same_each_time(task: Regression) -> None:
    true = np.random.default_rng(0).normal(size=5000)
    first, again = (task.panels(judged(true + 1, true))[0] for _ in range(2))
    assert isinstance(first, Curves) and isinstance(again, Curves)
    assert len(first.series["rows"][0]) == 2000 and "2,000 of 5,000" in first.note
    assert np.array_equal(first.series["rows"][0], again.series["rows"][0])


def test_panels_show_the_largest_errors_first(task: Regression) -> None:
    panels = task.panels(judged(np.array([1.0, 5.0, 2000.0]), np.array([1.5, 1.0, 2500.0])))
    assert isinstance(panels[2], Rowlist)
    assert list(panels[2].rows) == [102, 101, 100]
    assert panels[2].remarks[0] == "said 2,000, is 2,500"
