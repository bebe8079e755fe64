from __future__ import annotations

from sonde.contracts.learn import Paradigm
from sonde.contracts.task import Task
from sonde.workflow._in_words import by_default, chosen


def test_what_was_chosen_stands_apart_from_what_was_not() -> None:
    paradigm = Paradigm.parse(
        {"kind": "supervised", "optimizer": {"kind": "adamw", "learning_rate": 0.5},
         "budget": {"epochs": 4}}
    )  # fmt: skip
    words = chosen(paradigm)
    assert words == "supervised, optimizer (adamw, learning_rate 0.5), budget (epochs 4)"
    rest = by_default(paradigm)
    assert "batch_size 64" in rest and "betas" in rest
    assert "learning_rate" not in rest and "epochs" not in rest


def test_what_must_be_given_was_chosen() -> None:
    task = Task.parse({"kind": "classification", "target": "label"})
    assert chosen(task) == "classification, target label"
    assert "target" not in by_default(task)


def test_specs_in_a_list_are_parted_one_by_one() -> None:
    numbers = [{"kind": "regression", "target": name} for name in "ab"]
    task = Task.parse({"kind": "several", "tasks": numbers})
    assert chosen(task) == "several, tasks (regression, target a) and (regression, target b)"
    assert "objective squared" in by_default(task)
