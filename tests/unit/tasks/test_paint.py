"""Painting: coordinates, colours, sizes."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.tasks._paint import (
    READABLE,
    beside,
    colours,
    in_colour,
    with_boxes,
    with_classes,
    with_key,
    with_lines,
    with_outlines,
)

LARGE = np.full((360, 640), 100, np.uint8)
SMALL = np.full((20, 32, 3), 100, np.uint8)
RED = np.array([255, 0, 0], np.uint8)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_every_picture_gets_three_colours_and_stays_as_it_was(shape: tuple[int, ...]) -> None:
    picture = np.full(shape, 9, np.uint8)
    shown = in_colour(picture)
    shown[:] = 0
    assert shown.shape == (5, 4, 3) and (picture == 9).all()


def test_colours_are_steady_and_distinct() -> None:
    many = colours(40)
    assert many.shape == (40, 3) and many.dtype == np.uint8
    assert np.array_equal(colours(5), many[:5])
    assert len(np.unique(many, axis=0)) == 40


def test_a_box_covers_the_pixels_it_names() -> None:
    shown = with_boxes(LARGE, np.array([[100, 50, 140, 90]]), [""], [RED])
    ys, xs = np.nonzero((shown == RED).all(axis=2))
    assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (100, 50, 140, 90)
    assert (shown[60:80, 110:130] == 100).all()


def test_small_pictures_are_enlarged_and_boxes_with_them() -> None:
    shown = with_boxes(SMALL, np.array([[0, 0, 16, 10]]), [""], [RED])
    assert shown.shape == (200, READABLE, 3)
    ys, xs = np.nonzero((shown == RED).all(axis=2))
    assert (xs.max() + 1, ys.max() + 1) == (160, 100)


@pytest.mark.parametrize("box", [
    [0, 0, 640, 360], [-20, -20, 9, 9], [700, 400, 800, 500], [30, 30, 30, 30], [600, 0, 640, 5],
])  # fmt: skip
def test_any_box_with_a_name_can_be_drawn(box: list[int]) -> None:
    shown = with_boxes(LARGE, np.array([box]), ["red blood cell 0.93"], [RED])
    assert shown.shape == (360, 640, 3) and (shown != 100).any()


def test_no_box_leaves_the_picture() -> None:
    assert (with_boxes(LARGE, np.zeros((0, 4)), [], []) == 100).all()


def test_void_keeps_its_colour_and_classes_are_mixed() -> None:
    classes = np.zeros((20, 32), np.uint8)
    classes[:, 16:] = 2
    shown = with_classes(SMALL, classes, [np.zeros(3), RED], strength=0.5)
    assert (shown[:, :16] == 100).all()
    assert (shown[:, 16:] == np.rint((100 + RED.astype(float)) / 2)).all()


def test_outlines_lie_inside_the_class() -> None:
    classes = np.zeros((20, 32), np.uint8)
    classes[5:15, 5:15] = 1
    drawn = (with_outlines(SMALL, classes, [RED]) == RED).all(axis=2)
    assert drawn.sum() == 36 and drawn[5, 5] and not drawn[4, 5] and not drawn[7, 7]


def test_lines_go_where_their_points_are() -> None:
    shown = with_lines(LARGE, [np.array([[320.0, 360.0], [320.0, 180.0]]), np.zeros((1, 2))],
                       [RED, RED])  # fmt: skip
    ys, xs = np.nonzero((shown == RED).all(axis=2))
    assert abs(xs.mean() + 0.5 - 320) <= 1 and ys.min() >= 178 and np.ptp(xs) < 8


def test_pictures_lie_beside_one_another_as_high_as_the_highest() -> None:
    shown = beside(LARGE, SMALL, np.zeros((180, 100), np.uint8), names=("before", "after", "x"))
    assert shown.shape[1] == 640 + 576 + 200 + 12 and shown.shape[0] > 360
    assert (shown[-1, :640] == 100).all() and (shown[-1, -1] == 0).all()
    assert beside(LARGE, LARGE).shape == (360, 1286, 3)


@pytest.mark.parametrize("count", [1, 11, 60])
def test_a_key_is_as_high_as_the_picture_however_many_names_it_has(count: int) -> None:
    names = [f"class {number}" for number in range(count)]
    shown = with_key(LARGE, names, colours(count))
    assert shown.shape[0] == 360 and 640 < shown.shape[1] < 900
    assert (shown[:, :640] == 100).all()
    for tint in colours(count):
        assert (shown[:, 640:] == tint).all(axis=2).any()
