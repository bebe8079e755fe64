from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest

from sonde.contracts.data import Column
from sonde.contracts.metric import Arrays
from sonde.contracts.task import (
    Baseline,
    Design,
    Task,
)
from sonde.core.port import PRESENT, Port, Ports
from sonde.data.columns.category import Category
from sonde.data.columns.number import Number
from sonde.evaluate import baselines as module
from sonde.evaluate._design import features
from sonde.evaluate.baselines import BaselineResult, Held, run_baselines
from sonde.tasks.classification import Classification


class _Watched(Classification):
    """A classification whose one rival keeps what it was given."""

    seen: ClassVar[list[tuple[Design, Design]]] = []
    ports: ClassVar[dict[str, Port]] = {}

    @property
    def inputs(self) -> Ports:
        return self.ports or super().inputs

    def baselines(self) -> Mapping[str, Baseline]:
        def watch(train: Design, test: Design, seed: int) -> Arrays:
            self.seen.append((train, test))
            return {"index": np.zeros(len(test.numbers), np.int64)}

        return {"watch": watch}


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> _Watched:
    monkeypatch.setattr(_Watched, "seen", [])
    monkeypatch.setattr(_Watched, "ports", {})
    columns: dict[str, Column] = {
        "age": Number().learn(name="age"),
        "town": Category().learn(name="town", values=("x", "y")),
        "t": Category().learn(name="t", values=("a", "b")),
    }
    return _Watched(target="t").bind(columns)


def table(rows: int) -> dict[str, np.ndarray]:
    return {
        "age": np.arange(rows, dtype=np.float32),
        PRESENT + "age": np.arange(rows) % 4 != 1,
        "town": (np.arange(rows) % 4).astype(np.uint8),
        "t": (np.arange(rows) % 2).astype(np.uint8),
    }


def answered(task: Task, train: Arrays, test: Arrays, *, seed: int) -> dict[str, BaselineResult]:
    """The rivals of these training rows, asked about these test rows."""
    both = {name: np.concatenate([train[name], test[name]]) for name in train}
    total, asked = (len(next(iter(part.values()))) for part in (train, test))
    return run_baselines(
        task,
        Held(lambda rows: {name: array[rows] for name, array in both.items()}),
        np.arange(total),
        np.arange(total, total + asked),
        seed=seed,
    )


def test_missing_numbers_are_nan_and_categories_keep_their_places(watched: _Watched) -> None:
    answered(watched, table(4), table(2), seed=0)
    train, test = watched.seen[0]
    assert train.categorical.tolist() == [False, True]
    assert np.isnan(train.numbers[1, 0]) and train.numbers[[0, 2, 3], 0].tolist() == [0, 2, 3]
    assert train.numbers[:, 1].tolist() == [0, 1, 2, 3]
    assert train.targets["t"].tolist() == [0, 1, 0, 1]
    assert test.targets == {}, "a rival never sees what it is asked"


def test_pictures_become_the_means_of_windows() -> None:
    pictures = np.arange(2 * 28 * 28).reshape(2, 1, 28, 28)
    ports = {"picture": Port("grid", (1, 28, 28))}
    found = features(ports, {"picture": pictures}, np.array([1, 0]))
    assert found.numbers.shape == (2, 196)
    assert found.numbers[0, 0] == pictures[1, 0, :2, :2].mean()
    assert found.numbers[1, -1] == pictures[0, 0, -2:, -2:].mean()


@pytest.mark.parametrize("shape", [(1, 5, 3), (3, 30, 17), (3, 9, 300), (200, 2, 2), (1, 1, 500)])
def test_windows_at_the_edge_are_means_too(shape: tuple[int, int, int]) -> None:
    grid = np.full((2, *shape), 7, np.uint8)
    found = features({"g": Port("grid", shape)}, {"g": grid}, np.arange(2))
    assert np.all(found.numbers == 7)
    assert found.numbers.shape[1] <= max(196, shape[0])


def test_what_has_no_fixed_width_is_left_out_and_named(
    watched: _Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = {
        "text": Port("sequence", size=9),
        "age": Port("scalar"),
        "g": Port("grid", (1, None, 2)),
        "#said": Port("sequence", size=9),  # which no caller gives
    }
    monkeypatch.setattr(_Watched, "ports", ports)
    found = answered(watched, table(4), table(4), seed=0)["watch"]
    assert found.left_out == ("text", "g") and found.note == "without text, g"
    assert watched.seen[0][0].numbers.shape == (4, 1)


def test_with_nothing_to_read_the_targets_alone_remain(
    watched: _Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Watched, "ports", {"text": Port("sequence", size=9)})
    answered(watched, table(4), table(2), seed=0)
    train, test = watched.seen[0]
    assert train.numbers.tolist() == [[0]] * 4 and test.numbers.shape == (2, 1)
    real = Classification(target="t").bind({"t": watched.columns["t"]})
    found = answered(real, {"t": table(40)["t"]}, {"t": table(6)["t"]}, seed=0)
    for result in found.values():
        assert result.predicted["probability"] == pytest.approx(np.full((6, 2), 0.5))


def test_many_rows_are_sampled_by_the_seed_and_it_is_said(
    watched: _Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_ROWS", 1000)
    first = answered(watched, table(3000), table(2), seed=0)["watch"]
    answered(watched, table(3000), table(2), seed=0)
    answered(watched, table(3000), table(2), seed=1)
    assert (first.rows_used, first.rows_total) == (1000, 3000)
    assert first.note == "fitted on 1,000 of 3,000 training rows"
    once, again, other = (train.numbers for train, _ in watched.seen)
    assert np.array_equal(once, again, equal_nan=True)
    assert not np.array_equal(once, other, equal_nan=True)


def test_many_classes_cost_rows_as_many_features_do(watched: _Watched) -> None:
    assert module._affordable(watched, 10) == 100_000
    assert module._affordable(watched, 4000) == 10_000
    ten = Category().learn(name="t", values=tuple("0123456789"))
    digits = Classification(target="t").bind({"t": ten})
    assert module._affordable(digits, 196) == 20_408
    assert module._affordable(digits, 10**9) == 1000
