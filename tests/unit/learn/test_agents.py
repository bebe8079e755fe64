"""Learning by reward: what must hold before it learns, and that it finds the best policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.worlds import BROKEN, MOVING, TWO_STATES, Broken, registered

import sonde
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Loss
from sonde.core.batch import Batch, tensor_of
from sonde.core.errors import DataError, RecipeError, UsageError
from sonde.data.acting import Copies
from sonde.data.sources.world import Gymnasium
from sonde.learn.paradigms.dqn import Dqn
from sonde.learn.paradigms.ppo import Ppo, PpoLearner
from sonde.learn.streams.replay import Replay, ReplaySettings
from sonde.nets.blocks.agent import RunningNorm
from sonde.tasks.act import ACTION, OBSERVATION, Act


@pytest.fixture(autouse=True)
def _worlds() -> Iterator[None]:
    with registered():
        yield


def recipe(world: str, **paradigm: Any) -> dict[str, Any]:
    return {
        "source": {"kind": "world", "id": world},
        "columns": {},
        "task": {"kind": "act", "world": world, "episodes": 4},
        "model": {"kind": "agent", "network": {"kind": "dense", "hidden": [16]}},
        "paradigm": paradigm,
    }


WAYS = {
    "dqn": {
        "copies": 2, "warmup": 100, "budget": {"steps": 400}, "target_every": 20, "steps": 2,
        "prioritised": 0.5, "optimizer": {"kind": "adam", "learning_rate": 0.01},
    },
    "ppo": {
        "copies": 8, "length": 20, "batch_size": 80, "budget": {"steps": 30}, "entropy": 0.01,
        "optimizer": {"kind": "adam", "learning_rate": 0.01},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", WAYS)
def test_it_finds_the_best_policy_of_two_states(kind: str, tmp_path: Path) -> None:
    """Change once, then stay: 9 in ten steps, where the greedy policy gets 1."""
    run = sonde.fit(recipe(TWO_STATES, kind=kind, **WAYS[kind]), run_dir=tmp_path / "run")
    assert float(run.scores["return"]) == 9
    answers = run.bundle.predict(observation=[[1, 0], [0, 1]])
    assert [answer["action"] for answer in answers] == [1, 0]


@pytest.mark.parametrize(("kind", "frames"), [("ppo", 2), ("dqn", 2), ("ppo", 1)])
def test_it_learns_from_pictures_what_only_two_of_them_show(
    kind: str, frames: int, tmp_path: Path
) -> None:
    """9.5 of 10 at best, since the first picture shows no motion; 5 without looking."""
    asked = recipe(MOVING, kind=kind, **WAYS[kind])
    asked["model"] = {"kind": "convnet", "stages": [4], "dense": [16], "padding": "same"}
    asked["task"] |= {"frames": frames, "episodes": 40}
    run = sonde.fit(asked, run_dir=tmp_path / "run")
    found = float(run.scores["return"])
    assert found > 8.5 if frames == 2 else found < 7
    assert run.bundle.predict(observation=np.zeros((frames, 5, 8)).tolist())
    opened = sonde.Bundle.load(run.directory.model)
    assert [set(answer) for answer in opened.predict()] == [{"action"}] * 4


class Watched(PpoLearner):
    """Notes how far each batch's policy has moved from the one that acted."""

    def _loss(self, told: list[Any], rows: Batch) -> Loss:
        now, _ = self.network.judged(tensor_of(rows, "observation"), tensor_of(rows, "action"))
        self.moved.append((now - tensor_of(rows, "old")).exp().detach())
        return super()._loss(told, rows)


