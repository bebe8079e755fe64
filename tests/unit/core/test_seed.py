"""Randomness follows from the place alone."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from sonde.core import seed

parts = st.integers() | st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=8)
places = st.lists(parts, min_size=1, max_size=5)


@given(places, places)
def test_keys_differ_wherever_places_do(one: list[int | str], other: list[int | str]) -> None:
    assert (seed.key(*one) == seed.key(*other)) == (
        [(type(part), part) for part in one] == [(type(part), part) for part in other]
    )


@given(places)
def test_a_key_is_a_seed_for_torch_and_numpy(place: list[int | str]) -> None:
    assert 0 <= seed.key(*place) < 2**63


def test_a_number_and_its_text_are_two_places() -> None:
    assert seed.key(0, "1") != seed.key(0, 1) != seed.key("0", 1)
    assert seed.key(1, 2) != seed.key(12) != seed.key(2, 1)


def test_a_key_never_changes() -> None:
    """Runs of yesterday are resumed today: this number may not change."""
    assert seed.key(0, "train", 17) == 7859747868318128628


@given(st.integers(0, 50), st.integers(0, 50))
def test_what_is_drawn_at_a_place_does_not_depend_on_what_was_drawn_before(
    before: int, between: int
) -> None:
    seed.begin(3, "train", 8)
    expected = torch.rand(4), torch.rand(2, generator=seed.generator("augment"))
    torch.rand(before)
    seed.begin(3, "train", 7)
    torch.rand(between)
    seed.begin(3, "train", 8)
    found = torch.rand(4), torch.rand(2, generator=seed.generator("augment"))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_purposes_and_pieces_of_a_place_draw_apart() -> None:
    seed.begin(0, "train", 1)
    first = torch.rand(4)
    seed.reseed("call", 0)
    second = torch.rand(4)
    seed.reseed("call", 1)
    third = torch.rand(4)
    seed.reseed("call", 0)
    assert torch.equal(torch.rand(4), second)
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)
    augment, mix = (torch.rand(4, generator=seed.generator(p)) for p in ("augment", "mix"))
    assert not torch.equal(augment, mix)


def test_drawing_from_a_generator_leaves_the_global_one_alone() -> None:
    seed.begin(0, "train", 1)
    expected = torch.rand(4)
    seed.begin(0, "train", 1)
    torch.rand(100, generator=seed.generator("augment"))
    assert torch.equal(torch.rand(4), expected)


def test_numpy_draws_by_the_place_too() -> None:
    first = seed.numpy_rng(0, "shuffle", 3).permutation(100)
    np.testing.assert_array_equal(seed.numpy_rng(0, "shuffle", 3).permutation(100), first)
    assert (seed.numpy_rng(0, "shuffle", 4).permutation(100) != first).any()
