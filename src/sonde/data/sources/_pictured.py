"""The base of sources whose rows are pictures with what files beside them say of each."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any, ClassVar, Self

import pyarrow as pa

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.errors import DataError, counted, listed
from sonde.core.notice import say
from sonde.core.port import PART
from sonde.core.text import is_unicode, to_json
from sonde.data.sources._fields import select, with_part
from sonde.data.sources._files import join, open_file, reading
from sonde.data.sources._in_parts import ignore
from sonde.data.sources._shelf import SUFFIXES, Shelf, shelf_title, spans
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._walk import shown
from sonde.data.sources._within import hash_within

IMAGE = "image"
"""The field of pictures."""


@dataclass
class Shown:
    """The pictures of one part, with what is known of each.

    Attributes:
        part: 'train', 'valid' or 'test'; None where the data has no parts.
        shelf: where all files lie that `files` names; the same of all parts.
        files: field -> the names of its files, one a row; the pictures among them.
        values: field -> (N,) values that are no files.
        read: names on the shelf of the files that all this was read from.
        apart: paths of such files that lie elsewhere.
        errors: what could not be read; `row` is the place in this part it would have stood at.
    """

    part: str | None
    shelf: Shelf
    files: dict[str, list[str]]
    values: dict[str, pa.Array] = field(default_factory=dict)
    read: Collection[str] = ()
    apart: Collection[str] = ()
    errors: Sequence[RowError] = ()

    def __len__(self) -> int:
        return len(next(iter(self.files.values())))

    def scan(self, wanted: Sequence[str]) -> Iterator[tuple[dict[str, pa.Array], int]]:
        """The wanted fields but for the part, and how many rows they have; some megabytes each."""
        fetched = [name for name in wanted if name in self.files]
        of_files = [list(map(self.shelf.size, self.files[name])) for name in fetched]
        sizes = [sum(row) for row in zip(*of_files, strict=True)] if fetched else None
        with self.shelf.reader() as fetch:
            for rows in spans(len(self), sizes):
                count = rows.stop - rows.start
                columns = {n: self.values[n].slice(rows.start, count) for n in wanted
                           if n in self.values}  # fmt: skip
                columns |= {name: fetch(self.files[name][rows]) for name in fetched}
                yield columns, count


class Pictured(Recognised):
    """Pictures on a shelf; a kind says how the files beside them are read."""

    beside: ClassVar[Mapping[str, tuple[pa.DataType | None, str]]]
    """Field -> its type (None: that of pictures) and the kind of its column, for all but the
    pictures."""

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""

    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Voc("cells.zip")`: the path may stand without its name."""
        super().__init__(**({} if path is None else {"path": path}), **options)

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without pictures there is nothing a contract test can read."""
        return []

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """Of a folder or an archive."""
        return cls(site.path) if site.shelf is not None and cls.claims(site.shelf) else None

    @classmethod
    @abstractmethod
    def claims(cls, shelf: Shelf) -> bool:
        """Whether a folder or an archive is surely of this form, so that no recipe need say it."""

    @property
    def title(self) -> str:
        """The folder's or archive's name."""
        return shelf_title(self.path)

    def describe(self) -> str:
        """Such as '364 pictures with boxes'."""
        count = sum(map(len, self._parts))
        return f"{counted(count, 'picture')} with {listed(self.beside)}"

    def fields(self) -> Sequence[RawField]:
        """The picture, what is known of it, and `#part` where the data says it."""
        form = self._parts[0].shelf.type
        beside = [RawField(n, kind or form, column) for n, (kind, column) in self.beside.items()]
        parts = [RawField(PART, pa.string())] if self._has_parts else []
        return [RawField(IMAGE, form, "image"), *beside, *parts]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of train, then valid, then test, in the order of the data; some megabytes at a time.

        Told to `on_error`: pictures whose annotation is missing or cannot be read, and annotations
        without a picture, with the file and the object.
        """
        wanted = select(self.path, [each.name for each in self.fields()], fields)
        tell, before = on_error or ignore, 0
        for part in self._parts:
            for error in part.errors:
                got, place = shown(str(error.got)), error.place and shown(error.place)
                tell(error._replace(row=before + error.row, got=got, place=place))
            for columns, count in part.scan(wanted):
                yield with_part(columns, part.part, wanted, count)
            before += len(part)

    def fingerprint(self) -> str:
        """SHA-256 over the pictures, the files beside them, and the options."""
        digest = hashlib.sha256(to_json(self._said()).encode())
        names: set[str] = set()
        for part in self._parts:
            digest.update(f"{part.part}\0{len(part)}\0".encode())
            names.update(part.read, *part.files.values())
            for path in sorted(part.apart):
                hash_within(path, digest)
        self._parts[0].shelf.feed(sorted(names), digest)
        return digest.hexdigest()

    def _said(self) -> dict[str, Any]:
        """The options that say how files are read, not where they lie."""
        return {name: value for name, value in self.dump().items() if name != "path"}

    @abstractmethod
    def _read(self) -> list[Shown]:
        """Every part, in order: none without a row.

        Raises:
            StorageError: something is missing or cannot be read.
            DataError: it is not what this source reads.
        """

    @property
    def _has_parts(self) -> bool:
        return self._parts[0].part is not None

    @cached_property
    def _parts(self) -> list[Shown]:
        """The parts, read once: only what is written beside pictures is held, no picture.

        Raises:
            DataError: not one picture can be read.
        """
        parts = self._read()
        if not any(map(len, parts)):
            raise DataError(self._without_rows([e for part in parts for e in part.errors]))
        return parts

    def _without_rows(self, errors: Sequence[RowError]) -> str:
        if not errors:
            return f"{self.path} holds no pictures, expected some ({listed(sorted(SUFFIXES))})"
        first = errors[0]
        return shown(
            f"{first.place or self.path}: got {first.got!r}, expected {first.expected} (all of "
            f"{len(errors):,} pictures are like this). Mend them."
        )


