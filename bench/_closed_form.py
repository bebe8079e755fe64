"""The closed form of linear regression, by scikit-learn, on the rows of a recipe.

The same split and the same encoded columns: standardised numbers, an indicator for each missing
one, one-hot categories.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sonde.contracts.recipe import Recipe
from sonde.core.port import RESERVED
from sonde.data.store import Store
from sonde.run.directory import RunDirectory
from sonde.tasks.regression import Regression
from sonde.workflow.prepare import Prepared, prepare


def closed_form_rmse(recipe: Recipe, folder: Path) -> float:
    """Root mean squared error on the test rows, in the target's unit.

    Args:
        recipe: a regression on a source of its own.
        folder: empty; what preparing writes goes there.
    """
    from sklearn.linear_model import LinearRegression

    assert recipe.source is not None and isinstance(recipe.task, Regression)
    prepared = prepare(recipe, recipe.source, RunDirectory(folder), recipe.source.fingerprint())
    target = recipe.task.target
    known = prepared.data.store[target].values
    train, test = prepared.parts.train, prepared.parts.test
    features = np.column_stack(
        [_features(name, prepared) for name in prepared.columns if name != target]
    )
    model = LinearRegression().fit(features[train], known[train].astype(np.float64))
    decode = prepared.columns[target].decode
    errors = np.subtract(decode(model.predict(features[test])), decode(known[test]))
    return float(np.sqrt(np.mean(errors**2)))


def _features(name: str, prepared: Prepared) -> np.ndarray:
    """(N, P) float64: one column as numbers."""
    store: Store = prepared.data.store
    stored, port = store[name], prepared.columns[name].port
    if port.kind == "category":
        indicators: np.ndarray = np.eye(port.classes + RESERVED)[stored.values]
        return indicators
    assert port.kind == "scalar", f"{name} is a {port.kind}"
    missing = np.zeros(len(stored.values)) if stored.present is None else ~stored.present
    return np.column_stack([stored.values, missing]).astype(np.float64)
