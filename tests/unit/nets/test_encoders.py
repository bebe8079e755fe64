from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from sonde.core.errors import UsageError
from sonde.core.port import PRESENT, Port
from sonde.nets.encoders.category import Embedding, OneHot, embedding_width
from sonde.nets.encoders.grid import Grid
from sonde.nets.encoders.scalar import Scalar
from sonde.nets.encoders.vector import Vector


def test_scalars_stand_beside_marks_of_what_is_missing() -> None:
    encoder = Scalar({"age": Port("scalar"), "fare": Port("scalar")})
    batch = {
        "fare": torch.tensor([0.5, 0.25]),
        "age": torch.tensor([-1.0, 0.0]),
        PRESENT + "age": torch.tensor([True, False]),
    }
    wanted = torch.tensor([[-1.0, 0.5, 0.0, 0.0], [0.0, 0.25, 1.0, 0.0]])
    assert torch.equal(encoder(batch), wanted)
    assert encoder.width == 4 and encoder.reserved == (2, 3)


def test_vectors_stand_beside_marks_of_what_is_missing() -> None:
    encoder = Vector({"wind": Port("vector", (2,))})
    batch = {"wind": torch.tensor([[1.0, 2.0]]), PRESENT + "wind": torch.tensor([False])}
    assert torch.equal(encoder(batch), torch.tensor([[1.0, 2.0, 1.0]]))
    assert encoder.width == 3 and encoder.reserved == (2,)


def test_one_hot_has_places_for_unseen_and_missing() -> None:
    encoder = OneHot({"sex": Port("category", size=2), "deck": Port("category", size=1)})
    batch = {
        "sex": torch.tensor([0, 1, 2, 3], dtype=torch.uint8),
        "deck": torch.tensor([2, 1, 0, 0], dtype=torch.uint16),
    }
    wanted = torch.tensor(
        [[1, 0, 0, 0, 0, 0, 1], [0, 1, 0, 0, 0, 1, 0], [0, 0, 1, 0, 1, 0, 0], [0, 0, 0, 1, 1, 0, 0]]
    )
    assert torch.equal(encoder(batch), wanted.float())
    assert encoder.reserved == (2, 3, 5, 6)


def test_ports_of_one_alphabet_share_their_vectors() -> None:
    home, work = (Port("category", size=4, alphabet="town") for _ in range(2))
    encoder = Embedding({"home": home, "town": Port("category", size=4), "work": work}, width=3)
    index = torch.tensor([0, 1, 2, 3])
    first, second, third = encoder({"home": index, "town": index, "work": index}).split(3, dim=1)
    assert torch.equal(first, third)
    assert not torch.equal(first, second)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 2 * 6 * 3


def test_vectors_of_unseen_and_missing_start_at_zero() -> None:
    encoder = Embedding({"town": Port("category", size=4)}, width=3)
    rows: Tensor = encoder({"town": torch.arange(6)})
    assert rows[:4].all() and not rows[4:].any()


def test_an_alphabet_of_two_sizes_is_refused() -> None:
    ports = {n: Port("category", size=s, alphabet="a") for n, s in (("home", 4), ("work", 5))}
    with pytest.raises(UsageError, match="'work': got 5 classes, expected 4 like the others"):
        Embedding(ports)


def test_an_embedding_grows_with_its_classes_up_to_50() -> None:
    widths = [embedding_width(places) for places in (3, 4, 10, 100, 1000, 100_000)]
    assert widths == [3, 3, 6, 21, 50, 50]


def test_dark_and_bright_become_0_and_1_and_floats_stay() -> None:
    encoder = Grid({"image": Port("grid", (1, 1, 3))})
    bytes_ = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 3)
    assert torch.equal(encoder({"image": bytes_}), torch.tensor([[0.0, 0.2, 1.0]]))
    floats = torch.tensor([[[[-3.0, 0.0, 300.0]]]])
    assert torch.equal(encoder({"image": floats}), torch.tensor([[-3.0, 0.0, 300.0]]))


@pytest.mark.parametrize(
    ("encoder", "port"),
    [(Grid, Port("grid", (3, None, None))), (Vector, Port("vector", (None,)))],
)
def test_sizes_that_vary_are_refused(encoder: type[Grid] | type[Vector], port: Port) -> None:
    with pytest.raises(UsageError, match=r"column 'left': got .*None.*, expected one"):
        encoder({"left": port})


def test_grids_of_one_shape_share_a_tower_where_asked_to() -> None:
    made: list[str] = []

    def tower(name: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
        made.append(name)
        layer = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), 2))
        return layer, 2

    views = {name: Port("grid", (1, 2, 3)) for name in ("front", "back")}
    ports = {"front": views["front"], "map": Port("grid", (1, 4, 4)), "back": views["back"]}
    encoder = Grid(ports, tower=tower, share=True)
    assert made == ["front", "map"] and encoder.width == 6
    batch = {name: torch.rand(5, *port.shape) for name, port in ports.items()}
    found = encoder(batch)
    wanted = [encoder.towers[0](batch["front"]), encoder.towers[0](batch["back"])]
    torch.testing.assert_close(found[:, :4], torch.cat(wanted, dim=1))
    apart = Grid(ports, tower=tower)
    assert len(apart.towers) == 3
