"""Tables: noise and hidden values, and targets that stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import sonde
from sonde.contracts.learn import Augment
from sonde.core.batch import Batch
from sonde.core.port import PRESENT, Port, Ports
from sonde.data.augment.column_dropout import ColumnDropout
from sonde.data.augment.noise import Noise
from sonde.run.context import RunContext

ROWS = 4000
PORTS: Ports = {
    "age": Port("scalar"),
    "size": Port("scalar", optional=False),
    "colour": Port("category", size=3),
    "wind": Port("vector", (2,)),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_batch() -> Batch:
    draw = generator(1)
    return {
        "age": torch.randn(ROWS, generator=draw) + 5,
        PRESENT + "age": torch.arange(ROWS) % 4 > 0,
        "size": torch.randn(ROWS, generator=draw) + 5,
        "colour": torch.arange(ROWS, dtype=torch.int32) % 3,
        "wind": torch.randn(ROWS, 2, generator=draw) + 5,
    }


def tensor(batch: Batch, name: str) -> Tensor:
    value = batch[name]
    assert isinstance(value, Tensor)
    return value


def test_noise_has_its_deviation_and_spares_what_is_missing() -> None:
    before = a_batch()
    after = Noise(deviation=0.3).apply(before, PORTS, generator())
    added = tensor(after, "age") - tensor(before, "age")
    present = tensor(before, PRESENT + "age")
    assert not added[~present].any()
    assert abs(added[present].std() - 0.3) < 0.02 and abs(added[present].mean()) < 0.02
    assert abs((tensor(after, "wind") - tensor(before, "wind")).std() - 0.3) < 0.02
    assert after["colour"] is before["colour"]


def test_hidden_values_are_marked_where_they_may_be_missing_else_the_mean() -> None:
    before = a_batch()
    after = ColumnDropout(probability=0.25).apply(before, PORTS, generator())
    hidden = tensor(after, "age") == 0
    assert abs(hidden.float().mean() - 0.25) < 0.03
    wanted = tensor(before, PRESENT + "age") & ~hidden
    assert torch.equal(tensor(after, PRESENT + "age"), wanted)
    assert abs((tensor(after, "size") == 0).float().mean() - 0.25) < 0.03
    assert PRESENT + "size" not in after
    assert set(tensor(after, "colour").unique().tolist()) == {0, 1, 2, 4}  # 4: missing
    wind = tensor(after, "wind") == 0
    assert torch.equal(wind[:, 0], wind[:, 1])  # a vector is one value
    assert not torch.equal(hidden, tensor(after, "size") == 0)  # each column for itself


@pytest.mark.parametrize("augment", [Noise(deviation=3), ColumnDropout(probability=0.9)], ids=repr)
def test_a_target_is_never_changed(
    augment: Augment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Batch, Batch]] = []
    augmented = RunContext.augment

    def spy(self: RunContext, batch: Batch) -> Batch:
        seen.append((batch, augmented(self, batch)))
        return seen[-1][1]

    monkeypatch.setattr(RunContext, "augment", spy)
    size = np.random.default_rng(0).normal(size=60)
    recipe: dict[str, Any] = {
        "augment": [augment],
        "task": {"kind": "regression", "target": "price"},
        "paradigm": {"kind": "supervised", "budget": {"steps": 2}},
    }
    sonde.fit(recipe, {"size": size, "price": 3 * size}, run_dir=tmp_path / "run")
    assert len(seen) == 2  # in training only: nothing else is augmented
    for before, after in seen:
        assert torch.equal(tensor(before, "price"), tensor(after, "price"))
        assert not torch.equal(tensor(before, "size"), tensor(after, "size"))
