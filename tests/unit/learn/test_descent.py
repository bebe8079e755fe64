"""Descent against loops written by hand, bit for bit."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sonde.contracts.learn import Budget
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, tensor_of
from sonde.core.notice import listening
from sonde.learn._descent import Descent, DescentSettings, Diverged

STEPS, ROWS = 12, 10


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 1))


def data(step: int) -> Batch:
    draw = torch.Generator().manual_seed(step)
    x = torch.randn(ROWS, 3, generator=draw)
    weight = torch.rand(ROWS, generator=draw)
    return {"x": x, "y": x.sum(dim=1), "weight": weight, "#row": torch.arange(ROWS) + 100 * step}


def loss_of(module: nn.Module) -> Callable[[Batch], Loss]:
    def loss(batch: Batch) -> Loss:
        x, y, weight = (tensor_of(batch, name) for name in ("x", "y", "weight"))
        gaps = functional.mse_loss(module(x)[:, 0], y, reduction="none")
        return Loss(gaps * weight, weight)

    return loss


def settings(**options: Any) -> DescentSettings:
    return DescentSettings.parse({"precision": "float32", **options})


def followed(
    options: dict[str, Any], steps: int = STEPS
) -> tuple[nn.Module, list[Tensor], Descent]:
    module = network()
    descent = Descent(module, settings(**options), Budget(steps=STEPS))
    losses = [descent.minimize(loss_of(module), data(step)) for step in range(steps)]
    return module, losses, descent


def assert_same_bits(one: nn.Module, other: nn.Module) -> None:
    pairs = zip(one.state_dict().items(), other.state_dict().values(), strict=True)
    assert not [name for (name, here), there in pairs if not torch.equal(here, there)]


def one_cycle(step: int) -> float:
    """The factor of torch's own schedule, from which ours takes its shape."""
    peak = 0.3 * STEPS
    if step < peak:
        return 1 + (1 / 25 - 1) * (1 + math.cos(math.pi * step / peak)) / 2
    return 1e-4 + (1 - 1e-4) * (1 + math.cos(math.pi * (step - peak) / (STEPS - peak))) / 2


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_it_is_the_loop_one_would_write(kind: str, clip: float | None, schedule: str) -> None:
    options = {"sgd": {"momentum": 0.9, "weight_decay": 0.01, "learning_rate": 0.02},
               "adamw": {"weight_decay": 0.1, "learning_rate": 0.02}}[kind]  # fmt: skip
    found, losses, _ = followed(
        {"optimizer": {"kind": kind, **options}, "clip": clip, "schedule": schedule}
    )
    module = network()
    matrices = [weight for weight in module.parameters() if weight.ndim >= 2]
    rest = [weight for weight in module.parameters() if weight.ndim < 2]
    groups = [{"params": matrices, "weight_decay": options["weight_decay"]},
              {"params": rest, "weight_decay": 0.0}]  # fmt: skip
    optimizer: torch.optim.Optimizer
    if kind == "sgd":
        optimizer = torch.optim.SGD(groups, lr=0.02, momentum=0.9, fused=True)
    else:
        optimizer = torch.optim.AdamW(groups, lr=0.02, fused=True)
    for step in range(STEPS):
        optimizer.zero_grad()
        sums, weights = loss_of(module)(data(step))
        (sums.sum() / weights.sum()).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(module.parameters(), clip)
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * (one_cycle(step) if schedule == "one-cycle" else 1.0)
        optimizer.step()
        assert torch.equal(losses[step], sums.detach().sum() / weights.sum())
    assert_same_bits(found, module)