@pytest.mark.parametrize("world", ["CartPole-v1", "Pendulum-v1"])
def test_the_ratio_is_1_before_the_first_update_and_not_after(
    world: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every rollout, also once observations are normalised."""
    seen: list[list[torch.Tensor]] = []

    def step(self: Watched, batch: Batch) -> Any:
        self.moved = []
        logs = PpoLearner.step(self, batch)
        seen.append(self.moved)
        return logs

    monkeypatch.setattr("sonde.learn.paradigms.ppo.PpoLearner", Watched)
    monkeypatch.setattr(Watched, "step", step, raising=False)
    ppo = {"kind": "ppo", "copies": 2, "length": 16, "batch_size": 8, "budget": {"steps": 3}}
    asked = recipe(world, **ppo, optimizer={"kind": "adam", "learning_rate": 0.01})
    sonde.fit(asked, run_dir=tmp_path / "run", judge=False)
    assert len(seen) == 3
    for ratios in seen:
        torch.testing.assert_close(ratios[0], torch.ones(8), atol=1e-5, rtol=0)
        assert (ratios[-1] - 1).abs().max() > 1e-3


def test_norms_hold_what_all_parts_together_have() -> None:
    values = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)) * 5 + 2
    norm = RunningNorm(3)
    torch.testing.assert_close(norm(values[:5]), values[:5].clamp(-10, 10))
    for part in values.split([1, 30, 2, 67]):
        norm.meet(part)
    torch.testing.assert_close(norm.mean, values.mean(dim=0))
    torch.testing.assert_close(norm.variance, values.var(dim=0, unbiased=False))
    torch.testing.assert_close(norm(values).std(dim=0, unbiased=False), torch.ones(3))


def test_dueling_values_differ_as_advantages_do() -> None:
    """Q less its mean is A less its mean, and the mean of Q is V."""
    blueprint = {"kind": "agent", "network": {"kind": "dense", "hidden": [4]}, "dueling": True}
    task = Act(world="CartPole-v1").bind({})
    network = sonde.Blueprint.parse(blueprint).build(task.inputs, task.outputs)
    seen = {OBSERVATION: torch.randn(6, 4)}
    raw, values = network.network(seen), network(seen)[ACTION]
    torch.testing.assert_close(values.mean(dim=1), raw["action value"])
    torch.testing.assert_close(values[:, 0] - values[:, 1], raw[ACTION][:, 0] - raw[ACTION][:, 1])


def replay(size: int, steps: int, power: float = 0.0) -> Replay:
    settings = ReplaySettings(
        size=size, copies=2, acts=3, warmup=20, batch_size=64, steps=steps, discount=0.9,
        power=power, correction=lambda _: 1.0, randomness=lambda _: 0.5,
    )  # fmt: skip
    world = Gymnasium(TWO_STATES)
    spaces = Copies(world, 1, 0).spaces
    return Replay(world, spaces, settings, lambda seen: seen, 0)


def test_replayed_steps_are_those_that_happened() -> None:
    """Also where the newest have overwritten the oldest: each return follows from the rules."""
    made = replay(size=31, steps=1)
    for _, batch in zip(range(30), made, strict=False):
        state = tensor_of(batch, OBSERVATION).argmax(dim=1)
        after = tensor_of(batch, "after").argmax(dim=1)
        action = tensor_of(batch, "action")
        assert torch.equal(after, (state + action) % 2)
        pays = torch.where(action == 1, 0.0, torch.where(state == 1, 1.0, 0.1))
        torch.testing.assert_close(tensor_of(batch, "return"), pays)
        assert (tensor_of(batch, "discount") == 0.9).all()  # it is cut, and never ends


@pytest.mark.parametrize("power", [0.0, 0.7])
def test_a_replay_is_taken_up_again_exactly(power: float) -> None:
    first, batches = replay(60, 3, power), []
    for step, batch in zip(range(12), first, strict=False):
        first.told(tensor_of(batch, "place"), tensor_of(batch, "return"))
        if step == 6:
            first.seek(7)
            state = first.state()
            state = {k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in state.items()}
            first.seek(6)
        batches.append(batch)
    again = replay(60, 3, power)
    again.restore(state)
    again.seek(7)
    for batch, wanted in zip(again, batches[7:], strict=False):
        again.told(tensor_of(batch, "place"), tensor_of(batch, "return"))
        assert batch.keys() == wanted.keys()
        assert all(torch.equal(tensor_of(batch, n), tensor_of(wanted, n)) for n in batch)


def test_what_was_surprising_comes_more_often_and_counts_for_less() -> None:
    made = replay(200, 1, power=1.0)
    batches = iter(made)
    next(batches)
    made.told(torch.arange(26), torch.full((26,), 1e-3))
    made.told(torch.tensor([5]), torch.tensor([1.0]))
    made._settings = ReplaySettings(**{**vars(made._settings), "acts": 0})
    batch = next(batches)
    drawn = tensor_of(batch, "place") == 5
    assert drawn.float().mean() > 0.9
    if (~drawn).any():
        assert tensor_of(batch, "weight")[drawn].max() < tensor_of(batch, "weight")[~drawn].min()


@pytest.mark.parametrize(
    ("way", "said"),
    [("raise", "ZeroDivisionError"), ("reward", "got reward nan"), ("wider", "spaces changed")],
)
@pytest.mark.parametrize("kind", WAYS)
def test_a_run_in_a_broken_environment_says_where(
    kind: str, way: str, said: str, tmp_path: Path
) -> None:
    Broken.way = way
    with pytest.raises(DataError, match=said):
        sonde.fit(recipe(BROKEN, kind=kind), run_dir=tmp_path / "run")


def test_an_environment_that_does_not_repeat_itself_is_refused_until_it_is_said(
    tmp_path: Path,
) -> None:
    Broken.way = "hidden"
    asked = {"kind": "ppo", "copies": 2, "length": 4, "batch_size": 4, "budget": {"steps": 2}}
    with pytest.raises(DataError, match="repeatable: false"):
        sonde.fit(recipe(BROKEN, **asked), run_dir=tmp_path / "run")
    run = sonde.fit(recipe(BROKEN, **asked, repeatable=False), run_dir=tmp_path / "said")
    assert run.directory.facts["exactness"] == "statistical"


def test_what_cannot_be_meant_is_told() -> None:
    assert Ppo(budget={"seconds": 5}).exactness == "statistical"
    assert Dqn().exactness == "bits"
    with pytest.raises(RecipeError, match="stop needs evaluations"):
        Recipe.parse(recipe(TWO_STATES, kind="ppo", stop={"patience": 3}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"paradigm": {"kind": "dqn"}}, "Take  paradigm: ppo"),
        ({"task": {"kind": "act", "world": "CartPole-v1"}}, "the source is another"),
    ],
)
def test_a_recipe_that_does_not_fit_its_environment_is_told(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    asked = recipe("Pendulum-v1", kind="ppo") | change
    with pytest.raises(UsageError, match=said):
        sonde.fit(asked, run_dir=tmp_path / "run")


def test_an_observation_of_another_width_is_refused(tmp_path: Path) -> None:
    asked = {"kind": "ppo", "copies": 2, "length": 4, "batch_size": 4, "budget": {"steps": 1}}
    run = sonde.fit(recipe("Pendulum-v1", **asked), run_dir=tmp_path / "run")
    with pytest.raises(DataError, match=r"expected \(3,\), finite"):
        run.bundle.predict(observation="[1, 2]")
    (answer,) = run.bundle.predict(observation="[1, 0, 99]")
    assert len(answer["action"]) == 1 and -2 <= answer["action"][0] <= 2
    played = run.bundle.predict(episodes=3, seed=4)
    assert played == run.bundle.predict(episodes="3", seed="4")
    assert [row["length"] for row in played] == [200] * 3
    assert len({row["return"] for row in played}) == 3


def test_a_norm_takes_in_all_that_is_acted_on() -> None:
    """Not the warm-up alone, which random actions make: better ones reach further."""
    made, met = replay(size=60, steps=1), []
    made.met = met.append
    for _ in zip(range(4), made, strict=False):
        pass
    assert sum(map(len, met)) == 20 + 4 * 3 * 2
