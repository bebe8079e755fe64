"""Checkpoints: what is saved comes back bit for bit, what is damaged is passed over."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sonde.core.errors import DataError
from sonde.run.checkpoint import Checkpoints, Position, resume_point

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)

ODD: dict[str, Any] = {
    "weights": {
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(1.5),
        "half": torch.randn(5).bfloat16(),
        "whole": torch.arange(4),
        "mask": torch.tensor([True, False]),
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "last": torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
        "inf": torch.tensor([math.inf, -math.inf, math.nan]),
        "none": {},
    },
    "optimizer": {"0": {"step": torch.tensor(3.0), "list": [1, [], {}, None]}, "km/h": {"": 1}},
    "best": None,
    "loop": {"value": math.inf, "low": -math.inf, "on": True, "tiny": 5e-324, "big": 2**80},
}


def position(step: int, *, phase: int = 0, before: int = 0, finished: bool = False) -> Position:
    return Position(phase, f"phase {phase}", step, before + step, finished)


def saved(folder: Path, *positions: Position, keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep=keep)
    for at in positions:
        checkpoints.save(at, {"weights": {"w": torch.full((2,), float(at.total))}})
    return checkpoints


def totals(checkpoints: Checkpoints) -> list[int]:
    return [point.position.total for point in checkpoints.valid()[0]]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        bits = isinstance(other, Tensor) and one.dtype == other.dtype and one.shape == other.shape
        return bits and torch.equal(one.nan_to_num(7), other.nan_to_num(7))
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def test_odd_states_come_back(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    checkpoints.save(position(4), ODD)
    [found], passed = checkpoints.valid()
    assert found.position == position(4)
    assert not passed
    assert same(ODD, found.load())


@given(tree=TREES)
def test_any_plain_state_comes_back(tree: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    checkpoints = Checkpoints(tmp_path_factory.mktemp("any"))
    checkpoints.save(position(1), {"loop": {"tree": tree}})
    assert same({"loop": {"tree": tree}}, checkpoints.valid()[0][0].load())


def test_what_is_neither_tensor_nor_plain_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="state at loop/a: set"):
        Checkpoints(tmp_path).save(position(1), {"loop": {"a": {1}}})
    assert not list(tmp_path.iterdir())


def test_the_newest_are_kept_and_the_ends_of_phases(tmp_path: Path) -> None:
    later = [position(step, phase=1, before=5) for step in (1, 2, 3)]
    checkpoints = saved(tmp_path, position(3), position(5, finished=True), *later)
    assert totals(checkpoints) == [8, 7, 5]


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone", "no manifest", "half a manifest"])
def test_a_damaged_one_is_passed_over_by_name(harm: str, tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, position(3), position(6))
    newest = tmp_path / "step-00000006"
    weights, manifest = newest / "weights.safetensors", newest / "MANIFEST.json"
    data = weights.read_bytes()
    if harm == "flipped":
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif harm == "cut":
        weights.write_bytes(data[:-1])
    elif harm == "gone":
        weights.unlink()
    elif harm == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text(manifest.read_text()[:-9])
    found, passed = checkpoints.valid()
    assert [point.position.step for point in found] == [3]
    assert passed == ["step-00000006"]


def test_with_none_whole_it_stops_and_deletes_nothing(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, position(3), position(6))
    for path in tmp_path.glob("*/MANIFEST.json"):
        path.write_text(json.dumps({"files": {}}))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=r"no checkpoint is whole.*Nothing was deleted"):
        checkpoints.valid()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_draft_is_swept_and_never_taken_for_a_checkpoint(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, position(3))
    (tmp_path / "step-00000003").rename(tmp_path / ".tmp-abc")
    assert checkpoints.valid() == ([], [])
    checkpoints.sweep()
    assert not list(tmp_path.iterdir())


def test_the_same_step_may_be_saved_again(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, position(3), position(3))
    assert totals(checkpoints) == [3]


def test_resume_needs_the_end_of_every_phase_before(tmp_path: Path) -> None:
    end = position(5, finished=True)
    checkpoints = saved(tmp_path, position(3), end, position(2, phase=1, before=5))
    assert [point.position.total for point in resume_point(checkpoints.valid()[0])] == [5, 7]
    (tmp_path / "step-00000005-end" / "MANIFEST.json").unlink()
    assert [point.position.total for point in resume_point(checkpoints.valid()[0])] == [3]
