"""Rows leave where they are sure, are answered by that exit, and cost nothing afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sonde.core.batch import Batch, part
from sonde.core.errors import RecipeError, UsageError
from sonde.core.port import Port
from sonde.core.work import Products
from sonde.nets.blocks.exits import Places, sure
from sonde.nets.exits import ExitNetwork, picked, stacked
from sonde.nets.leaving import NEVER, costs, exits_of
from sonde.nets.models.early_exits import EarlyExits

INPUTS = {"image": Port("grid", (1, 12, 12)), "size": Port("scalar")}
OUTPUTS = {"digit": Port("category", size=4), "mood": Port("category", size=2)}
CONVNET = {"kind": "convnet", "stages": [4, 6, 8], "dense": [10], "padding": "same"}
RESNET = {"kind": "resnet", "blocks": [1, 1, 1], "channels": [4, 6, 8]}
ROWS = 41


def built(network: dict[str, Any] = RESNET, **options: Any) -> ExitNetwork:
    torch.manual_seed(0)
    made = EarlyExits.parse({"network": network, **options}).build(INPUTS, OUTPUTS)
    assert isinstance(made, ExitNetwork)
    with torch.no_grad():
        for weight in made.heads.parameters():  # so that exits differ, and some are sure
            weight.mul_(6)
    made.train()(batch())  # moves running statistics away from their start
    return made.eval()


def batch(rows: int = ROWS) -> Batch:
    rng = np.random.default_rng(1)
    pictures = rng.integers(256, size=(rows, 1, 12, 12), dtype=np.uint8)
    return {
        "image": torch.from_numpy(pictures),
        "size": torch.from_numpy(rng.standard_normal(rows, dtype=np.float32)),
    }


def each_exit(network: ExitNetwork, rows: Batch) -> list[dict[str, Tensor]]:
    return network._through(network._begun(rows))


def halved(network: ExitNetwork) -> Tensor:
    """Half of the rows that come to an exit leave there; where each row leaves, (N,)."""
    each, stay = each_exit(network, batch()), torch.ones(ROWS, dtype=torch.bool)
    odds = torch.stack([sure(outputs) for outputs in each[:-1]])
    for number, found in enumerate(odds):
        ordered = found[stay].sort().values
        at = len(ordered) // 2
        network.heads.thresholds[number] = (ordered[at - 1] + ordered[at]) / 2
        stay &= found < network.heads.thresholds[number]
    return exits_of(odds, network.heads.thresholds)


@pytest.fixture(params=[CONVNET, RESNET], ids=["convnet", "resnet"])
def network(request: pytest.FixtureRequest) -> ExitNetwork:
    return built(request.param)


@torch.no_grad()
def test_a_row_has_the_answer_of_its_exit(network: ExitNetwork) -> None:
    exits = halved(network)
    assert set(exits.tolist()) == {0, 1, 2}
    wanted = picked(stacked(each_exit(network, batch())), exits)
    for name, found in network(batch()).items():
        torch.testing.assert_close(found, wanted[name], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_a_stage_sees_only_the_rows_that_stay(network: ExitNetwork) -> None:
    exits = halved(network)
    seen = []
    for stage in network.stages:
        stage.register_forward_hook(lambda _, given, __: seen.append(len(given[0].others)))
    network(batch())
    assert seen == [ROWS, int((exits > 0).sum()), int((exits > 1).sum())]


@torch.no_grad()
def test_what_is_counted_is_what_was_promised(network: ExitNetwork) -> None:
    exits = halved(network)
    works = network._counted(part(batch(), 0, 1))
    promised = costs(works, network.heads.thresholds)[exits].sum()
    with Products() as products:
        network(batch())
    assert products.work == promised


@torch.no_grad()
def test_a_stage_that_no_row_comes_to_is_not_computed() -> None:
    network = built()
    network.heads.thresholds[0] = -1e6
    works = network._counted(part(batch(), 0, 1))
    with Products() as products:
        found = network(batch())
    assert products.work == ROWS * works[:, 0].sum()
    wanted = each_exit(network, batch())[0]
    assert all(torch.equal(found[name], wanted[name]) for name in found)


@torch.no_grad()
def test_as_long_as_nothing_is_settled_rows_go_to_the_end_past_every_exit() -> None:
    network = built()
    works = network._counted(part(batch(), 0, 1))
    with Products() as products:
        found = network(batch())
    assert products.work == ROWS * (works[0].sum() + works[1, -1])
    wanted = each_exit(network, batch())[-1]
    assert all(torch.equal(found[name], wanted[name]) for name in found)
    assert network.panels() == []


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 7, 64])
def test_answers_do_not_depend_on_the_size_of_the_batch(network: ExitNetwork, size: int) -> None:
    halved(network)
    whole = network(batch())
    parts = [network(part(batch(), start, start + size)) for start in range(0, ROWS, size)]
    for name, wanted in whole.items():
        found = torch.cat([outputs[name] for outputs in parts])
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_no_rows_have_no_answers(network: ExitNetwork) -> None:
    halved(network)
    found = network(part(batch(), 0, 0))
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "digit": (0, 4),
        "mood": (0, 2),
    }


def test_in_training_the_exits_answer_side_by_side(network: ExitNetwork) -> None:
    network.eval()
    wanted = [each_exit(network, batch())[number]["digit"] for number in range(3)]
    for module in network.modules():
        if not isinstance(module, torch.nn.BatchNorm2d | torch.nn.Dropout):
            module.training = True  # the statistics of `wanted`
    found = network(batch())["digit"]
    assert found.shape == (3 * ROWS, 4)
    for number in range(3):
        torch.testing.assert_close(found[number::3], wanted[number])


def test_the_end_is_the_network_itself() -> None:
    """Without columns of other kinds, what goes to the end is a resnet's answer."""
    inputs, outputs = {"image": INPUTS["image"]}, {"digit": OUTPUTS["digit"]}
    blueprint = EarlyExits.parse({"network": RESNET})
    torch.manual_seed(0)
    exits, plain = (made.build(inputs, outputs).eval() for made in (blueprint, blueprint.network))
    parts = ("stages.", "heads.exits.2.")
    values = [value for name, value in exits.state_dict().items() if name.startswith(parts)]
    own = plain.state_dict()
    assert [value.shape for value in own.values()] == [value.shape for value in values]
    plain.load_state_dict(dict(zip(own, values, strict=True)))
    rows = {"image": batch()["image"]}
    torch.testing.assert_close(exits(rows)["digit"], plain(rows)["digit"])


