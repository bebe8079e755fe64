"""Recipes of ways of learning that have more to bring back than weights, for runs that are killed.

Phases that read one another, episodes of classes, environments in mid-episode, a replay memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

Plain = dict[str, Any]


def layers_recipe(saving: Plain) -> Plain:
    """Two Boltzmann machines with chains that go on, then all layers with an average."""
    return {
        "task": {"kind": "classification", "target": "label"},
        "model": {"kind": "belief-net", "hidden": [8, 6]},
        "paradigm": {
            "kind": "layer-by-layer",
            "pretrain": {"budget": {"epochs": 2}, "batch_size": 16, "steps": 2},
            "finetune": {"budget": {"epochs": 2}, "batch_size": 16, "average": 0.9},
        },
        "checkpoint": saving,
    }


def clouds() -> pa.Table:
    """Points around the places of sixteen letters, twelve of each."""
    rng = np.random.default_rng(1)
    letter = np.repeat(np.arange(16), 12)
    angle, radius = letter * 2.4, 1 + letter % 3
    middle = radius * np.array([np.cos(angle), np.sin(angle)])
    x, y = rng.normal(size=(2, len(letter))) * 0.15 + middle
    return pa.table({"x": x, "y": y, "letter": [f"letter {at}" for at in letter]})


def episodes_recipe(saving: Plain, kind: str) -> Plain:
    """Few-shot episodes; MAML adapts by steps that a gradient goes through."""
    task: Plain = {"kind": "few-shot", "target": "letter", "ways": 3, "shots": 2, "queries": 4,
                   "episodes": 10, "width": 6}  # fmt: skip
    if kind == "maml":
        task["adapt"] = {"steps": 2, "learning_rate": 0.5}
    return {
        "columns": {"x": "number", "y": "number", "letter": "category"},
        "split": {"kind": "group", "by": "letter", "valid": 0.25, "test": 0.25},
        "task": task,
        "model": {"kind": "dense", "hidden": [16], "norm": "layer", "dropout": 0.1},
        "paradigm": {"kind": kind, "budget": {"steps": 24}, "episodes": 12, "at_once": 2,
                     "valid_episodes": 5, "average": 0.9},
        "checkpoint": saving,
    }  # fmt: skip


def agent_recipe(saving: Plain, **paradigm: Any) -> Plain:
    """An agent in two environments at once, judged over two episodes."""
    return {
        "source": {"kind": "world", "id": "CartPole-v1"},
        "columns": {},
        "task": {"kind": "act", "world": "CartPole-v1", "episodes": 2},
        "model": {"kind": "agent", "network": {"kind": "dense", "hidden": [8]}},
        "paradigm": {"copies": 2, "batch_size": 16, "budget": {"steps": 16}, "evaluate_every": 8,
                     "evaluate_episodes": 2, **paradigm},
        "checkpoint": saving,
    }  # fmt: skip


def dqn_recipe(saving: Plain) -> Plain:
    """A replay with priorities and returns of three steps, a target network, an average."""
    return agent_recipe(
        saving, kind="dqn", acts=8, warmup=30, target_every=4, replay=100, steps=3,
        prioritised=0.6, average=0.9,
    )  # fmt: skip


def ppo_recipe(saving: Plain) -> Plain:
    """Norms of observations, several passes over what was met."""
    return agent_recipe(saving, kind="ppo", length=24)
