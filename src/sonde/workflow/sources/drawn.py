"""Drawn rows: what a generating model draws, as data to learn from; real rows beside them to test.

A classifier that is trained on nothing but drawn pictures and then meets real ones says how much of
the data the generator has understood, of every class: the classification accuracy score of Ravuri,
Vinyals, "Classification Accuracy Score for Conditional Generative Models", 2019, arXiv:1905.10887.

source:
  kind: drawn
  model: runs/mnist-1/model.sonde
  count: 60000
  test: {kind: arrays, root: mnist, ...}      # its test rows, or all where it has no parts

The label of a drawn row is the condition it was drawn under. Rows are drawn once and kept in the
cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import Row, RowError, Source
from sonde.core.errors import DataError, UsageError
from sonde.core.picture import is_picture, png
from sonde.core.port import PART
from sonde.core.text import to_json
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._files import hash_file, located

if TYPE_CHECKING:
    from sonde.run.bundle import Bundle

_AT_ONCE = 1000


class Drawn(Source):
    """Rows that a model draws, and the test rows of another source."""

    scan_version: ClassVar[int | None] = 1

    model: str = Field(min_length=1)
    """A `model.sonde` of a task that draws, such as generate."""
    count: int = Field(50_000, ge=1, le=10_000_000)
    """Rows to draw; classes go round."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Of what is drawn."""
    test: Source | None = None
    """Real rows with fields of the same names; with them the reserved field `#part` is added, and
    only they are test rows."""

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without a trained model there is nothing a contract test can draw."""
        return []

    @property
    def title(self) -> str:
        """`drawn-` and the name of the run that the model lies in."""
        path = PurePath(self.model)
        return f"drawn-{path.parent.name or path.stem}"

    def describe(self) -> str:
        """Such as '50,000 rows drawn'."""
        beside = "" if self.test is None else f", test rows of {self.test.title}"
        return f"{self.count:,} rows drawn{beside}"

    def fields(self) -> Sequence[RawField]:
        """What the model draws, and `#part` beside real test rows.

        Raises:
            StorageError, DamagedBundle: the model cannot be read.
            UsageError: it does not draw.
            UnknownColumn: the test rows lack a field.
        """
        named = [RawField(name, kind) for name, kind in self._types.items()]
        return [*named, *([RawField(PART, pa.string())] if self.test is not None else [])]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Drawn rows, then the test rows."""
        wanted = select(self.title, [field.name for field in self.fields()], fields)
        for number, start in enumerate(range(0, self.count, _AT_ONCE)):
            count = min(_AT_ONCE, self.count - start)
            rows = self._draw(count, number)
            columns = {n: _as_array(n, [r[n] for r in rows], t) for n, t in self._types.items()}
            yield with_part(columns, "train", wanted, count)
        for batch in self._real(on_error):
            columns = {n: _alike(batch.column(n), kind) for n, kind in self._types.items()}
            yield with_part(columns, "test", wanted, batch.num_rows)

    def fingerprint(self) -> str:
        """SHA-256 over the model's bytes, what is asked of it, and the test rows' own."""
        digest = hashlib.sha256(to_json({"count": self.count, "seed": self.seed}).encode())
        hash_file(located(self.model), digest)
        digest.update(b"" if self.test is None else self.test.fingerprint().encode())
        return digest.hexdigest()

    @cached_property
    def _bundle(self) -> Bundle:
        from sonde.run.bundle import Bundle  # it imports torch

        bundle = Bundle.load(located(self.model))
        options = bundle.task.Options.model_fields
        if not bundle.task.draws or not {"count", "seed"} <= set(options):
            raise UsageError(
                f"{self.model} is a model of the task {bundle.task.kind!r}, which draws no rows. "
                "Expected one that does, such as a model of the task generate."
            )
        return bundle

    @cached_property
    def _types(self) -> dict[str, pa.DataType]:
        """By field, its type: that of the test rows, so that both are read alike."""
        (row,) = self._draw(1, 0)
        row = {name: value for name, value in row.items() if _is_raw(value)}
        if self.test is None:
            return {name: _type_of(value) for name, value in row.items()}
        select(self.test.title, [field.name for field in self.test.fields()], list(row))
        theirs = {field.name: field.type for field in self.test.fields()}
        return {name: _common(value, theirs[name]) for name, value in row.items()}

    def _draw(self, count: int, number: int) -> list[Row]:
        from sonde.core.seed import key  # it imports torch

        return self._bundle.predict(count=count, seed=key(self.seed, "drawn", number))

    def _real(self, on_error: Callable[[RowError], None] | None) -> Iterator[pa.RecordBatch]:
        """The other source's test rows; all of them where it has no parts."""
        if self.test is None:
            return
        names = list(self._types)
        parted = any(field.name == PART for field in self.test.fields())
        for batch in self.test.scan([*names, PART] if parted else names, on_error):
            kept = batch.filter(pc.equal(batch.column(PART), "test")) if parted else batch
            if kept.num_rows:
                yield kept


def _is_raw(value: Any) -> bool:
    """Whether an answer's value can stand in a row."""
    return is_picture(value) or isinstance(value, str | int | float | bool)


def _type_of(value: Any) -> pa.DataType:
    if isinstance(value, np.ndarray):
        return pa.fixed_shape_tensor(pa.uint8(), value.shape)
    return pa.scalar(value).type


def _common(value: Any, theirs: pa.DataType) -> pa.DataType:
    """A type for drawn and real values: pictures of other forms meet as encoded pictures."""
    if not is_picture(value):
        return theirs
    return theirs if theirs == _type_of(value) else pa.binary()


def _as_array(name: str, values: list[Any], kind: pa.DataType) -> pa.Array:
    """Drawn values as their field's type.

    Raises:
        DataError: they cannot be written so.
    """
    if isinstance(kind, pa.FixedShapeTensorType):
        return pa.FixedShapeTensorArray.from_numpy_ndarray(np.stack(values))
    if pa.types.is_binary(kind):
        return pa.array([png(value) for value in values], kind)
    try:
        return pa.array(values).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"drawn values of {name!r}, such as {values[0]!r}, cannot be read as the test rows' "
            f"{kind}: {error}. Give test rows whose {name!r} is what the model was trained on."
        ) from None


def _alike(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Test values as their field's type."""
    if values.type == kind:
        return values
    if isinstance(values, pa.FixedShapeTensorArray):
        return pa.array([png(picture) for picture in values.to_numpy_ndarray()], kind)
    if pa.types.is_string(values.type):  # paths of pictures
        files = values.to_pylist()
        return pa.array([None if path is None else Path(path).read_bytes() for path in files], kind)
    return values.cast(kind)
