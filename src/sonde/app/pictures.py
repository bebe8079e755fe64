"""Pictures among answers: kept as files, named in the answers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.core.errors import StorageError
from sonde.core.picture import file_of, is_film, is_picture, png, sheet

if TYPE_CHECKING:
    import numpy as np

FOLDER = "predicted"
"""Where pictures go unless somebody says otherwise; then `predicted-2` and so on."""

ROW_FILES = (".jsonl", ".json", ".ndjson", ".csv", ".txt")
"""How files of answers end."""

_SHEET = 16_000_000
"""Pixels that pictures have together at most to be shown on one sheet."""


class Kept:
    """Writes the pictures of answers that come a part at a time, and holds none for longer.

    Args:
        output: a folder; of a file of rows, such as answers.jsonl, the folder that has its name
            without the suffix; by default one that has not been there.
        rows: how many answers there will be, for names of one length.
        files: what the answers are about; where their names differ, pictures are called like them.
        together: the field whose pictures are also shown on one sheet; None for all fields.
    """

    def __init__(
        self,
        output: str | None,
        rows: int,
        *,
        files: Sequence[str] = (),
        together: str | None = None,
    ) -> None:
        self._folder = _folder_of(Path(output)) if output else None
        self._digits = len(str(max(rows, 1) - 1))
        stems = [Path(file).stem for file in files]
        self._stems = stems if len({stem.casefold() for stem in stems}) == len(stems) else []
        self._together = together
        self._rows = self._files = self._pixels = 0
        self._stills: list[np.ndarray] = []

    def add(self, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The next answers with the file of each picture in its place.

        Raises:
            StorageError: a file cannot be written.
        """
        told = []
        for answer in answers:
            stem = self._stems[self._rows] if self._stems else f"{self._rows:0{self._digits}d}"
            told.append({
                name: self._written(name, stem, value) if is_picture(value) else value
                for name, value in answer.items()
            })  # fmt: skip
            self._rows += 1
        return told

    def finish(self) -> str:
        """Write the sheet; what was written, empty where there was nothing.

        Raises:
            StorageError: the sheet cannot be written.
        """
        if self._folder is None or not self._files:
            return ""
        written = "a file" if self._files == 1 else f"{self._files:,} files"
        if len(self._stills) < 2:
            return f"{written} in {self._folder}"
        together = _put(self._folder / "sheet.png", png(sheet(self._stills)))
        return f"{written} in {self._folder}, all pictures together in {together}"

    def _written(self, name: str, stem: str, picture: np.ndarray) -> str:
        self._folder = self._folder or _free()
        self._files += 1
        self._hold(name, picture)
        suffix, content = file_of(picture)
        return _put(self._folder / f"{stem}-{name.replace('/', '_')}{suffix}", content)

    def _hold(self, name: str, picture: np.ndarray) -> None:
        """Remember a picture for the sheet, unless it grows too large: then there is none."""
        if is_film(picture) or self._together not in (None, name):
            return
        self._pixels += picture.shape[0] * picture.shape[1]
        self._stills.append(picture)
        if self._pixels > _SHEET:
            self._stills.clear()


def _folder_of(output: Path) -> Path:
    is_file = output.suffix.lower() in ROW_FILES and not output.is_dir()
    return output.with_suffix("") if is_file else output


def _free() -> Path:
    names = chain([FOLDER], (f"{FOLDER}-{number}" for number in count(2)))
    return next(path for path in map(Path, names) if not path.exists())


def _put(path: Path, content: bytes) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error}") from None
    return str(path)