def test_the_least_sure_output_decides() -> None:
    outputs = {"a": torch.tensor([[3.0, 0.0]]), "b": torch.tensor([[0.5, 0.0, -torch.inf]])}
    assert sure(outputs).tolist() == [0.5]
    assert sure({"a": torch.tensor([[3.0]])}).tolist() == [1e6] and NEVER > 1e6


def test_odds_tell_apart_what_probabilities_cannot() -> None:
    logits = torch.tensor([[30.0, 0.0, 0.0], [40.0, 0.0, 0.0]])
    assert logits.softmax(1).amax(1).unique().numel() == 1
    assert sure({"a": logits}).diff().tolist() == pytest.approx([10.0])


@pytest.mark.parametrize(("shape", "side", "width"), [((3, 8, 6), 2, 12), ((1, 5, 5), 3, 9)])
def test_places_are_means_of_squares(shape: tuple[int, int, int], side: int, width: int) -> None:
    places = Places(shape, side)
    grid = torch.arange(np.prod(shape)).float().reshape(1, *shape)
    found = places(grid)
    assert found.shape == (1, width) and places.width == width
    tall, wide = places.window
    assert found[0, 0] == grid[0, 0, :tall, :wide].mean()
    last = grid[0, -1, (-(-shape[1] // tall) - 1) * tall :, (-(-shape[2] // wide) - 1) * wide :]
    assert found[0, -1] == last.mean()


def test_a_picture_smaller_than_its_places_is_taken_as_it_is() -> None:
    grid = torch.rand(2, 3, 2, 1)
    assert torch.equal(Places((3, 2, 1), 4)(grid), grid.flatten(1))


def test_exits_stand_after_the_stages_that_are_named() -> None:
    assert len(built(after=(2,)).stages) == 2
    with pytest.raises(UsageError, match="got stage 3, expected one before the last of the 3"):
        built(after=(1, 3))
    with pytest.raises(UsageError, match="has one stage, and with it only the end"):
        built({"kind": "convnet", "stages": [4]})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"network": {"kind": "dense"}}, "got network 'dense', expected one whose stages"),
        ({"after": []}, "expected stages counted from 1"),
        ({"after": [0]}, "expected stages counted from 1"),
        ({"most_lost": -0.1}, "most_lost"),
    ],
)
def test_what_cannot_have_exits_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        EarlyExits.parse(options)


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        (INPUTS, {"price": Port("scalar")}, "'price' is a scalar; early exits need classes"),
        (INPUTS, OUTPUTS | {"#code": Port("vector", (None,))}, "'#code' is a vector; early exits"),
        ({"size": INPUTS["size"]}, OUTPUTS, "needs a picture, and no input column is one"),
    ],
)
def test_ports_it_cannot_take_are_refused(inputs: Any, outputs: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        EarlyExits().build(inputs, outputs)
