"""What holds for every split.

Their examples may name the fields 'label', 'part', 'group' (about one for every seven rows) and
'day' (a date).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import Split
from sonde.core.errors import DataError, UnknownColumn
from sonde.core.notice import listening
from sonde.core.port import PART
from sonde.core.registry import registry

PARTS = ("train", "valid", "test")


@dataclass
class Table:
    """Rows of a table that remembers which fields were looked at."""

    fields: dict[str, pa.Array]
    asked: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        return len(next(iter(self.fields.values())))

    def field(self, name: str) -> pa.ChunkedArray:
        self.asked.add(name)
        if name not in self.fields:
            raise UnknownColumn(name)
        return pa.chunked_array([self.fields[name]])


def table(count: int, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    return Table({
        "label": pa.array(rng.choice(["a", "b", "c"], count, p=[0.7, 0.2, 0.1])),
        "part": pa.array(rng.choice(["Training", " dev", "TEST"], count, p=[0.6, 0.2, 0.2])),
        PART: pa.array(rng.choice(["train", "test"], count, p=[0.8, 0.2])),
        "group": pa.array(rng.integers(0, -(-count // 7), count)),
        "day": pa.array(rng.integers(0, count // 2 + 1, count).astype("datetime64[D]")),
        "noise": pa.array(rng.normal(size=count)),
    })  # fmt: skip


@pytest.fixture(params=registry("split").examples(), ids=lambda s: s.kind)
def split(request: pytest.FixtureRequest) -> Split:
    assert isinstance(request.param, Split)
    return request.param


@pytest.mark.parametrize("count", [40, 200, 1001])
def test_parts_are_a_partition(split: Split, count: int) -> None:
    """No row is in two parts; what is in none, as a gap in time, is told with its number."""
    told: list[int] = []
    with listening(lambda _message, _important, facts: told.append(facts.get("left_out", 0))):
        folds = list(split.folds(table(count)))
    for made in folds:
        parts = [made.part(name) for name in PARTS]
        rows = np.concatenate(parts)
        assert len(np.unique(rows)) == len(rows) == count - sum(told)
        assert np.isin(rows, np.arange(count)).all()
        for part in parts:
            assert np.issubdtype(part.dtype, np.integer)
            assert (np.diff(part) > 0).all()
        assert len(made.train)


def test_equal_rows_are_split_equally(split: Split) -> None:
    first, second = list(split.folds(table(200))), list(split.folds(table(200)))
    for one, other in zip(first, second, strict=True):
        for name in PARTS:
            assert np.array_equal(one.part(name), other.part(name))


def test_only_declared_fields_are_looked_at(split: Split) -> None:
    rows = table(200)
    list(split.folds(rows))
    declared = {value for value in split.dump().values() if isinstance(value, str)}
    assert rows.asked <= declared | {PART}


def test_too_few_rows_are_refused_with_numbers(split: Split) -> None:
    with pytest.raises(DataError, match=r"\d"):
        list(split.folds(table(1)))


def test_groups_are_never_divided(split: Split) -> None:
    """Of a given split this holds for the rows it divides itself."""
    if split.grouped_by is None:
        pytest.skip("it has no groups")
    rows = table(1001)
    groups = rows.fields[split.grouped_by].to_numpy()
    for made in split.folds(rows):
        assert not np.intersect1d(groups[made.train], groups[made.valid]).size
        if split.kind != "given":
            assert not np.intersect1d(groups[np.r_[made.train, made.valid]], groups[made.test]).size


def test_as_many_assignments_as_said(split: Split) -> None:
    made = list(split.folds(table(200)))
    assert len(made) == split.num_assignments
    if split.num_assignments > 1:  # every row is judged, and each equally often
        tested = np.bincount(np.concatenate([one.test for one in made]), minlength=200)
        assert tested.min() == tested.max() >= 1
