"""Whatever a recipe is made of, a run that is cut goes on to the same bits.

Every registered kind takes part in a small run of its own: a new kind that hides some state of
its own, or draws from a generator that is not keyed by its place, fails here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from sklearn.datasets import load_digits

import sonde
from sonde.contracts.data import Column
from sonde.contracts.learn import Augment, Optimizer, Schedule
from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError
from sonde.core.port import Port
from sonde.core.registry import registry
from sonde.core.spec import Spec

ROWS = 64
STEPS = 8
CUTS = (2, 5)


@cache
def digits() -> pa.Table:
    """Pictures of 8x8, how much ink they hold, whether they are empty in the middle, the digit."""
    found = load_digits()
    pictures = found.images[:ROWS].astype("uint8") * 15
    ink = found.images[:ROWS].mean(axis=(1, 2))
    return pa.table(
        {
            "image": pa.FixedShapeTensorArray.from_numpy_ndarray(pictures),
            "ink": ink,
            "dark": pa.array(["yes" if value > 5 else "no" for value in ink]),
            "digit": pa.array([str(digit % 3) for digit in found.target[:ROWS]]),
        }
    )


def recipe(family: str, kind: Spec) -> dict[str, Any]:
    """A classification of digits in which one part is the kind under test."""
    supervised = {"kind": "supervised", "batch_size": 16, "budget": {"steps": STEPS}}
    plain: dict[str, Any] = {
        "columns": {"image": "image", "ink": "number", "dark": "category", "digit": "category"},
        "split": {"kind": "random", "valid": 0.2, "test": 0.1},
        "task": {"kind": "classification", "target": "digit"},
        "model": {"kind": "dense", "hidden": [8], "dropout": 0.1},
        "paradigm": supervised,
        "checkpoint": {"seconds": 3600, "steps": 3},
    }
    match family:
        case "augment":
            plain["augment"] = [kind.dump()]
        case "optimizer" | "schedule":
            supervised[family] = kind.dump()
        case "column":
            plain["columns"] = {"value": kind.dump(), "digit": "category"}
        case _:
            plain[family] = kind.dump()
    return plain


def rows(family: str, kind: Spec) -> pa.Table:
    """The digits; for a column, values of its own beside their classes."""
    if not isinstance(kind, Column):
        return digits()
    values = type(kind).sample(3 * ROWS, 0)
    return pa.table({"value": values.slice(0, ROWS), "digit": digits()["digit"]})


def takes_digits(kind: Spec) -> bool:
    """Whether a blueprint reads and writes what these runs have."""
    if not isinstance(kind, Blueprint):
        return True
    inputs = {
        "image": Port("grid", (1, 8, 8), frame="image"),
        "ink": Port("scalar", edges=(-1.0, 0.0, 1.0)),
        "dark": Port("category", size=2),
    }
    try:
        with torch.device("meta"):
            kind.build(inputs, {"digit": Port("category", size=3)})
    except UsageError:
        return False
    return True


def cases() -> Iterator[Any]:
    families: Mapping[str, type[Spec]] = {
        "augment": Augment, "column": Column, "model": Blueprint, "optimizer": Optimizer,
        "schedule": Schedule,
    }  # fmt: skip
    for family, contract in families.items():
        for number, kind in enumerate(registry(family).examples()):
            readable = not isinstance(kind, Column) or kind.named("value").port.kind != "set"
            if isinstance(kind, contract) and takes_digits(kind) and readable:
                yield pytest.param(family, kind, id=f"{family}-{kind.kind}-{number}")


class Cut(Exception):
    """A process that dies, as far as one process can show it."""


class CutAfter(sonde.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step: int, logs: Mapping[str, Any]) -> None:
        if step == self.step:
            raise Cut


def digest(run: sonde.Run) -> str:
    """All that the trained network is."""
    weights = run.bundle.network.state_dict()
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in weights.values())).hexdigest()


@pytest.mark.parametrize(("family", "kind"), list(cases()))
def test_a_run_that_is_cut_ends_with_the_same_bits(family: str, kind: Spec, tmp_path: Path) -> None:
    asked, data = recipe(family, kind), rows(family, kind)
    straight = sonde.fit(asked, data, run_dir=tmp_path / "straight", judge=False)
    for step in CUTS:
        with pytest.raises(Cut):
            sonde.fit(
                asked, data, run_dir=tmp_path / "cut", judge=False, callbacks=[CutAfter(step)]
            )
    resumed = sonde.fit(asked, data, run_dir=tmp_path / "cut", judge=False)
    assert straight.directory.facts["exactness"] == "bits"
    assert digest(resumed) == digest(straight)
