"""Tables: CSV and TSV files, packed with gzip or not.

Every field is text: what a value means is for its column to say, so no answer hangs on what the
first lines of a file look like. Outer spaces stay in a value, but do not hide a missing marker.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, listed
from sonde.core.port import PART
from sonde.core.text import to_json
from sonde.data.sources._csv import place, read_lines
from sonde.data.sources._detect import Dialect, Layout, find_layout
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._files import hash_file

_MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
_SUFFIXES = frozenset(("csv", "tsv", "tab", "txt", "dat", "data", "gz"))


def _text_encoding(name: str | None) -> str | None:
    try:
        "".encode(name or "utf-8")  # refuses codecs that are not of text, such as hex
    except LookupError:
        raise ValueError(f"got {name!r}, expected an encoding such as utf-8 or latin-1") from None
    return name


class Table(Source):
    """A CSV or TSV file; separate files for validation and test are read as its parts."""

    path: str
    valid: str | None = None
    """A file of validation rows; with it or `test` the reserved field `#part` is added."""
    test: str | None = None
    """A file of test rows."""
    names: tuple[str, ...] | None = None
    """The columns' names, where the file has no header (or, with header: true, a wrong one)."""
    delimiter: str | None = Field(None, pattern=r"^[ -~\t]$")
    """None finds tab, semicolon, bar or comma."""
    quote: str | None = Field(None, pattern=r"^[ -~]?$")
    """None finds it; '' where quotes mean nothing."""
    encoding: Annotated[str | None, AfterValidator(_text_encoding)] = None
    """None takes a byte order mark's word, then UTF-8, then Latin-1."""
    header: bool | None = None
    """None finds out; without a header and `names` columns are c1, c2, ..."""
    missing: tuple[str, ...] = _MISSING
    """Texts that mean a missing value, whatever spaces stand around them."""

    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Table("houses.csv")`: the path may stand without its name."""
        super().__init__(**({} if path is None else {"path": path}), **options)

    @classmethod
    def examples(cls) -> list[Self]:
        """None: a table without its file is nothing a contract test can read."""
        return []

    @property
    def title(self) -> str:
        """The file's name without `.csv` and `.gz`."""
        name = PurePath(self.path).name
        while "." in name[1:] and name.rpartition(".")[2].lower() in _SUFFIXES:
            name = name.rpartition(".")[0]
        return name

    def describe(self) -> str:
        """How the file is read, such as '14 columns, comma, utf-8, header'."""
        return self._layouts["train"].describe()

    def fields(self) -> Sequence[RawField]:
        """Every column as text, and `#part` where there are separate files."""
        return [RawField(name, pa.string()) for name in self._names]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of train, then valid, then test, parsed 4 MiB at a time.

        Told to `on_error`, with the line number as `row`: a row with another number of fields, one
        that is wholly missing, one with a NUL byte.
        """
        wanted = select(self.path, self._names, fields)
        tell = on_error or _ignore
        for part, path in self._files.items():
            of = part if len(self._files) > 1 else None
            for batch, lines in read_lines(path, self._layouts[part], tell):
                columns, empty = _with_nulls(batch, wanted, self.missing)
                if empty.any():
                    for line in lines[empty].tolist():
                        tell(
                            RowError(
                                line, "an empty row", "some value", place(path, line), harmless=True
                            )
                        )
                    kept = pa.array(~empty)
                    columns = {name: column.filter(kept) for name, column in columns.items()}
                count = int(batch.num_rows - empty.sum())
                if count:
                    yield with_part(columns, of, wanted, count)

    def fingerprint(self) -> str:
        """SHA-256 over the files' bytes and the options that change how they are read."""
        digest = hashlib.sha256()
        options = {k: v for k, v in self.dump().items() if k not in ("path", "valid", "test")}
        digest.update(to_json(options).encode())
        for part, path in self._files.items():
            digest.update(part.encode())
            hash_file(path, digest)
        return digest.hexdigest()

    @property
    def _files(self) -> dict[str, str]:
        files = {"train": self.path, "valid": self.valid, "test": self.test}
        return {part: path for part, path in files.items() if path is not None}

    @property
    def _names(self) -> list[str]:
        return [*self._layouts["train"].names, *([PART] if len(self._files) > 1 else [])]

    @cached_property
    def _layouts(self) -> dict[str, Layout]:
        """Part -> the form of its file; they must have the same columns."""
        dialect = Dialect(
            self.delimiter,
            self.quote,
            self.encoding,
            self.header,
            self.names,
            frozenset(text.strip() for text in self.missing),
        )
        first = find_layout(self.path, dialect)
        found = {"train": first}
        for part, path in self._files.items():
            if part != "train":
                found[part] = find_layout(path, dialect, like=first.names)
                _check_alike(self.path, first, path, found[part])
        return found


def _with_nulls(
    batch: pa.RecordBatch, wanted: Sequence[str], missing: Sequence[str]
) -> tuple[dict[str, pa.Array], np.ndarray]:
    """The wanted columns with missing markers as null, and (n,) bool: the wholly missing rows.

    Other columns are looked at only while some row has shown no value yet, so that the numbering
    of rows is the same whatever is asked for.
    """
    markers = pa.array(sorted({text.strip() for text in missing}), pa.string())
    empty = np.ones(batch.num_rows, bool)
    columns: dict[str, pa.Array] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in wanted and not empty.any():
            continue
        is_missing = pc.is_in(pc.utf8_trim_whitespace(column), value_set=markers)
        empty &= is_missing.to_numpy(zero_copy_only=False)
        if name in wanted:
            columns[name] = pc.if_else(is_missing, pa.scalar(None, pa.string()), column)
    return columns, empty


def _check_alike(path: str, first: Layout, other_path: str, other: Layout) -> None:
    if set(first.names) == set(other.names):
        return
    absent = [name for name in first.names if name not in other.names]
    added = [name for name in other.names if name not in first.names]
    pairs = (("lacks", absent), ("adds", added))
    differences = " and ".join(f"{verb} {listed(names)}" for verb, names in pairs if names)
    raise DataError(
        f"{other_path} has not the columns of {path}: it {differences} (read as "
        f"{other.describe()}; the first as {first.describe()}). Make them alike, or give `names`."
    )


def _ignore(error: RowError) -> None:
    """Nobody asked."""
