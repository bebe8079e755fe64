"""What is hidden, that nothing else is, and that the loss looks nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sonde.core.port import MISSING, Port
from sonde.learn import _masks
from sonde.learn.paradigms.masked import Rebuilding, _missed

PORTS = {
    "image": Port("grid", (3, 10, 8), frame="image"),
    "size": Port("scalar"),
    "sure": Port("scalar", optional=False),
    "town": Port("category", size=3),
    "boxes": Port("set", (4,)),
}


def rows(count: int = 200) -> dict:
    draw = torch.Generator().manual_seed(0)
    return {
        "image": torch.randint(1, 256, (count, 3, 10, 8), generator=draw, dtype=torch.uint8),
        "size": torch.rand(count, generator=draw) + 1,
        "#present:size": torch.rand(count, generator=draw) < 0.9,
        "sure": torch.rand(count, generator=draw) + 1,
        "town": torch.randint(0, 5, (count,), generator=draw),
    }


def hidden(part: float = 0.4, side: int = 4) -> dict:
    return _masks.drawn(rows(), PORTS, part, side, torch.Generator().manual_seed(1))


def test_squares_are_whole_and_as_many_in_each_row() -> None:
    """10 x 8 in squares of 4: 3 x 2 of them, the lowest cut off; 0.4 of 6 are 2."""
    found = hidden()["image"]
    assert found.shape == (200, 1, 10, 8)
    squares = [found[:, 0, y : y + 4, x : x + 4].flatten(1) for y in (0, 4, 8) for x in (0, 4)]
    whole = torch.stack([s.all(dim=1) for s in squares], dim=1)
    some = torch.stack([s.any(dim=1) for s in squares], dim=1)
    assert whole.equal(some)
    assert set(whole.sum(dim=1).tolist()) == {2}
    assert (whole.float().mean(dim=0) - 1 / 3).abs().max() < 0.12  # every square alike


@pytest.mark.parametrize(("part", "count"), [(0.01, 1), (0.99, 5)])
def test_something_is_hidden_and_something_shown(part: float, count: int) -> None:
    found = _masks.squares(9, (10, 8), part, 4, torch.Generator().manual_seed(0))
    corners = found[:, 0, ::4, ::4].flatten(1)
    assert set(corners.sum(dim=1).tolist()) == {count}


def test_only_hidden_values_are_covered() -> None:
    batch, marks = rows(), hidden()
    seen = _masks.covered(batch, marks, PORTS)
    assert "boxes" not in marks
    for name in ("size", "sure", "town"):
        where = marks[name]
        filler = PORTS[name].classes + MISSING if name == "town" else 0
        assert (seen[name][where] == filler).all()
        assert seen[name][~where].equal(batch[name][~where])
        assert 0.3 < where.float().mean() < 0.5
    assert seen["#present:size"].equal(batch["#present:size"] & ~marks["size"])
    assert (seen["image"] * 255).round().to(torch.uint8).equal(batch["image"])


def test_known_are_values_that_are_there_and_of_a_known_class() -> None:
    batch = rows()
    assert _masks.known(batch, "size", PORTS["size"]).equal(batch["#present:size"])
    assert _masks.known(batch, "town", PORTS["town"]).equal(batch["town"] < 3)
    assert _masks.known(batch, "sure", PORTS["sure"]).all()


def test_the_learned_brightness_stands_where_pixels_are_hidden() -> None:
    marks, batch = hidden(), rows()
    grids = {"image": PORTS["image"]}
    module = Rebuilding(nn.Linear(1, 1), nn.Identity(), grids)
    seen = module.shown(_masks.covered(batch, marks, PORTS), marks)["image"]
    where = marks["image"].expand_as(seen)
    assert (seen[where] == 0.5).all()
    assert seen[~where].equal((batch["image"] / 255)[~where])


def test_a_pictures_loss_is_that_of_its_hidden_pixels() -> None:
    batch, where = rows(4), _masks.squares(4, (10, 8), 0.4, 4, torch.Generator().manual_seed(2))
    said = torch.rand(4, 3, 10, 8, generator=torch.Generator().manual_seed(3))
    found = _missed(said, batch["image"], where, PORTS["image"])
    for row in range(4):
        errors = [
            (said[row, c, y, x] - batch["image"][row, c, y, x] / 255) ** 2
            for c in range(3)
            for y in range(10)
            for x in range(8)
            if where[row, 0, y, x]
        ]
        torch.testing.assert_close(found[row], sum(errors) / len(errors))
    elsewhere = torch.where(where, said, torch.rand(4, 3, 10, 8))
    assert found.equal(_missed(elsewhere, batch["image"], where, PORTS["image"]))


def test_a_class_that_is_not_known_costs_something_finite() -> None:
    """It is left out afterwards, and must not make the others NaN."""
    said = torch.zeros(2, 3)
    found = _missed(said, torch.tensor([1, 4]), torch.ones(2, dtype=torch.bool), PORTS["town"])
    assert torch.isfinite(found).all()


def test_numbers_and_vectors_cost_their_squared_error() -> None:
    where = torch.ones(2, dtype=torch.bool)
    found = _missed(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0]), where, PORTS["size"])
    assert found.tolist() == [1, 9]
    said, true = torch.tensor([[1.0, 0.0], [2.0, 2.0]]), torch.zeros(2, 2)
    assert _missed(said, true, where, Port("vector", (2,))).tolist() == [0.5, 4]
