"""How lifelike drawn frames are: Fréchet distances in the features of our own frame classifier.

    python examples/compare_frames.py runs/frames-vae runs/frames-gan runs/frames-autoencoder

after the recipe frames-classifier and these, each into the run of its name. Real frames are
recorded anew under another seed, so that nothing was trained on them. Writes frames.png into the
first folder: a row of real frames, then one of each model's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

import sonde
from sonde.contracts.data import Source
from sonde.core.picture import png, sheet
from sonde.core.text import from_yaml
from sonde.data.kept import Kept
from sonde.tasks._frechet import Moments, distance, moments

ROOT = Path(__file__).resolve().parent
COUNT, SHOWN = 2000, 8


def main(*runs: str) -> None:
    """A line for each run, and what other real frames come to."""
    judge = sonde.Bundle.load("runs/frames-classifier/model.sonde")
    real, more = recorded(seed=1), recorded(seed=2)
    truth = seen_by(judge, real)
    print(f"other real frames: {distance(truth, seen_by(judge, more)):.3f}")
    pictures = decoded(judge, real)[:SHOWN]
    for run in runs:
        bundle = sonde.Bundle.load(Path(run) / "model.sonde")
        drawn = [row["image"] for row in bundle.predict(count=COUNT, seed=1)]
        rows = pa.RecordBatch.from_pydict({"image": [png(picture) for picture in drawn]})
        print(f"{run}: {distance(truth, seen_by(judge, rows)):.3f}")
        pictures += drawn[:SHOWN]
    (Path(runs[0]) / "frames.png").write_bytes(png(sheet(pictures, SHOWN)))


def recorded(seed: int) -> pa.RecordBatch:
    """Frames as in the recipe, of another seed."""
    asked = from_yaml((ROOT / "frames-classifier.yaml").read_text(encoding="utf-8"))["source"]
    source = Kept.of(Source.parse(asked | {"seed": seed, "count": COUNT}))
    table = pa.Table.from_batches(source.scan(["image"]))
    return table.combine_chunks().to_batches()[0]


def seen_by(judge: sonde.Bundle, rows: pa.RecordBatch) -> Moments:
    """Mean and covariance of the judge's features."""
    parts = [judge.features(rows.slice(start, 256)) for start in range(0, rows.num_rows, 256)]
    return moments(np.concatenate(parts))


def decoded(judge: sonde.Bundle, rows: pa.RecordBatch) -> list[np.ndarray]:
    """The pictures as arrays."""
    column = judge.columns["image"]
    found: list[np.ndarray] = column.decode(column.encode(rows.slice(0, SHOWN)).values)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
