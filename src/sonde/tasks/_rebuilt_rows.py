"""Rebuilt arrays as callers and metrics read them: in the data's own values and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays
from sonde.tasks._rebuilt import Part
from sonde.tasks._target import shortest

TOLD = "told:"
"""Prefix of conditions that nobody gave, because the row itself was drawn."""


def rows_of(parts: Sequence[Part], columns: Mapping[str, Column], arrays: Arrays) -> list[Row]:
    """Each rebuilt column, the code, the anomaly and the bound, as far as `arrays` has them."""
    answers: dict[str, list[Any]] = {
        name.removeprefix(TOLD): columns[name.removeprefix(TOLD)].decode(array)
        for name, array in arrays.items()
        if name.startswith(TOLD)
    }
    for part in parts:
        if f"{part.place}:said" in arrays:
            answers[part.name] = _decoded(part, columns[part.name], arrays[f"{part.place}:said"])
    if "code" in arrays:
        width = arrays["code"].shape[1]
        flat = shortest(arrays["code"].reshape(-1))
        answers["code"] = [flat[at : at + width] for at in range(0, len(flat), width)]
    for name in ("anomaly", "bound"):
        if name in arrays:
            answers[name] = shortest(arrays[name])
    return [dict(zip(answers, row, strict=True)) for row in zip(*answers.values(), strict=True)]


def for_metrics(
    parts: Sequence[Part], columns: Mapping[str, Column], arrays: Arrays, name: str
) -> dict[str, np.ndarray]:
    """The arrays, with numbers in the caller's unit and classes by index beside them.

    Args:
        parts: what is rebuilt.
        columns: fitted.
        arrays: by place.
        name: of the arrays that are read, `said` or `true`.
    """
    found = dict(arrays)
    for part in parts:
        values = arrays[f"{part.place}:{name}"]
        if part.form == "scalar":
            own = np.asarray(columns[part.name].decode(values), np.float64)
            found[f"{part.place}:value"] = own
        elif part.form == "category":
            index = values.argmax(axis=1) if values.ndim == 2 else values
            found[f"{part.place}:index"] = index.astype(np.int64)
    return found


def widest(each: Sequence[Sequence[Part]]) -> tuple[Part, ...]:
    """The parts of several folds as one: of a column the most classes that a fold knows."""
    return tuple(
        alike[0].model_copy(update={"classes": max(part.classes for part in alike)})
        for alike in zip(*each, strict=True)
    )


def padded(parts: Sequence[Part], predicted: Arrays) -> dict[str, np.ndarray]:
    """The arrays, with probability 0 for classes that this fold does not know.

    An index means the class that its own fold says; within a row that is all that is compared.
    """
    found = dict(predicted)
    for part in parts:
        said = predicted[f"{part.place}:said"]
        if part.form == "category":
            more = part.classes - said.shape[1]
            found[f"{part.place}:said"] = np.pad(said, ((0, 0), (0, more)))
    return found


def _decoded(part: Part, column: Column, said: np.ndarray) -> list[Any]:
    """(N, ...) what is said of one column, as its data writes it."""
    if part.form == "scalar":
        return [float(value) for value in column.decode(said)]
    if part.form == "category":
        return column.decode(said.argmax(axis=1))
    pixels = (said * 255).round().astype(np.uint8)
    return [np.asarray(picture) for picture in column.decode(pixels)]
