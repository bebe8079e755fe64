"""A machine small enough to be written out in full: every state, its energy, its probability."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from tests.contracts.test_models import CATEGORIES, GRIDS, SCALARS, VECTORS, a_batch
from torch import Tensor
from torch.testing import assert_close

from sonde.core.errors import UsageError
from sonde.core.port import Port
from sonde.nets.blocks.belief import BeliefLayer, BeliefStack
from sonde.nets.blocks.boltzmann import Boltzmann
from sonde.nets.models.belief_net import BeliefNet
from sonde.nets.models.dense import Dense
from sonde.nets.visible import as_columns, imagine, visible_units

BINARY = torch.zeros(4, dtype=torch.bool)
MIXED = torch.tensor([True, False, True, False])
PORTS = {"scalars": SCALARS, "categories": CATEGORIES, "mixed": SCALARS | GRIDS | VECTORS}


def states(units: int) -> Tensor:
    """(2**units, units)."""
    return torch.tensor(list(product([0.0, 1.0], repeat=units)), dtype=torch.float64)


def machine(gaussian: Tensor, *, hidden: int = 3) -> Boltzmann:
    """In float64, with weights that are not small."""
    made = Boltzmann(len(gaussian), hidden, gaussian=gaussian).double()
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(0.0, 0.8, generator=draw)
    return made


def energy(made: Boltzmann, v: Tensor, h: Tensor) -> Tensor:
    """() of one state, unit by unit, as the formula on top of the module has it."""
    total = torch.zeros((), dtype=torch.float64)
    for i, is_number in enumerate(made.gaussian):
        bias = made.visible_bias[i]
        total = total + ((v[i] - bias) ** 2 / 2 if is_number else -bias * v[i])
    return total - made.hidden_bias @ h - h @ made.weight @ v


def rows(made: Boltzmann) -> Tensor:
    """(16, 4): every binary state, with any numbers at the Gaussian units."""
    found = states(len(made.gaussian))
    numbers = torch.randn(found.shape, generator=torch.Generator().manual_seed(1)).double()
    return torch.where(made.gaussian, numbers, found)


@pytest.mark.parametrize("gaussian", [BINARY, MIXED], ids=["binary", "mixed"])
def test_free_energy_is_the_sum_over_every_hidden_state(gaussian: Tensor) -> None:
    made = machine(gaussian)
    for v in rows(made):
        each = torch.stack([-energy(made, v, h) for h in states(3)])
        assert_close(made.free_energy(v[None])[0].double(), -each.logsumexp(0), atol=1e-5, rtol=0)


@pytest.mark.parametrize("gaussian", [BINARY, MIXED], ids=["binary", "mixed"])
def test_hidden_means_are_those_of_the_enumerated_conditional(gaussian: Tensor) -> None:
    made = machine(gaussian)
    for v in rows(made):
        weights = torch.stack([-energy(made, v, h) for h in states(3)]).softmax(0)
        assert_close(made.hidden_means(v[None])[0], weights @ states(3))


def test_visible_means_are_those_of_the_enumerated_conditional() -> None:
    made = machine(BINARY)
    for h in states(3):
        weights = torch.stack([-energy(made, v, h) for v in states(4)]).softmax(0)
        assert_close(made.visible_means(h[None])[0], weights @ states(4))


def test_a_gaussian_unit_given_the_hidden_ones_has_its_mean_and_variance_one() -> None:
    """By a fine sum over its axis, the other units being held."""
    made = machine(MIXED)
    axis = torch.linspace(-12, 12, 601, dtype=torch.float64)
    for h in states(3):
        v = torch.tensor([0.0, 1.0, 0.3, 0.0], dtype=torch.float64)
        raw = torch.stack([-energy(made, torch.cat([x[None], v[1:]]), h) for x in axis])
        chance = raw.softmax(0)
        mean = chance @ axis
        assert_close(made.visible_means(h[None])[0, 0], mean, atol=1e-6, rtol=0)
        assert_close(chance @ (axis - mean) ** 2, mean.new_ones(()), atol=1e-6, rtol=0)


@pytest.mark.parametrize("gaussian", [BINARY, MIXED], ids=["binary", "mixed"])
def test_a_unit_given_the_others_has_its_enumerated_probability(gaussian: Tensor) -> None:
    made = machine(gaussian)
    for v in rows(made):
        for unit in (~gaussian).nonzero()[:, 0]:
            other = v.clone()
            other[unit] = 1 - v[unit]
            both = torch.stack([made.free_energy(v[None])[0], made.free_energy(other[None])[0]])
            found = made.log_conditional(v[None], unit[None])[0]
            assert_close(found, (-both.double()).log_softmax(0)[0], atol=1e-5, rtol=0)


def test_the_gradient_of_the_free_energy_is_minus_the_statistics() -> None:
    """So that descending on a difference of free energies is the update of CD (eq. 9)."""
    made, v = machine(MIXED), rows(machine(MIXED))
    made.free_energy(v).sum().backward()
    chance = made.hidden_means(v).detach()
    assert_close(made.weight.grad, -chance.t() @ v)
    assert_close(made.hidden_bias.grad, -chance.sum(0))
    field = torch.where(MIXED, v - made.visible_bias.detach(), v)
    assert_close(made.visible_bias.grad, -field.sum(0))


def test_a_long_chain_visits_states_as_often_as_they_are_probable() -> None:
    made = machine(BINARY, hidden=3).float()
    draw = torch.Generator().manual_seed(2)
    visible, _ = made.gibbs(torch.zeros(40_000, 3), 60, draw)
    place = (visible @ torch.tensor([8.0, 4.0, 2.0, 1.0])).long()
    often = place.bincount(minlength=16) / len(place)
    true = (-made.free_energy(states(4).float())).softmax(0).detach()
    assert (often - true).abs().max() < 0.012  # five deviations of a probability of 1/2


def test_a_chain_of_numbers_has_the_moments_of_the_mixture() -> None:
    made = machine(torch.ones(2, dtype=torch.bool), hidden=3)
    hs = states(3)
    push = hs @ made.weight  # (8, 2); the integral over v is a Gaussian one
    log_weight = hs @ made.hidden_bias + push @ made.visible_bias + push.square().sum(1) / 2
    mean = log_weight.softmax(0) @ (made.visible_bias + push)
    visible, _ = made.float().gibbs(torch.zeros(40_000, 3), 100, torch.Generator().manual_seed(3))
    assert_close(visible.mean(0).double(), mean, atol=0.05, rtol=0)


def test_draws_follow_their_generator_alone() -> None:
    made = machine(MIXED).float()
    found = []
    for _ in range(2):
        torch.rand(7)  # moves torch's own generator, which must not matter
        draw = torch.Generator().manual_seed(4)
        found.append(made.reconstructed(rows(made).float(), 3, draw))
    assert found[0].equal(found[1])


def test_a_unit_that_never_varies_starts_without_weights() -> None:
    made = Boltzmann(3, 5)
    mean = torch.tensor([0.2, 0.01, 0.9])
    made.start(mean, torch.tensor([False, True, False]), torch.Generator().manual_seed(0))
    assert not made.weight[:, 1].any()
    assert made.weight[:, [0, 2]].all()
    # with weights this small, the mean of a unit is all it has learned
    assert_close(made.visible_means(torch.zeros(1, 5))[0], mean)


def test_a_layer_is_its_machine() -> None:
    torch.manual_seed(0)
    layer = BeliefLayer(4, 3)
    rows = torch.rand(5, 4)
    assert_close(layer.machine().hidden_means(rows), layer(rows).sigmoid())
    learned = machine(BINARY).float()
    layer.take(learned)
    assert_close(layer(rows).sigmoid(), learned.hidden_means(rows))
    assert layer.visible_bias.equal(learned.visible_bias)


def test_two_layers_generate_what_they_say() -> None:
    """p(v) = sum over h of p(h) p(v | h): p(h) of the top machine, p(v | h) of the bottom one."""
    torch.manual_seed(1)
    stack = BeliefStack(3, [2, 4])
    bottom, top = (layer.machine() for layer in stack.layers)
    chance = (-top.free_energy(states(2).float())).softmax(0)
    wanted = chance @ bottom.visible_means(states(2).float())
    found = stack.sample(40_000, 50, torch.Generator().manual_seed(5)).mean(0)
    assert_close(found, wanted.detach(), atol=0.01, rtol=0)


@pytest.mark.parametrize("name", PORTS)
def test_units_are_read_back_as_the_columns_they_came_from(name: str) -> None:
    ports = PORTS[name]
    torch.manual_seed(0)
    network = BeliefNet(hidden=(4,)).build(ports, {"y": Port("scalar")})
    batch = a_batch(ports)
    again = as_columns(visible_units(network, batch), ports)
    assert set(again) == set(batch)
    for key, value in batch.items():
        wanted = value / 255 if ports.get(key, Port("scalar")).kind == "grid" else value
        assert_close(again[key], wanted, check_dtype=False)
    gaussian = network.body.layers[0].gaussian
    assert int(gaussian.sum()) == {"scalars": 2, "categories": 0, "mixed": 9}[name]


def test_imagined_rows_look_like_rows() -> None:
    ports = SCALARS | CATEGORIES | GRIDS
    network = BeliefNet(hidden=(4, 3)).build(ports, {"y": Port("scalar")})
    draw = torch.Generator().manual_seed(0)
    rows = imagine(network, ports, count=5, steps=2, generator=draw)
    assert rows["image"].shape == (5, 1, 14, 12)
    assert 0 <= rows["map"].min() <= rows["map"].max() <= 1
    assert rows["sex"].max() < 4
    assert math.isfinite(float(rows["age"].sum()))


def test_only_a_belief_net_imagines() -> None:
    network = Dense(hidden=(4,)).build(SCALARS, {"y": Port("scalar")})
    with pytest.raises(UsageError, match="expected a belief net"):
        imagine(network, SCALARS, count=1, steps=1, generator=torch.Generator())
