"""Pictures among answers: kept as files, named in the answers."""

from __future__ import annotations

from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.core.errors import StorageError
from sonde.core.picture import file_of, is_film, is_picture, png, sheet

if TYPE_CHECKING:
    import numpy as np

FOLDER = "predicted"
"""Where pictures go unless somebody says otherwise; then `predicted-2` and so on."""


def kept(answers: list[dict[str, Any]], output: str | None) -> tuple[list[dict[str, Any]], str]:
    """The answers with the file of each picture in its place, and a line on what was written.

    Args:
        answers: rows; pictures are uint8 arrays.
        output: a folder; of a file, the folder that has its name without the suffix; by default one
            that has not been there.

    Raises:
        StorageError: a file cannot be written.
    """
    held = [(row, name) for row in answers for name, value in row.items() if is_picture(value)]
    if not held:
        return answers, ""
    folder = Path(output).with_suffix("") if output else _free()
    digits = len(str(len(answers) - 1))
    told = [
        {
            name: _written(folder, f"{number:0{digits}d}-{name}", value) if is_picture(value)
            else value
            for name, value in row.items()
        }
        for number, row in enumerate(answers)
    ]  # fmt: skip
    written = "a file" if len(held) == 1 else f"{len(held):,} files"
    stills = [row[name] for row, name in held if not is_film(row[name])]
    if len(stills) < 2:
        return told, f"{written} in {folder}"
    together = _put(folder / "sheet.png", png(sheet(stills)))
    return told, f"{written} in {folder}, all pictures together in {together}"


def _free() -> Path:
    names = chain([FOLDER], (f"{FOLDER}-{number}" for number in count(2)))
    return next(path for path in map(Path, names) if not path.exists())


def _written(folder: Path, stem: str, picture: np.ndarray) -> str:
    suffix, content = file_of(picture)
    return _put(folder / f"{stem.replace('/', '_')}{suffix}", content)


def _put(path: Path, content: bytes) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error}") from None
    return str(path)
