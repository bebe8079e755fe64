"""Recipes of learning codes without labels, for runs that are killed."""

from __future__ import annotations

from typing import Any


def contrast_recipe(saving: dict[str, Any]) -> dict[str, Any]:
    """Two views of pictures, batch norm on both sides, averaged weights, early stopping."""
    paradigm = {"kind": "contrast", "batch_size": 32, "average": 0.9, "projection": 16,
                "budget": {"epochs": 3}, "stop": {"patience": 3}}  # fmt: skip
    model = {"kind": "convnet", "stages": [4, 8], "dense": [16], "padding": "same",
             "norm": "batch"}  # fmt: skip
    return {
        "columns": {"image": "image", "digit": "category"},
        "task": {"kind": "represent", "label": "digit"},
        "model": model,
        "paradigm": paradigm,
        "checkpoint": saving,
    }


def vicreg_recipe(saving: dict[str, Any]) -> dict[str, Any]:
    """Corrupted rows of a table with gaps."""
    return {
        "task": {"kind": "represent", "label": "label"},
        "model": {"kind": "dense", "hidden": [16, 8], "dropout": 0.2, "norm": "batch"},
        "paradigm": {"kind": "vicreg", "batch_size": 16, "clip": 1.0, "budget": {"epochs": 4}},
        "checkpoint": saving,
    }


def masked_recipe(saving: dict[str, Any]) -> dict[str, Any]:
    """Hidden values of a table with gaps, in micro-batches, a mean of snapshots."""
    return {
        "task": {"kind": "represent", "label": "label"},
        "model": {"kind": "dense", "hidden": [16, 8], "dropout": 0.2, "norm": "batch"},
        "paradigm": {"kind": "masked", "batch_size": 16, "micro_batch": 6,
                     "snapshots": {"last": 2}, "budget": {"epochs": 4}},
        "checkpoint": saving,
    }  # fmt: skip