@pytest.mark.parametrize("size", [1, 3, 5, 10, 64])
def test_micro_batches_make_the_same_step(size: int) -> None:
    """Weights of rows differ, so dividing part by part would not do."""
    options = {"optimizer": {"kind": "sgd", "learning_rate": 0.05}}
    whole, losses, _ = followed(options)
    parts, again, _ = followed(options | {"micro_batch": size})
    torch.testing.assert_close(torch.stack(again), torch.stack(losses), rtol=1e-6, atol=1e-6)
    for one, other in zip(parts.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


def test_weight_decay_spares_biases_and_norms() -> None:
    """Without a gradient only decay moves weights."""
    module = network()
    before = copy.deepcopy(module.state_dict())
    decay = {"kind": "adamw", "weight_decay": 0.5, "learning_rate": 0.1}
    descent = Descent(module, settings(optimizer=decay), Budget(steps=1))
    descent.minimize(lambda batch: Loss(loss_of(module)(batch).sums * 0, torch.ones(ROWS)), data(0))
    for name, weight in module.state_dict().items():
        expected = before[name] * (0.95 if weight.ndim >= 2 else 1.0)
        torch.testing.assert_close(weight, expected)


def test_the_average_follows_the_weights() -> None:
    module = network()
    descent = Descent(module, settings(average=0.9), Budget(steps=STEPS))
    expected = [weight.detach().clone() for weight in module.parameters()]
    for step in range(STEPS):
        descent.minimize(loss_of(module), data(step))
        decay = min(0.9, (1 + step) / (10 + step))
        for kept, now in zip(expected, module.parameters(), strict=True):
            kept.lerp_(now.detach(), 1 - decay)
    for kept, shipped in zip(expected, descent.shipped().parameters(), strict=True):
        torch.testing.assert_close(kept, shipped)
    assert descent.shipped() is not module


@pytest.mark.parametrize("average", [None, 0.9])
def test_it_goes_on_from_its_state_with_the_same_bits(average: float | None) -> None:
    options = {"optimizer": "adamw", "schedule": "cosine", "average": average}
    straight, _, whole = followed(options)
    half, _, cut = followed(options, STEPS // 2)
    module = network()
    module.load_state_dict(half.state_dict())
    descent = Descent(module, settings(**options), Budget(steps=STEPS))
    descent.restore(copy.deepcopy(cut.state()))
    for step in range(STEPS // 2, STEPS):
        descent.minimize(loss_of(module), data(step))
    assert_same_bits(module, straight)
    assert_same_bits(descent.shipped(), whole.shipped())


def test_randomness_is_that_of_the_place_and_the_part() -> None:
    module, drawn = network(), []

    def loss(batch: Batch) -> Loss:
        drawn.append(float(torch.rand(())))
        return loss_of(module)(batch)

    descent = Descent(module, settings(micro_batch=5), Budget(steps=STEPS))
    for place in (0, 1):
        seed.begin(0, "main", place)
        descent.minimize(loss, data(place))
    assert len(set(drawn)) == 4
    torch.rand(17)
    seed.begin(0, "main", 1)
    descent.restore(descent.state() | {"steps": 1})
    descent.minimize(loss, data(1))
    assert drawn[4:] == drawn[2:4]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_is_skipped_and_its_rows_are_named(value: float) -> None:
    module, told = network(), []
    descent = Descent(module, settings(optimizer="adamw"), Budget(steps=STEPS))
    descent.minimize(loss_of(module), data(0))
    before, state = copy.deepcopy(module), copy.deepcopy(descent.state()["optimizer"])
    spoiled = data(3)
    tensor_of(spoiled, "x")[4, 1] = value
    with listening(lambda *notice: told.append(notice)):
        descent.minimize(loss_of(module), spoiled)
    assert_same_bits(module, before)
    now = descent.state()["optimizer"]
    assert all(torch.equal(now[i][k], state[i][k]) for i in state for k in state[i])
    rows = list(range(300, 300 + ROWS))
    assert told == [("non-finite gradient in main: step skipped", True, {"rows": rows})]
    descent.minimize(loss_of(module), data(1))
    assert not torch.equal(module[0].weight, before[0].weight)  # type: ignore[index]


def test_ten_in_a_row_are_a_diagnosis() -> None:
    """Nine, then a good one, then ten."""
    module = network()
    descent = Descent(module, settings(), Budget(steps=STEPS))
    spoiled = data(0)
    tensor_of(spoiled, "x")[0, 0] = math.nan
    with listening(lambda *_: None):
        for batch in [spoiled] * 9 + [data(1)] + [spoiled] * 9:
            descent.minimize(loss_of(module), batch)
        with pytest.raises(Diverged, match="10 steps in a row at learning rate 0"):
            descent.minimize(loss_of(module), spoiled)


def test_weights_of_zero_change_nothing() -> None:
    """A batch whose targets are all missing is no division by zero."""
    module = network()
    before = copy.deepcopy(module)
    descent = Descent(module, settings(optimizer="sgd"), Budget(steps=1))
    loss = descent.minimize(
        lambda batch: Loss(loss_of(module)(batch).sums * 0, torch.zeros(ROWS)), data(0)
    )
    assert float(loss) == 0
    assert_same_bits(module, before)


def test_frozen_weights_stay() -> None:
    module = network()
    frozen = module[0].requires_grad_(False)  # type: ignore[index]
    before = copy.deepcopy(frozen)
    descent = Descent(module, settings(), Budget(steps=STEPS))
    descent.minimize(loss_of(module), data(0))
    assert_same_bits(frozen, before)
