"""Each test row's answer beside the truth, and each rival's, as a run keeps them.

From this file folds are scored together, runs are compared and a report can be checked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import safetensors.numpy
from safetensors import SafetensorError

from sonde.contracts.metric import Arrays
from sonde.contracts.task import Judged
from sonde.core.errors import StorageError
from sonde.run.directory import RunDirectory
from sonde.run.files import replace
from sonde.run.weights import dump_arrays


@dataclass(frozen=True)
class Answers:
    """A run's judgement and what its rivals answered to the same rows.

    Attributes:
        judged: the model's answers beside the truth.
        rivals: name -> answers, as metrics read them.
    """

    judged: Judged
    rivals: Mapping[str, Arrays] = field(default_factory=dict)

    def of(self, rival: str) -> Judged:
        """The rival's answers beside the same truth."""
        mine = self.judged
        return Judged(self.rivals[rival], mine.truth, mine.rows, mine.groups)


def write_answers(directory: RunDirectory, answers: Answers) -> None:
    """Write `judged.safetensors`."""
    judged = answers.judged
    arrays = {"rows": judged.rows}
    if judged.groups is not None:
        arrays["groups"] = judged.groups
    parts = {"predicted": judged.predicted, "truth": judged.truth}
    parts |= {f"rivals/{name}": predicted for name, predicted in answers.rivals.items()}
    for part, inner in parts.items():
        arrays |= {f"{part}/{name}": array for name, array in inner.items()}
    replace(directory.judged, dump_arrays(arrays))


def read_answers(directory: RunDirectory) -> Answers:
    """What `write_answers` wrote.

    Raises:
        StorageError: the run's test part was not opened, or the file cannot be read.
    """
    place = directory.judged
    if not place.exists():
        raise StorageError(
            f"{directory.path} has no {place.name}: its test part was not opened. "
            f"Open it with  sonde evaluate {directory.path}"
        )
    try:
        arrays = safetensors.numpy.load(place.read_bytes())
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{place}: cannot be read: {error}") from None
    parts: dict[str, dict[str, np.ndarray]] = {"predicted": {}, "truth": {}}
    for name, array in arrays.items():
        part, _, inner = name.rpartition("/")
        if part:
            parts.setdefault(part, {})[inner] = array
    rivals = {name.removeprefix("rivals/"): arrays for name, arrays in parts.items() if "/" in name}
    judged = Judged(parts["predicted"], parts["truth"], arrays["rows"], arrays.get("groups"))
    return Answers(judged, rivals)


def group_numbers(values: pa.Array, rows: np.ndarray) -> np.ndarray:
    """(N,) int64, equal where values are equal, the same in every run; a missing one is alone.

    Args:
        values: (N,) raw values of the field that says which rows hang together.
        rows: (N,) row numbers.
    """
    coded = values.dictionary_encode()
    names = [_number("value", str(name)) for name in coded.dictionary.to_pylist()]
    place = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    found: np.ndarray = np.append(np.array(names, np.int64), 0)[place]
    for at in np.flatnonzero(place < 0):
        found[at] = _number("row", str(rows[at]))
    return found


def _number(*parts: str) -> int:
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
