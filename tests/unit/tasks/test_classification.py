from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from sonde.contracts.panels import Heatmap, Rowlist, Table
from sonde.contracts.task import Judged
from sonde.core.batch import as_arrays
from sonde.core.errors import DataError, UnknownColumn, UsageError
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.tasks.classification import Classification


def classification(*values: str, target: str = "answer") -> Classification:
    columns = {
        target: Category().learn(name=target, values=values),
        "age": Number().learn(name="age", mean=40.0, deviation=10.0),
    }
    return Classification(target=target).bind(columns)


def judged(task: Classification, probability: list[list[float]], true: list[int]) -> Judged:
    array = np.array(probability, np.float32)
    predicted = {"index": array.argmax(axis=1), "probability": array}
    return Judged(predicted, {"index": np.array(true)}, 100 + np.arange(len(true)))


def test_answers_name_the_class_and_its_probability_in_few_digits() -> None:
    task = classification("no", "yes")
    logits = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
    arrays = as_arrays(task.read({"answer": logits}, task.Options()))
    answers = task.answer(arrays)
    assert [answer["answer"] for answer in answers] == ["yes", "no"]
    for answer, row, expected in zip(answers, arrays["probability"], (0.8808, 0.7311), strict=True):
        assert answer["probability"] == pytest.approx(expected, abs=1e-4)
        assert np.float32(answer["probability"]) == row.max(), "digits enough to read back"
        assert len(str(answer["probability"])) <= 11


def test_the_loss_is_cross_entropy_of_rows_whose_class_is_known() -> None:
    task = classification("a", "b", "c")
    logits = torch.randn(5, 3)
    index = torch.tensor([0, 2, 3, 4, 1], dtype=torch.uint8)  # 3 is unseen, 4 is missing
    loss = task.loss({"answer": logits}, {"answer": index})
    assert loss.weights.tolist() == [1, 1, 0, 0, 1]
    known = torch.tensor([0, 1, 4])
    expected = cross_entropy(logits[known], index[known].long(), reduction="none")
    assert torch.equal(loss.sums[known], expected)
    assert loss.sums[[2, 3]].tolist() == [0, 0]


def test_rows_of_unknown_class_give_no_gradient_even_at_infinite_loss() -> None:
    task = classification("a", "b")
    logits = torch.tensor([[0.0, -torch.inf]], requires_grad=True)
    task.loss({"answer": logits}, {"answer": torch.tensor([2])}).sums.sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and logits.grad.tolist() == [[0.0, 0.0]]


def test_an_unseen_class_is_minus_one_in_the_truth() -> None:
    task = classification("a", "b")
    assert task.truth({"answer": np.array([0, 1, 2], np.uint8)})["index"].tolist() == [0, 1, -1]


def test_a_missing_class_cannot_be_judged() -> None:
    with pytest.raises(DataError, match="1 of 3 rows have no 'answer' and cannot be judged"):
        classification("a", "b").truth({"answer": np.array([0, 3, 1], np.uint8)})


@pytest.mark.parametrize(("values", "found"), [(("no",), r"one class \('no'\)"), ((), "no value")])
def test_fewer_than_two_classes_are_refused(values: tuple[str, ...], found: str) -> None:
    with pytest.raises(DataError, match=f"column 'answer' has {found} among the training rows"):
        classification(*values)


def test_targets_that_cannot_be_answered_are_refused() -> None:
    with pytest.raises(UsageError, match="Rename the column"):
        classification("a", "b", target="probability")
    columns = classification("a", "b").columns
    with pytest.raises(UsageError, match="'age' is a column of kind 'number'"):
        Classification(target="age").bind(columns)
    with pytest.raises(UnknownColumn, match="Did you mean 'answer'"):
        Classification(target="answr").bind(columns)


def test_two_classes_are_judged_by_ranking_and_more_by_accuracy() -> None:
    two, three = classification("no", "yes"), classification("a", "b", "c")
    assert (two.main_metric, three.main_metric) == ("auc", "accuracy")
    assert "f1 (yes)" in two.metrics() and not any("(" in name for name in three.metrics())
    task = judged(two, [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], [0, 1, 0])
    score = two.metrics()["precision (yes)"].score(task.predicted, task.truth)
    assert score == pytest.approx(0.5)


def test_panels_count_classes_never_seen_in_training() -> None:
    task = classification("no", "yes")
    confusion, _, table, wrong = task.panels(
        judged(task, [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]], [0, 1, 0, -1])
    )
    assert isinstance(confusion, Heatmap) and isinstance(table, Table)
    assert confusion.values.tolist() == [[1, 1], [0, 1], [1, 0]]
    assert confusion.row_labels == ["no", "yes", "never seen in training"]
    assert [row[:2] for row in table.rows] == [("no", "2"), ("yes", "1")]
    assert isinstance(wrong, Rowlist)
    assert wrong.rows == [103, 102], "the true class's probability is lowest first"
    assert wrong.remarks == [
        "said no (0.70), is a class never seen in training",
        "said yes (0.60), is no",
    ]


def test_of_many_classes_the_confusion_shows_the_commonest() -> None:
    labels = [f"c{place:03d}" for place in range(110)]
    task = classification(*labels)
    true = np.append(np.repeat(np.arange(110), np.arange(1, 111)), -1)
    confusion, confused = task.panels(judged(task, np.eye(110)[true].tolist(), true.tolist()))[:2]
    assert isinstance(confusion, Heatmap) and isinstance(confused, Table)
    assert list(confusion.row_labels) == [*labels[10:], "never seen in training"]
    assert confusion.note == "The 100 commonest of 110 classes."
    assert np.array_equal(np.diag(confusion.values), np.arange(11, 111))
    assert confusion.values[-1].tolist() == [0] * 99 + [1], "an unseen class said to be the last"
    assert confused.rows == [("never seen in training", "c109", "1", "100%")]


def test_the_worst_confusions_are_counted_over_all_classes() -> None:
    task = classification(*"abcdefg")
    true, said = [0, 0, 0, 0, 1, 1, 6], [1, 1, 0, 0, 1, 6, 6]
    confused = task.panels(judged(task, np.eye(7)[said].tolist(), true))[1]
    assert isinstance(confused, Table)
    assert confused.rows == [("a", "b", "2", "50%"), ("b", "g", "1", "50%")]


def test_panels_of_perfect_answers_have_no_wrong_row() -> None:
    task = classification("no", "yes")
    wrong = task.panels(judged(task, [[0.9, 0.1], [0.2, 0.8]], [0, 1]))[3]
    assert isinstance(wrong, Rowlist) and wrong.rows == [] and wrong.note.startswith("0 of 2")
