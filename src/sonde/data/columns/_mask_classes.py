"""Which values of masks are classes, what they are called, and which say that nobody knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sonde.core.errors import DataError, listed
from sonde.core.notice import tell
from sonde.data.columns._masks import BLACK, WHITE

MOST = 64
"""Values that are taken for classes where nobody named them."""

_NOTHING = 255
"""What many data sets write where no class is known, such as Pascal VOC along outlines."""


class Classes(NamedTuple):
    """The values of the classes, ascending, their names, and the values that are void."""

    values: tuple[int, ...]
    names: tuple[str, ...]
    void: tuple[int, ...]


def classes_of(
    often: np.ndarray,
    named: Sequence[str] | Mapping[int, str] | None,
    void: Sequence[int | str] | None,
    *,
    column: str,
) -> Classes:
    """What training masks say, by (256,) how many of their pixels hold each value.

    Args:
        often: as said.
        named: names of 0, 1, 2, ... or of the values they stand beside; None for what was seen.
        void: values, or names among `named`; None finds it.
        column: the column's name, for messages.

    Raises:
        DataError: there are no classes, too many, or values that nobody named.
    """
    seen = [int(value) for value in np.flatnonzero(often)]
    names = _names(named, seen)
    unknown = _void(void, names, column)
    if void is None and _is_nothing(seen, names):
        unknown = (_NOTHING,)
        share = often[_NOTHING] / often.sum()
        tell(f"{column}: {_NOTHING} ({share:.1%} of the pixels) stands beside small values and is "
             "taken for void; where it is a class, say  void: []", column=column,
             void=_NOTHING)  # fmt: skip
    if names is None:
        names = {value: str(value) for value in seen if value not in unknown}
        if len(names) > MOST:
            raise DataError(_too_many(column, seen))
    names = {value: name for value, name in sorted(names.items()) if value not in unknown}
    if not names:
        raise DataError(
            f"column {column!r}: no pixel of a training mask is of a class. Values seen: "
            f"{listed(map(str, seen))}; void: {listed(map(str, unknown))}"
        )
    _check_named(often, names, unknown, column)
    return Classes(tuple(names), tuple(names.values()), tuple(sorted(unknown)))


def _names(
    named: Sequence[str] | Mapping[int, str] | None, seen: Sequence[int]
) -> dict[int, str] | None:
    if named is None or isinstance(named, Mapping):
        return None if named is None else dict(named)
    if len(named) == 2 and WHITE in seen and set(seen) <= {BLACK, WHITE}:
        return dict(zip((BLACK, WHITE), named, strict=True))
    return dict(enumerate(named))


def _void(
    void: Sequence[int | str] | None, names: Mapping[int, str] | None, column: str
) -> tuple[int, ...]:
    values = {name: value for value, name in (names or {}).items()}
    unknown = [name for name in void or () if isinstance(name, str) and name not in values]
    if unknown:
        raise DataError(
            f"column {column!r}: void names {unknown[0]!r}, which is no class. Give values, or "
            f"names among: {listed(values)}"
        )
    return tuple(values[value] if isinstance(value, str) else value for value in void or ())


def _is_nothing(seen: Sequence[int], names: Mapping[int, str] | None) -> bool:
    """Whether 255 is no class: two others or more stand beside it, and all of them are small.

    0 and 255 alone are black and white, and levels spread from 0 to 255 are classes.
    """
    others = set(names or seen) | set(seen) - {_NOTHING}
    if names is not None and _NOTHING in names:
        return False
    return _NOTHING in seen and len(others - {_NOTHING}) > 1 and max(others - {_NOTHING}) < MOST


def _check_named(
    often: np.ndarray, names: Mapping[int, str], void: Sequence[int], column: str
) -> None:
    """Every value is a class or void, and what no mask has is told."""
    other = [value for value in np.flatnonzero(often).tolist() if value not in {*names, *void}]
    if other:
        share = often[other].sum() / often.sum()
        soft = " or, where soft edges make them, binary: true" if len(other) > MOST else ""
        raise DataError(
            f"column {column!r}: training masks hold {listed(map(str, other))} ({share:.2%} of "
            f"their pixels), expected {listed(f'{v} {n}' for v, n in names.items())}. Name them in "
            f"`classes`, or say  void: [{other[0]}, ...]{soft}"
        )
    absent = [name for value, name in names.items() if not often[value]]
    if absent:
        tell(f"{column}: no training mask has {listed(absent)}", column=column, absent=absent)


def _too_many(column: str, seen: Sequence[int]) -> str:
    return (
        f"column {column!r}: training masks hold {len(seen)} different values "
        f"({listed(map(str, seen), 6)}), expected at most {MOST} classes. JPEG and smoothed edges "
        f"make values between black and white: then say  {column}: {{kind: mask, binary: true}} "
        "(threshold: 128). Where all of them are classes, name them in `classes`."
    )
