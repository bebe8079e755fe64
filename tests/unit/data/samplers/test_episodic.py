"""Episodes: as many classes and rows as asked for, every class as often as any other."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.sampler import StoreIndex
from sonde.core.errors import DataError, UsageError
from sonde.core.seed import numpy_rng
from sonde.data.samplers.episodic import Episodic

CLASSES = np.repeat(np.arange(12), 10)
GROUPS = np.repeat([0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1], 10)  # seven classes and five


def index_of(classes: np.ndarray, groups: np.ndarray | None = None) -> StoreIndex:
    """Every third position of a store."""
    encoded = {"label": classes, "alphabet": groups}
    rows = np.arange(len(classes), dtype=np.int64) * 3 + 1
    return StoreIndex(rows, encoded.__getitem__)  # type: ignore[arg-type]


def test_an_episode_has_ways_classes_of_shots_and_queries_rows_each() -> None:
    sampler = Episodic(by="label", ways=4, shots=2, queries=3, episodes=10, at_once=3)
    plan = sampler.plan(index_of(CLASSES), 0, 0, numpy_rng(0, 0))
    assert len(plan) == 3  # whole batches only
    for batch in (plan[k] for k in range(len(plan))):
        for episode in batch.reshape(3, 4, 5):
            classes = CLASSES[episode // 3]
            assert (classes == classes[:, :1]).all()  # a class's rows stand together
            assert len(set(classes[:, 0])) == 4
            assert len(set(episode.ravel())) == 20  # no row twice


@pytest.mark.parametrize("within", [None, "alphabet"])
def test_every_class_and_row_is_as_likely_as_any_other(within: str | None) -> None:
    """Classes of the larger alphabet too, and rare classes as well as common ones."""
    times = np.where(CLASSES < 3, 1, 2)
    classes, groups = CLASSES.repeat(times), GROUPS.repeat(times)
    sampler = Episodic(by="label", ways=3, shots=1, queries=2, within=within, episodes=4000)
    plan = sampler.plan(index_of(classes, groups), 0, 0, numpy_rng(0, 0))
    picked = classes[plan.order // 3]
    expected = 4000 * 3 / 12
    counts = np.bincount(picked[::3], minlength=12)
    assert counts.sum() == 12_000
    # a class is in an episode or not: binomial, a quarter of the time; five deviations
    assert np.abs(counts - expected).max() < 5 * np.sqrt(4000 * 0.25 * 0.75)
    rows = np.bincount(plan.order[picked == 0] // 3)[:10]
    assert rows.min() > 0.7 * rows.mean()


def test_the_classes_of_an_episode_share_what_they_are_asked_to() -> None:
    sampler = Episodic(by="label", ways=5, shots=1, queries=1, within="alphabet")
    plan = sampler.plan(index_of(CLASSES, GROUPS), 0, 0, numpy_rng(0, 0))
    met = [set(GROUPS[plan[k] // 3]) for k in range(len(plan))]
    assert all(len(groups) == 1 for groups in met)
    assert {0} in met and {1} in met


def test_epochs_differ_and_have_equally_many_batches() -> None:
    sampler = Episodic(by="label", episodes=7)
    plans = [sampler.plan(index_of(CLASSES), 0, e, numpy_rng(0, e)) for e in (0, 0, 1)]
    assert np.array_equal(plans[0].order, plans[1].order)
    assert not np.array_equal(plans[0].order, plans[2].order)
    assert {len(plan) for plan in plans} == {7}


def test_fewer_classes_than_ways_are_refused() -> None:
    with pytest.raises(DataError, match=r"need 20 classes of 'label', and these rows have 12"):
        Episodic(by="label", ways=20).plan(index_of(CLASSES), 0, 0, numpy_rng(0, 0))
    with pytest.raises(DataError, match=r"of one 'alphabet', and these rows have 7"):
        sampler = Episodic(by="label", ways=8, within="alphabet")
        sampler.plan(index_of(CLASSES, GROUPS), 0, 0, numpy_rng(0, 0))


def test_too_few_rows_for_the_shots_are_refused() -> None:
    with pytest.raises(DataError, match=r"need 14 rows of each class; 0 of 12 .* largest has 10"):
        Episodic(by="label", shots=9).plan(index_of(CLASSES), 0, 0, numpy_rng(0, 0))


@pytest.mark.filterwarnings("error")
def test_small_classes_are_left_out_and_counted() -> None:
    classes = np.concatenate([CLASSES, [12, 12]])
    with pytest.raises(Warning, match=r"1 of 13 classes of 'label' are in no episode"):
        Episodic(by="label").plan(index_of(classes), 0, 0, numpy_rng(0, 0))


def test_a_column_of_numbers_has_no_classes() -> None:
    with pytest.raises(UsageError, match="cannot make episodes by 'label'"):
        Episodic(by="label").plan(index_of(CLASSES * 0.5), 0, 0, numpy_rng(0, 0))
