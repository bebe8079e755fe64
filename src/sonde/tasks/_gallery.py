"""A gallery: people who are known, each by some rows or by what the model made of them before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sonde.core.errors import DataError, UsageError
from sonde.tasks._episodes import Answering, rows_of, support_rows

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.core.batch import Batch

EMBEDDING = "embedding"


@dataclass(frozen=True)
class Gallery:
    """G rows of people.

    Attributes:
        directions: (G, K) float32 of length 1.
        people: (G,) int64, whose each is.
        names: of the people.
    """

    directions: Tensor
    people: Tensor
    names: tuple[str, ...]

    def most_like(self, directions: Tensor) -> tuple[Tensor, Tensor]:
        """(B, K) -> (B,) similarity to the most like row of the gallery, (B,) whose that is."""
        similarity, row = (directions @ self.directions.T).max(dim=1)
        return similarity, self.people[row]


def gallery_of(given: Any, task: Answering, embed: Callable[[Batch], Tensor]) -> Gallery | None:
    """The gallery that a caller gives; None where none is.

    Args:
        given: rows with their names, a table, the path of a table or of a folder with a sub-folder
            for each person; rows may have the field `embedding` instead of a picture.
        task: knows the columns.
        embed: B rows of inputs -> (B, K) directions.

    Raises:
        DataError: a value cannot be read, a row has no name, or the gallery is empty.
        UsageError: embeddings are of another width.
    """
    import torch

    if given is None:
        return None
    rows = _read(given, task)
    known = _embeddings(rows, task)
    if known is not None:
        names, people, directions = known
        return Gallery(torch.from_numpy(directions), torch.from_numpy(people), names)
    shown = support_rows(rows, task, what="gallery", fewest=1)
    if shown is None:
        raise DataError(
            "the gallery has no rows, expected some with names: a folder with a sub-folder of "
            "pictures for each person, a table, or a list of rows"
        )
    return Gallery(embed(shown.batch), torch.from_numpy(shown.ways), shown.labels)


def _read(given: Any, task: Answering) -> Any:
    """Rows of a folder, under the names of this model's fields; all else as it came."""
    from sonde.data.guess import guess_source
    from sonde.data.sources.folder import Folder

    source = guess_source(given) if isinstance(given, str) else None
    if not isinstance(source, Folder) or source.table is not None or len(task.given) != 1:
        return given
    names = {source.image: task.given[0], "label": task.columns[task.target].reads[0]}
    chunks = list(source.scan(list(names)))
    return pa.Table.from_batches(chunks).rename_columns(names).combine_chunks().to_batches()[0]


def _embeddings(
    given: Any, task: Answering
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray] | None:
    """Names, (G,) int64 whose each is, (G, K) float32; None where the rows have no embeddings."""
    column = task.columns[task.target]
    if not _has_embeddings(given):
        return None
    rows = rows_of(given, (EMBEDDING, *column.reads), what="gallery")
    if not len(rows):
        return None
    fitted = column.unlearned().named(column.name).fit([rows])
    people = np.asarray(fitted.encode(rows).values).astype(np.int64)
    if (people >= fitted.port.classes).any():
        raise DataError(f"gallery: a row has no {task.target!r}; say of each whose it is")
    vectors = [np.array(v, np.float32).ravel() for v in rows.column(EMBEDDING).to_pylist()]
    widths = {len(vector) for vector in vectors}
    if len(widths) != 1 or 0 in widths or not all(np.isfinite(v).all() for v in vectors):
        raise UsageError(
            f"gallery: got embeddings of {sorted(widths)} numbers, expected finite ones of one "
            "width, as this model gives them with  embedding: true"
        )
    wide = np.stack(vectors)
    lengths = np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return tuple(fitted.decode(np.arange(fitted.port.classes))), people, wide / lengths


def _has_embeddings(given: Any) -> bool:
    """Whether the rows, or the table at a path, have a field of embeddings."""
    if isinstance(given, str):
        from sonde.data.guess import guess_source

        return EMBEDDING in {field.name for field in guess_source(given).fields()}
    if isinstance(given, pa.RecordBatch | pa.Table):
        return EMBEDDING in given.schema.names
    if isinstance(given, list | tuple):
        return bool(given) and isinstance(given[0], Mapping) and EMBEDDING in given[0]
    return EMBEDDING in getattr(given, "columns", ())
