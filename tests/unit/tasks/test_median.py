"""The median filter is the median, in whatever pieces it is computed."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.tasks import _median


@pytest.mark.parametrize("at_once", [1, 60, 2**20])
@pytest.mark.parametrize("shape", [(3, 3, 7, 5), (5, 1, 1, 9), (2, 1, 4, 4)])
def test_each_pixel_is_the_median_of_nine(
    shape: tuple[int, ...], at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_median, "_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    for pictures in (rng.integers(0, 256, shape, dtype=np.uint8), rng.random(shape, np.float32)):
        framed = np.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(framed, (3, 3), axis=(2, 3))
        expected = np.median(windows, axis=(-2, -1))
        assert (_median.median_filtered(pictures) == expected).all()
