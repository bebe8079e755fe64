from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Baseline, Design
from sonde.core.port import PRESENT
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.tasks.classification import Classification
from sonde.tasks.regression import Regression

CLASSES = 4
CLASSIFIERS = (
    Classification(target="t")
    .bind({"t": Category().learn(name="t", values=("a", "b", "c", "d"))})
    .baselines()
)
REGRESSORS = Regression(target="t").bind({"t": Number().learn(name="t")}).baselines()
BOTH = [*CLASSIFIERS.items(), *REGRESSORS.items()]


def design(rows: int, seed: int = 0, categories: int = 5) -> Design:
    """Two numbers with gaps and a category."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(rows, 3)).astype(np.float32)
    numbers[:, 2] = rng.integers(0, categories, rows)
    numbers[rng.random(rows) < 0.2, 1] = np.nan
    return Design(numbers, np.array([False, False, True]), {})


def with_targets(made: Design, targets: Arrays) -> Design:
    return Design(made.numbers, made.categorical, targets)


def classes_of(made: Design) -> np.ndarray:
    """Classes 0 and 2 that the features decide; 1 and 3 do not occur."""
    return np.where(made.numbers[:, 0] + (made.numbers[:, 2] > 2) > 0.5, 2, 0).astype(np.uint8)


@pytest.mark.parametrize("baseline", CLASSIFIERS.values(), ids=list(CLASSIFIERS))
def test_probabilities_cover_all_classes_even_absent_ones(baseline: Baseline) -> None:
    train, test = design(300), design(50, seed=1)
    answers = baseline(with_targets(train, {"t": classes_of(train)}), test, 0)
    assert answers["probability"].shape == (50, CLASSES)
    assert answers["probability"].sum(axis=1) == pytest.approx(np.ones(50), abs=1e-6)
    assert not answers["probability"][:, [1, 3]].any()
    assert np.array_equal(answers["index"], answers["probability"].argmax(axis=1))


@pytest.mark.parametrize("name", ["gradient boosting", "linear"])
def test_learned_classifiers_find_what_the_features_say(name: str) -> None:
    train, test = design(600), design(200, seed=1)
    answers = CLASSIFIERS[name](with_targets(train, {"t": classes_of(train)}), test, 0)
    assert (answers["index"] == classes_of(test)).mean() > 0.9


@pytest.mark.parametrize("name", ["gradient boosting", "linear"])
def test_learned_regressors_find_what_the_features_say(name: str) -> None:
    train, test = design(600), design(200, seed=1)
    wanted = {which: made.numbers[:, 0] + made.numbers[:, 2] for which, made in
              (("train", train), ("test", test))}  # fmt: skip
    answers = REGRESSORS[name](with_targets(train, {"t": wanted["train"]}), test, 0)
    assert np.corrcoef(answers["value"], wanted["test"])[0, 1] > 0.97


def test_the_simplest_answer_with_what_is_common() -> None:
    train = with_targets(design(4), {"t": np.array([2, 2, 1, 2], np.uint8)})
    answers = CLASSIFIERS["majority"](train, design(2), 0)
    assert answers["probability"].tolist() == [[0, 0.25, 0.75, 0]] * 2
    train = with_targets(design(4), {"t": np.array([1, 2, 3, 4], np.float32)})
    assert REGRESSORS["mean"](train, design(2), 0)["value"].tolist() == [2.5, 2.5]


def test_rows_without_a_target_teach_nothing() -> None:
    made = design(200)
    index = classes_of(made)
    index[:50] = CLASSES + 1
    kept = Design(made.numbers[50:], made.categorical, {"t": index[50:]})
    for baseline in CLASSIFIERS.values():
        with_gaps = baseline(with_targets(made, {"t": index}), made, 0)
        assert np.array_equal(with_gaps["index"], baseline(kept, made, 0)["index"])
    values, present = made.numbers[:, 0], np.arange(200) >= 50
    gaps = {"t": np.where(present, values, 99.0), PRESENT + "t": present}
    kept = Design(made.numbers[50:], made.categorical, {"t": values[50:]})
    for baseline in REGRESSORS.values():
        with_gaps = baseline(with_targets(made, gaps), made, 0)
        assert with_gaps["value"] == pytest.approx(baseline(kept, made, 0)["value"], abs=1e-5)


@pytest.mark.parametrize("baseline", CLASSIFIERS.values(), ids=list(CLASSIFIERS))
def test_a_sample_of_one_class_is_answered_with_it(baseline: Baseline) -> None:
    train = with_targets(design(30), {"t": np.full(30, 3, np.uint8)})
    assert set(baseline(train, design(5), 0)["index"]) == {3}


@pytest.mark.parametrize(("name", "baseline"), BOTH, ids=[name for name, _ in BOTH])
def test_strange_features_are_borne(name: str, baseline: Baseline) -> None:
    """A feature always missing, a constant one, one with a thousand categories, one new ones."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(400, 5)).astype(np.float32)
    numbers[:, 0], numbers[:, 1] = np.nan, 7.0
    numbers[:, 2] = rng.integers(0, 1000, 400)
    numbers[:, 3] = rng.integers(0, 3, 400)
    test = numbers[:50].copy()
    test[:, 3] = 4
    categorical = np.array([False, False, True, True, False])
    targets = rng.integers(0, CLASSES, 400).astype(np.uint8 if name in CLASSIFIERS else np.float32)
    answers = baseline(
        Design(numbers, categorical, {"t": targets}), Design(test, categorical, {}), 0
    )
    assert all(np.isfinite(array).all() and len(array) == 50 for array in answers.values())


@pytest.mark.parametrize(("name", "baseline"), BOTH, ids=[name for name, _ in BOTH])
def test_the_seed_alone_decides(name: str, baseline: Baseline) -> None:
    train = design(100)
    targets = classes_of(train) if name in CLASSIFIERS else train.numbers[:, 0]
    learned = with_targets(train, {"t": targets})
    once, again = (baseline(learned, design(20, seed=1), 2**40 + 1) for _ in range(2))
    assert all(np.array_equal(once[key], again[key]) for key in once)
