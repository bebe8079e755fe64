"""The houses' error on all rows, and on those that published comparisons keep.

    python -m bench.houses runs/results/houses-table-0-...

A widely copied comparison (Rosebrock 2019, "Keras, Regression, and CNNs", after Ahmed and Moustafa
2016, arXiv:1609.08399) leaves out every zip code with fewer than 25 houses, which are the rows of
least company and largest error. Both figures are of the same answers; nothing is trained anew.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from sonde.data.picked import picked
from sonde.metrics.mape import MeanAbsolutePercentageError
from sonde.run.directory import RunDirectory
from sonde.workflow.fit import as_recipe, open_source
from sonde.workflow.judged import read_answers

FEWEST = 25
"""Houses of a zip code that the published comparison keeps."""


def main(argv: Sequence[str]) -> int:
    """A line for each run of folds."""
    for path in map(Path, argv):
        every, kept, rows, left = errors(path)
        print(f"{path.name}: {every:.2%} of {rows} rows; {kept:.2%} of the {left} rows "
              f"whose zip code has {FEWEST} houses or more")  # fmt: skip
    return 0


def errors(path: Path) -> tuple[float, float, int, int]:
    """MAPE on all rows and on those that are kept, and how many there are of each."""
    folds = [RunDirectory(place) for place in sorted(path.glob("fold-*"))]
    judged = [read_answers(fold).judged for fold in folds]
    rows = np.concatenate([each.rows for each in judged])
    said, true = (
        np.concatenate([getattr(each, part)["value"] for each in judged])
        for part in ("predicted", "truth")
    )
    source = open_source(as_recipe(str(folds[0].recipe)), None)
    order = np.argsort(rows)
    [chunk] = picked(source, ["zipcode"], rows[order])
    codes = chunk.column("zipcode")
    counts = {item["values"]: item["counts"] for item in pc.value_counts(codes).to_pylist()}
    common = np.array([counts[code] >= FEWEST for code in codes.to_pylist()])[np.argsort(order)]
    mape = MeanAbsolutePercentageError()
    scores = [
        mape.score({"value": said[where]}, {"value": true[where]})
        for where in (np.ones(len(rows), bool), common)
    ]
    return scores[0], scores[1], len(rows), int(common.sum())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
