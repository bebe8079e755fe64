"""Thresholds and costs: found by one sort, checked by trying everything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from sonde.contracts.panels import Curves
from sonde.contracts.task import Design
from sonde.core.batch import as_arrays
from sonde.core.errors import RecipeError, UsageError
from sonde.core.notice import SondeWarning
from sonde.core.text import from_json, to_json
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.tasks._decisions import Threshold, best_f1, least_cost
from sonde.tasks.classification import Classification

COSTS = np.array([[0.0, 1.0], [5.0, 0.0]])


def task(*values: str, counts: tuple[int, ...] = (), **options) -> Classification:
    columns = {
        "risk": Category().learn(name="risk", values=values, counts=counts),
        "age": Number().learn(name="age"),
    }
    return Classification(target="risk", **options).bind(columns)


def rows(seed: int, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Coarse probabilities, so that many are equal, and labels that follow them."""
    rng = np.random.default_rng(seed)
    probability = (rng.integers(0, 12, count) / 12).astype(np.float32)
    return probability, rng.random(count) < probability


def every_cut(score: Callable[[np.ndarray], float]) -> list[float]:
    """The score of every decision that a threshold can make of `rows`."""
    return [score(np.float32(cut)) for cut in np.arange(-0.5, 13.5) / 12]


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_has_a_larger_f1(seed: int) -> None:
    probability, positive = rows(seed)
    found = best_f1(probability, positive.astype(float))
    scores = every_cut(lambda cut: f1_score(positive, probability >= cut, zero_division=0))
    assert found.score == pytest.approx(max(scores))
    assert f1_score(positive, probability >= np.float32(found.cut)) == pytest.approx(found.score)


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_costs_less(seed: int) -> None:
    probability, positive = rows(seed)
    found = least_cost(probability, positive, COSTS)

    def cost(cut: float) -> float:
        return float(COSTS[positive.astype(int), (probability >= cut).astype(int)].mean())

    assert found.score == pytest.approx(min(every_cut(cost)))
    assert cost(np.float32(found.cut)) == pytest.approx(found.score)


def test_where_nothing_is_worth_saying_the_threshold_is_above_1() -> None:
    probability, positive = np.array([0.1, 1.0], np.float32), np.array([False, False])
    assert least_cost(probability, positive, COSTS) == Threshold(pytest.approx(1, abs=1e-6), 0)
    assert not (probability >= np.float32(least_cost(probability, positive, COSTS).cut)).any()


def test_the_cheapest_answer_is_elkans_threshold() -> None:
    """Five to one: the second class is said from one sixth on."""
    costly = task("good", "bad", costs={"bad": {"good": 5}})
    probability = torch.tensor([0.16, 0.17, 0.5])
    logits = torch.stack([(1 - probability).log(), probability.log()], dim=1)
    assert costly.read({"risk": logits}, costly.Options())["index"].tolist() == [0, 1, 1]
    assert task("good", "bad").read({"risk": logits - 0.1}, costly.Options())["index"][1] == 0
    assert next(iter(costly.metrics())) == costly.main_metric == "cost"


def test_several_classes_are_priced_by_the_whole_matrix() -> None:
    costly = task("a", "b", "c", costs={"a": {"b": 3, "c": 9}, "c": {"a": 0.5}})
    probability = np.random.default_rng(0).dirichlet(np.ones(3), 200).astype(np.float32)
    read = costly.read({"risk": torch.from_numpy(np.log(probability))}, costly.Options())
    matrix = np.array([[0, 3, 9], [1, 0, 1], [0.5, 1, 0]])
    expected = [int(np.argmin([row @ matrix[:, j] for j in range(3)])) for row in probability]
    assert read["index"].tolist() == expected


@pytest.mark.parametrize("aim", ["f1", "cost"])
def test_a_settled_threshold_decides_survives_the_file_and_is_shown(aim: str) -> None:
    open_task = task("good", "bad", threshold=aim, costs={"bad": {"good": 5}})
    probability, positive = rows(3, 200)
    squeezed = 0.05 + 0.3 * probability  # so that a half would be no good threshold
    logits = np.log(np.stack([1 - squeezed, squeezed], axis=1)).astype(np.float32)
    settled = open_task.settle({"risk": logits}, {"risk": positive.astype(np.uint8)})
    assert settled.cut is not None and settled.cut < 0.4
    again = Classification.parse(from_json(to_json(settled.dump(learned=True))))
    again = again.bind(settled.columns)
    read = as_arrays(again.read({"risk": torch.from_numpy(logits)}, again.Options()))
    decided = read["probability"][:, 1] >= np.float32(settled.cut)
    assert np.array_equal(read["index"], decided)
    assert [answer["risk"] for answer in again.answer(read)] == np.where(
        decided, "bad", "good"
    ).tolist()
    metric = again.metrics()["f1 (bad)" if aim == "f1" else "cost"]
    assert metric.score(read, {"index": positive.astype(int)}) == pytest.approx(settled.cut_score)
    from sonde.contracts.task import Judged

    judged = Judged(read, {"index": positive.astype(int)}, np.arange(200))
    panel = again.panels(judged)[-1]
    assert isinstance(panel, Curves) and f"{settled.cut:.3f}" in panel.note
    assert panel.series["chosen"][1][0] == pytest.approx(settled.cut_score)
    assert "cut" not in again.dump(), "a recipe asks, the file of a model answers"


