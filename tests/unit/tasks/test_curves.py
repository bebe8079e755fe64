"""Curves through bands of pixels: exact where there is one, little moved by strays."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.tasks._curves import Curve
from sonde.tasks._lane_rows import Line, counted, lines_in

HEIGHT, WIDTH = 120, 200
Y, X = np.mgrid[:HEIGHT, :WIDTH] + 0.5


def course(y: np.ndarray) -> np.ndarray:
    return np.asarray(60 + 0.9 * (y - 40) + 0.004 * (y - 40) ** 2)


def band(half: float | np.ndarray = 3.0) -> np.ndarray:
    return np.asarray((np.abs(X - course(Y)) <= half) & (Y > 40))


def test_the_middle_of_a_band_is_found_to_a_fraction_of_a_pixel() -> None:
    curve = Curve.fitted(band(), degree=2)
    assert curve is not None
    y = np.arange(45, 115) + 0.5
    assert np.abs(curve.at(y) - course(y)).max() < 0.5
    assert np.isnan(curve.at(np.array([10.0]))).all()


def test_a_band_that_grows_wider_below_is_no_less_a_line() -> None:
    curve = Curve.fitted(band((Y - 35) / 10), degree=2)
    assert curve is not None
    y = np.arange(50, 118) + 0.5
    assert np.abs(curve.at(y) - course(y)).max() < 1


def test_dashes_of_one_line_are_one_curve() -> None:
    dashes = band() & (Y % 20 < 6)
    curve = Curve.fitted(dashes, degree=2)
    assert curve is not None
    y = np.arange(45, 105) + 0.5
    assert np.abs(curve.at(y) - course(y)).max() < 1


def test_strays_hardly_move_it() -> None:
    strays = band() | ((np.abs(X - 150) < 6) & (np.abs(Y - 50) < 4))
    plain, moved = Curve.fitted(band(), 2), Curve.fitted(strays, 2)
    assert plain is not None and moved is not None
    y = np.arange(45, 115) + 0.5
    assert np.nanmax(np.abs(plain.at(y) - moved.at(y))) < 1


def test_where_the_border_cuts_the_band_its_middle_is_not_taken_for_the_line() -> None:
    there = np.abs(X - (30 - 0.5 * (Y - 60))) <= 8
    curve = Curve.fitted(there, degree=1)
    assert curve is not None
    assert np.abs(curve.at(np.array([60.0, 90.0])) - [30, 15]).max() < 0.5


@pytest.mark.parametrize("there", [
    np.zeros((HEIGHT, WIDTH), bool), (Y < 1) & (X < 9), (Y < 2) & (X < 1),
], ids=["nothing", "one row", "two pixels"])  # fmt: skip
def test_too_little_is_no_line(there: np.ndarray) -> None:
    assert Curve.fitted(there, degree=3) is None


def test_points_run_from_below_to_above() -> None:
    curve = Curve.fitted(band(), degree=2)
    assert curve is not None
    points = curve.points(5)
    assert points.shape == (5, 2) and (np.diff(points[:, 1]) < 0).all()
    assert points[0, 1] == curve.bottom and points[-1, 1] == curve.top


def test_parts_of_a_class_are_lines_where_it_may_have_several() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for at in (30, 100, 170):
        mask[:, at : at + 4] = 7
    mask[5:7, 60:62] = 7  # too small to be one
    lines = lines_in(mask, {7: "line"}, degree=1, several=True)
    assert [line.label for line in lines] == ["line"] * 3
    middle = [float(line.curve.at(np.array([60.0]))[0]) for line in lines]
    assert middle == pytest.approx([32, 102, 172], abs=0.5)


def straight(at: float, label: str = "left", top: float = 0.0) -> Line:
    return Line(label, Curve(np.array([at, 0.0]), top, 100.0))


def test_points_are_counted_as_by_hand() -> None:
    """A line of 100 points found 2 pixels away, one of 50 missed, one of another class invented."""
    true = [straight(50), straight(90, "right", top=50.0)]
    said = [straight(52), straight(10, "middle", top=60.0)]
    predicted, truth = counted(said, true, (100, 200), near=3)
    assert predicted["points"].tolist() == [140, 100, 100]
    assert predicted["apart"].tolist() == [200, 100] and int(truth["points"]) == 150
    far, _ = counted(said, true, (100, 200), near=1)
    assert far["points"].tolist() == [140, 0, 0] and far["apart"].tolist() == [200, 100]


def test_no_line_at_all_is_counted_too() -> None:
    predicted, truth = counted([], [], (100, 200), near=1)
    assert predicted["points"].tolist() == [0, 0, 0] and int(truth["points"]) == 0
