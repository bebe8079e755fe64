"""Pictures: what is one, and several on a sheet."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from sonde.core.picture import file_of, gif, is_picture, png, sheet

GREY = np.full((3, 4), 7, np.uint8)
COLOUR = np.full((5, 2, 3), 9, np.uint8)
FILM = np.zeros((2, 5, 2, 3), np.uint8)


@pytest.mark.parametrize("value", [GREY, COLOUR, FILM], ids=["grey", "colour", "film"])
def test_these_are_pictures(value: np.ndarray) -> None:
    assert is_picture(value)


@pytest.mark.parametrize("value", [
    GREY.astype(float), GREY[:0], np.zeros((3, 4, 2), np.uint8), GREY[0], GREY.tolist(), "x", None,
])  # fmt: skip
def test_these_are_none(value: object) -> None:
    assert not is_picture(value)


def test_files_come_back_as_they_were() -> None:
    for picture in (GREY, COLOUR):
        suffix, content = file_of(picture)
        assert suffix == ".png" and content == png(picture)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(content))), picture)
    assert file_of(FILM)[0] == ".gif"


def test_a_film_takes_as_long_as_asked() -> None:
    film = Image.open(io.BytesIO(gif(np.stack([COLOUR, COLOUR // 3]), per_second=10)))
    assert film.info["duration"] == 100
    assert film.info["loop"] == 0


def test_a_sheet_holds_every_picture_in_cells_of_the_largest() -> None:
    whole = sheet([GREY, COLOUR, FILM], across=2)
    assert whole.shape == (2 * (5 + 2) + 2, 2 * (4 + 2) + 2, 3)
    assert (whole == 7).all(axis=2).sum() == GREY.size
    assert (whole == 9).all(axis=2).sum() == COLOUR[..., 0].size
    assert (whole == 0).all(axis=2).sum() == FILM[0, ..., 0].size
    assert sheet([GREY] * 9).ndim == 2
