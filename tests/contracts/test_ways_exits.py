"""A network with exits goes through the one `fit`: settled, sealed, judged, shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import sonde
from sonde.core.errors import UsageError
from sonde.nets.exits import ExitNetwork
from sonde.nets.leaving import NEVER, costs
from sonde.run.journal import read_journal
from sonde.workflow.judged import read_answers
from sonde.workflow.verdict import read_verdict
from tests.contracts._strain import Strain
from tests.contracts._strains import strains
from tests.contracts.test_paradigms import trained

NOTHING = {"most_lost": 0.0, "standard_errors": 1e6}
"""What no exit can be sure of; an early one may be better than the end, and would be taken else."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sonde.Run]:
    yield trained(strains()["exits"], tmp_path_factory.mktemp("exits") / "run")


def network_of(run: sonde.Run) -> ExitNetwork:
    network = run.bundle.network
    assert isinstance(network, ExitNetwork)
    return network


def told(run: sonde.Run) -> list[str]:
    journal = read_journal(run.directory.journal_path)
    return [line["message"] for line in journal if line["event"] == "notice"]


def test_some_rows_leave_early_and_it_is_told(run: sonde.Run) -> None:
    heads = network_of(run).heads
    assert (heads.thresholds < NEVER).all()
    assert heads.left.sum() == 240 and heads.left.min() > 0
    assert sum("times less computation" in message for message in told(run)) == 1


def test_what_was_settled_is_sealed(run: sonde.Run) -> None:
    opened, own = sonde.Bundle.load(run.directory.model).network, network_of(run)
    for name, value in own.heads.named_buffers():
        assert torch.equal(opened.heads.get_buffer(name), value)


def test_the_work_of_the_test_part_is_counted_as_it_was_promised(run: sonde.Run) -> None:
    """By where each of its rows leaves."""
    network, data = network_of(run), strains()["exits"].data
    rows = read_answers(run.directory).judged.rows
    seen = []
    for stage in network.stages:
        stage.register_forward_hook(lambda _, given, __: seen.append(len(given[0].others)))
    run.bundle.predict([{"image": data["image"][row]} for row in rows], batch_size=len(rows))
    reached = torch.tensor([*seen, *[0] * (len(network.stages) - len(seen)), 0])
    left = reached[:-1] - reached[1:]
    promised = (left * costs(network.heads.works, network.heads.thresholds)).sum() / len(rows)
    verdict = read_verdict(run.directory)
    assert verdict is not None and verdict.work == pytest.approx(float(promised))


def test_the_report_shows_the_exits(run: sonde.Run) -> None:
    text = run.report.read_text(encoding="utf-8")
    assert "How it computes" in text and "Score over computation" in text
    assert "multiply-adds a row" in text


def test_one_row_and_many_are_answered_alike(run: sonde.Run) -> None:
    asked = [{"image": picture} for picture in strains()["exits"].data["image"][:50]]
    wanted = run.bundle.predict(asked)
    for size in (1, 7):
        found = run.bundle.predict(asked, batch_size=size)
        assert [row["label"] for row in found] == [row["label"] for row in wanted]
        assert [row["probability"] for row in found] == pytest.approx(
            [row["probability"] for row in wanted], abs=1e-5
        )


def changed(**model: object) -> Strain:
    strain = strains()["exits"]
    return Strain(strain.recipe | {"model": strain.recipe["model"] | model}, strain.data)


def test_where_nothing_is_sure_nothing_leaves_and_it_is_said(tmp_path: Path) -> None:
    run = trained(changed(**NOTHING), tmp_path / "run")
    heads = network_of(run).heads
    assert (heads.thresholds == NEVER).all() and heads.left[:-1].sum() == 0
    assert any("all rows go to the end" in message for message in told(run))


def test_without_validation_rows_all_go_to_the_end_and_it_is_said(tmp_path: Path) -> None:
    strain = strains()["exits"]
    recipe = strain.recipe | {
        "split": {"kind": "random", "valid": 0, "test": 0.2},
        "paradigm": {"kind": "supervised", "budget": {"steps": 4}},
    }
    run = trained(Strain(recipe, strain.data), tmp_path / "run")
    assert (network_of(run).heads.thresholds == NEVER).all()
    assert any("the model settles nothing" in line for line in told(run))
    assert "How it computes" not in run.report.read_text(encoding="utf-8")


def test_a_number_cannot_leave_early(tmp_path: Path) -> None:
    strain = strains()["exits"]
    recipe = strain.recipe | {"task": {"kind": "regression", "target": "price"},
                              "columns": {"image": "image", "price": "number"}}  # fmt: skip
    data = {"image": strain.data["image"], "price": np.arange(600.0)}
    with pytest.raises(UsageError, match="early exits need classes"):
        trained(Strain(recipe, data), tmp_path / "run")


def test_exits_can_begin_with_another_run_s_stages(run: sonde.Run, tmp_path: Path) -> None:
    """What was settled there is not taken over: nothing is settled until validation rows say."""
    path = str(run.directory.model)
    strain = changed(encoder={"path": path, "freeze": True}, **NOTHING)
    second = trained(strain, tmp_path / "run")
    first = network_of(run).stages.state_dict()
    stages = network_of(second).stages.state_dict()
    assert all(torch.equal(value, first[name]) for name, value in stages.items())
    assert (network_of(second).heads.thresholds == NEVER).all()
