"""Batches: a step number is all that is needed to go on."""

from __future__ import annotations

import threading
from itertools import islice

import numpy as np
import pytest
import torch

from sonde.contracts.sampler import Sampler
from sonde.core.batch import Batch, Padded, tensor_of
from sonde.core.port import ROW
from sonde.core.registry import registry
from sonde.data import batches
from sonde.data.batches import Gather, StoreBatches
from sonde.data.store import StoredColumn

ROWS = 23
LENGTHS = np.array([3, 0, 5, 1] * 6, np.int64)[:ROWS]


def dense() -> dict[str, StoredColumn]:
    values = np.arange(ROWS * 2, dtype=np.float32).reshape(ROWS, 2)
    label = np.arange(ROWS, dtype=np.uint16) % 3
    present = np.arange(ROWS) % 2 == 0
    return {
        "x": StoredColumn(values, None, None, present, ()),
        "label": StoredColumn(label, None, None, None, ()),
    }


def ragged() -> dict[str, StoredColumn]:
    """Row r is r, r, ... as often as its length; windows lie back to front."""
    starts = LENGTHS.sum() - np.cumsum(LENGTHS)
    values = np.empty(LENGTHS.sum(), np.int32)
    for row, (start, length) in enumerate(zip(starts, LENGTHS, strict=True)):
        values[start : start + length] = row
    return dense() | {"words": StoredColumn(values, starts, LENGTHS, None, ())}


def made(store: dict[str, StoredColumn], rows: np.ndarray, run_seed: int = 0) -> StoreBatches:
    sampler = registry("sampler").load("shuffle")()
    assert isinstance(sampler, Sampler)
    return StoreBatches(Gather(store), rows, sampler, 4, run_seed)


def numbers(batch: Batch) -> list[int]:
    found: list[int] = tensor_of(batch, "#row").tolist()
    return found


@pytest.fixture(params=[dense, ragged])
def store(request: pytest.FixtureRequest) -> dict[str, StoredColumn]:
    found: dict[str, StoredColumn] = request.param()
    return found


@pytest.mark.parametrize("step", [0, 1, 5, 6, 17])
def test_from_any_step_on_come_the_batches_of_the_straight_way(
    store: dict[str, StoredColumn], step: int
) -> None:
    rows = np.arange(2, ROWS)
    straight = [numbers(batch) for batch in islice(made(store, rows), step + 8)]
    later = made(store, rows)
    later.seek(step)
    assert [numbers(batch) for batch in islice(later, 8)] == straight[step:]


