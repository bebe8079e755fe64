"""Tiles: any picture is covered once, and where they overlap enough nobody sees that they were."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from sonde.core.errors import UsageError
from sonde.core.port import Port
from sonde.data.columns.image import Image
from sonde.tasks import _tiles
from sonde.tasks._flips import ALL_WAYS, SIDEWAYS, over_flips
from sonde.tasks._tiles import Tiling, in_tiles, rows_of_tiles

RNG = np.random.default_rng(0)


def pictures(*sizes: tuple[int, ...]) -> list[np.ndarray]:
    return [RNG.integers(0, 256, size, dtype=np.uint8) for size in sizes]


def same(tiles: np.ndarray, owners: np.ndarray) -> Sequence[np.ndarray]:
    return list(tiles)


@pytest.mark.parametrize("overlap", [0, 1, 3, 5])
@pytest.mark.parametrize("size", [(1, 1), (12, 16), (13, 16), (37, 100), (200, 17), (5, 90)])
def test_every_pixel_is_answered_once_from_its_own_place(
    size: tuple[int, int], overlap: int
) -> None:
    tiling = Tiling(12, 16, overlap)
    (picture,) = pictures(size)
    (found,) = in_tiles([picture], tiling, same)
    assert (found == picture).all()
    met = np.zeros(size, int)
    for down, across in tiling.cuts(size):
        met[down.low : down.high, across.low : across.high] += 1
        for cut, side, length in ((down, 12, size[0]), (across, 16, size[1])):
            assert cut.low - cut.start >= overlap or cut.low == 0, "its border is its neighbour's"
            assert cut.start + side - cut.high >= overlap or cut.high == length
    assert (met == 1).all()


def test_there_are_as_few_tiles_as_can_be() -> None:
    assert len(Tiling(128, 128, 16).cuts((128, 128))) == 1
    assert len(Tiling(128, 128, 16).cuts((128 + 96, 129))) == 2 * 2
    assert len(Tiling(128, 128, 0).cuts((1280, 128))) == 10


def test_pictures_of_any_size_come_back_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tiles, "AT_ONCE", 3 * 8 * 8)  # batches end inside pictures, and span some
    given = pictures((8, 8, 3), (30, 9, 3), (2, 2, 3), (8, 8, 3), (40, 40, 3), (1, 20, 3))
    asked: list[tuple[int, ...]] = []

    def ask(tiles: np.ndarray, owners: np.ndarray) -> Sequence[np.ndarray]:
        asked.append(tiles.shape)
        assert (np.diff(owners) >= 0).all() and len(owners) == len(tiles)
        return list(255 - tiles)

    found = list(in_tiles(iter(given), Tiling(8, 8, 2), ask))
    assert all((a == 255 - b).all() for a, b in zip(found, given, strict=True))
    assert {shape[0] for shape in asked[:-1]} == {3} and asked[-1][0] <= 3
    assert list(in_tiles([], Tiling(8, 8, 2), ask)) == []


def test_no_seam_is_left_where_the_overlap_is_what_a_network_looks_at() -> None:
    """Three convolutions of 3 x 3 look three pixels far; two of overlap are not enough."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
              nn.Conv2d(8, 1, 3, padding=1)]  # fmt: skip
    network = nn.Sequential(*layers).eval()

    @torch.no_grad()
    def ask(tiles: np.ndarray, owners: np.ndarray) -> Sequence[np.ndarray]:
        light = torch.from_numpy(tiles).permute(0, 3, 1, 2) / 255
        return list(network(light)[:, 0].numpy())

    (picture,) = pictures((24 + 2 * 20, 32 + 3 * 28, 3))  # no more overlap than two of it
    (whole,) = ask(picture[None], np.zeros(1))
    (found,) = in_tiles([picture], Tiling(24, 32, 3), ask)
    assert np.abs(found - whole).max() < 1e-6
    (torn,) = in_tiles([picture], Tiling(24, 32, 2), ask)
    wrong = np.abs(torn - whole) > 1e-6
    assert 0 < wrong.mean() < 0.2, "seams alone"


def test_rows_of_tiles_keep_what_is_beside_the_picture() -> None:
    rows = pa.RecordBatch.from_pydict({"size": [1.5, 2.5], "photo": ["a.png", "b.png"]})
    column = Image(field="photo", size=(4, 4), channels=1).named("image").fit([])
    tiles = np.stack(pictures((4, 4), (4, 4), (4, 4)))
    found = rows_of_tiles(rows, column, tiles, np.array([0, 1, 1]))
    assert found.column("size").to_pylist() == [1.5, 2.5, 2.5]
    assert (column.encode(found).values[:, 0] == tiles).all()


def test_an_overlap_that_leaves_nothing_is_refused() -> None:
    column = Image(size=(32, 20), channels=1).named("image").fit([])
    assert Tiling.of(column, None) == Tiling(32, 20, 2)
    assert Tiling.of(column, 9).overlap == 9
    with pytest.raises(UsageError, match="expected at most 9"):
        Tiling.of(column, 10)


@pytest.mark.parametrize("ways", [SIDEWAYS, ALL_WAYS])
def test_flips_are_turned_back(ways: Sequence[tuple[int, ...]]) -> None:
    """What treats all directions alike says the same; a shift to one side is undone in the mean."""
    grid = torch.from_numpy(RNG.random((2, 3, 6, 7), np.float32))
    number = torch.arange(2.0)
    inputs, ports = {"image": grid, "age": number}, {"image": Port("grid", (3, 6, 7)),
                                                     "age": Port("scalar")}  # fmt: skip

    def plain(asked) -> torch.Tensor:
        assert torch.equal(asked["age"], number)
        return asked["image"] * 2

    assert torch.equal(over_flips(plain, inputs, ports, ways), grid * 2)
    moved = over_flips(lambda asked: asked["image"].roll(1, dims=3), inputs, ports, ways)
    assert torch.allclose(moved, (grid.roll(1, dims=3) + grid.roll(-1, dims=3)) / 2)
