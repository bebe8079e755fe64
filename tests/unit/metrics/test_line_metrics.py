"""Scores of lines against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.metric import Arrays
from sonde.metrics.line_error import LineError
from sonde.metrics.line_f1 import LineF1
from sonde.metrics.line_iou import LineIou


def masks(said: np.ndarray, true: np.ndarray, classes: int = 3) -> tuple[Arrays, Arrays]:
    """Counts of masks (N, H, W), as a segmentation keeps them."""
    counts = np.zeros((len(said), classes, classes))
    for row, (one, other) in enumerate(zip(said, true, strict=True)):
        np.add.at(counts[row], (other.ravel(), one.ravel()), 1)
    pixels = counts.sum(axis=2)
    return {"said": counts / np.maximum(pixels, 1)[:, :, None]}, {"pixels": pixels}


def test_the_ground_has_no_part_in_the_mean() -> None:
    rng = np.random.default_rng(0)
    said, true = rng.integers(0, 3, (2, 5, 8, 8))
    each = [((said == k) & (true == k)).sum() / ((said == k) | (true == k)).sum() for k in range(3)]
    for ground in range(3):
        expected = np.mean([each[k] for k in range(3) if k != ground])
        assert LineIou(ground=ground).score(*masks(said, true)) == pytest.approx(expected)


def test_without_a_line_there_is_no_score() -> None:
    nothing = np.zeros((2, 4, 4), int)
    assert np.isnan(LineIou().score(*masks(nothing, nothing)))


@pytest.mark.parametrize(("points", "true", "score"), [
    ([[10, 10, 10]], [10], 1.0),
    ([[10, 5, 8]], [16], 0.5),
    ([[10, 5, 5], [0, 0, 0]], [5, 5], 0.5),
    ([[0, 0, 0]], [10], 0.0),
    ([[10, 0, 0]], [0], 0.0),
    ([[0, 0, 0]], [0], np.nan),
])  # fmt: skip
def test_f1_of_points(points: list[list[int]], true: list[int], score: float) -> None:
    found = LineF1().score({"points": np.array(points)}, {"points": np.array(true)})
    assert found == pytest.approx(score, nan_ok=True)


def test_the_error_is_the_mean_over_points_not_over_pictures() -> None:
    assert LineError().score({"apart": np.array([[30.0, 10], [2.0, 2]])}, {}) == pytest.approx(
        32 / 12
    )
    assert np.isnan(LineError().score({"apart": np.zeros((3, 2))}, {}))
