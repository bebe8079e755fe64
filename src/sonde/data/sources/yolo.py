"""Objects in pictures, in the form of YOLO: a text file for each picture, a line for each object.

    cells/images/train/1.jpg         source: {kind: yolo, path: cells}
    cells/labels/train/1.txt         a line: class, then the middle's x and y, width and height, as
                                     shares of the picture's:   2 0.5 0.25 0.1 0.05
    cells/data.yaml                  names: [red cell, white cell, platelet]
    cells/data.yaml itself           the same: `path` in it, or else its own folder, is looked into
    cells.zip                        source: {kind: yolo, path: cells.zip}: read as it is
    photos/1.jpg, photos/1.txt       the same; both in one folder

Redmon, Divvala, Girshick, Farhadi, "You only look once", 2015, arXiv:1506.02640; the form is that
of its Darknet. A picture without a text file holds no objects. Classes are called as `names` says,
or data.yaml, classes.txt or obj.names beside the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Self

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, RecipeError, SondeError, listed
from sonde.core.notice import tell as notice
from sonde.core.text import from_yaml
from sonde.data.boxes import Box, Fault, fault
from sonde.data.sources._boxed import Boxed, Found, Gathered, sizes_of
from sonde.data.sources._files import join, natural
from sonde.data.sources._folders import Pair, Words, in_folder, pairs_in, part_folders, parts_below
from sonde.data.sources._pictured import Shown, Stems, in_utf8, is_picture, opened, stem
from sonde.data.sources._shelf import Shelf, shelf_at
from sonde.data.sources._site import Site
from sonde.data.sources._yolo_settings import folders_of, is_settings, names_in

_WORDS = Words(("labels", "label", "annotations"))

_LISTS = ("classes.txt", "obj.names", "classes.names", "_darknet.labels")
"""Files with a class's name in each line."""

_SETTINGS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
"""Files with `names`, a list or a mapping from numbers."""

_OTHERS = frozenset((*_LISTS, "train.txt", "val.txt", "valid.txt", "test.txt"))
"""Text files that are of no picture."""

_SLACK = 0.01
"""How far shares may lie beyond the picture, as they are rounded."""

_LOOKED_AT = 20
"""Text files of a part by which the form is recognised."""

_EXPECTED = "five numbers: the class, then x, y, width and height as shares in [0, 1]"


