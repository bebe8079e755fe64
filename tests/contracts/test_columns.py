"""What holds for every column, those of plug-ins included."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from sonde.contracts.data import UNSEEN, Column, Encoded, Ragged, Raw
from sonde.core.registry import registry
from sonde.core.spec import join_arrays, split_arrays
from sonde.core.text import from_json, to_json

CLOSE = 1e-6
"""How far floats may move when what was decoded is encoded again; integers may not move."""


@pytest.fixture(params=registry("column").examples(), ids=lambda c: c.kind)
def column(request: pytest.FixtureRequest) -> Column:
    assert isinstance(request.param, Column)
    return request.param.named("field")


def as_rows(values: list[Raw] | pa.Array) -> pa.RecordBatch:
    if isinstance(values, list) and values and isinstance(values[0], np.ndarray):
        values = pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(values))
    return pa.record_batch([values if isinstance(values, pa.Array) else pa.array(values)],
                           ["field"])  # fmt: skip


def rows_of(column: Column, count: int, seed: int) -> pa.RecordBatch:
    return as_rows(type(column).sample(count, seed))


def arrays_of(encoded: Encoded) -> np.ndarray | Ragged:
    if encoded.starts is None or encoded.lengths is None:
        return encoded.values
    return Ragged(encoded.values, encoded.starts, encoded.lengths)


def row_list(encoded: Encoded) -> list[np.ndarray]:
    """Each row's values, whether dense or ragged."""
    if encoded.starts is None or encoded.lengths is None:
        return list(encoded.values)
    ends = encoded.starts + encoded.lengths
    return [encoded.values[a:b] for a, b in zip(encoded.starts, ends, strict=True)]


def plain(column: Column) -> str:
    """All a column says and has learned, arrays by their bytes, as one text."""
    tree, arrays = split_arrays(column.dump(learned=True))
    return to_json([tree, {k: [v.dtype.str, v.tolist()] for k, v in arrays.items()}])


def test_encoding_is_a_fixed_point(column: Column) -> None:
    """What a column answers with can be given back to it; what is missing has no answer."""
    rows = rows_of(column, 60, 1)
    fitted = column.fit([rows])
    once = fitted.encode(rows)
    decoded = fitted.decode(arrays_of(once))
    assert not any(value is UNSEEN for value in decoded)
    again = fitted.encode(as_rows(decoded))
    assert not again.errors
    present = np.ones(60, bool) if once.present is None else once.present
    for known, before, after in zip(present, row_list(once), row_list(again), strict=True):
        if not known:
            continue
        tolerance = CLOSE if np.issubdtype(before.dtype, np.floating) else 0
        np.testing.assert_allclose(after, before, rtol=tolerance, atol=tolerance)


def test_what_was_learned_survives_json(column: Column) -> None:
    rows = rows_of(column, 60, 1)
    fitted = column.fit([rows])
    tree, arrays = split_arrays(fitted.dump(learned=True), "field")
    back = type(column).parse(join_arrays(from_json(to_json(tree)), arrays))
    assert plain(back) == plain(fitted)
    assert np.array_equal(back.encode(rows).values, fitted.encode(rows).values)


def test_the_recipe_survives_json_and_holds_nothing_learned(column: Column) -> None:
    fitted = column.fit([rows_of(column, 60, 1)])
    recipe = from_json(to_json(fitted.dump()))
    assert not set(recipe) & set(fitted.learned_fields())
    assert plain(type(column).parse(recipe).named("field")) == plain(column)


def test_only_rows_given_to_fit_are_learned_from(column: Column) -> None:
    """Neither an earlier fit nor encoding leaves a trace of other rows."""
    train, other = rows_of(column, 60, 1), rows_of(column, 60, 2)
    fitted = column.fit([train])
    assert plain(column.fit([train, other]).fit([train])) == plain(fitted)
    learned = plain(fitted)
    fitted.encode(other)
    assert plain(fitted) == learned
    canaries = set(map(str, other["field"].to_pylist())) - set(map(str, train["field"].to_pylist()))
    assert canaries
    assert not [canary for canary in canaries if to_json(canary) in learned]


def test_fitting_chunk_by_chunk_learns_the_same(column: Column) -> None:
    rows = rows_of(column, 60, 1)
    whole = column.fit([rows]).encode(rows)
    parts = column.fit([rows[:7], rows[7:7], rows[7:40], rows[40:]]).encode(rows)
    np.testing.assert_allclose(parts.values, whole.values, rtol=CLOSE, atol=CLOSE)


def test_a_row_is_encoded_by_itself(column: Column) -> None:
    """Chunk borders and neighbours do not matter, not even to the last bit."""
    rows = rows_of(column, 60, 1)
    fitted = column.fit([rows])
    whole = fitted.encode(rows)
    parts = [fitted.encode(rows[a:b]) for a, b in ((0, 1), (1, 30), (30, 60))]
    for one, many in zip(row_list(whole), [r for p in parts for r in row_list(p)], strict=True):
        assert one.dtype == many.dtype
        assert np.array_equal(one, many)
    if whole.present is not None:
        assert np.array_equal(whole.present, np.concatenate([p.present for p in parts]))


def test_what_no_training_row_had_is_strange_and_nothing_else_is(column: Column) -> None:
    """No training row is, however they are cut; a missing value is, where all rows had one.

    Those columns are free of it that say themselves that rows may lack their value.
    """
    values = type(column).sample(60, 1)
    rows = as_rows(values.filter(values.is_valid()))
    fitted = column.fit([rows])
    cuts = [rows[:0], rows[:7], rows[7:]]
    assert not [s for cut in cuts for s in fitted.strange(cut, fitted.encode(cut))]
    lacking = as_rows(pa.concat_arrays([rows["field"][:3], pa.nulls(1, values.type)]))
    encoded = fitted.encode(lacking)
    told = {error.row for error in encoded.errors}
    told |= {row for s in fitted.strange(lacking, encoded) for row in s.rows.tolist()}
    assert told <= {3}
    assert told or (fitted.port.optional and fitted.port.kind != "category")


def test_no_rows_encode_to_no_rows(column: Column) -> None:
    rows = rows_of(column, 60, 1)
    fitted = column.fit([rows])
    assert len(row_list(fitted.encode(rows[:0]))) == 0


def test_values_fit_the_port(column: Column) -> None:
    rows = rows_of(column, 60, 1)
    fitted = column.fit([rows])
    encoded, port = fitted.encode(rows), fitted.port
    assert not encoded.errors
    for row in row_list(encoded):
        axes = zip(row.shape[len(row.shape) - len(port.shape) :], port.shape, strict=True)
        assert all(size == wanted for size, wanted in axes if wanted is not None)
    if port.kind == "category":
        assert encoded.values.max() < port.classes + 2
    if np.issubdtype(encoded.values.dtype, np.floating):
        assert np.isfinite(encoded.values).all()
