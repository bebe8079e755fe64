from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError
from sonde.core.port import PRESENT, Port, Ports
from sonde.nets.assemble import Body, assemble
from sonde.nets.encoders.category import OneHot
from sonde.nets.encoders.scalar import Scalar
from sonde.nets.models.convnet import Convnet
from sonde.nets.models.dense import Dense
from sonde.nets.models.linear import Linear

PRICE = {"price": Port("scalar")}


def same(width: int) -> tuple[nn.Module, int]:
    return nn.Identity(), width


def network(inputs: Ports, outputs: Ports = PRICE, body: Body = same) -> nn.Module:
    return assemble(
        inputs, outputs, encoders={"scalar": Scalar, "category": OneHot}, body=body
    ).eval()


class Recorder(nn.Module):
    """Keeps what it was given."""

    def forward(self, features: Tensor) -> Tensor:
        self.seen = features
        return features


def test_features_are_joined_in_the_order_of_the_inputs_grouped_by_kind() -> None:
    recorder = Recorder()
    ports = {"b": Port("scalar"), "c": Port("category", size=1), "a": Port("scalar")}
    made = network(ports, body=lambda width: (recorder, width))
    made({"a": torch.tensor([1.0]), "b": torch.tensor([2.0]), "c": torch.tensor([0])})
    assert recorder.seen.tolist() == [[2.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("name", ["education.num", "forward", "items", "1", "größe", ""])
def test_a_column_may_have_any_name(name: str) -> None:
    made = network({name: Port("category", size=1)}, {name + "x": Port("scalar")})
    assert made({name: torch.tensor([0, 1])})[name + "x"].shape == (2,)


@pytest.mark.parametrize("hidden", [0, 4])
def test_only_what_speaks_of_missing_and_unseen_starts_at_zero(hidden: int) -> None:
    body: Body = same
    if hidden:
        body = lambda width: (nn.Sequential(nn.Linear(width, hidden)), hidden)  # noqa: E731
    made = network({"sex": Port("category", size=2), "age": Port("scalar")}, body=body)
    layer = next(module for module in made.modules() if isinstance(module, nn.Linear))
    still = (layer.weight == 0).all(dim=0).tolist()
    assert still == [False, False, True, True, False, True]


@pytest.mark.parametrize(
    "blueprint", [Linear(), Dense(hidden=(4,)), Convnet(stages=(2,))], ids=lambda b: b.kind
)
def test_what_was_never_missing_in_training_changes_nothing_when_it_is(
    blueprint: Blueprint,
) -> None:
    ports = {
        "image": Port("grid", (1, 4, 4)),
        "age": Port("scalar"),
        "wind": Port("vector", (2,)),
    }
    made = blueprint.build(ports, PRICE).eval()
    batch = {
        "image": torch.rand(3, 1, 4, 4),
        "age": torch.randn(3),
        "wind": torch.randn(3, 2),
    }
    gone = {PRESENT + name: torch.zeros(3, dtype=torch.bool) for name in ("age", "wind")}
    assert torch.equal(made(batch | gone)["price"], made(batch)["price"])


def test_missing_is_learned_where_training_rows_show_it() -> None:
    made = network({"age": Port("scalar")})
    batch = {"age": torch.zeros(2), PRESENT + "age": torch.tensor([True, False])}
    made(batch)["price"][1].backward()
    gradient = next(made.parameters()).grad
    assert gradient is not None and gradient.tolist() == [[0.0, 1.0]]


def test_heads_are_small_and_keep_whole_precision_where_products_are_halved() -> None:
    made = network({"age": Port("scalar")})
    with torch.autocast("cpu", torch.bfloat16):
        assert made({"age": torch.randn(2)})["price"].dtype == torch.float32
        assert made({"age": torch.randn(4_000_000)})["price"].dtype == torch.bfloat16


def test_no_input_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one input column"):
        network({})


def test_a_kind_it_cannot_read_is_refused_with_who_can() -> None:
    with pytest.raises(UsageError) as caught:
        network({"age": Port("scalar"), "photo": Port("grid", (1, 8, 8))})
    told, _, able = str(caught.value).rpartition(": ")
    assert told == (
        "column 'photo' is a grid; this model reads scalar, category. "
        "Leave the column out, or use model"
    )
    assert {"convnet", "dense", "linear"} <= set(able.rstrip(".").split(" or "))


@pytest.mark.parametrize(
    ("port", "words"),
    [
        (Port("grid", (1, 8, 8)), "a grid of 1 x 8 x 8"),
        (Port("grid", (1, 8, 8), size=2), "a grid of 1 x 8 x 8, each of 2 classes"),
        (Port("category", size=0), "a category of 0 classes"),
        (Port("vector", (None,)), "a vector of any"),
    ],
)
def test_an_output_it_cannot_write_is_refused(port: Port, words: str) -> None:
    with pytest.raises(UsageError, match=f"output 'answer' is {words}; this model gives a scalar"):
        network({"age": Port("scalar")}, {"answer": port})
