"""A small run of a classification of digits for every registered kind that takes part in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from sklearn.datasets import load_digits

from sonde.contracts.data import Column
from sonde.contracts.learn import Augment, Optimizer, Schedule
from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError
from sonde.core.port import Port
from sonde.core.registry import registry
from sonde.core.spec import Spec

ROWS = 64
STEPS = 8


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
            assert isinstance(kind, Column)
            plain["columns"] = {"value": kind.dump(), "digit": "category"}
            plain["columns"] |= dict.fromkeys(kind.leans_on, "image")
            if kind.named("value").port.kind == "sequence":
                plain["model"] = {"kind": "rnn", "hidden": 4, "embedding": 4, "dropout": 0.1}
        case _:
            plain[family] = kind.dump()
    return plain


def rows(family: str, kind: Spec) -> pa.Table:
    """The digits; for a column, values of its own beside their classes, a mask as its picture."""
    if not isinstance(kind, Column):
        return digits()
    values = type(kind).sample(3 * ROWS, 0).slice(0, ROWS)
    others = {name: pc.fill_null(values, values[0]) for name in kind.leans_on}
    return pa.table({"value": values, "digit": digits()["digit"], **others})


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


def kinds() -> Iterator[tuple[str, str, Spec]]:
    """(name, family, kind) of every example that takes part."""
    families: Mapping[str, type[Spec]] = {
        "augment": Augment, "column": Column, "model": Blueprint, "optimizer": Optimizer,
        "schedule": Schedule,
    }  # fmt: skip
    for family, contract in families.items():
        for number, kind in enumerate(registry(family).examples()):
            readable = not isinstance(kind, Column) or (
                kind.named("value").port.kind != "set" and not kind.tells_apart
            )
            if isinstance(kind, contract) and takes_digits(kind) and readable:
                yield f"{family}-{kind.kind}-{number}", family, kind