@contextmanager
def opened(shelf: Shelf) -> Iterator[Callable[[str], bytes]]:
    """A function that gives the bytes of a shelf's files while the block lasts."""
    with shelf.reader() as fetch:

        def read(name: str) -> bytes:
            found = fetch([name])[0].as_py()
            if isinstance(found, bytes):
                return found
            with open_file(found) as file, reading(found):
                return file.read()

        yield read


def is_picture(name: str) -> bool:
    """Whether a file's name ends as those of pictures do."""
    return PurePath(name).suffix.lower() in SUFFIXES


def stem(name: str) -> str:
    """A file's name without its folder and its suffix."""
    return PurePath(name).stem


@dataclass
class Stems:
    """Files by stem.

    Attributes:
        names: stem -> the file's path on the shelf.
        twice: stem -> a second file of the same stem.
    """

    names: dict[str, str] = field(default_factory=dict)
    twice: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: str, files: Sequence[str], is_wanted: Callable[[str], bool]) -> Self:
        """The wanted files of a folder; a name that is not UTF-8 is passed over, and said."""
        found, wanted = cls(), list(filter(is_wanted, files))
        odd = [name for name in wanted if not is_unicode(name)]
        if odd:
            say(f"{folder or 'the top'}: the names of {len(odd):,} files are not UTF-8, such as "
                f"'{shown(odd[0])}'; they are passed over. Rename them.")  # fmt: skip
        for name in filter(is_unicode, wanted):
            path = join(folder, name) if folder else name
            if found.names.setdefault(stem(name), path) != path:
                found.twice[stem(name)] = path
        return found


def in_utf8(data: bytes) -> str:
    """A file's text.

    Raises:
        ValueError: it is not UTF-8.
    """
    return data.decode("utf-8-sig")