def test_of_one_class_alone_nothing_is_settled_and_that_is_said() -> None:
    open_task = task("good", "bad", threshold="f1")
    with pytest.warns(SondeWarning, match="not of two classes"):
        settled = open_task.settle({"risk": np.zeros((3, 2), np.float32)}, {"risk": np.zeros(3)})
    assert settled.cut is None


def test_rivals_decide_by_the_same_costs() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(400, 2)).astype(np.float32)
    bad = (rng.random(400) < 0.3).astype(np.uint8)
    design = Design(numbers, np.zeros(2, bool), {"risk": bad})
    rival = task("good", "bad", costs={"bad": {"good": 5}}).baselines()["majority"]
    assert (rival(design, design, 0)["index"] == 1).all(), "0.3 is above a sixth"
    rival = task("good", "bad").baselines()["majority"]
    assert (rival(design, design, 0)["index"] == 0).all()


def test_balanced_classes_weigh_the_same() -> None:
    balanced = task("good", "bad", counts=(90, 10), class_weights="balanced")
    index = torch.tensor([0] * 9 + [1])
    loss = balanced.loss({"risk": torch.zeros(10, 2)}, {"risk": index})
    assert loss.weights[index == 0].sum() == pytest.approx(float(loss.weights[index == 1].sum()))
    torch.testing.assert_close(loss.sums, loss.weights * np.log(2))


def test_the_loss_is_torchs_weighted_and_smoothed_cross_entropy() -> None:
    weighted = task("a", "b", "c", class_weights={"b": 3}, label_smoothing=0.0)
    logits, index = torch.randn(20, 3), torch.randint(0, 3, (20,))
    loss = weighted.loss({"risk": logits}, {"risk": index})
    expected = torch.nn.functional.cross_entropy(logits, index, torch.tensor([1.0, 3.0, 1.0]))
    torch.testing.assert_close(loss.sums.sum() / loss.weights.sum(), expected)
    smooth = task("a", "b", "c", label_smoothing=0.2).loss({"risk": logits}, {"risk": index})
    expected = torch.nn.functional.cross_entropy(logits, index, label_smoothing=0.2)
    torch.testing.assert_close(smooth.sums.sum() / 20, expected)


def test_focal_loss_is_the_papers() -> None:
    focal = task("a", "b", focal=2.0)
    probability = torch.tensor([[0.9, 0.1], [0.6, 0.4]], dtype=torch.float32)
    loss = focal.loss({"risk": probability.log()}, {"risk": torch.tensor([0, 1])})
    expected = torch.tensor([-(0.1**2) * np.log(0.9), -(0.6**2) * np.log(0.4)]).float()
    torch.testing.assert_close(loss.sums, expected)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"costs": {"bed": {"good": 5}}}, "costs: unknown class of 'risk' 'bed'. Did you mean"),
        ({"class_weights": {"goood": 5}}, "Did you mean 'good'"),
        ({"class_weights": "balanced"}, "needs a column that counts its classes"),
    ],
)
def test_what_does_not_fit_the_classes_is_refused(options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        task("good", "bad", **options)
    with pytest.raises(UsageError, match="is for two classes; 'risk' has 3"):
        task("a", "b", "c", threshold="f1")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threshold": "cost"}, "needs costs"),
        ({"focal": 2, "label_smoothing": 0.1}, "take one of them"),
        ({"costs": {"bad": {"good": -1}}}, "greater than or equal to 0"),
    ],
)
def test_options_that_contradict_are_refused(options: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Classification.parse({"target": "risk", **options})


def test_classes_may_be_written_as_yaml_reads_them() -> None:
    """german-credit's classes are 1 and 2."""
    parsed = Classification.parse({"target": "risk", "costs": {2: {1: 5}}, "class_weights": {2: 3}})
    assert parsed.costs == {"2": {"1": 5.0}} and parsed.class_weights == {"2": 3.0}
