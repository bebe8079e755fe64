"""Rows that are told: texts and series of differing length beside a number and a class."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def told(rows: int) -> pa.Table:
    """What is said, measured and sorted; some rows say nothing, and rows differ in length."""
    rng = np.random.default_rng(9)
    words = np.array(["good", "bad", "film", "plot", "actor", "the", "a"])
    mood, lengths = rng.integers(0, 2, rows), rng.integers(0, 12, rows)
    said = [" ".join([words[m], *rng.choice(words[2:], n)]) if n else ""
            for m, n in zip(mood, lengths, strict=True)]  # fmt: skip
    series = [rng.normal(m, 1, n + 1).tolist() for m, n in zip(mood, lengths, strict=True)]
    gap = rng.random(rows) < 0.1
    return pa.table(
        {
            "said": said,
            "series": series,
            "size": pa.array(rng.normal(size=rows), mask=gap),
            "sort": rng.choice(["x", "y"], rows),
            "label": np.where(mood ^ (rng.random(rows) < 0.1), "liked", "not"),
        }
    )