class Yolo(Boxed):
    """Pictures and boxes in the form of YOLO."""

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""
    names: tuple[str, ...] | None = None
    """The classes' names, from class 0 on; None finds a file of them, or calls them by number."""
    pictures: str | None = None
    """The folder of pictures, below `path`; None finds it."""
    labels: str | None = None
    """The folder of text files, below `path`; None finds it."""

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Yolo("cells.zip")`: the path may stand without its name."""
        super().__init__(path, **options)

    @classmethod
    def claim(cls, site: Site) -> Self | None:
        """Of a folder or an archive; of a file of settings, the folder that it tells of."""
        if not site.path.lower().endswith((".yaml", ".yml")):
            return super().claim(site)
        settings = from_yaml(site.head)
        if not is_settings(settings):
            return None
        names = names_in(settings, site.path)
        for folder in folders_of(settings, site.path):
            with suppress(SondeError):  # it is not there, or another form
                if cls.claims(shelf_at(folder)):
                    return cls(folder, names=names)
        return None

    @classmethod
    def claims(cls, shelf: Shelf) -> bool:
        """Text files beside pictures or in folders called so, with a file that names classes.

        Without one, nearly all their lines are objects.
        """
        source = cls(shelf.path)
        pairs = source._pairs()
        if any(shelf.holds(name) for name in (*_SETTINGS, *_LISTS)):
            return bool(pairs)
        lines = source._first_lines(pairs)
        wrong = sum(isinstance(_box(line, None, (1, 1)), Fault) for line in lines)
        return bool(lines) and wrong <= 0.1 * len(lines)

    def _read(self) -> list[Shown]:
        return [self._shown(pair) for pair in self._pairs()]

    def _pairs(self) -> list[Pair]:
        """The folders of every part.

        Raises:
            DataError: no text file lies beside a picture.
        """
        if self.pictures is not None or self.labels is not None:
            first = Pair(None, self.pictures or "", self.labels or self.pictures or "")
            return parts_below(self._shelf, first) or [first]
        if pairs := pairs_in(self._shelf, _WORDS):
            return pairs
        parts: list[tuple[str | None, str]] = [*part_folders(self._shelf)] or [(None, "")]
        for _, folder in parts:
            files = self._shelf.listing(folder)[1]
            if not any(map(_is_text, files)) or not any(map(is_picture, files)):
                held = [*self._shelf.listing(folder)[0], *files]
                raise DataError(
                    f"{join(self._shelf.top, folder)}: no images/ and labels/, and no text files "
                    f"beside pictures, expected the form of YOLO. It holds: {listed(held)}"
                )
        return [Pair(part, folder, folder) for part, folder in parts]

    def _first_lines(self, pairs: Sequence[Pair]) -> list[str]:
        """Lines of some text files that are called like pictures."""
        shelf, lines = self._shelf, []
        for pair in pairs:
            pictures = {stem(n) for n in shelf.listing(pair.pictures)[1] if is_picture(n)}
            names = [
                n for n in filter(_is_text, shelf.listing(pair.others)[1]) if stem(n) in pictures
            ]
            with opened(shelf) as contents:
                for name in names[:_LOOKED_AT]:
                    text = contents(join(pair.others, name)).decode("utf-8", errors="replace")
                    lines += [line for line in text.splitlines() if line.strip()]
        return lines

    def _shown(self, pair: Pair) -> Shown:
        """The rows of a part, in the order of the pictures' names."""
        shelf, rows = self._shelf, Gathered()
        pictures = Stems.of(pair.pictures, in_folder(shelf, pair.pictures)[1], is_picture)
        texts = Stems.of(pair.others, in_folder(shelf, pair.others)[1], _is_text)
        stems = sorted(pictures.names, key=natural)
        sizes = sizes_of(shelf, [pictures.names[stem] for stem in stems])
        with opened(shelf) as contents:
            for stem, size in zip(stems, sizes, strict=True):
                found: Found = None
                if stem in pictures.twice:
                    place = shelf.place(pictures.twice[stem])
                    found = RowError(0, f"a second picture called {stem!r}", "one", place)
                elif stem not in texts.names:
                    found = ()
                elif size is not None:
                    found = self._objects(texts.names[stem], size, contents)
                rows.add(pictures.names[stem], found)
        for stem in sorted(texts.names.keys() - pictures.names.keys(), key=natural):
            place = shelf.place(texts.names[stem])
            rows.add("", RowError(0, "a text file without a picture", f"a picture called {stem}",
                                  place))  # fmt: skip
        if blank := len(pictures.names.keys() - texts.names.keys()):
            notice(f"{join(shelf.top, pair.pictures)}: {blank:,} of {len(stems):,} pictures have "
                   "no text file: they hold no objects")  # fmt: skip
        known = [*texts.names.values(), *([self._named[1]] if self._named[1] else [])]
        return rows.shown(pair.part, shelf, read=known)

    def _objects(
        self, name: str, size: tuple[int, int], contents: Callable[[str], bytes]
    ) -> list[Box] | RowError:
        """The objects of a picture."""
        place = self._shelf.place(name)
        try:
            lines = in_utf8(contents(name)).splitlines()
        except ValueError:
            return RowError(0, "a file that is not UTF-8", "a line for each object", place)
        boxes = []
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            box = _box(line, self._named[0], size)
            wrong = box if isinstance(box, Fault) else fault(box, size)
            if wrong is not None:
                return RowError(0, wrong.got, wrong.expected, f"{place}, line {number}")
            assert isinstance(box, Box)
            boxes.append(box)
        return boxes

    @cached_property
    def _shelf(self) -> Shelf:
        return shelf_at(self.path)

    @cached_property
    def _named(self) -> tuple[tuple[str, ...] | None, str | None]:
        """The classes' names, and the file that says them.

        Raises:
            DataError: it says something else.
        """
        if self.names is not None:
            return self.names, None
        shelf = self._shelf
        beside = [folder for pair in self._pairs() for folder in _upwards(pair.others)]
        folders = dict.fromkeys(["", *(f for f in (self.labels, "labels", "train") if f), *beside])
        with opened(shelf) as contents:
            for name in (join(folder, file) for folder in folders for file in _SETTINGS):
                if shelf.holds(name):
                    return _from_settings(contents(name), shelf.place(name)), name
            for name in (join(folder, file) for folder in folders for file in _LISTS):
                if shelf.holds(name):
                    return _from_list(contents(name), shelf.place(name)), name
        notice(f"{shelf.top}: no file names the classes ({listed([*_SETTINGS, *_LISTS])}), so that "
               "they are called by their numbers; `names` in the recipe says better")  # fmt: skip
        return None, None


def _upwards(folder: str) -> list[str]:
    """A folder and those that it lies in, the top left out."""
    parts = folder.split("/")
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _box(line: str, names: Sequence[str] | None, size: tuple[int, int]) -> Box | Fault:
    """A line's object, in pixels of a picture of this height and width."""
    words = line.split()
    try:
        number, (x, y, width, height) = int(words[0]), map(float, words[1:])
    except ValueError:
        return Fault(repr(line[:60]), _EXPECTED)
    if number < 0 or (names is not None and number >= len(names)):
        known = "0 on" if names is None else f"0 to {len(names) - 1} ({listed(names)})"
        return Fault(f"class {number}", f"a class from {known}")
    if not all(-_SLACK <= share <= 1 + _SLACK for share in (x, y, width, height)):
        return Fault(repr(line[:60]), _EXPECTED)
    label = str(number) if names is None else names[number]
    left, upper = (x - width / 2) * size[1], (y - height / 2) * size[0]
    return Box(label, left, upper, left + width * size[1], upper + height * size[0])


def _from_settings(data: bytes, place: str) -> tuple[str, ...]:
    """The `names` of a YAML file.

    Raises:
        DataError: it has none, or cannot be read.
    """
    try:
        settings = from_yaml(in_utf8(data), where=place)
    except (RecipeError, ValueError) as error:
        raise DataError(f"{place}: cannot be read: {error}") from None
    return names_in(settings if isinstance(settings, Mapping) else {}, place)


def _from_list(data: bytes, place: str) -> tuple[str, ...]:
    """A class's name in each line.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        lines = in_utf8(data).splitlines()
    except ValueError:
        raise DataError(f"{place}: not UTF-8, expected a class's name in each line") from None
    return tuple(line.strip() for line in lines if line.strip())


def _is_text(name: str) -> bool:
    return name.endswith(".txt") and name not in _OTHERS and not name.startswith("README")
