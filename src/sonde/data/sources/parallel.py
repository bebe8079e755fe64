"""Parallel texts: files whose lines belong together, such as sentences and their translations.

source:
  kind: parallel
  root: multi30k
  train: {en: train.en.gz, de: train.de.gz}
  valid: {en: val.en.gz, de: val.de.gz}
  test: {en: test_2016_flickr.en.gz, de: test_2016_flickr.de.gz}

Line n of every file of a part is row n. An empty line is a missing text. A folder of such files,
called by part and language like these, needs no recipe: `--target de` says into which.
"""

from __future__ import annotations

import hashlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, islice, zip_longest
from pathlib import PurePath
from typing import Annotated, Any, BinaryIO, Self

import pyarrow as pa
from pydantic import Field, model_validator

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.errors import DataError, listed
from sonde.core.port import PART
from sonde.data.sources._fields import check_names, select, with_part
from sonde.data.sources._files import check_file, hash_file, join, open_file, reading
from sonde.data.sources._languages import by_language
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._values import ROWS

Files = Annotated[dict[str, str], Field(min_length=1)]
"""Field name -> the file whose lines are its texts, packed with gzip or not."""

_MOST = 1 << 20
"""Bytes of a line at most: what has no line ends is no file of lines."""


class Parallel(Recognised):
    """Two or more text files, line by line, in UTF-8."""

    train: Files
    valid: Files | None = None
    """Files of validation rows, of the same names; with it or `test` the reserved field `#part` is
    added."""
    test: Files | None = None
    """Files of test rows."""
    root: str = ""
    """The folder the files lie in."""

    @model_validator(mode="after")
    def _same_names(self) -> Self:
        for part, files in self._parts.items():
            if set(files) != set(self.train):
                raise ValueError(
                    f"{part} names {listed(files)}, train {listed(self.train)}; expected the same"
                )
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without files there is nothing a contract test can read."""
        return []

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """A folder with nothing but files called by part and language."""
        parts = by_language(site.names) if site.is_folder else {}
        return cls.parse({"root": site.path, **parts}) if parts else None

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """Of two languages one is translated into the other, once it is said which into which."""
        if target not in self.train or len(self.train) != 2:
            return {}
        [source] = (name for name in self.train if name != target)
        pieces = {"kind": "text", "tokens": "bpe", "vocabulary": 8000, "shares": "both"}
        return {
            "columns": dict.fromkeys(self.train, pieces),
            "task": {"kind": "translate", "source": source, "target": target},
        }

    @property
    def title(self) -> str:
        """The folder's name, or else that of the first file."""
        first = PurePath(next(iter(self.train.values()))).name
        return PurePath(self.root).name or first.partition(".")[0]

    def describe(self) -> str:
        """`2 texts a line: en, de`."""
        return f"{len(self.train)} texts a line: {listed(self.train)}"

    def fields(self) -> Sequence[RawField]:
        """A text for each name, and `#part` where there are several parts."""
        check_names(self.title, list(self.train))
        for files in self._parts.values():
            for name in files.values():
                check_file(join(self.root, name))
        texts = [RawField(name, pa.string(), "text") for name in self.train]
        return [*texts, *([RawField(PART, pa.string())] if len(self._parts) > 1 else [])]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of train, then valid, then test.

        Raises:
            StorageError: a file is missing or cannot be read.
            DataError: files of a part differ in their number of lines, a line is no UTF-8, or is
                longer than 1 MiB.
        """
        wanted = select(self.title, [field.name for field in self.fields()], fields)
        for part, files in self._parts.items():
            of = part if len(self._parts) > 1 else None
            read = [name for name in files if name in wanted]
            for columns, count in self._chunks(files, read):
                yield with_part(columns, of, wanted, count)

    def fingerprint(self) -> str:
        """SHA-256 over which file is which and their bytes."""
        digest = hashlib.sha256()
        for part, files in self._parts.items():
            for name, file in files.items():
                digest.update(f"{part}\0{name}\0".encode())
                hash_file(join(self.root, file), digest)
        return digest.hexdigest()

    @property
    def _parts(self) -> dict[str, dict[str, str]]:
        parts = {"train": self.train, "valid": self.valid, "test": self.test}
        return {part: files for part, files in parts.items() if files is not None}

    def _chunks(
        self, files: dict[str, str], read: Sequence[str]
    ) -> Iterator[tuple[dict[str, pa.Array], int]]:
        """Some thousand rows at once: the texts of the fields that are read, and how many rows.

        All files of the part are gone through together, so that none can be longer unseen.
        """
        paths = {name: join(self.root, file) for name, file in files.items()}
        with ExitStack() as stack:
            opened = {n: stack.enter_context(open_file(path)) for n, path in paths.items()}
            lines = [_lines(paths[name], file) for name, file in opened.items()]
            rows = enumerate(zip_longest(*lines), start=1)
            while chunk := list(islice(rows, ROWS)):
                odd = next((at for at, (_, texts) in enumerate(chunk) if None in texts), None)
                if odd is not None:
                    _refuse_unequal(list(paths.values()), chain(chunk[odd:], rows))
                columns = {
                    name: _texts(paths[name], [(n, texts[at]) for n, texts in chunk])
                    for at, name in enumerate(files)
                    if name in read
                }
                yield columns, len(chunk)


def _refuse_unequal(
    paths: Sequence[str], rows: Iterator[tuple[int, Sequence[bytes | None]]]
) -> None:
    """Stop at a row that a file lacks; `rows` begin with it.

    Raises:
        DataError: with how many lines each file has.
    """
    counts = dict.fromkeys(paths, 0)
    first = 0
    for number, texts in rows:
        first = first or number
        for path, text in zip(paths, texts, strict=True):
            counts[path] += text is not None
    short = min(paths, key=lambda path: counts[path])
    shown = ", ".join(f"{path} {count + first - 1:,}" for path, count in counts.items())
    raise DataError(
        f"{short}, line {first:,}: there is none. Lines of parallel files belong together, "
        f"expected as many in each, got {shown}. Where a text is missing, leave its line empty."
    )


def _lines(path: str, file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file without their ends.

    Raises:
        DataError: a line is too long.
    """
    number = 0
    while True:
        with reading(path):
            line = file.readline(_MOST + 1)
        if not line:
            return
        number += 1
        if len(line) > _MOST:
            raise DataError(
                f"{path}, line {number:,}: longer than {_MOST:,} bytes, expected a text per line"
            )
        yield line.removeprefix(BOM_UTF8 if number == 1 else b"").rstrip(b"\r\n")


def _texts(path: str, lines: Sequence[tuple[int, bytes | None]]) -> pa.Array:
    """The lines as texts, null where nothing but spaces stands.

    Raises:
        DataError: one is no UTF-8.
    """
    texts: list[str | None] = []
    for number, line in lines:
        assert line is not None
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}, line {number:,}: byte {error.start + 1} of it is not UTF-8 "
                f"(0x{line[error.start]:02x}). Save the file as UTF-8."
            ) from None
        texts.append(text if text.strip() else None)
    return pa.array(texts, pa.string())
