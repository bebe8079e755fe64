"""Errors carry their exit code and name what was probably meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.core import errors

CODES = {
    "SondeError": 70,
    "UsageError": 2,
    "RecipeError": 2,
    "UnknownKind": 2,
    "UnknownColumn": 2,
    "DataError": 65,
    "DamagedBundle": 65,
    "MissingPackage": 69,
    "RunLocked": 73,
    "StorageError": 74,
    "Interrupted": 75,
}


def test_every_error_has_the_exit_code_it_promises() -> None:
    found = {
        name: value.exit_code
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.SondeError)
    }
    assert found == CODES


@pytest.mark.parametrize("base", [ValueError, OSError, ImportError])
def test_errors_are_caught_as_python_would_expect(base: type[Exception]) -> None:
    ours = {ValueError: errors.DataError, OSError: errors.StorageError}
    assert issubclass(ours.get(base, errors.MissingPackage), base)


@pytest.mark.parametrize(
    ("asked", "known", "meant"),
    [
        ("prise", ["price", "rooms"], "price"),
        ("PRICE", ["price", "rooms"], "price"),
        ("zzz", ["price", "rooms"], None),
        ("", [], None),
    ],
)
def test_the_nearest_name_is_what_was_meant(
    asked: str, known: list[str], meant: str | None
) -> None:
    assert errors.nearest(asked, known) == meant


@given(st.lists(st.text(max_size=5), unique=True, max_size=60), st.integers(1, 20))
def test_a_listing_counts_what_it_leaves_out(names: list[str], most: int) -> None:
    shown = errors.listed(names, most)
    if len(names) <= most:
        assert shown == (", ".join(names) or "none")
    else:
        assert shown == ", ".join(names[:most]) + f", ... ({len(names) - most} more)"


def test_the_sentence_for_an_unknown_name() -> None:
    assert errors.unknown("column", "prise", ["rooms", "price"]) == (
        "unknown column 'prise'. Did you mean 'price'? Known: price, rooms"
    )
    assert errors.unknown("column", "zzz", ["price"]) == "unknown column 'zzz'. Known: price"
