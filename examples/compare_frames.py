"""How lifelike drawn frames are: Fréchet distances in the features of our own frame classifier.

    python examples/compare_frames.py runs/frames-vae runs/frames-gan runs/frames-autoencoder

after the recipe frames-classifier and these, each into the run of its name. Real frames are
recorded anew under another seed, so that nothing was trained on them. A plain autoencoder has no
codes of its own to draw: it is given normal ones, with mean and covariance of real frames' codes.
Writes frames.png into the first folder: a row of real frames, then one of each model's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

import sonde
from sonde.contracts.data import Source
from sonde.core.batch import as_arrays
from sonde.core.code import CODE
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
        drawn = drawn_by(bundle, real)
        rows = pa.RecordBatch.from_pydict({"image": [png(picture) for picture in drawn]})
        print(f"{run}: {distance(truth, seen_by(judge, rows)):.3f}")
        pictures += drawn[:SHOWN]
    (Path(runs[0]) / "frames.png").write_bytes(png(sheet(pictures, SHOWN)))


def drawn_by(bundle: sonde.Bundle, real: pa.RecordBatch) -> list[np.ndarray]:
    """Frames that a model draws; of a plain autoencoder, from codes like those of real ones."""
    if bundle.task.draws:
        return [row["image"] for row in bundle.predict(count=COUNT, seed=1)]
    codes = np.array([row["code"] for row in bundle.predict(real, give="code")])
    rng = np.random.default_rng(1)
    like = rng.multivariate_normal(codes.mean(axis=0), np.cov(codes.T), COUNT)
    with torch.no_grad():
        outputs = bundle.network({CODE: torch.from_numpy(like.astype(np.float32))})
    said = as_arrays(bundle.task.read(outputs, bundle.task.Options()))
    pixels = np.rint(said["0:said"] * 255).astype(np.uint8)
    found: list[np.ndarray] = bundle.columns["image"].decode(pixels)
    return found


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
