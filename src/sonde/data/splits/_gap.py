"""A gap between parts in time: rows that nobody learns from and nobody is judged on.

Where a row's inputs or its target reach over a window (the mean of the last week, the sales of the
next), the last training rows share moments with the first that are judged. A gap as long as the
window keeps them apart, as purging and embargo do (Lopez de Prado 2018, "Advances in Financial
Machine Learning", section 7.4).
"""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from sonde.core.errors import DataError
from sonde.data.splits._times import Times

_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def _checked(gap: int | str) -> int | str:
    """A gap that can be read.

    Raises:
        ValueError: with what is expected.
    """
    if (isinstance(gap, str) and _duration(gap) is None) or (isinstance(gap, int) and gap < 0):
        raise ValueError(
            f"got {gap!r}, expected a number of rows such as 24, or a duration in one of "
            f"{', '.join(_SECONDS)}, such as 7d"
        )
    return gap


Gap = Annotated[int | str, AfterValidator(_checked)]
"""A number of rows, or a duration such as 7d."""


def end_before(times: Times, start: int, gap: int | str, field: str) -> int:
    """The first distinct time in the gap before the time `start`; `start` itself of no gap.

    Rows of one time are never divided, so that a gap of rows may hold a few more. A duration holds
    the times that lie no further before `start` than it says: of days, 7d are the seven before.

    Raises:
        DataError: a duration, and times that are plain numbers.
    """
    if isinstance(gap, int):
        rows = np.cumsum(times.counts) - times.counts  # before each time
        return max(0, int(np.searchsorted(rows, rows[start] - gap, side="right")) - 1)
    if not np.issubdtype(times.values.dtype, np.datetime64):
        raise DataError(
            f"gap {gap!r} is a duration, and field {field!r} holds plain numbers, whose unit "
            "nobody knows. Give the gap as a number of rows, or split by a field of dates."
        )
    seconds = _duration(gap)
    assert seconds is not None, "checked when the split was made"
    first = times.values[start] - np.timedelta64(seconds, "s")
    return int(np.searchsorted(times.values, first, side="left"))


def _duration(gap: str) -> int | None:
    """Seconds; None of what is no duration."""
    found = re.fullmatch(rf"(\d{{1,9}})\s*({'|'.join(_SECONDS)})", gap.strip())
    return int(found[1]) * _SECONDS[found[2]] if found else None
