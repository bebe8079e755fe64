"""Averages of late weights, sparse weights, and schedules that react: learned, cut and resumed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import sonde
from sonde.contracts.learn import Budget
from sonde.contracts.task import Loss
from sonde.core.batch import Batch, tensor_of
from sonde.core.errors import RecipeError, UsageError
from sonde.learn._descent import Descent, DescentSettings
from sonde.learn.schedules.cosine import Cosine
from sonde.run.journal import read_journal

SNAPSHOTS = {"snapshots": {"last": 3}}
PLATEAU = {"schedule": {"kind": "plateau", "patience": 1, "shrink": 0.5},
           "optimizer": {"kind": "sgd", "learning_rate": 2.0}}  # fmt: skip
FREE = {"optimizer": "schedule-free", "schedule": {"kind": "constant", "warmup": 0.1}}
SPARSE = {"l1": 0.5, "optimizer": {"kind": "adam", "learning_rate": 0.01}}


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 60, (120, 8, 8)).astype(np.uint8)
    label = rng.integers(0, 2, 120)
    pictures[label == 1, 2:6, 2:6] += 40
    return {"image": pictures, "label": np.where(label, "square", "none")}


def recipe(**paradigm: Any) -> dict[str, Any]:
    return {
        "split": {"kind": "stratified", "by": "label", "valid": 0.2, "test": 0.2},
        "columns": {"image": "image"},
        "task": {"kind": "classification", "target": "label"},
        "model": {"kind": "convnet", "stages": [4, 8], "dense": [8], "norm": "batch"},
        "paradigm": {"kind": "supervised", "batch_size": 16, "budget": {"epochs": 6}, **paradigm},
        "checkpoint": {"seconds": 3600, "steps": 4},
    }


def digest(run: sonde.Run) -> str:
    weights = run.bundle.network.state_dict()
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in weights.values())).hexdigest()


class Cut(Exception):
    pass


class CutAfter(sonde.Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step: int, logs: Any) -> None:
        if step == self.step:
            raise Cut


@pytest.mark.parametrize(
    "options", [SNAPSHOTS, PLATEAU, SPARSE, FREE], ids=["snapshots", "plateau", "l1", "free"]
)
def test_a_run_that_is_cut_ends_with_the_same_bits(options: dict, tmp_path: Path) -> None:
    """27 steps; the last cut falls between two snapshots, after the last checkpoint before it."""
    made = recipe(**options)
    straight = sonde.fit(made, data(), run_dir=tmp_path / "straight")
    for cut in (3, 13, 23):
        with pytest.raises(Cut):
            sonde.fit(made, data(), run_dir=tmp_path / "cut", callbacks=[CutAfter(cut)])
    resumed = sonde.fit(made, data(), run_dir=tmp_path / "cut")
    assert digest(resumed) == digest(straight)
    assert str(resumed.scores) == str(straight.scores)


def test_what_ships_is_the_mean_of_the_last_epochs_with_fresh_statistics(tmp_path: Path) -> None:
    ends: list[dict[str, torch.Tensor]] = []

    class Look(sonde.Callback):
        def on_phase_start(self, phase: sonde.Phase) -> None:
            self.phase = phase

        def on_epoch(self, step: int, scores: Any) -> None:
            network = self.phase.learner.network
            ends.append({n: t.clone() for n, t in network.state_dict().items()})

    run = sonde.fit(recipe(**SNAPSHOTS), data(), run_dir=tmp_path / "run", callbacks=[Look()])
    assert len(ends) == 6
    shipped = run.bundle.network.state_dict()
    means = {n: torch.stack([end[n] for end in ends[-3:]]).mean(dim=0)
             for n in shipped if shipped[n].is_floating_point()}  # fmt: skip
    running = [name for name in means if "running" in name]
    assert running
    for name, mean in means.items():
        if name not in running:
            torch.testing.assert_close(shipped[name], mean, rtol=1e-5, atol=1e-6)
    assert any(not torch.allclose(shipped[n], means[n], rtol=1e-3) for n in running)


def test_statistics_are_those_of_the_batches_without_dropout() -> None:
    module = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(2), nn.Linear(2, 1))
    settings = DescentSettings.parse({"snapshots": {"last": 2}, "precision": "float32"})
    descent = Descent(module, settings, Budget(steps=4), steps_per_epoch=2)
    draw = torch.Generator().manual_seed(0)
    batches: list[Batch] = [{"x": 3 + 2 * torch.randn(8, 2, generator=draw)} for _ in range(4)]

    def loss(batch: Batch) -> Loss:
        return Loss(module(tensor_of(batch, "x"))[:, 0].square(), torch.ones(8))

    for batch in batches:
        descent.minimize(loss, batch)
    descent.refresh(lambda network, batch: network(tensor_of(batch, "x")), batches)
    norm = descent.shipped()[1]  # type: ignore[index]
    means = torch.stack([tensor_of(batch, "x").mean(dim=0) for batch in batches])
    torch.testing.assert_close(norm.running_mean, means.mean(dim=0))
    assert norm.momentum == 0.1 and not norm.training


def test_snapshots_at_the_ends_of_cycles() -> None:
    module = nn.Linear(1, 1, bias=False)
    plain = {"snapshots": {"at": "cycles", "last": 2}, "optimizer": {"kind": "sgd"},
             "schedule": {"kind": "cosine", "cycles": 4}, "precision": "float32"}  # fmt: skip
    descent = Descent(module, DescentSettings.parse(plain), Budget(steps=20))
    seen = []
    for _ in range(20):
        descent.minimize(
            lambda b: Loss(module(b["x"])[:, 0], torch.ones(2)), {"x": torch.ones(2, 1)}
        )
        seen.append(module.weight.item())
    assert descent.shipped().weight.item() == pytest.approx((seen[14] + seen[19]) / 2)  # type: ignore[union-attr,operator]


def test_a_plateau_lowers_the_rate_and_says_so(tmp_path: Path) -> None:
    run = sonde.fit(recipe(**PLATEAU), data(), run_dir=tmp_path / "run")
    journal = list(read_journal(run.directory.journal_path))
    losses = [line["loss"] for line in journal if line["event"] == "epoch"]
    worse = sum(loss >= min(losses[:i]) for i, loss in enumerate(losses) if i)
    told = [line for line in journal if "learning rate" in line.get("message", "")]
    assert len(told) == worse > 0


def test_l1_brings_weights_to_zero_itself() -> None:
    """Soft thresholding: the exact answer of a lasso with one feature that matters."""
    torch.manual_seed(0)
    x = torch.randn(64, 6)
    y = 2 * x[:, 0]
    module = nn.Linear(6, 1)
    settings = {
        "l1": 0.2,
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
        "precision": "float32",
    }
    descent = Descent(module, DescentSettings.parse(settings), Budget(steps=400))
    for _ in range(400):
        descent.minimize(
            lambda b: Loss((module(b["x"])[:, 0] - b["y"]).square() / 2, torch.ones(64)),
            {"x": x, "y": y},
        )
    weights = module.weight[0].detach()
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=0.2).fit(x.numpy(), y.numpy())
    np.testing.assert_allclose(weights.numpy(), lasso.coef_, atol=1e-3)
    assert (weights == 0).sum() == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"snapshots": {"last": 2}, "average": 0.9}, "take one"),
        ({"snapshots": {"last": 2}, "optimizer": "schedule-free"}, "averages the weights itself"),
        ({"snapshots": {"last": 2}, "stop": {"patience": 2}}, "take one of them"),
    ],
)
def test_two_averages_are_refused(options: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        sonde.Recipe.parse(recipe(**options))


def test_what_cannot_be_averaged_or_heard_is_refused(tmp_path: Path) -> None:
    cycles = recipe(snapshots={"at": "cycles"})
    with pytest.raises(UsageError, match=r"kind: cosine, cycles: 5"):
        sonde.fit(cycles, data(), run_dir=tmp_path / "cycles")
    deaf = recipe(**PLATEAU) | {"split": {"kind": "random", "valid": 0, "test": 0.2}}
    with pytest.raises(UsageError, match="follows validation scores"):
        sonde.fit(deaf, data(), run_dir=tmp_path / "deaf")
    assert Cosine(cycles=2).ends == (0.5, 1.0)


def test_schedule_free_is_the_papers_rule() -> None:
    """Algorithm 1 in NumPy, one weight: what ships is the weighted mean of the fast weights."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 1.0)
    optimizer = {"kind": "schedule-free", "learning_rate": 0.1, "weight_decay": 0.01}
    descent = Descent(module, DescentSettings.parse(
        {"optimizer": optimizer, "precision": "float32"}), Budget(steps=30))  # fmt: skip
    assert descent.shipped().weight.item() == 1.0  # type: ignore[union-attr,operator]
    y = z = x = 1.0
    square = total = 0.0
    for step in range(1, 31):
        slope = np.sin(step) + y
        shift = torch.tensor([[float(np.sin(step))]])
        descent.minimize(
            lambda b: Loss(module(b["x"])[:, 0].square() / 2 + b["s"][:, 0] * module.weight[0, 0],
                           torch.ones(1)), {"x": torch.ones(1, 1), "s": shift})  # fmt: skip
        square = 0.999 * square + 0.001 * slope**2
        rate = 0.1 * np.sqrt(1 - 0.999**step)
        total += rate**2
        z -= rate * (slope / (np.sqrt(square) + 1e-8) + 0.01 * y)
        x += rate**2 / total * (z - x)
        y = 0.1 * z + 0.9 * x
    assert module.weight.item() == pytest.approx(y, abs=1e-5)
    assert descent.shipped().weight.item() == pytest.approx(x, abs=1e-5)  # type: ignore[union-attr,operator]
