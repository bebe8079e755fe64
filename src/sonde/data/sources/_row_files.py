"""Files of typed rows, whatever their format: several as one table, parts, hive partitions.

    path: sales.parquet                      one file
    path: sales-*.parquet                    several, in natural order: part-2 before part-10
    path: sales                              a folder of them; sales/year=2024/part-0.parquet adds
                                             the field `year`, a text

All files have the same fields. Whole and real numbers of differing width are read as the wider.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Any, ClassVar, NamedTuple
from urllib.parse import unquote

import pyarrow as pa

from sonde.contracts.data import Field, RowError
from sonde.core.errors import DataError, counted, listed
from sonde.core.port import PART
from sonde.core.registry import registry
from sonde.data.sources._fields import check_names, select, with_part
from sonde.data.sources._files import expand, is_pattern, located, stem
from sonde.data.sources._forms import common_type, plain_batch
from sonde.data.sources._in_parts import InParts, ignore, several, unlabelled
from sonde.data.sources._plans import plan_of
from sonde.data.sources._within import hash_within

_NULL = "__HIVE_DEFAULT_PARTITION__"


class Form(NamedTuple):
    """What one file holds.

    Attributes:
        fields: field -> the top-level field it lies in, and its type.
        folders: field -> value, of the folders `field=value` the file lies in.
    """

    fields: dict[str, tuple[str, pa.DataType]]
    folders: dict[str, str | None]


class RowFiles(InParts):
    """The base of sources that read typed rows; a format says how it reads one file."""

    suffixes: ClassVar[tuple[str, ...]]
    """What the names of its files end with."""
    magic: ClassVar[tuple[bytes, ...]]
    """What its files begin with; `claims` may say more."""

    path: str
    """A file, several by a pattern such as `sales-*.parquet`, or a folder of them."""

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Parquet("houses.parquet")`: the path may stand without its name."""
        super().__init__(path, **options)

    @property
    def title(self) -> str:
        """The file's name without what it ends with."""
        return stem(self.path, {*self.suffixes, ".gz"}) or "data"

    def describe(self) -> str:
        """Such as '14 columns, parquet, 3 files'."""
        count = len(self._types) - (PART in self._types)
        files = [path for paths in self._files.values() for path in paths]
        return f"{counted(count, 'column')}, {self.kind}{several(files)}"

    def fields(self) -> Sequence[Field]:
        """Every field with its type, those of folders as text, and `#part` where there is one."""
        return [Field(name, kind) for name, kind in self._types.items()]

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """Of questions about texts and of labelled words, what is to be learned."""
        return plan_of(self._types, target, parted=self._has_parts)

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of train, then valid, then test, file by file, some thousands at a time."""
        wanted = select(self.path, list(self._types), fields)
        for part, paths in self._files.items():
            of = part if PART in self._types else None
            for path in paths:
                for columns, count in self._read(path, wanted, on_error or ignore):
                    yield with_part(columns, of, wanted, count)

    def glimpse(self) -> dict[str, list[str]]:
        """Column of texts or whole numbers -> its first values, as text; missing ones left out."""
        named = [name for name, kind in self._types.items()
                 if pa.types.is_string(kind) or pa.types.is_integer(kind)]  # fmt: skip
        first = next(self.scan(named), None) if named else None
        columns = {} if first is None else dict(zip(first.schema.names, first.columns, strict=True))
        return {
            name: [str(value).strip() for value in column.to_pylist() if value is not None]
            for name, column in columns.items()
        }

    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes and the fields their folders give."""
        digest = hashlib.sha256(self.kind.encode())
        for part, paths in self._files.items():
            digest.update(part.encode())
            for path in paths:
                digest.update(repr(sorted(self._folders(part, path).items())).encode())
                hash_within(path, digest)
        return digest.hexdigest()

    @classmethod
    def claims(cls, path: str, head: bytes) -> bool:
        """Whether a file that is called and begins so is of this format."""
        return head.startswith(cls.magic)

    @abstractmethod
    def _schema(self, path: str) -> dict[str, tuple[str, pa.DataType]]:
        """The fields of one file, each with the top-level field it lies in and its type.

        Raises:
            StorageError: it cannot be read.
            DataError: it is damaged, or of another format.
        """

    @abstractmethod
    def _batches(
        self, path: str, names: Sequence[str], tell: Callable[[RowError], None]
    ) -> Iterator[pa.RecordBatch]:
        """Rows of one file with these top-level fields at least; also without any of them."""

    def _read(
        self, path: str, wanted: Sequence[str], tell: Callable[[RowError], None]
    ) -> Iterator[tuple[dict[str, pa.Array], int]]:
        """The wanted fields, but for the part, of a file's rows, and how many rows these are."""
        form = self._forms[path]
        types = {name: self._types[name] for name in wanted if name in form.fields}
        tops = list(dict.fromkeys(form.fields[name][0] for name in types))
        given = {name: form.folders[name] for name in wanted if name in form.folders}
        for batch in self._batches(path, tops, tell):
            if not len(batch):
                continue
            try:
                columns = plain_batch(batch, types)
            except DataError as error:
                raise DataError(f"{path}: {error}") from None
            for name, value in given.items():
                columns[name] = pa.repeat(pa.scalar(value, pa.string()), len(batch))
            yield columns, len(batch)

    @cached_property
    def _files(self) -> dict[str, list[str]]:
        """Part -> its files."""
        return {part: expand(place, self.suffixes) for part, place in self._places()}

    @cached_property
    def _forms(self) -> dict[str, Form]:
        """File -> what it holds; all have the same fields."""
        forms: dict[str, Form] = {}
        for part, paths in self._files.items():
            for path in paths:
                forms[path] = Form(self._schema(path), self._folders(part, path))
                names = [*forms[path].fields, *forms[path].folders]
                check_names(path, names)
                _check_alike(next(iter(forms)), forms, path)
        return forms

    @cached_property
    def _types(self) -> dict[str, pa.DataType]:
        """Field -> its type over all files, in the first file's order."""
        first = next(iter(self._forms.values()))
        types = {
            name: common_type(name, {p: f.fields[name][1] for p, f in self._forms.items()})
            for name in first.fields
        }
        types |= dict.fromkeys(first.folders, pa.string())
        return types | ({PART: pa.string()} if len(self._files) > 1 else {})

    def _folders(self, part: str, path: str) -> dict[str, str | None]:
        """The fields that folders give a file: those below the path, or below a pattern's start."""
        place = {"train": self.path, "valid": self.valid, "test": self.test}[part]
        assert place is not None
        whole = PurePath(located(place))
        fixed = list(whole.parts)
        if is_pattern(place):
            fixed = fixed[: next(i for i, piece in enumerate(fixed) if is_pattern(piece))]
        below = PurePath(path).parts[len(fixed) : -1]
        pairs = (piece.partition("=") for piece in below if "=" in piece)
        return {
            unquote(name): None if value == _NULL else unquote(value) for name, _, value in pairs
        }


def formats() -> list[type[RowFiles]]:
    """Every registered source of typed rows: a new one is found without an edit here."""
    return [kind for kind in registry("source") if issubclass(kind, RowFiles)]


def _check_alike(first_path: str, forms: dict[str, Form], path: str) -> None:
    first, other = ([*f.fields, *f.folders] for f in (forms[first_path], forms[path]))
    if set(first) == set(other):
        return
    absent, added = set(first) - set(other), set(other) - set(first)
    pairs = (("lacks", absent), ("adds", added))
    differences = " and ".join(f"{verb} {listed(sorted(names))}" for verb, names in pairs if names)
    raise DataError(f"{path} has not the columns of {first_path}: it {differences}. "
                    f"Make them alike.{unlabelled(path, absent, added)}")  # fmt: skip
