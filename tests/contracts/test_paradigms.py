"""Every way of learning goes through the one `fit`, and goes on exactly where it was cut."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import sonde
from sonde.run.directory import RunDirectory
from sonde.run.golden import to_jsonable_answers
from tests.contracts._strain import Strain
from tests.contracts._strains import strains

NAMES = list(strains())


def digest(run: sonde.Run) -> str:
    """All that the trained network is."""
    weights = run.bundle.network.state_dict()
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in weights.values())).hexdigest()


def trained(strain: Strain, folder: Path, **options) -> sonde.Run:
    return sonde.fit(strain.recipe, strain.data, run_dir=folder, **options)


class Cut(Exception):
    """A process that dies, as far as one process can show it."""


class CutAfter(sonde.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step: int, logs) -> None:
        if step == self.step:
            raise Cut


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_is_cut_ends_with_the_same_bits(name: str, tmp_path: Path) -> None:
    strain = strains()[name]
    straight = trained(strain, tmp_path / "straight")
    for cut in (2, 5, 8):
        with pytest.raises(Cut):
            trained(strain, tmp_path / "cut", callbacks=[CutAfter(cut)])
    resumed = trained(strain, tmp_path / "cut")
    assert straight.directory.facts["exactness"] == "bits"
    assert digest(resumed) == digest(straight)
    assert str(resumed.scores) == str(straight.scores)  # text, since NaN is not itself


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_decides_everything(name: str, tmp_path: Path) -> None:
    strain = strains()[name]
    first, again = (trained(strain, tmp_path / str(i)) for i in range(2))
    other = Strain(strain.recipe | {"seed": 1}, strain.data)
    assert digest(first) == digest(again)
    assert digest(first) != digest(trained(other, tmp_path / "other"))


@pytest.mark.filterwarnings("ignore:.*far outside the training rows")  # a golden row may
@pytest.mark.parametrize("name", NAMES)
def test_the_bundle_opens_and_answers_as_before(name: str, tmp_path: Path) -> None:
    run = trained(strains()[name], tmp_path / "run")
    opened = sonde.Bundle.load(run.directory.model)
    golden = opened.golden
    assert golden.arrays or name == "reinforce", "only an agent has no rows to keep"
    asked = {
        "adversarial": None,
        "reinforce": [{"observation": [0.0, 0.1, 0.0, -0.1]}],
    }.get(name, "golden")
    from sonde.data.rows import from_jsonable

    rows = from_jsonable(golden.rows) if asked == "golden" else asked
    answered, before = (to_jsonable_answers(b.predict(rows)) for b in (opened, run.bundle))
    assert answered == before  # pictures as lists
    assert len(opened.predict(rows)) > 0


def test_the_second_phase_begins_with_the_first_ones_weights(tmp_path: Path) -> None:
    strain = strains()["layerwise"]
    seen = {}

    class Look(sonde.Callback):
        def on_phase_start(self, phase: sonde.Phase) -> None:
            seen[phase.name] = {k: v.clone() for k, v in phase.learner.network.state_dict().items()}

        def on_phase_end(self, phase: sonde.Phase) -> None:
            self.last = {k: v.clone() for k, v in phase.learner.network.state_dict().items()}
            seen.setdefault("after " + phase.name, self.last)

    trained(strain, tmp_path / "run", callbacks=[Look()])
    first = [n for n in seen["supervised"] if n in seen["after pretrain"]]
    same = [n for n in first if seen["supervised"][n].equal(seen["after pretrain"][n])]
    assert any("weight" in name for name in same)


def test_the_agent_learns(tmp_path: Path) -> None:
    """Sixty batches of its own episodes double how long the pole stands."""
    strain = strains()["reinforce"]
    paradigm = strain.recipe["paradigm"] | {"episodes": 6, "budget": {"steps": 60}}
    run = trained(Strain(strain.recipe | {"paradigm": paradigm}), tmp_path / "run")
    from sonde.run.journal import last_of_each_step

    lengths = [s["length"] for s in last_of_each_step(run.directory.journal_path, "step")]
    assert sum(lengths[-10:]) > 2 * sum(lengths[:10])


def test_an_adapted_model_knows_classes_from_three_examples(tmp_path: Path) -> None:
    strain = strains()["episodes"]
    longer = {
        "kind": "meta",
        "budget": {"epochs": 30},
        "descent": {"optimizer": {"kind": "adam", "learning_rate": 0.01}},
    }
    run = trained(Strain(strain.recipe | {"paradigm": longer}, strain.data), tmp_path / "run")
    assert float(run.scores["accuracy"]) > 0.8


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    run = trained(strains()["boxes"], tmp_path / "run")
    assert not list(RunDirectory(run.path).checkpoints.glob(".tmp-*"))
