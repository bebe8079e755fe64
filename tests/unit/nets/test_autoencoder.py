"""A picture comes out as large as it went in; everything goes through the code."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sonde.core.batch import Batch
from sonde.core.code import CODE, LOG_VARIANCE, NOISE, code_port
from sonde.core.errors import RecipeError, UsageError
from sonde.core.port import Port, Ports
from sonde.nets.models.autoencoder import Autoencoder
from sonde.nets.models.dense import Dense

SIZE = st.integers(1, 40)
ROW: Ports = {"age": Port("scalar", optional=False), "town": Port("category", size=3)}
CLASS: Ports = {"kind": Port("category", size=4)}


def built(model: Autoencoder, inputs: Ports, outputs: Ports) -> nn.Module:
    torch.manual_seed(0)
    return model.build(inputs, outputs).eval()


def a_row(rows: int = 5) -> Batch:
    index = torch.arange(rows)
    return {"age": torch.linspace(-1, 1, rows), "town": index % 3, "kind": index % 4}


@given(
    height=SIZE,
    width=SIZE,
    channels=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    kernel=st.sampled_from([1, 3, 5]),
    code=st.sampled_from([None, 2]),
)
def test_a_picture_comes_out_as_large_as_it_went_in(
    height: int, width: int, channels: list[int], kernel: int, code: int | None
) -> None:
    grid: Ports = {"image": Port("grid", (1, height, width))}
    model = Autoencoder(channels=tuple(channels), kernel_size=kernel)
    network = built(model, grid, grid | {CODE: code_port(code)})
    found = network({"image": torch.zeros(2, 1, height, width, dtype=torch.uint8)})
    assert found["image"].shape == (2, 1, height, width)
    assert code is None or found[CODE].shape == (2, code)


def test_the_textbooks_denoiser() -> None:
    """Two convolutions, two transposed ones, one more: 3,217 weights, and a code of 8 x 7 x 7."""
    grid: Ports = {"image": Port("grid", (1, 28, 28))}
    network = built(Autoencoder(channels=(16, 8)), grid, grid | {CODE: code_port(None)})
    assert sum(weight.numel() for weight in network.parameters()) == 3_217
    assert network({"image": torch.zeros(1, 1, 28, 28)})[CODE].shape == (1, 392)
    kinds = [type(m).__name__ for m in network.modules() if "Conv" in type(m).__name__]
    assert kinds == ["Conv2d", "Conv2d", "ConvTranspose2d", "ConvTranspose2d", "Conv2d"]


def test_what_comes_out_is_made_of_the_code_alone() -> None:
    network = built(Autoencoder(hidden=(8,)), ROW, ROW | {CODE: code_port(2)})
    found = network(a_row())
    again = network({CODE: found[CODE]})
    assert set(again) == set(ROW)
    assert all(torch.equal(again[name], found[name]) for name in ROW)


def test_a_condition_is_told_to_both_ways() -> None:
    outputs = ROW | {CODE: code_port(2)}
    network = built(Autoencoder(hidden=(8,)), ROW | CLASS, outputs)
    batch = a_row()
    first = network(batch)
    other = network({**batch, "kind": (batch["kind"] + 1) % 4})
    assert not torch.equal(first[CODE], other[CODE])
    made = [network({CODE: first[CODE], "kind": batch["kind"] * 0 + k})["age"] for k in (0, 1)]
    assert not torch.equal(*made)


def test_noise_moves_the_code_by_its_deviation() -> None:
    outputs = ROW | {CODE: code_port(2), LOG_VARIANCE: code_port(2)}
    network = built(Autoencoder(hidden=(8,)), ROW, outputs)
    noise = torch.randn(5, 2, generator=torch.Generator().manual_seed(1))
    drawn = network({**a_row(), NOISE: noise})
    moved = drawn[CODE] + (drawn[LOG_VARIANCE] / 2).exp() * noise
    assert torch.equal(network({CODE: moved})["age"], drawn["age"])
    assert torch.equal(network(a_row())[CODE], drawn[CODE])


def test_a_network_without_a_code_refuses() -> None:
    with pytest.raises(UsageError, match="#code"):
        Dense().build(ROW, ROW | {CODE: code_port(2)})


def test_mistakes_are_told() -> None:
    with pytest.raises(UsageError, match="needs a width"):
        outputs = ROW | {CODE: code_port(None), LOG_VARIANCE: code_port(None)}
        Autoencoder().build(ROW, outputs)
    with pytest.raises(RecipeError, match="odd"):
        Autoencoder.parse({"kernel_size": 4})
    with pytest.raises(RecipeError, match="at least one stage"):
        Autoencoder.parse({"channels": []})