@pytest.mark.parametrize("step", [0, 1, 4, 5])
def test_batches_taken_together_are_those_taken_one_by_one(
    store: dict[str, StoredColumn], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever one begins, they lie as far from the start of their memory."""
    together = made(store, np.arange(ROWS))
    assert Gather(store).at_once(4) > 6
    together.seek(step)
    found = list(islice(together, 8))
    straight = list(islice(made(store, np.arange(ROWS)), 13))[step:]
    monkeypatch.setattr(batches, "_MOST_AT_ONCE", 1)
    alone = made(store, np.arange(ROWS))
    alone.seek(step)
    for one, other, whole in zip(found, islice(alone, 8), straight, strict=False):
        assert one.keys() == other.keys()
        for name in one:
            for pair in zip(parts(one[name]), parts(other[name]), parts(whole[name]), strict=True):
                assert torch.equal(pair[0], pair[1])
                assert pair[0].storage_offset() == pair[2].storage_offset()


def test_an_epoch_meets_each_row_of_the_part_once(store: dict[str, StoredColumn]) -> None:
    rows = np.array([1, 4, 5, 9, 11, 20])
    data = made(store, rows)
    assert data.steps_per_epoch is not None
    met = [row for batch in islice(data, data.steps_per_epoch) for row in numbers(batch)]
    assert sorted(met) == rows.tolist()


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    rows = np.arange(ROWS)
    epochs = [numbers(batch) for batch in islice(made(dense(), rows), 12)]
    assert epochs[:6] != epochs[6:]
    assert epochs[:6] != [numbers(batch) for batch in islice(made(dense(), rows, 1), 6)]


def test_values_belong_to_their_rows(store: dict[str, StoredColumn]) -> None:
    for batch in islice(made(store, np.arange(ROWS)), 6):
        rows = torch.tensor(numbers(batch))
        assert torch.equal(tensor_of(batch, "x"), torch.stack([rows * 2, rows * 2 + 1], 1).float())
        assert torch.equal(tensor_of(batch, "label"), (rows % 3).int())
        assert torch.equal(tensor_of(batch, "#present:x"), rows % 2 == 0)


def test_ragged_rows_are_padded_with_zeros_to_the_longest() -> None:
    rows = np.array([2, 1, 0, 3])
    words = Gather(ragged())(rows)["words"]
    assert isinstance(words, Padded)
    assert words.lengths.tolist() == [5, 0, 3, 1]
    expected = [[2] * 5, [0] * 5, [0] * 5, [3, 0, 0, 0, 0]]
    assert words.values.tolist() == expected
    assert words.mask().sum(dim=1).tolist() == [5, 0, 3, 1]
    empty = Gather(ragged())(np.array([1, 5]))["words"]
    assert isinstance(empty, Padded)
    assert empty.values.shape == (2, 0)


@pytest.mark.parametrize("rows", [[3, 3, 0], [1, 5], [6]])
def test_what_is_read_from_disk_is_what_lies_in_memory(
    store: dict[str, StoredColumn], rows: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = Gather(store)
    monkeypatch.setattr(batches, "_RESIDENT", 0)
    read = Gather(store)
    assert resident.in_memory
    assert not read.in_memory
    one, other = resident(np.array(rows)), read(np.array(rows))
    assert one.keys() == other.keys()
    for name in one:
        for found, wanted in zip(parts(one[name]), parts(other[name]), strict=True):
            assert found.dtype == wanted.dtype
            assert torch.equal(found, wanted)


def parts(value: object) -> tuple[torch.Tensor, ...]:
    if isinstance(value, Padded):
        return value
    assert isinstance(value, torch.Tensor)
    return (value,)


def test_steps_of_several_numbers_are_padded_like_words(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    starts, lengths = np.array([4, 0, 1]), np.array([6, 0, 3])  # windows may overlap
    series = {"series": StoredColumn(values, starts, lengths, None, ())}
    resident = Gather(series)(np.array([2, 0, 1]))["series"]
    monkeypatch.setattr(batches, "_RESIDENT", 0)
    read = Gather(series)(np.array([2, 0, 1]))["series"]
    assert isinstance(resident, Padded)
    assert resident.values.shape == (3, 6, 2)
    assert resident.values[0].tolist() == [[2, 3], [4, 5], [6, 7], [0, 0], [0, 0], [0, 0]]
    assert all(torch.equal(*pair) for pair in zip(parts(resident), parts(read), strict=True))


def test_the_padding_of_a_plan_is_said_beside_that_of_any_order() -> None:
    """Six rows of one step and three of nine, in batches of three."""
    lengths = np.array([1, 1, 9, 1, 9, 1, 1, 9, 1])
    starts = np.cumsum(lengths) - lengths
    words = {"words": StoredColumn(np.ones(33, np.int32), starts, lengths, None, ())}
    rows, shuffle = np.arange(9), registry("sampler").load("shuffle")()
    assert isinstance(shuffle, Sampler)
    said = StoreBatches(Gather(words), rows, shuffle, 3, 0).padding()
    assert said is not None and said.startswith("0% of the steps in a batch are none: rows of like")
    told = shuffle.model_copy(update={"pool": 1})
    plain = StoreBatches(Gather(words), rows, told, 3, 0).padding()
    assert plain is not None and not plain.startswith("0%") and "like" not in plain
    assert StoreBatches(Gather(dense()), rows, shuffle, 3, 0).padding() is None


def test_pairs_go_together_by_the_longer_one() -> None:
    """Rows of 1 and 9 steps, of 5 and 5 and of 9 and 9: by their sum the first two would meet."""
    long, short = np.array([9, 5, 9] * 4), np.array([1, 5, 9] * 4)

    def column(lengths: np.ndarray) -> StoredColumn:
        starts = np.cumsum(lengths) - lengths
        return StoredColumn(np.ones(lengths.sum(), np.int32), starts, lengths, None, ())

    shuffle = registry("sampler").load("shuffle")()
    assert isinstance(shuffle, Sampler)
    pairs = Gather({"long": column(long), "short": column(short)})
    planned = iter(StoreBatches(pairs, np.arange(12), shuffle, 4, 0))
    rows = [set((tensor_of(next(planned), ROW) % 3).tolist()) for _ in range(3)]
    assert rows.count({1}) == 1, rows


def test_the_thread_that_reads_ahead_ends_with_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_RESIDENT", 0)
    before = set(threading.enumerate())
    reader = iter(made(ragged(), np.arange(ROWS)))
    next(reader)
    [thread] = set(threading.enumerate()) - before
    reader.close()  # type: ignore[attr-defined]  # a generator
    thread.join(10)
    assert not thread.is_alive()


def test_what_goes_wrong_ahead_reaches_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_RESIDENT", 0)
    data = made(ragged(), np.arange(ROWS))
    monkeypatch.setattr(StoredColumn, "take", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(iter(data))
