"""What codes are worth, against loops; and what `represent` refuses."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import torch

from sonde.contracts.data import Column
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Design, Judged
from sonde.core.code import CODE
from sonde.core.errors import DataError, UnknownColumn, UsageError
from sonde.core.registry import registry
from sonde.tasks import _codes
from sonde.tasks.represent import Represent, Uniformity


def blobs(rows: int = 90, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Codes in directions that hang on their class, and the classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, rows)
    return (np.eye(5)[labels] + 0.35 * rng.normal(size=(rows, 5))).astype(np.float32), labels


def bound(label: str | None = "label", **options) -> Represent:
    raw = pa.record_batch({"x": [-1.0, 1.0, 0.5], "label": ["a", "b", "b"]})
    kinds = {"x": "number", "label": "category"}
    columns: dict[str, Column] = {
        name: registry("column").load(kind)().named(name).fit([raw])  # type: ignore[attr-defined]
        for name, kind in kinds.items()
    }
    return Represent.parse({"label": label} | options).bind(columns)


@pytest.mark.parametrize("neighbours", [1, 7, 500])
def test_neighbours_vote_as_in_a_loop(neighbours: int) -> None:
    codes, labels = blobs()
    labels[:5] = -1
    found = _codes.by_neighbours(codes, labels, neighbours)
    units = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    for row in range(len(codes)):
        others = [i for i in range(len(codes)) if i != row and labels[i] >= 0]
        others.sort(key=lambda i: -float(units[i] @ units[row]))
        votes: Counter[int] = Counter()
        for i in others[:neighbours]:
            votes[labels[i]] += math.exp(float(units[i] @ units[row]) / 0.07)  # type: ignore[assignment]
        assert found[row] == max(votes, key=lambda label: votes[label])


def test_neighbours_in_parts_are_neighbours_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, labels = blobs()
    whole = _codes.by_neighbours(codes, labels, 5), _codes.nearness(codes)
    monkeypatch.setattr(_codes, "_AT_ONCE", 7 * len(codes))
    parts = _codes.by_neighbours(codes, labels, 5), _codes.nearness(codes)
    assert np.array_equal(whole[0], parts[0])
    np.testing.assert_allclose(whole[1], parts[1], rtol=1e-6)


def test_a_row_never_votes_on_itself() -> None:
    """Rows without a like get the others' class, however sure they are of their own."""
    codes = np.eye(4, dtype=np.float32)[[0, 0, 0, 1]]
    assert _codes.by_neighbours(codes, np.array([0, 0, 0, 1]), 3)[3] == 0


@pytest.mark.parametrize("labels", [[-1, -1, -1], [-1, 1, -1]])
def test_nobody_votes_where_nobody_knows(labels: list[int]) -> None:
    codes = np.eye(3, dtype=np.float32)
    assert (_codes.by_neighbours(codes, np.array(labels), 5) == -1).all()
    assert (_codes.by_probe(codes, np.array(labels)) == -1).all()


def test_the_probe_answers_rows_it_was_not_fitted_on() -> None:
    """With more numbers than rows a line fits any labels; of rows held out it knows nothing."""
    codes, labels = np.random.default_rng(1).normal(size=(120, 200)), np.arange(120) % 2
    assert 0.3 < (_codes.by_probe(codes, labels) == labels).mean() < 0.7
    codes, labels = blobs()
    assert (_codes.by_probe(codes, labels) == labels).mean() > 0.85


def test_uniformity_is_over_all_pairs() -> None:
    codes, _ = blobs(12)
    units = (codes / np.linalg.norm(codes, axis=1, keepdims=True)).astype(np.float64)
    kernels = [
        math.exp(-2 * float(((units[i] - units[j]) ** 2).sum()))
        for i in range(12)
        for j in range(12)
        if i != j
    ]
    said = {"code": codes, "nearness": _codes.nearness(codes)}
    assert Uniformity().score(said, {}) == pytest.approx(math.log(np.mean(kernels)), rel=1e-5)


