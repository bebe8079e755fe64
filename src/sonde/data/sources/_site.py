"""What lies at a path, and sources that tell their own form by it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Self

from sonde.contracts.data import Source
from sonde.core.errors import SondeError
from sonde.data.sources._encoding import HEAD, begun
from sonde.data.sources._files import is_pattern, join, located, open_file
from sonde.data.sources._shelf import Shelf, shelf_at

_MOST_NAMES = 10_000


@dataclass(frozen=True)
class Site:
    """A file, a folder or an archive, looked into only as far as somebody asks."""

    path: str

    @cached_property
    def is_file(self) -> bool:
        """Whether it is one file, and no archive."""
        return not is_pattern(self.path) and Path(located(self.path)).is_file() and not self.shelf

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return Path(located(self.path)).is_dir()

    @cached_property
    def shelf(self) -> Shelf | None:
        """The folder or the archive; None where it is neither, or damaged."""
        with suppress(SondeError):
            return shelf_at(self.path)
        return None

    @cached_property
    def head(self) -> str:
        """The first 64 KiB of a file, unpacked; '' of anything else."""
        if not self.is_file:
            return ""
        with suppress(SondeError, OSError, EOFError), open_file(self.path) as file:
            return begun(file.read(HEAD))
        return ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The files of a folder or an archive, with / between folders; of many the first ones."""
        if self.shelf is None:
            return ()
        with suppress(SondeError):
            return tuple(islice(_below(self.shelf, ""), _MOST_NAMES))
        return ()


class Recognised(Source):
    """A source that recognises its form, so that no recipe need name it."""

    @classmethod
    @abstractmethod
    def claim(cls, site: Site) -> Self | None:
        """The source for what lies there, where that is surely of its form.

        Raises:
            SondeError: it cannot be read so, which is as much as None.
        """


def _below(shelf: Shelf, folder: str) -> Iterator[str]:
    folders, files = shelf.listing(folder)
    yield from (join(folder, name) for name in files)
    for name in folders:
        inner = join(folder, name)
        if not shelf.is_link(inner):
            yield from _below(shelf, inner)
