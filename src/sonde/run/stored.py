"""What the members of a bundle or a run say, read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sonde.contracts.data import Column
from sonde.contracts.metric import Score
from sonde.core.errors import DamagedBundle, listed
from sonde.core.registry import registry
from sonde.core.spec import Plain, join_arrays


def scores_from(plain: Plain) -> dict[str, Score]:
    """Scores as they were saved; what was not defined comes back as NaN."""
    held = {name: dict(score) for name, score in plain.items()}
    return {n: Score(**s | {"value": float("nan") if s["value"] is None else s["value"]})
            for n, s in held.items()}  # fmt: skip


def columns_from(plain: Plain, arrays: Mapping[str, np.ndarray]) -> dict[str, Column]:
    """Fitted columns from what `split_arrays` made of them."""
    return {name: Column.parse(tree) for name, tree in join_arrays(plain, arrays).items()}


def require(family: str, kind: str, path: Path) -> None:
    """Refuse a model whose plug-in is not installed."""
    known = registry(family).names()
    if kind not in known:
        raise DamagedBundle(
            f"{path} needs the {family} {kind!r}, which is not installed here. Known: "
            f"{listed(known, 30)}. Install the package that adds it. Nothing was loaded."
        )
