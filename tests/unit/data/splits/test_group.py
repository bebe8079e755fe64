from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import Assignment
from sonde.core.errors import DataError
from sonde.core.notice import SondeWarning
from sonde.core.port import PART
from sonde.data.splits.given import Given
from sonde.data.splits.group import Group
from sonde.data.splits.kfold import KFold


@dataclass
class Fields:
    values: Mapping[str, Sequence[Any] | np.ndarray]

    @property
    def count(self) -> int:
        return len(next(iter(self.values.values())))

    def field(self, name: str) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(self.values[name])])


def patients(count: int = 60, seed: int = 0) -> Fields:
    """Patients with 1 to 12 rows each; one in three is ill, and all rows of a patient are alike."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 13, count)
    patient = np.repeat(np.arange(count), sizes)
    order = rng.permutation(len(patient))
    return Fields({"patient": patient[order], "ill": (patient % 3 == 0)[order]})


def disjoint(groups: np.ndarray, made: Assignment) -> bool:
    parts = [set(groups[made.part(name)].tolist()) for name in ("train", "valid", "test")]
    return sum(map(len, parts)) == len(set().union(*parts))


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_on_two_sides_and_parts_have_about_their_size(seed: int) -> None:
    rows = patients()
    (made,) = Group(by="patient", valid=0.15, test=0.2, seed=seed).folds(rows)
    assert disjoint(np.asarray(rows.values["patient"]), made)
    assert len(made.test) == pytest.approx(0.2 * rows.count, abs=3)
    assert len(made.valid) == pytest.approx(0.15 * rows.count, abs=3)


def test_other_seeds_draw_other_groups() -> None:
    rows = patients()
    first, second = (next(Group(by="patient", seed=seed).folds(rows)) for seed in (0, 1))
    assert not np.array_equal(first.test, second.test)


def test_a_class_keeps_its_proportion_as_nearly_as_groups_allow() -> None:
    rows = patients(120)
    ill = np.asarray(rows.values["ill"])
    for seed in range(5):
        (made,) = Group(by="patient", stratify="ill", seed=seed).folds(rows)
        assert disjoint(np.asarray(rows.values["patient"]), made)
        for part in (made.train, made.valid, made.test):
            assert ill[part].mean() == pytest.approx(ill.mean(), abs=0.03)


def test_three_groups_of_any_size_fill_three_parts() -> None:
    rows = Fields({"site": np.repeat(["a", "b", "c"], [1000, 3, 2])})
    (made,) = Group(by="site").folds(rows)
    assert sorted(map(len, (made.train, made.valid, made.test))) == [2, 3, 1000]
    assert len(made.train) == 1000


@pytest.mark.parametrize(("split", "sites", "message"), [
    (Group(by="site"), ["a"] * 9, "makes 1 group of 9 rows, and rows to train, valid, test need "
                                  "at least 3"),
    (Group(by="site", valid=0), ["a", "b"][:1] * 9, "rows to train, test need at least 2"),
    (KFold(num_folds=5, groups="site"), list("abcabc"), "3 groups of 6 rows, and 5 folds need at "
                                                        "least 5"),
])  # fmt: skip
def test_too_few_groups_are_told(split: Group | KFold, sites: list[str], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        list(split.folds(Fields({"site": sites})))


def test_groups_that_decide_the_class_are_refused() -> None:
    rows = Fields({"speaker": list("aabbccdd") * 5, "label": list("xxyyzzww") * 5})
    with pytest.raises(DataError, match="every value of 'label' lies in one group of 'speaker'"):
        list(Group(by="speaker", stratify="label").folds(rows))


def test_a_class_of_one_group_is_kept_for_training_and_told() -> None:
    group = np.repeat(np.arange(20), 5)
    rows = Fields({"group": group, "label": np.where(group == 7, "rare", group % 2).astype(str)})
    for seed in range(10):
        with pytest.warns(SondeWarning, match="1 of 3 values of 'label' lie in one group"):
            (made,) = Group(by="group", stratify="label", seed=seed).folds(rows)
        assert set(np.flatnonzero(group == 7)) <= set(made.train.tolist())


def test_rows_without_a_group_stay_together_and_are_told() -> None:
    values = [None if row % 10 == 0 else f"g{row % 9}" for row in range(90)]
    with pytest.warns(SondeWarning, match="9 rows have no value of 'who'"):
        (made,) = Group(by="who").folds(Fields({"who": values}))
    unknown = [row for row, value in enumerate(values) if value is None]
    assert any(set(unknown) <= set(made.part(p).tolist()) for p in ("train", "valid", "test"))


def test_folds_by_group_test_each_group_once_and_are_even() -> None:
    rows = patients(100)
    groups, ill = (np.asarray(rows.values[name]) for name in ("patient", "ill"))
    folds = list(KFold(num_folds=5, groups="patient", stratify="ill").folds(rows))
    assert np.array_equal(np.sort(np.concatenate([made.test for made in folds])), range(rows.count))
    for made in folds:
        assert disjoint(groups, made)
        assert len(made.test) == pytest.approx(rows.count / 5, rel=0.1)
        assert ill[made.test].mean() == pytest.approx(ill.mean(), abs=0.03)
        assert len(made.valid) == pytest.approx(0.1 * 0.8 * rows.count, abs=12)


@pytest.mark.parametrize("groups", [None, "patient"])
def test_nested_folds_rotate_validation_rows_around_one_test_part(groups: str | None) -> None:
    rows = patients()
    split = KFold(num_folds=3, inner_folds=4, groups=groups)
    folds = list(split.folds(rows))
    assert len(folds) == split.num_assignments == 12
    for outer in range(3):
        inner = folds[4 * outer : 4 * outer + 4]
        assert all(np.array_equal(made.test, inner[0].test) for made in inner)
        rotated = np.sort(np.concatenate([made.valid for made in inner]))
        assert np.array_equal(rotated, np.setdiff1d(np.arange(rows.count), inner[0].test))
        if groups:
            assert all(disjoint(np.asarray(rows.values[groups]), made) for made in inner)


def test_a_given_split_takes_validation_rows_by_group_and_keeps_its_test_part() -> None:
    track = np.repeat(np.arange(40), 5)
    parts = np.repeat(["train", "test"], [150, 50])
    (made,) = Given(groups="track", valid=0.2).folds(Fields({PART: parts, "track": track}))
    assert made.test.tolist() == list(range(150, 200))
    assert len(made.valid) == 30
    assert not set(track[made.valid]) & set(track[made.train])


def test_only_what_stands_before_a_sign_makes_a_group() -> None:
    """Frames of a track: `signs/a_b/00012_00003.png`."""
    track = np.repeat(np.arange(30), 6)
    names = [f"signs/a_b/{at:05}_{frame:05}.png" for frame, at in enumerate(track)]
    split = Group(by="picture", up_to="_")
    (made,) = split.folds(Fields({"picture": names}))
    assert disjoint(track, made)
    assert len(split.groups_of(pa.array(names)).unique()) == 30
    assert split.groups_of(pa.array(["plain", None])).to_pylist() == ["plain", None]
    for folds in (KFold(num_folds=3, groups="picture", up_to="_"),
                  Given(by="part", groups="picture", up_to="_")):  # fmt: skip
        parts = np.repeat(["train", "test"], [150, 30])
        for made in folds.folds(Fields({"picture": names, "part": parts})):
            assert disjoint(track, made)
    with pytest.raises(DataError, match=r"'_' goes with texts, and .* is of type int64"):
        list(split.folds(Fields({"picture": track})))
