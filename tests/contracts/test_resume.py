"""Whatever a recipe is made of, a run that is cut goes on to the same bits.

Every registered kind takes part in a small run of its own: a new kind that hides some state of
its own, or draws from a generator that is not keyed by its place, fails here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sonde
from sonde.core.spec import Spec
from tests.faults._kinds import kinds, recipe, rows

CUTS = (2, 5)


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


@pytest.mark.parametrize(
    ("family", "kind"), [pytest.param(f, k, id=name) for name, f, k in kinds()]
)
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
