"""Texts in files: one folder for each label, and in it a file for each text.

    reviews/pos/0_9.txt              source: {kind: labelled-files, path: reviews}
    reviews/train/pos/0_9.txt        the same; with train/, valid/ (val/) and test/ as parts
    news/sci.space/60151             the same, without a suffix
    reviews.zip, reviews.tar.gz      source: {kind: labelled-files, path: reviews.zip}

Hidden files are not seen at all; a folder of pictures in the same order is the source `folder`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError
from sonde.core.port import PART
from sonde.data.sources._characters import LONGEST
from sonde.data.sources._encoding import Encoding, decoded
from sonde.data.sources._fields import select
from sonde.data.sources._files import join
from sonde.data.sources._in_parts import ignore
from sonde.data.sources._shelf import Shelf, shelf_at, shelf_title, spans
from sonde.data.sources._site import Recognised, Site
from sonde.data.sources._walk import PICTURES, TEXTS, Labelled, find_labelled

_FIRST = 8
"""Files that are looked into where names do not tell."""
_MOST_BESIDE = 5
"""Files of other kinds among the texts, such as a licence, where the form is still sure."""


class LabelledFiles(Recognised):
    """Rows with `text` and `label`, by part, label and path."""

    scan_version: ClassVar[int | None] = 2

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""
    encoding: Encoding = None
    """None takes a byte order mark's word, then UTF-8, then Windows-1252 or Latin-1."""

    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`LabelledFiles("reviews/")`: the path may stand without its name."""
        super().__init__(**({} if path is None else {"path": path}), **options)

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without files there is nothing a contract test can read."""
        return []

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """Text files, few others and no pictures, in two folders or more."""
        others = [name for name in site.names if not TEXTS.names(name)]
        alone = len(others) <= min(_MOST_BESIDE, len(site.names) // 2)
        alone = alone and not any(map(PICTURES.names, others))
        source = cls(path=site.path)
        return (
            source if alone and len(set(source._found.labels)) > 1 and source._holds_texts else None
        )

    @property
    def title(self) -> str:
        """The folder's or archive's name."""
        return shelf_title(self.path)

    def describe(self) -> str:
        """Such as '2 labels of folders, 50,000 files'."""
        found = self._found
        return f"{len(set(found.labels)):,} labels of folders, {len(found.paths):,} files"

    def fields(self) -> Sequence[RawField]:
        """`text` and `label`, and `#part` where there are parts."""
        parts = [RawField(PART, pa.string())] if self._found.parts else []
        text = RawField("text", pa.string(), "text")
        return [text, RawField("label", pa.string(), "category"), *parts]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows by part, label and path, some megabytes at a time.

        Told to `on_error`: files that hold no text, and those that are called by another ending or
        lie outside the labels' folders; `row` is the number of the text they stand before.
        """
        found, tell = self._found, on_error or ignore
        wanted = select(self.path, [field.name for field in self.fields()], fields)
        for error in found.errors:
            tell(error)
        sizes = list(map(self._shelf.size, found.paths))
        with self._shelf.reader() as fetch:
            for rows in spans(len(found.paths), sizes):
                files = fetch(found.paths[rows]).to_pylist()
                texts = [self._text(rows.start + n, file, tell) for n, file in enumerate(files)]
                columns = {"text": texts, "label": found.labels[rows], PART: found.parts[rows]}
                read = np.flatnonzero([text is not None for text in texts])
                yield pa.RecordBatch.from_pydict(
                    {name: pa.array(columns[name], pa.string()).take(read) for name in wanted}
                )

    def fingerprint(self) -> str:
        """SHA-256 over every file's name, size and bytes, and the encoding."""
        digest = hashlib.sha256(str(self.encoding).encode())
        self._shelf.feed(self._found.paths, digest)
        return digest.hexdigest()

    @property
    def _holds_texts(self) -> bool:
        """Whether the first files are called texts, or one of them is: others may be anything."""
        first = self._found.paths[:_FIRST]
        with self._shelf.reader() as fetch:
            return any(PurePath(name).suffix for name in first) or any(
                self._text(0, file, ignore) is not None for file in fetch(first).to_pylist()
            )

    def _text(self, row: int, file: str | bytes, tell: Callable[[RowError], None]) -> str | None:
        """What a file holds; one that holds no text is told."""
        try:
            data = Path(file).read_bytes() if isinstance(file, str) else file
            text = decoded(data, self.encoding).replace("\r\n", "\n").strip()
            wrong = _wrong(text)
        except UnicodeDecodeError as error:
            wrong = (f"byte {error.start:,} not of {error.encoding}", "a text in that encoding")
        except OSError as error:
            wrong = (f"{error.strerror}", "a file that can be read")
        if wrong is None:
            return text
        place = join(self._shelf.top, self._found.paths[row])
        tell(RowError(row, *wrong, place, harmless=wrong[0] == "an empty file"))
        return None

    @cached_property
    def _shelf(self) -> Shelf:
        return shelf_at(self.path)

    @cached_property
    def _found(self) -> Labelled:
        return find_labelled(self._shelf, TEXTS)


def _wrong(text: str) -> tuple[str, str] | None:
    """What came and what was expected, where a file's characters are no text."""
    if not text:
        return "an empty file", "a text"
    if len(text) > LONGEST:
        return f"{len(text):,} characters", f"a text of at most {LONGEST >> 20} million"
    return ("a NUL character", "a text without one") if "\0" in text else None