def test_uniformitys_influence_is_its_derivative_by_weights() -> None:
    codes, _ = blobs(12)
    said = {"nearness": _codes.nearness(codes)}
    units = _codes.unit(codes).astype(np.float64)
    kernel = np.exp(4 * units @ units.T - 4)
    np.fill_diagonal(kernel, 0)

    def weighted(weights: np.ndarray) -> float:
        pairs = np.outer(weights, weights)
        np.fill_diagonal(pairs, 0)
        return math.log((pairs * kernel).sum() / pairs.sum())

    step = 1e-5
    slopes = [
        (weighted(1 + step * unit) - weighted(1 - step * unit)) / (2 * step) for unit in np.eye(12)
    ]
    np.testing.assert_allclose(
        Uniformity().influence(said, {"label": np.zeros(12)}), slopes, atol=1e-6
    )


def test_spread_is_none_where_all_rows_have_one_code() -> None:
    assert _codes.spread(np.ones((9, 4))) == pytest.approx(0, abs=1e-9)
    both = np.vstack([np.eye(4), -np.eye(4)])
    assert _codes.spread(both) == pytest.approx(1)


def test_rows_without_a_label_are_not_judged() -> None:
    task, (codes, labels) = bound(neighbours=5), blobs(classes=2)
    known = labels.copy()
    known[::3] = -1
    said = task.said_of(codes, known)
    score = task.metrics()["knn accuracy"].score(said, {"label": known})
    told = known >= 0
    assert score == pytest.approx((said["knn"][told] == labels[told]).mean())


def test_the_label_is_no_input_and_needs_not_be_known() -> None:
    task = bound()
    assert set(task.inputs) == {"x"}
    assert task.targets == ()
    assert task.given == ("x",)
    assert set(task.outputs) == {CODE}
    encoded = np.array([0, 1, 2, 3], np.uint8)  # two classes, unseen, missing
    assert task.known_labels(encoded).tolist() == [0, 1, -1, -1]


def test_it_answers_with_lists() -> None:
    code = {CODE: torch.tensor([[1.0, 2.0], [0.5, 0.0]])}
    answers = bound().answer({"code": bound().read(code, Represent.Options())["code"].numpy()})
    assert answers == [{"code": [1.0, 2.0]}, {"code": [0.5, 0.0]}]


def test_raw_values_stand_in_standard_deviations_and_classes_apart() -> None:
    train = Design(np.array([[0, 1], [4, 0], [np.nan, 2]], np.float32), np.array([0, 1], bool), {})
    test = Design(np.array([[4, 2], [np.nan, 7]], np.float32), np.array([0, 1], bool), {})
    assert _codes.raw_values(train, test, scaled=True).tolist() == [[1, 0, 0, 1], [0, 0, 0, 0]]
    assert _codes.raw_values(train, test, scaled=False)[0, 0] == 2


def test_the_report_draws_codes_and_confusions() -> None:
    task, (codes, labels) = bound(), blobs(classes=2)
    judged = Judged(task.said_of(codes, labels), {"label": labels}, np.arange(len(codes)))
    drawn, confused = task.panels(judged)
    assert set(drawn.series) == {"a", "b"}  # type: ignore[union-attr]
    assert confused.values.sum() == len(codes)  # type: ignore[union-attr]
    _, pooled = task.pooled([(task, judged), (task, judged)])
    assert "code" not in pooled.predicted
    assert len(task.panels(pooled)) == 1


def test_without_a_label_uniformity_is_what_counts() -> None:
    task = bound(None)
    assert task.main_metric == "uniformity"
    assert not task.baselines()
    assert bound().main_metric == "knn accuracy"


def test_it_learns_by_contrast_unless_told_otherwise() -> None:
    assert Recipe.parse({"task": "represent"}).paradigm.kind == "contrast"


def test_labels_that_are_none_are_refused() -> None:
    with pytest.raises(UnknownColumn, match="Did you mean 'label'"):
        bound("labl")
    with pytest.raises(UsageError, match="'x' is of kind 'number', expected classes"):
        bound("x")
    raw = pa.record_batch({"label": ["a", "b"]})
    alone = registry("column").load("category")().named("label").fit([raw])  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="none but the label"):
        Represent(label="label").bind({"label": alone})
    with pytest.raises(DataError, match="Give the split a test"):
        bound().judge(None, [], 0)  # type: ignore[arg-type]
