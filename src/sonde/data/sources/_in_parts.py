"""The base of sources that read files, of which separate ones may be for validation and test."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar, Self

from sonde.contracts.data import RowError, Source
from sonde.core.text import to_json
from sonde.data.parts import PARTS, part_of
from sonde.data.sources._files import expand, stem
from sonde.data.sources._within import hash_within

_NAMED = re.compile(
    rf"(?P<before>(?:[^*?\[\]]*?[-_.])??)(?P<part>{'|'.join(PARTS)})[-_.]", re.IGNORECASE
)


class InParts(Source):
    """A path, and where there are any the same of validation and of test rows."""

    endings: ClassVar[Collection[str]] = ()
    """What names of files end with and titles leave out."""
    untitled: ClassVar[str] = "data"
    """The title where nothing is left of the name."""

    path: str
    """A file, or several by a pattern such as `sales-*.csv`."""
    valid: str | None = None
    """The same of validation rows; with it or `test` the reserved field `#part` is added."""
    test: str | None = None
    """The same of test rows."""

    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Table("houses.csv")`: the path may stand without its name."""
        super().__init__(**({} if path is None else {"path": path}), **options)

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without its file there is nothing a contract test can read."""
        return []

    @property
    def title(self) -> str:
        """The file's name without what it ends with."""
        return stem(self.path, self.endings) or self.untitled

    @property
    def _has_parts(self) -> bool:
        return self.valid is not None or self.test is not None

    def _places(self) -> Iterator[tuple[str, str]]:
        """Each part and its path or pattern, in the order they are read."""
        places = {"train": self.path, "valid": self.valid, "test": self.test}
        return ((part, where) for part, where in places.items() if where is not None)

    def _expanded(self, suffixes: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """Part and path of every file, in the order they are read.

        Args:
            suffixes: what the files of a folder end with, where folders are read.
        """
        return [(part, path) for part, where in self._places() for path in expand(where, suffixes)]

    def _hashed(self, files: Iterable[tuple[str, str]]) -> str:
        """SHA-256 over files' bytes and the options that change how they are read.

        Args:
            files: each with what it is for, such as its part, before its path.
        """
        options = {k: v for k, v in self.dump().items() if k not in ("path", "valid", "test")}
        digest = hashlib.sha256(to_json(options).encode())
        for what, path in files:
            digest.update(f"{what}\0".encode())
            hash_within(path, digest)
        return digest.hexdigest()


def by_part(folder: str, names: Collection[str]) -> dict[str, str]:
    """`train-00000-of-00002.parquet`, `test.parquet`; `es-ud-train.conllu`: names say their part.

    Returns:
        `path`, `valid` and `test`, as far as there are such; nothing where a name says no part, or
        names begin differently before it.
    """
    found = [_NAMED.match(name) for name in names]
    before = {match["before"] for match in found if match}
    heads = {match["part"] for match in found if match}
    parts = {part_of(head): head for head in sorted(heads)}
    if None in found or "train" not in parts or len(parts) < len(heads) or len(before) > 1:
        return {}
    begin = f"{folder.rstrip('/')}/{before.pop()}"
    return {"path" if p == "train" else str(p): f"{begin}{h}[-_.]*" for p, h in parts.items()}


def unlabelled(path: str, absent: Collection[str], added: Collection[str]) -> str:
    """What is said besides of a file that lacks columns, as one does whose labels are kept back."""
    if added or not absent:
        return ""
    return f" To have its rows answered, train without it, then:  sonde predict MODEL {path}"


def several(files: Collection[Any]) -> str:
    """`, 3 files` behind a description, where there are several."""
    return f", {len(files):,} files" if len(files) > 1 else ""


def ignore(error: RowError) -> None:
    """For a caller who asks to be told nothing."""
