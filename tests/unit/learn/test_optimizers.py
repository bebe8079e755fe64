"""Optimizers against their formulas, written out in NumPy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from sonde.contracts.learn import Optimizer
from sonde.core.errors import RecipeError
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json
from sonde.learn._adam_kernel import KernelAdam
from sonde.learn._adam_kernel import adam as one_kernel

Array = np.ndarray
Reference = Callable[[Array, list[Array], dict[str, Any]], Array]

RATES = [0.0, 0.01, 0.05, 0.02, 0.05, 0.001]
"""A learning rate for each step: a warm-up starts at 0, and the rule follows at once."""


def descent(weight: Array, gradients: list[Array], spec: dict[str, Any]) -> Array:
    velocity = np.zeros_like(weight)
    for rate, gradient in zip(RATES, gradients, strict=True):
        gradient = gradient + spec["weight_decay"] * weight
        velocity = spec["momentum"] * velocity + gradient
        ahead = gradient + spec["momentum"] * velocity
        weight = weight - rate * (ahead if spec["nesterov"] else velocity)
    return weight


def rmsprop(weight: Array, gradients: list[Array], spec: dict[str, Any]) -> Array:
    square, velocity = np.zeros_like(weight), np.zeros_like(weight)
    for rate, gradient in zip(RATES, gradients, strict=True):
        gradient = gradient + spec["weight_decay"] * weight
        square = spec["rho"] * square + (1 - spec["rho"]) * gradient**2
        velocity = spec["momentum"] * velocity + gradient / (np.sqrt(square) + spec["eps"])
        weight = weight - rate * velocity
    return weight


def adam(
    weight: Array, gradients: list[Array], spec: dict[str, Any], *, apart: bool = False
) -> Array:
    mean, square = np.zeros_like(weight), np.zeros_like(weight)
    (beta1, beta2), decay = spec["betas"], spec["weight_decay"]
    for step, (rate, gradient) in enumerate(zip(RATES, gradients, strict=True), start=1):
        if apart:
            weight = weight * (1 - rate * decay)
        else:
            gradient = gradient + decay * weight
        mean = beta1 * mean + (1 - beta1) * gradient
        square = beta2 * square + (1 - beta2) * gradient**2
        size = np.sqrt(square / (1 - beta2**step)) + spec["eps"]
        weight = weight - rate * mean / (1 - beta1**step) / size
    return weight


def adamw(weight: Array, gradients: list[Array], spec: dict[str, Any]) -> Array:
    return adam(weight, gradients, spec, apart=True)


REFERENCES: dict[str, Reference] = {
    "sgd": descent,
    "momentum": descent,
    "rmsprop": rmsprop,
    "adam": adam,
    "adamw": adamw,
}
RECIPES: list[dict[str, Any]] = [
    {"kind": "sgd"},
    {"kind": "sgd", "momentum": 0.8, "weight_decay": 0.1},
    {"kind": "momentum"},
    {"kind": "momentum", "nesterov": True, "weight_decay": 0.1},
    {"kind": "rmsprop"},
    {"kind": "rmsprop", "rho": 0.5, "eps": 0.1, "momentum": 0.7, "weight_decay": 0.1},
    {"kind": "adam"},
    {"kind": "adam", "betas": [0.5, 0.7], "eps": 0.1, "weight_decay": 0.1},
    {"kind": "adamw"},
    {"kind": "adamw", "betas": [0.5, 0.7], "eps": 0.1, "weight_decay": 0.3},
]
every_recipe = pytest.mark.parametrize(
    "recipe", RECIPES, ids=lambda r: "-".join([r["kind"], *list(r)[1:]])
)


def spec_of(recipe: dict[str, Any]) -> Optimizer:
    spec = registry("optimizer").load(recipe["kind"]).parse(recipe)
    assert isinstance(spec, Optimizer)
    return spec


def optimizer_of(spec: Optimizer, weight: torch.Tensor) -> torch.optim.Optimizer:
    decay = spec.weight_decay
    return spec.make([{"params": [weight], "lr": spec.learning_rate, "weight_decay": decay}])


def take(optimizer: torch.optim.Optimizer, gradients: list[Array], first: int = 0) -> None:
    """A step for each gradient, at the learning rate of its place."""
    group = optimizer.param_groups[0]
    for rate, gradient in zip(RATES[first:], gradients, strict=False):
        group["lr"] = rate
        group["params"][0].grad = torch.from_numpy(gradient)
        optimizer.step()


def draw(seed: int) -> tuple[Array, list[Array]]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((3, 5)), list(rng.standard_normal((len(RATES), 3, 5)))


@every_recipe
def test_steps_are_those_of_the_formula(recipe: dict[str, Any]) -> None:
    spec = spec_of(recipe)
    start, gradients = draw(0)
    weight = torch.nn.Parameter(torch.from_numpy(start.copy()))
    take(optimizer_of(spec, weight), gradients)
    wanted = REFERENCES[spec.kind](start, gradients, spec.dump())
    assert not np.allclose(wanted, start)
    assert_allclose(weight.detach().numpy(), wanted, rtol=1e-10)


@every_recipe
def test_going_on_from_a_saved_state_gives_equal_bits(recipe: dict[str, Any]) -> None:
    start, gradients = draw(1)
    weight = torch.nn.Parameter(torch.from_numpy(start).float())
    straight = optimizer_of(spec_of(recipe), weight)
    floats = [gradient.astype(np.float32) for gradient in gradients]
    take(straight, floats[:3])
    half, state = weight.detach().clone(), deepcopy(straight.state_dict())
    other = torch.nn.Parameter(half.clone())
    resumed = optimizer_of(spec_of(recipe), other)
    resumed.load_state_dict(state)
    take(straight, floats[3:], first=3)
    take(resumed, floats[3:], first=3)
    assert torch.equal(weight, other) and not torch.equal(weight, half)


@pytest.mark.parametrize("decoupled", [False, True])
def test_one_kernel_takes_the_steps_of_torch_even_where_a_gradient_is_lacking(
    decoupled: bool,
) -> None:
    """Its lists are gathered once, and must outlive a step that leaves a weight alone."""
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(size, generator=generator) for size in (7, 3)]
    ours, theirs = ([torch.nn.Parameter(each.clone()) for each in start] for _ in range(2))
    kernel = one_kernel(
        [{"params": ours, "weight_decay": 0.1}],
        learning_rate=0.01,
        betas=(0.9, 0.99),
        eps=1e-8,
        decoupled=decoupled,
    )
    assert isinstance(kernel, KernelAdam)
    torchs = torch.optim.Adam(
        theirs,
        lr=0.01,
        betas=(0.9, 0.99),
        eps=1e-8,
        weight_decay=0.1,
        fused=True,
        decoupled_weight_decay=decoupled,
    )
    for step in range(6):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = other.grad = torch.randn(one.shape, generator=generator)
        if step in (0, 3):
            ours[1].grad = theirs[1].grad = None
        kernel.step()
        torchs.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    counts = [state["step"].item() for state in kernel.state_dict()["state"].values()]
    assert counts == [6, 4]


@every_recipe
def test_each_group_keeps_its_own_options(recipe: dict[str, Any]) -> None:
    """So that weight decay can spare biases and norms."""
    spared, decayed = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    spec = spec_of(recipe | {"learning_rate": 0.1})
    groups = [{"params": [spared], "weight_decay": 0.0}, {"params": [decayed], "weight_decay": 0.5}]
    optimizer = spec.make([group | {"lr": 0.1} for group in groups])
    for weight in (spared, decayed):
        weight.grad = torch.zeros(2)
    optimizer.step()
    assert torch.equal(spared, torch.ones(2))
    assert (decayed < 1).all()


@pytest.mark.parametrize("kind", registry("optimizer").names())
def test_json_brings_it_back(kind: str) -> None:
    for example in registry("optimizer").load(kind).examples():
        assert type(example).parse(from_json(to_json(example.dump()))) == example


def test_every_optimizer_of_ours_has_a_reference() -> None:
    assert {recipe["kind"] for recipe in RECIPES} == REFERENCES.keys()
    assert set(registry("optimizer").names()) >= REFERENCES.keys()


def test_nesterov_without_momentum_is_refused() -> None:
    with pytest.raises(RecipeError, match="needs momentum above 0"):
        spec_of({"kind": "sgd", "nesterov": True})


@pytest.mark.parametrize("folder", ["optimizers", "schedules"])
def test_reading_a_recipe_needs_no_torch(folder: str) -> None:
    code = (
        f"import importlib, pkgutil, sys, sonde.learn.{folder} as folder\n"
        "names = [found.name for found in pkgutil.iter_modules(folder.__path__)]\n"
        "for name in names: importlib.import_module(f'{folder.__name__}.{name}')\n"
        "sys.exit('torch' in sys.modules or not names)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
