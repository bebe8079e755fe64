"""Ways of learning from texts that strain a contract, as recipes that run in seconds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.contracts._strain import FAST, Strain
from tests.contracts._told import told


def strains_of_texts() -> dict[str, Strain]:
    """By name: rows and targets of differing length, one text for both, answers searched for."""
    return {
        "told": _told(),
        "tagging": _tagging(),
        "writing": _writing(),
        "answering": _answering(),
        "translating": _translating(),
    }


def _told() -> Strain:
    """Ragged batches of like length, cut into smaller ones, beside numbers and classes."""
    return Strain(
        {
            "columns": {"said": "text", "series": "sequence", "size": "number", "sort": "category",
                        "label": "category"},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": {"kind": "classification", "target": "label"},
            "model": {"kind": "attention", "embedding": 6, "hidden": 4, "layers": 2,
                      "weighing": 3, "dropout": 0.2, "embedding_dropout": 0.1},
            "paradigm": {"kind": "supervised", "batch_size": 16,
                         "sampler": {"kind": "shuffle", "pool": 3}, "budget": {"epochs": 3},
                         "average": 0.9, "stop": {"patience": 2}, "micro_batch": 10},
            "checkpoint": FAST,
        },
        told(200),
    )  # fmt: skip


def _tagging() -> Strain:
    """Targets as long as their inputs, of which there are two of one length; micro-batches."""
    rng = np.random.default_rng(11)
    names, words = np.array(["Anna", "Bert", "Ida"]), np.array(["sees", "the", "old", "house"])
    tokens, labels = [], []
    for _ in range(160):
        is_name = rng.random(rng.integers(1, 9)) < 0.3
        tokens.append([str(rng.choice(names if name else words)) for name in is_name])
        labels.append(["B-PER" if name else "O" for name in is_name])
    return Strain(
        {
            "columns": {"tokens": "tokens", "labels": {"kind": "labels", "along": "tokens"},
                        "shapes": {"kind": "tokens", "field": "tokens", "of": "shapes"}},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": {"kind": "tag", "target": "labels"},
            "model": {"kind": "tagger", "embedding": 4, "hidden": 4},
            "paradigm": {"kind": "supervised", "batch_size": 24, "budget": {"epochs": 2},
                         "optimizer": {"kind": "adamw", "learning_rate": 0.01},
                         "average": 0.9, "stop": {"patience": 1}, "micro_batch": 10},
            "checkpoint": FAST,
        },
        pa.table({"tokens": tokens, "labels": labels}),
    )  # fmt: skip


def _writing() -> Strain:
    """One text that is what goes in and what is asked for, whose rows weigh by their words."""
    rng = np.random.default_rng(7)
    who, does = np.array(["anna", "bert", "ida"]), np.array(["sees", "hears", "sees no"])
    texts = [
        f"{rng.choice(who)} {rng.choice(does)} {' and '.join(rng.choice(who, rng.integers(1, 4)))}"
        for _ in range(300)
    ]
    return Strain(
        {
            "columns": {"text": {"kind": "text", "tokens": "characters"}},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": "write",
            "model": {"kind": "decoder", "width": 8, "layers": 1, "heads": 2, "context": 16},
            "paradigm": {"kind": "supervised", "batch_size": 24, "budget": {"epochs": 2},
                         "optimizer": {"kind": "adamw", "learning_rate": 0.01},
                         "average": 0.9, "stop": {"patience": 1}, "micro_batch": 10},
            "checkpoint": FAST,
        },
        pa.table({"text": texts}),
    )  # fmt: skip


def _answering() -> Strain:
    """A target that lies in an input, answers cut from raw rows, a threshold from validation."""
    rng = np.random.default_rng(8)
    things, looks = np.array(["lamp", "door", "car", "hat"]), np.array(["red", "very old", "big"])
    rows = []
    for _ in range(160):
        there, look = rng.permutation(things)[:2], rng.choice(looks, 2)
        context = " ".join(f"The {t} is {w}." for t, w in zip(there, look, strict=True))
        asked = there[0] if rng.random() < 0.6 else next(t for t in things if t not in there)
        answers = [look[0]] if asked == there[0] else []
        rows.append(
            {
                "question": f"How is the {asked}?",
                "context": context,
                "answers": answers,
                "starts": [context.index(answer) for answer in answers],
            }
        )
    return Strain(
        {
            "columns": {
                "question": {"kind": "text", "shares": "words"},
                "context": {"kind": "text", "shares": "words"},
                "answers": {"kind": "span", "start": "starts", "within": "context"},
            },
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": {"kind": "answer", "target": "answers"},
            "model": {"kind": "reader", "embedding": 6, "hidden": 6, "dropout": 0.2},
            "paradigm": {"kind": "supervised", "batch_size": 16, "budget": {"epochs": 2},
                         "optimizer": {"kind": "adamw", "learning_rate": 0.01},
                         "average": 0.9, "stop": {"patience": 1}, "micro_batch": 10},
            "checkpoint": FAST,
        },
        pa.Table.from_pylist(rows),
    )  # fmt: skip


def _translating() -> Strain:
    """What the network receives is more than what a caller gives; answers are searched for."""
    rng = np.random.default_rng(9)
    words = {"one": "eins", "two": "zwei", "dog": "Hund", "cat": "Katze"}
    read = [rng.choice(list(words), rng.integers(1, 6)) for _ in range(200)]
    return Strain(
        {
            "columns": {"en": {"kind": "text", "shares": "both"},
                        "de": {"kind": "text", "shares": "both"}},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": {"kind": "translate", "source": "en", "target": "de", "beam": 2},
            "model": {"kind": "seq2seq", "form": "recurrent", "width": 8, "layers": 2,
                      "dropout": 0.2},
            "paradigm": {"kind": "supervised", "batch_size": 24, "budget": {"epochs": 2},
                         "optimizer": {"kind": "adamw", "learning_rate": 0.01},
                         "average": 0.9, "stop": {"patience": 1}, "micro_batch": 10},
            "checkpoint": FAST,
        },
        pa.table({"en": [" ".join(row) for row in read],
                  "de": [" ".join(words[word] for word in row) for row in read]}),
    )  # fmt: skip
