"""Mixtures of codes: what is drawn is distributed like what was fitted."""

from __future__ import annotations

import numpy as np
import torch

from sonde.tasks._mixture import Mixture


def two_clouds(rows: int) -> np.ndarray:
    """(rows, 2): a third around (-4, 0) and round, the rest around (3, 1), narrow and slanted."""
    rng = np.random.default_rng(3)
    left = rng.normal((-4.0, 0.0), 1.0, (rows // 3, 2))
    along = rng.normal(0, 2, (rows - rows // 3, 1))
    right = np.array([3.0, 1.0]) + along * [1.0, 0.5] + rng.normal(0, 0.1, (len(along), 2))
    return np.concatenate([left, right])


def test_what_is_drawn_has_the_shares_means_and_covariances_of_the_codes() -> None:
    codes = two_clouds(3000)
    drawn = Mixture.of(codes, 2, seed=0).draw(6000, torch.Generator().manual_seed(0)).numpy()
    for side in (np.less, np.greater):
        true, found = codes[side(codes[:, 0], -1.5)], drawn[side(drawn[:, 0], -1.5)]
        assert abs(len(found) / len(drawn) - len(true) / len(codes)) < 0.03
        np.testing.assert_allclose(found.mean(axis=0), true.mean(axis=0), atol=0.15)
        np.testing.assert_allclose(np.cov(found.T), np.cov(true.T), atol=0.2)


def test_few_codes_get_few_components_and_wide_codes_none_of_their_covariances() -> None:
    assert len(Mixture.of(two_clouds(12), 50, seed=0).shares) == 2
    wide = np.random.default_rng(0).normal(size=(40, 70))
    factor = np.array(Mixture.of(wide, 1, seed=0).factors[0])
    np.testing.assert_array_equal(factor, np.diag(np.diag(factor)))
    np.testing.assert_allclose(np.diag(factor), wide.std(axis=0), rtol=1e-3)


def test_one_component_survives_json_and_draws_the_same() -> None:
    fitted = Mixture.of(two_clouds(300), 3, seed=0)
    again = Mixture.model_validate_json(fitted.model_dump_json())
    draws = [m.draw(5, torch.Generator().manual_seed(1)) for m in (fitted, again)]
    assert torch.equal(*draws)
