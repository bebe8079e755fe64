"""Rows as Arrow files hold them, as the engine reads them: plain columns, one name each.

A struct becomes a field for each of its members, `address.city`; a dictionary its values; an
extension type the type it is stored as, but for tensors of fixed shape. No extension type is ever
made by running what a file says: one that Python wrote as a pickle is refused (CVE-2023-47248).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from sonde.core.errors import DataError, SondeError, StorageError
from sonde.data.sources._class_names import with_names
from sonde.data.sources._values import simple_type, simplified

_NAME = b"ARROW:extension:name"
_PICKLED = "arrow.py_extension_type"


def flattened(rows: pa.Table) -> pa.Table:
    """The same rows without structs: a null struct has null members; named classes by name."""
    rows = with_names(rows)
    while any(pa.types.is_struct(storage(kind)) for kind in rows.schema.types):
        columns = [_stored(column) for column in rows.columns]
        rows = pa.table(columns, names=rows.column_names).flatten()
    return rows


def plain_schema(where: str, schema: pa.Schema) -> dict[str, tuple[str, pa.DataType]]:
    """Field -> the top-level field it lies in, and its type; null where no value shows one.

    Raises:
        DataError: a field's type would have to be made by running code, or a name stands twice.
    """
    found: dict[str, tuple[str, pa.DataType]] = {}
    for field in schema:
        _refuse_pickles(where, field)
        alone = pa.table([pa.nulls(0, field.type)], pa.schema([field], schema.metadata))
        inner = flattened(alone).schema
        for name, kind in zip(inner.names, inner.types, strict=True):
            if name in found:
                raise DataError(f"{where}: the column name {name!r} stands twice. Rename one.")
            found[name] = (field.name, open_type(kind))
    return found


def plain_batch(rows: pa.RecordBatch, wanted: Mapping[str, pa.DataType]) -> dict[str, pa.Array]:
    """The wanted fields of a batch, in the types wanted; those it lacks are null.

    Raises:
        DataError: a value does not fit its type.
    """
    table = flattened(pa.Table.from_batches([rows]))
    columns: dict[str, pa.Array] = {}
    for name, kind in wanted.items():
        if name not in table.column_names:
            columns[name] = pa.nulls(len(rows), kind)
            continue
        column = simplified(table.column(name).chunk(0))
        try:
            columns[name] = column if column.type == kind else pc.cast(column, kind)
        except pa.ArrowInvalid as error:
            raise DataError(f"column {name!r}: {error}; other files hold {kind} there") from None
    return columns


def common_type(name: str, kinds: Mapping[str, pa.DataType]) -> pa.DataType:
    """The type that holds the values of every file: file -> the type it has there.

    Raises:
        DataError: there is none; names two files that differ.
    """
    known = [(path, kind) for path, kind in kinds.items() if not pa.types.is_null(kind)]
    if not known:
        return pa.string()  # as every field without values
    first_path, common = known[0]
    for path, kind in known[1:]:
        try:
            schemas = [pa.schema([(name, one)]) for one in (common, kind)]
            common = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except pa.ArrowTypeError:
            raise DataError(
                f"{path}: column {name!r} is {kind}, in {first_path} it is {common}. Write all "
                "files with one type."
            ) from None
    return simple_type(common)


def open_type(kind: pa.DataType) -> pa.DataType:
    """The type of a column once simplified; still null where no value shows one."""
    kind = storage(kind)
    return kind if pa.types.is_null(kind) else simple_type(kind)


def storage(kind: pa.DataType) -> pa.DataType:
    """The type an extension is stored as; tensors of fixed shape stay."""
    while isinstance(kind, pa.BaseExtensionType) and not isinstance(kind, pa.FixedShapeTensorType):
        kind = kind.storage_type
    return kind


def sliced(batch: pa.RecordBatch, rows: int) -> Iterator[pa.RecordBatch]:
    """The batch, `rows` rows at a time."""
    for start in range(0, len(batch), rows):
        yield batch.slice(start, rows)


def bare_rows(count: int) -> pa.RecordBatch:
    """So many rows without any field."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count))


@contextmanager
def damage(path: str, what: str) -> Iterator[None]:
    """Around Arrow's readers, whose complaints are as many as the ways to damage a file.

    Raises:
        StorageError: the disk fails.
        DataError: the file is damaged.
    """
    try:
        yield
    except SondeError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise StorageError(f"{path}: cannot be read: {error.strerror}") from None
        raise _damaged(path, what, error) from None
    except (pa.ArrowException, ValueError, MemoryError, OverflowError, KeyError) as error:
        raise _damaged(path, what, error) from None


def _damaged(path: str, what: str, error: BaseException) -> DataError:
    first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(". ")
    return DataError(
        f"{path}: {what} that is damaged, cut short, or of a kind that cannot be read "
        f"({first:.200}). Copy or write it again."
    )


def _stored(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = storage(column.type)
    if kind == column.type:
        return column
    chunks: Sequence[pa.Array] = [chunk.storage for chunk in column.chunks]
    return pa.chunked_array(chunks, kind)


def _refuse_pickles(where: str, field: pa.Field) -> None:
    """Every field and those inside it."""
    kind = field.type
    name = (field.metadata or {}).get(_NAME, b"").decode(errors="replace")
    if name == _PICKLED or getattr(kind, "extension_name", "") == _PICKLED:
        raise DataError(
            f"{where}: column {field.name!r} has a type that Python wrote as a pickle, which may "
            "run code and is not read. Write the column as numbers or texts."
        )
    for place in range(kind.num_fields):
        _refuse_pickles(where, kind.field(place))
