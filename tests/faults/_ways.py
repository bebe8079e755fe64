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


def lines() -> pa.Table:
    """Short sentences over few words."""
    rng = np.random.default_rng(2)
    who, does = np.array(["anna", "bert", "ida"]), np.array(["sees", "hears"])
    said = [" ".join([rng.choice(who), *rng.choice(does, n % 3), *rng.choice(who, 3)])
            for n in range(160)]  # fmt: skip
    return pa.table({"text": said})


def writing_recipe(saving: Plain) -> Plain:
    """A language model: rows of differing length, dropout in attention's stack, an average."""
    return {
        "columns": {"text": {"kind": "text", "tokens": "characters"}},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": "write",
        "model": {"kind": "decoder", "width": 8, "layers": 1, "heads": 2, "context": 16},
        "paradigm": {"kind": "supervised", "batch_size": 16, "budget": {"epochs": 3},
                     "schedule": "one-cycle", "average": 0.9, "stop": {"patience": 2}},
        "checkpoint": saving,
    }  # fmt: skip


def sentences() -> pa.Table:
    """Sentences and their translations, word by word."""
    rng = np.random.default_rng(3)
    words = {"one": "eins", "two": "zwei", "dog": "Hund", "cat": "Katze", "sees": "sieht"}
    read = [rng.choice(list(words), rng.integers(2, 7)) for _ in range(160)]
    said = [[words[word] for word in row] for row in read]
    return pa.table({"en": list(map(" ".join, read)), "de": list(map(" ".join, said))})


def translating_recipe(saving: Plain) -> Plain:
    """A Transformer on both sides: dropout, rows of differing length, an average, stopping."""
    return {
        "columns": {"en": {"kind": "text", "shares": "both"},
                    "de": {"kind": "text", "shares": "both"}},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": {"kind": "translate", "source": "en", "target": "de", "beam": 2},
        "model": {"kind": "seq2seq", "width": 8, "layers": 1, "heads": 2, "dropout": 0.2},
        "paradigm": {"kind": "supervised", "batch_size": 16, "budget": {"epochs": 3},
                     "schedule": "one-cycle", "average": 0.9, "stop": {"patience": 2}},
        "checkpoint": saving,
    }  # fmt: skip


def told() -> pa.Table:
    """Texts of no word and more beside a number; how they are meant, more or less."""
    rng = np.random.default_rng(3)
    words = np.array(["good", "bad", "film", "plot", "actor", "the", "a"])
    mood = rng.integers(0, 2, 160)
    said = [" ".join([words[m], *rng.choice(words[2:], n)]) if n else ""
            for m, n in zip(mood, rng.integers(0, 12, 160), strict=True)]  # fmt: skip
    label = np.where(mood ^ (rng.random(160) < 0.1), "liked", "not")
    return pa.table({"said": said, "size": rng.normal(size=160), "label": label})


def told_recipe(saving: Plain) -> Plain:
    """A classifier of texts: batches of like length in bfloat16, dropout, an average."""
    return {
        "columns": {"said": "text", "size": "number", "label": "category"},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": {"kind": "classification", "target": "label"},
        "model": {"kind": "rnn", "embedding": 8, "hidden": 6, "bidirectional": True,
                  "layers": 2, "dropout": 0.2, "embedding_dropout": 0.1},
        "paradigm": {"kind": "supervised", "batch_size": 16, "budget": {"epochs": 4},
                     "sampler": {"kind": "shuffle", "pool": 3}, "precision": "bfloat16",
                     "schedule": "one-cycle", "average": 0.9, "clip": 1.0, "stop": {"patience": 2}},
        "checkpoint": saving,
    }  # fmt: skip
