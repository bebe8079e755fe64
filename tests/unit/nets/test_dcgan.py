"""A generator gives pictures of any size; a critic hears the class and rises no steeper than 1."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sonde.core.batch import Batch
from sonde.core.errors import RecipeError, UsageError
from sonde.core.port import Port
from sonde.nets.models.critic import Critic
from sonde.nets.models.dcgan import Dcgan

NOISE = Port("vector", (5,))
SORT = Port("category", size=3)


def drawer(shape: tuple[int, int, int], **options: object) -> nn.Module:
    torch.manual_seed(0)
    blueprint = Dcgan.parse({"channels": [4, 6], "kernel_size": 3, **options})
    return blueprint.build({"noise": NOISE, "a.sort": SORT}, {"image": Port("grid", shape)})


def given(rows: int = 4) -> Batch:
    return {"noise": torch.randn(rows, 5), "a.sort": torch.arange(rows) % 3}


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 7, 13), (1, 1, 5), (3, 32, 32)])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_pictures_have_the_very_size(shape: tuple[int, int, int], kernel_size: int) -> None:
    network = drawer(shape, kernel_size=kernel_size)
    for training in (True, False):
        assert network.train(training)(given())["image"].shape == (4, *shape)


@pytest.mark.parametrize("norm", ["batch", None])
def test_every_weight_of_a_generator_is_used(norm: str | None) -> None:
    network = drawer((1, 9, 9), norm=norm)
    network(given(16))["image"].square().sum().backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in network.parameters())


def test_a_picture_is_made_of_its_noise_and_its_class() -> None:
    network, batch = drawer((1, 8, 8)).eval(), given(1)
    one = network(batch)["image"]
    assert torch.equal(one, network(batch)["image"])
    for changed in ({"noise": batch["noise"] + 1}, {"a.sort": batch["a.sort"] + 1}):
        assert not torch.equal(one, network({**batch, **changed})["image"])


def test_a_generator_is_all_in_its_weights() -> None:
    network, batch = drawer((1, 8, 8)), given()
    network.train()(batch)
    with torch.device("meta"):
        twin = drawer((1, 8, 8))
    twin.load_state_dict(network.state_dict(), assign=True)
    assert torch.equal(twin.eval()(batch)["image"], network.eval()(batch)["image"])


def test_what_a_generator_cannot_be_asked_for() -> None:
    grid = Port("grid", (1, 8, 8))
    with pytest.raises(UsageError, match="draws one picture and nothing else"):
        Dcgan().build({"noise": NOISE}, {"price": Port("scalar")})
    with pytest.raises(UsageError, match="'age' is a scalar"):
        Dcgan().build({"age": Port("scalar")}, {"image": grid})
    with pytest.raises(RecipeError, match=r"expected an odd one.*Use 5"):
        Dcgan.parse({"kernel_size": 4})
    with pytest.raises(RecipeError, match="at least one stage"):
        Critic.parse({"channels": []})


def critic(**options: object) -> nn.Module:
    torch.manual_seed(1)
    blueprint = Critic.parse({"channels": [4, 6], "kernel_size": 3, **options})
    ports = {"image": Port("grid", (1, 10, 10)), "a.sort": SORT}
    return blueprint.build(ports, {"real": Port("scalar")})


@pytest.mark.parametrize("told", ["projection", "planes"])
def test_a_critic_hears_the_class(told: str) -> None:
    network = critic(told=told).eval()
    pictures = torch.rand(2, 1, 10, 10)
    scores = [network({"image": pictures, "a.sort": torch.full((2,), k)})["real"] for k in (0, 1)]
    assert not torch.allclose(*scores)


def test_projection_is_an_inner_product_with_the_class() -> None:
    """Miyato, Koyama 2018, eq. 3, written out."""
    network = critic(spectral=False).eval()
    pictures, sorts = torch.rand(3, 1, 10, 10), torch.tensor([0, 2, 1])
    features = network.towers[0](pictures)
    head = network.heads[0]
    vectors = head.tables[0].weight[sorts]
    wanted = (features * vectors).sum(1) + features @ head.linear.weight[0] + head.linear.bias
    found = network({"image": pictures, "a.sort": sorts})["real"]
    assert torch.allclose(found, wanted, atol=1e-5)


def largest(weight: Tensor) -> float:
    return float(torch.linalg.svdvals(weight.detach().flatten(1))[0])


def test_spectral_normalisation_keeps_every_layer_at_1() -> None:
    network = critic()
    for _ in range(100):  # each pass betters the estimate
        network.train()({"image": torch.rand(2, 1, 10, 10), "a.sort": torch.tensor([0, 1])})
    network.eval()
    layers = [m for m in network.modules() if hasattr(m, "parametrizations")]
    assert len(layers) == 4  # two convolutions, the linear layer, the classes' vectors
    assert [largest(layer.weight) for layer in layers] == pytest.approx([1.0] * 4, rel=1e-3)
