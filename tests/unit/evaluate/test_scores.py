from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.metric import Score
from sonde.contracts.task import Judged
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.evaluate.scores import Comparison, compare, number, score_all, sentence, shown
from sonde.tasks.classification import Classification
from sonde.tasks.regression import Regression

CLASSES = Classification(target="t").bind({"t": Category().learn(name="t", values=("a", "b", "c"))})
NUMBERS = Regression(target="t").bind({"t": Number().learn(name="t")})


def classified(true: np.ndarray, accuracy: float, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    said = np.where(rng.random(len(true)) < accuracy, true, (true + 1) % 3)
    return {"index": said, "probability": np.eye(3)[said]}


def judged(rows: int, accuracy: float) -> Judged:
    true = np.random.default_rng(9).integers(0, 3, rows)
    return Judged(classified(true, accuracy, 0), {"index": true}, np.arange(rows))


def rival(of: Judged, accuracy: float) -> dict[str, np.ndarray]:
    return classified(of.truth["index"], accuracy, 1)


def test_every_metric_of_the_task_is_scored() -> None:
    scores = score_all(CLASSES, judged(100, 0.8), seed=0)
    assert list(scores) == list(CLASSES.metrics())
    for score in scores.values():
        assert score.low is not None and score.high is not None
        assert score.low <= score.value <= score.high
    assert not scores["log loss"].higher_is_better


def test_a_worse_model_is_called_worse() -> None:
    found = judged(1000, 0.8)
    comparisons = compare(CLASSES, found, {"linear": rival(found, 0.9)}, seed=0)
    assert comparisons[0].is_worse and comparisons[0].gain.value < 0
    assert sentence(comparisons) == "Linear is better: accuracy 0.892 against 0.788 on 1,000 rows."


def test_a_model_better_than_all_is_called_so_beside_the_best() -> None:
    found = judged(1000, 0.9)
    rivals = {"majority": rival(found, 0.4), "linear": rival(found, 0.7)}
    comparisons = compare(CLASSES, found, rivals, seed=0)
    assert [c.rival for c in comparisons] == ["linear", "majority"], "the best rival first"
    assert sentence(comparisons).startswith("Better than every baseline: accuracy 0.90")
    assert sentence(comparisons).endswith("of linear on 1,000 rows.")


def test_where_nothing_is_shown_nothing_is_claimed() -> None:
    found = judged(60, 0.82)
    rivals = {"gradient boosting": rival(found, 0.8), "majority": rival(found, 0.3)}
    comparisons = compare(CLASSES, found, rivals, seed=0)
    assert sentence(comparisons) == "No difference to gradient boosting is shown on 60 rows."


def test_a_claim_on_few_rows_says_that_they_are_few() -> None:
    true = np.arange(8) % 3
    found = Judged(classified(true, 1.0, 0), {"index": true}, np.arange(8))
    told = sentence(compare(CLASSES, found, {"majority": rival(found, 0.0)}, seed=0))
    assert told.startswith("Better than every baseline: ")
    assert told.endswith(" on 8 rows. So few rows show little: judge on more.")


def test_smaller_errors_are_a_gain() -> None:
    true = np.random.default_rng(0).normal(size=300)
    found = Judged({"value": true + 0.1}, {"value": true}, np.arange(300))
    (comparison,) = compare(NUMBERS, found, {"mean": {"value": np.zeros(300)}}, seed=0)
    assert comparison.metric == "rmse" and comparison.is_better
    assert comparison.gain.value == pytest.approx(comparison.other - comparison.model)


def test_pairing_finds_a_small_gain_that_lies_within_both_intervals() -> None:
    """Two models that err on the same rows differ in few: only a paired comparison sees it."""
    true = np.zeros(500, int)
    said = {"index": (np.arange(500) < 100).astype(int), "probability": np.ones((500, 3))}
    other = {"index": (np.arange(500) < 112).astype(int), "probability": np.ones((500, 3))}
    found = Judged(said, {"index": true}, np.arange(500))
    (comparison,) = compare(CLASSES, found, {"linear": other}, seed=0)
    assert comparison.is_better


def test_equal_models_are_rarely_told_apart() -> None:
    """A 95 % interval errs about once in 20: of 200 pairs without a difference, 3 to 20 do."""
    told_apart = 0
    for seed in range(200):
        true = np.zeros(150, int)
        first, second = (classified(true, 0.8, 1000 * seed + place) for place in (1, 2))
        found = Judged(first, {"index": true}, np.arange(150))
        (comparison,) = compare(CLASSES, found, {"twin": second}, seed=seed)
        told_apart += comparison.is_better or comparison.is_worse
    assert 3 <= told_apart <= 20


def test_a_gain_without_an_interval_is_no_answer() -> None:
    nothing = Score(float("nan"), rows=5)
    comparison = Comparison("linear", "auc", float("nan"), 0.5, nothing)
    assert sentence([comparison]) == ("Who is better is not known: auc has no interval on 5 rows.")
    assert sentence([]) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8712, "0.871"), (1.0, "1.000"), (0.0, "0.000"), (0.00123, "0.0012"), (2.3014, "2.301"),
     (47.123, "47.12"), (52500.4, "52,500"), (-0.0421, "-0.042"), (float("nan"), "-")],
)  # fmt: skip
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert number(value) == text


def test_a_score_is_written_with_its_interval() -> None:
    assert shown(Score(0.87123, 0.82, 0.9192, 196)) == "0.871 [0.820, 0.919]"
    assert shown(Score(0.5)) == "0.500"
