"""Pairs as pictures: what was compared with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Column, Row
from sonde.contracts.panels import Panel
from sonde.contracts.task import RawRows
from sonde.core.port import Ports
from sonde.data.columns.image import Image
from sonde.metrics._pairs import Pairs
from sonde.tasks._paint import beside, in_colour
from sonde.tasks._verify_panels import hardest as hardest_of
from sonde.tasks._verify_panels import sheet

_HIGH = 120
"""Pixels, of a picture on the sheet of hardest pairs."""


def named(answers: list[Row], rows: pa.RecordBatch, given: Sequence[str]) -> list[Row]:
    """Rows that were given as files go by their names where one is the nearest of another."""
    files = rows.column(given[0]).to_pylist() if given else []
    return [
        answer | {"nearest": _name(answer["nearest"], files)} if answer["nearest"] is not None
        else answer
        for answer in answers
    ]  # fmt: skip


def _name(nearest: int | str, files: Sequence[object]) -> int | str:
    file = files[nearest] if isinstance(nearest, int) and nearest < len(files) else None
    return file if isinstance(file, str) else nearest


def pictured(
    answers: list[Row], rows: pa.RecordBatch, columns: Mapping[str, Column], inputs: Ports
) -> list[np.ndarray]:
    """Each picture, beside the one it is most like where that is a file, with what was found."""
    image = picture_column(columns, inputs)
    if image is None:
        return []
    field = image.reads[0]
    shown = []
    for own, answer in zip(image.whole(rows), answers, strict=True):
        if own is None:
            continue
        nearest, words = answer["nearest"], _words(answer)
        other = None
        if isinstance(nearest, str) and Path(nearest).is_file():
            other = next(image.whole(pa.record_batch({field: [nearest]})))
        pair = [own] if other is None else [own, other]
        shown.append(beside(*map(in_colour, pair), names=[words]))
    return shown if len(shown) == len(answers) else []


def hardest(
    pairs: Pairs, numbers: np.ndarray, raw: RawRows, columns: Mapping[str, Column], inputs: Ports
) -> list[Panel]:
    """A sheet of the pairs that were hardest to tell; nothing where rows hold no pictures.

    Args:
        pairs: of the judged rows.
        numbers: (N,) row numbers.
        raw: gives raw rows.
        columns: by name.
        inputs: of the network.
    """
    image = picture_column(columns, inputs)
    if image is None or not len(pairs.genuine):
        return []
    own, other = hardest_of(pairs)
    places = np.concatenate([own, other])
    needed = np.unique([pairs.first[places], pairs.second[places]])
    whole = image.whole(raw(sorted(int(numbers[at]) for at in needed)))
    order = sorted(needed.tolist(), key=lambda at: int(numbers[at]))
    pictures = {at: None if p is None else _small(p) for at, p in zip(order, whole, strict=True)}
    shown, remarks = [], []
    for at in places:
        first, second = pictures[int(pairs.first[at])], pictures[int(pairs.second[at])]
        if first is not None and second is not None:
            what = "same" if pairs.genuine[at] else "different"
            shown.append((first, second))
            remarks.append(f"{what}, similarity {pairs.similarity[at]:.2f}")
    return [sheet(shown, remarks)]


def _small(picture: np.ndarray) -> np.ndarray:
    """A picture at most so high that several pairs stand in a line of a report."""
    if len(picture) <= _HIGH:
        return picture
    from PIL import Image as Pillow

    width = max(1, round(picture.shape[1] * _HIGH / len(picture)))
    return np.asarray(Pillow.fromarray(picture).resize((width, _HIGH)))


def picture_column(columns: Mapping[str, Column], inputs: Ports) -> Image | None:
    """The first input that is a picture."""
    found = (columns[name] for name in inputs if name in columns)
    return next((column for column in found if isinstance(column, Image)), None)


def _words(answer: Row) -> str:
    """What was found, in a line."""
    if answer["nearest"] is None:
        return ""
    verdict = {True: "same", False: "different", None: "no threshold"}[answer["same"]]
    nearest = str(answer["nearest"])
    who = "" if Path(nearest).is_file() else f"{nearest}: "
    return f"{who}{verdict}, {answer['similarity']:.2f}"
