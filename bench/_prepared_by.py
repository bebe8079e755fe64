"""One preparation, in a process of its own: `python -m bench._prepared_by sonde FILE.csv FOLDER`.

Prints the seconds it took, by the clock and of all cores together, as JSON. Imports are not
counted. Each way divides rows 70 : 15 : 15 in proportion to the target, fits on training rows alone
and encodes all rows: numbers standardised, missing ones as the mean with a mark, categories as
their places among those of the training rows.

- sonde: from the file to the store, with an empty cache.
- pandas: `read_csv(engine="pyarrow")`, which is its fastest reader; `train_test_split`; a
  `ColumnTransformer` of `SimpleImputer(add_indicator=True)` and `StandardScaler`, and of
  `OrdinalEncoder`, which is faster than one-hot encoding; arrays in memory.
- train: Sonde's whole run besides: one epoch, judged beside its rivals, reported and sealed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench._mixed import CATEGORIES, NUMBERS, TARGET


def recipe() -> dict[str, Any]:
    """The columns declared, as the peer is told them; a dense network, one epoch."""
    columns = dict.fromkeys(NUMBERS, "number") | dict.fromkeys((*CATEGORIES, TARGET), "category")
    return {
        "columns": columns,
        "task": {"kind": "classification", "target": TARGET},
        "model": {"kind": "dense", "hidden": [64]},
        "paradigm": {"kind": "supervised", "batch_size": 4096, "budget": {"epochs": 1}},
    }


def by_sonde(file: str, folder: Path) -> Callable[[], object]:
    """Split, fitted columns and store."""
    import pyarrow as pa

    from sonde.contracts.recipe import Recipe
    from sonde.core.device import keep_freed_memory
    from sonde.data.kept import Kept
    from sonde.data.sources.table import Table
    from sonde.run.directory import claim
    from sonde.workflow.prepare import prepare

    asked = Recipe.parse(recipe(), where="recipe")
    pa.array([])  # with its first array pyarrow imports pandas, where that is installed

    def work() -> object:
        keep_freed_memory()  # as every run does
        source = Kept.of(Table(file))
        identity = {"recipe": asked.identity(), "data": source.fingerprint()}
        return prepare(asked, source, claim(folder / "run", identity), source.fingerprint())

    return work


def by_pandas(file: str, folder: Path) -> Callable[[], object]:  # noqa: ARG001  # all have one form
    """A transformer and the encoded parts."""
    import numpy as np
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    def work() -> object:
        frame = pd.read_csv(file, engine="pyarrow")
        target = frame.pop(TARGET).astype("category")
        train, rest, _, of_rest = train_test_split(
            frame, target, test_size=0.3, stratify=target, random_state=0
        )
        del frame
        valid, test = train_test_split(rest, test_size=0.5, stratify=of_rest, random_state=0)
        del rest
        places = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32
        )
        numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
        columns = ColumnTransformer(
            [("n", numbers, list(NUMBERS)), ("c", places, list(CATEGORIES))]
        )
        return columns.fit_transform(train), columns.transform(valid), columns.transform(test)

    return work


def by_training(file: str, folder: Path) -> Callable[[], object]:
    """A run from the file to the sealed model."""
    import sonde
    from sonde.data.sources.table import Table

    return lambda: sonde.fit(recipe(), Table(file), run_dir=folder / "trained")


WAYS = {"sonde": by_sonde, "pandas": by_pandas, "train": by_training}


def main() -> None:
    """Prepare once and say how long it took."""
    way, file, folder = sys.argv[1:]
    work = WAYS[way](file, Path(folder))
    clock, cores = time.perf_counter(), time.process_time()
    work()
    took = {"seconds": time.perf_counter() - clock, "core_seconds": time.process_time() - cores}
    print(json.dumps(took))


if __name__ == "__main__":
    main()
