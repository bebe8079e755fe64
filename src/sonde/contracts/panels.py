"""Panels: what a task lets a report show, so that the report knows no task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Table:
    """A panel: rows of text."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Heatmap:
    """A panel: a matrix of counts, such as a confusion matrix."""

    title: str
    values: np.ndarray
    row_labels: Sequence[str]
    column_labels: Sequence[str]
    row_title: str = ""
    column_title: str = ""
    note: str = ""


@dataclass(frozen=True)
class Curves:
    """A panel: lines or points over two axes.

    Attributes:
        series: name -> (x, y), each (n,).
        points: names drawn as points instead of a line.
        diagonal: whether y = x is drawn for comparison.
    """

    title: str
    series: Mapping[str, tuple[np.ndarray, np.ndarray]]
    x_title: str = ""
    y_title: str = ""
    points: frozenset[str] = frozenset()
    diagonal: bool = False
    note: str = ""


@dataclass(frozen=True)
class Rowlist:
    """A panel: particular rows, shown with their raw fields and pictures by the report.

    Attributes:
        rows: row numbers.
        remarks: one line beside each row.
    """

    title: str
    rows: Sequence[int]
    remarks: Sequence[str]
    note: str = ""


@dataclass(frozen=True)
class Sheet:
    """A panel: pictures beside one another, such as what a model drew.

    Attributes:
        pictures: uint8 each: (H, W), (H, W, 3), or a film (T, H, W, 3) that is played over and
            over.
        remarks: a few words below each picture, or none at all.
    """

    title: str
    pictures: Sequence[np.ndarray]
    remarks: Sequence[str] = ()
    note: str = ""


class Span(NamedTuple):
    """A stretch of a text that is marked.

    Attributes:
        start, end: characters [start, end).
        strength: in [-1, 1]; below 0 it speaks against what the remark says.
        label: a word behind it, such as the kind of an entity.
    """

    start: int
    end: int
    strength: float = 1.0
    label: str = ""


@dataclass(frozen=True)
class Passage:
    """A text, parts of which may be marked, and what it is, such as 'reference'."""

    text: str
    spans: Sequence[Span] = ()
    name: str = ""


@dataclass(frozen=True)
class Texts:
    """A panel: texts to be read, such as translations beside their references.

    Attributes:
        items: the passages that belong together, an item each.
        remarks: one line above each item, or none at all.
    """

    title: str
    items: Sequence[Sequence[Passage]]
    remarks: Sequence[str] = ()
    note: str = ""


Panel = Table | Heatmap | Curves | Rowlist | Sheet | Texts
