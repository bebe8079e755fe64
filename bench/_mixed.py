"""A table of ten mixed columns, made from a seed: five numbers, four categories, a binary target.

Numbers are whole and real, even and heavy-tailed, with up to a tenth of them missing; categories
have 3, 5, 200 and 5,000 values, some of them rare; the target depends on three of the numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

NUMBERS = ("age", "income", "balance", "visits", "score")
CATEGORIES = ("city", "product", "device", "plan")
TARGET = "bought"

_AT_ONCE = 500_000


def write_mixed(path: Path, rows: int, seed: int = 0) -> None:
    """Write the CSV file."""
    rng = np.random.default_rng(seed)
    writer = None
    for start in range(0, rows, _AT_ONCE):
        table = _some(rng, min(_AT_ONCE, rows - start))
        if writer is None:
            bare = csv.WriteOptions(quoting_style="none")
            writer = csv.CSVWriter(str(path), table.schema, write_options=bare)
        writer.write(table)
    if writer is not None:
        writer.close()


def _some(rng: np.random.Generator, count: int) -> pa.Table:
    def lacking(values: np.ndarray, share: float) -> pa.Array:
        return pa.array(values, mask=rng.random(count) < share)

    age, visits = rng.integers(18, 90, count), rng.poisson(20, count)
    income = np.round(rng.lognormal(10, 1, count), 2)
    logit = (age - 50) / 20 + np.log(income) - 10 + (visits - 20) / 10
    city = (rng.zipf(1.3, count) - 1) % 200
    devices = np.array(["phone", "tablet", "laptop", "desktop", "tv"])
    plans = np.array(["free", "basic", "pro"])
    return pa.table(
        {
            "age": lacking(age, 0.03),
            "income": lacking(income, 0.05),
            "balance": rng.normal(0, 1000, count).round(6),
            "visits": visits,
            "score": lacking(rng.random(count).round(4), 0.1),
            "city": _named("city {:03d}", 200).take(pa.array(city)),
            "product": _named("P-{:05d}", 5000).take(pa.array(rng.integers(0, 5000, count))),
            "device": lacking(devices[rng.integers(0, 5, count)], 0.02),
            "plan": plans[rng.integers(0, 3, count)],
            "bought": np.where(rng.random(count) < 1 / (1 + np.exp(-logit)), "yes", "no"),
        }
    )


def _named(form: str, count: int) -> pa.Array:
    return pa.array([form.format(number) for number in range(count)])
