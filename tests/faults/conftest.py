"""One nursery and one undisturbed run of each recipe for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest
from _children import Nursery
from _outcomes import Straight


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where processes come from."""
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="session")
def straight(
    nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Straight]:
    """Recipe -> its undisturbed run, made at the first call."""
    return cache(lambda recipe: Straight.of(nursery, recipe, tmp_path_factory.mktemp(recipe)))
