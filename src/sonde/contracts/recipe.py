"""The recipe: everything that decides a run, as plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from pydantic import Field, model_validator

from sonde.contracts.data import Column, Source, Split
from sonde.contracts.learn import Augment, Paradigm
from sonde.contracts.model import Blueprint
from sonde.contracts.task import Task
from sonde.core.registry import registry
from sonde.core.spec import Spec
from sonde.core.text import to_json


class Checkpointing(Spec):
    """How often a run saves itself: never part of what it computes."""

    seconds: float = Field(20.0, ge=0)
    """Least time between two saves, in seconds."""
    steps: int | None = Field(None, ge=1)
    """Also after so many steps."""
    keep: int = Field(2, ge=2)
    """Newest checkpoints kept; the end of every finished phase is kept besides."""


class Recipe(Spec):
    """Where data comes from, how it is split and read, what is learned and how."""

    source: Source | None = None
    """None where rows are given in Python."""
    split: Split | None = None
    """None lets the task and the source decide: a given part, else stratified or random."""
    columns: dict[str, Column] | None = None
    """None lets every column's kind be inferred; else exactly these, and the target."""
    augment: tuple[Augment, ...] = ()
    task: Task
    model: Blueprint | None = None
    """None takes a convolutional net for pictures, a dense one otherwise."""
    paradigm: Paradigm = Field(default="supervised")  # type: ignore[assignment]  # checked below
    """None takes what the task learns by: supervised, where it has targets."""
    accept: tuple[str, ...] = ()
    """Columns that look as if they gave the target away, and that are to be used all the same."""
    seed: int = Field(0, ge=0, lt=2**63)
    device: str = "auto"
    checkpoint: Checkpointing = Checkpointing()

    @model_validator(mode="before")
    @classmethod
    def _as_its_task_learns(cls, data: Any) -> Any:
        """Where no paradigm is named, the task's own."""
        if not isinstance(data, Mapping) or data.get("paradigm") is not None:
            return data
        asked = data.get("task")
        kind = asked.get("kind") if isinstance(asked, Mapping) else getattr(asked, "kind", asked)
        known = registry("task")
        if kind not in known.names():  # which will be said better when the task is read
            return data
        return {**data, "paradigm": cast("type[Task]", known.load(kind)).learns_by}

    def identity(self) -> str:
        """A hash of all that decides what is computed."""
        plain = {k: v for k, v in self.dump().items() if k != "checkpoint"}
        return hashlib.sha256(to_json(plain).encode()).hexdigest()
