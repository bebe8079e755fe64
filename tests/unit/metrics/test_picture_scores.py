"""Scores of pictures, beside scikit-image and a reference that looks at each place for itself."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.metrics.psnr import SQUARED, PeakSignalToNoise, decibels, squared_errors
from sonde.metrics.ssim import similarities


def pair(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(N, C, H, W) uint8: noise, and the same with more noise."""
    rng = np.random.default_rng(seed)
    true = np.clip(rng.normal(128, 60, shape), 0, 255).astype(np.uint8)
    return np.clip(true + rng.normal(0, 25, shape), 0, 255).astype(np.uint8), true


def by_hand(said: np.ndarray, true: np.ndarray, side: int = 11) -> float:
    """Wang et al. 2004, eq. 13 to 16, of one channel, window by window."""
    steps = np.arange(side) - side // 2
    line = np.exp(-(steps**2) / (2 * 1.5**2))
    weights = np.outer(line, line) / line.sum() ** 2
    x, y = said / 255, true / 255
    found = []
    for top in range(x.shape[0] - side + 1):
        for left in range(x.shape[1] - side + 1):
            a, b = (each[top : top + side, left : left + side] for each in (x, y))
            ma, mb = (weights * a).sum(), (weights * b).sum()
            va, vb = (weights * (a - ma) ** 2).sum(), (weights * (b - mb) ** 2).sum()
            both = (weights * (a - ma) * (b - mb)).sum()
            high = (2 * ma * mb + 1e-4) * (2 * both + 9e-4)
            found.append(high / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4)))
    return float(np.mean(found))


def test_similarity_is_that_of_its_formula() -> None:
    said, true = pair((1, 1, 19, 23))
    assert similarities(said, true)[0] == pytest.approx(by_hand(said[0, 0], true[0, 0]), abs=1e-12)


def test_small_pictures_are_seen_through_a_small_window() -> None:
    said, true = pair((1, 1, 6, 9))
    expected = by_hand(said[0, 0], true[0, 0], side=5)
    assert similarities(said, true)[0] == pytest.approx(expected, abs=1e-12)


def test_scores_agree_with_scikit_image() -> None:
    """0.26: structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=255, channel_axis=2) and peak_signal_noise_ratio of these very pictures."""
    rng = np.random.default_rng(0)
    for shape, similarity, ratio in (
        ((40, 57), 0.9181198454079902, 20.443867740913696),
        ((33, 32, 3), 0.9156610415699425, 20.42283884995455),
    ):
        said = np.clip(rng.normal(128, 60, shape), 0, 255).astype(np.uint8)
        true = np.clip(said + rng.normal(0, 25, shape), 0, 255).astype(np.uint8)
        x, y = (np.atleast_3d(each).transpose(2, 0, 1)[None] for each in (said, true))
        assert similarities(x, y)[0] == pytest.approx(similarity, abs=1e-12)
        assert decibels(squared_errors(x, y))[0] == pytest.approx(ratio, abs=1e-6)


def test_strips_and_groups_change_nothing() -> None:
    """Pictures too large to be looked at in one piece, and many small ones."""
    said, true = pair((1, 3, 300, 211))
    whole = np.mean([by_hand(said[0, c, :40, :40], true[0, c, :40, :40]) for c in range(3)])
    assert similarities(said[..., :40, :40], true[..., :40, :40])[0] == pytest.approx(whole)
    strips = [similarities(said[:, :, a : a + 11], true[:, :, a : a + 11]) for a in range(290)]
    assert similarities(said, true)[0] == pytest.approx(np.mean(strips), abs=1e-12)
    many = pair((70, 3, 32, 32))
    alone = [similarities(a[None], b[None])[0] for a, b in zip(*many, strict=True)]
    assert similarities(*many) == pytest.approx(alone, abs=1e-12)


def test_intensities_and_bytes_are_the_same() -> None:
    said, true = pair((2, 3, 20, 20))
    light = [(each / 255).astype(np.float32) for each in (said, true)]
    assert similarities(*light) == pytest.approx(similarities(said, true), abs=1e-5)
    assert squared_errors(*light) == pytest.approx(squared_errors(said, true), rel=1e-5)


def test_equal_pictures_are_as_good_as_can_be() -> None:
    said, _ = pair((2, 1, 20, 20))
    assert similarities(said, said) == pytest.approx([1.0, 1.0])
    assert PeakSignalToNoise().score({SQUARED: squared_errors(said, said)}, {}) == 100
