from __future__ import annotations

import numpy as np
import pytest
import torch

from sonde.core.port import PRESENT, Port
from sonde.nets.blocks.numbers import NumberEmbedding, Periodic, Piecewise, embed_numbers
from sonde.nets.encoders.scalar import ScalarEmbedding

EDGES = (-1.5, -0.25, 0.0, 2.0)


def reference(x: float, edges: tuple[float, ...]) -> list[float]:
    """Gorishniy et al. 2022, eq. 1, as it is written there."""
    bins = len(edges) - 1
    encoded = []
    for t in range(1, bins + 1):
        low, high = edges[t - 1], edges[t]
        if x < low and t > 1:
            encoded.append(0.0)
        elif x >= high and t < bins:
            encoded.append(1.0)
        else:
            encoded.append((x - low) / (high - low))
    return encoded


def test_a_number_is_encoded_as_in_the_paper() -> None:
    made = Piecewise([EDGES], 1)
    for x in (-4.0, -1.5, -0.3, 0.0, 1.9, 2.0, 7.5):
        found = made.encode(torch.tensor([[x]])).detach()[0, 0]
        np.testing.assert_allclose(found, reference(x, EDGES), rtol=1e-6, atol=1e-6)


def test_numbers_with_fewer_bins_are_encoded_beside_those_with_more() -> None:
    """A number without edges has one open bin: its path is a straight line."""
    made = Piecewise([(), EDGES, (0.0, 1.0)], 1)
    found = made.encode(torch.tensor([[-3.0, -0.3, 0.25]]))[0]
    assert found.shape == (3, 3)
    assert found[0].tolist() == [-3.0, 0.0, 0.0]
    assert found[2].tolist() == [0.25, 0.0, 0.0]
    np.testing.assert_allclose(found[1], reference(-0.3, EDGES), rtol=1e-6)


def test_the_path_bends_at_the_edges_and_nowhere_else() -> None:
    torch.manual_seed(0)
    made = Piecewise([EDGES], 5)
    torch.nn.init.normal_(made.path)
    for low, high in [(-9.0, -0.25), (-0.25, 0.0), (0.0, 9.0)]:
        ends, middle = torch.tensor([[low], [high]]), torch.tensor([[(low + high) / 2]])
        np.testing.assert_allclose(
            made(middle).detach()[0], made(ends).detach().mean(0), rtol=1e-4, atol=1e-4
        )
    around = made(torch.tensor([[-0.35], [-0.25], [-0.15]])).detach()
    assert (around[1] - around[[0, 2]].mean(0)).abs().max() > 0.01


def test_waves_have_the_frequencies_they_start_from() -> None:
    torch.manual_seed(0)
    made = Periodic(40, 3, frequency=0.5)
    assert made.frequencies.std().item() == pytest.approx(0.5, rel=0.1)
    assert made(torch.zeros(2, 40)).shape == (2, 40, 3)


@pytest.mark.parametrize("kind", ["plain", "piecewise", "periodic"])
def test_each_number_has_weights_of_its_own(kind: NumberEmbedding) -> None:
    torch.manual_seed(0)
    ports = {"a": Port("scalar", edges=EDGES), "b": Port("scalar", edges=EDGES)}
    made = embed_numbers(ports, 4, kind)
    numbers = torch.tensor([[0.7, 0.7], [0.7, -0.4]])
    found = made(numbers)
    assert not torch.equal(found[0, 0], found[0, 1])
    assert torch.equal(found[0, 0], found[1, 0])


@pytest.mark.parametrize("kind", ["plain", "piecewise", "periodic"])
def test_a_number_first_missing_after_training_is_the_mean(kind: NumberEmbedding) -> None:
    ports = {"a": Port("scalar", optional=False), "b": Port("scalar", edges=EDGES)}
    encoder = ScalarEmbedding(ports, width=4, kind=kind)
    batch = {"a": torch.tensor([1.0, 1.0]), "b": torch.tensor([0.0, 0.0])}
    found = encoder({**batch, PRESENT + "b": torch.tensor([True, False])})
    assert found.shape == (2, encoder.width) == (2, 8)
    assert torch.equal(found[0], found[1])


def test_a_missing_number_has_a_learned_vector_added() -> None:
    ports = {"a": Port("scalar", optional=False), "b": Port("scalar")}
    encoder = ScalarEmbedding(ports, width=2, kind="plain")
    assert encoder.missing is not None
    with torch.no_grad():
        encoder.missing.copy_(torch.tensor([[3.0, -4.0]]))
    batch = {"a": torch.zeros(2), "b": torch.zeros(2)}
    found = encoder({**batch, PRESENT + "b": torch.tensor([True, False])})
    np.testing.assert_allclose((found[1] - found[0]).detach(), [0.0, 0.0, 3.0, -4.0], atol=1e-6)
