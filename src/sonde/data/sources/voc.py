"""Objects in pictures, in the form of Pascal VOC: an XML file for each picture.

    cells/JPEGImages/1.jpg           source: {kind: voc, path: cells}
    cells/Annotations/1.xml
    cells/ImageSets/Main/train.txt   the names of the part's pictures; without such lists there are
                                     no parts, and every annotated picture is a row
    cells.zip                        source: {kind: voc, path: cells.zip}: read as it is
    cells/images/1.jpg               the same; two folders that are called so, with parts above or
    cells/annotations/1.xml          below them
    cells/train/1.jpg, 1.xml         the same; XML beside the pictures, in folders that are parts

Everingham, Van Gool, Williams, Winn, Zisserman, "The PASCAL Visual Object Classes challenge", 2010.
Its pixels are counted from 1, and a box's last pixel belongs to it; ours are borders, from 0. So
1, 1, 1, 1 is the first pixel, a box of one pixel and not of none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple
from xml.etree.ElementTree import Element

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, listed
from sonde.core.notice import tell as notice
from sonde.data.boxes import Box, Fault, fault
from sonde.data.sources._boxed import Boxed, Found, Gathered, misfit, sizes_of
from sonde.data.sources._files import join, natural
from sonde.data.sources._folders import Pair, Words, in_folder, pairs_in, part_folders, places_in
from sonde.data.sources._pictured import Shown, Stems, in_utf8, is_picture, opened
from sonde.data.sources._shelf import Shelf, shelf_at
from sonde.data.sources._xml import BadXml, parse_xml

_LISTS = {"train": ("train.txt", "trainval.txt"), "valid": ("val.txt", "valid.txt"),
          "test": ("test.txt",)}  # fmt: skip
"""Part -> what its list of pictures may be called, the first that is there."""

_PICTURES, _ANNOTATIONS = "JPEGImages", "Annotations"

_WORDS = Words(("Annotations", "annotations", "annotation", "annots", "xmls", "xml", "labels",
                "label"))  # fmt: skip

_WHOLE = re.compile(r"\s*[0-9]{1,9}\s*")

_BORDERS = ("xmin", "ymin", "xmax", "ymax")


class Voc(Boxed):
    """Pictures and boxes in the form of Pascal VOC; objects marked as difficult stay marked."""

    path: str
    """A folder, or a zip, tar or tar.gz, which is never unpacked into a folder."""
    pictures: str | None = None
    """The folder of pictures; None finds it: JPEGImages, images, or that of the XML files."""
    annotations: str | None = None
    """The folder of XML files, which are called as their pictures; None finds it."""
    lists: str = "ImageSets/Main"
    """The folder of train.txt, val.txt and test.txt, with a picture's name in each line."""
    first_pixel: Literal[0, 1] = 1
    """1 where pixels are counted from 1 and the last one belongs to the box, as in VOC; 0 where
    borders were written, from 0."""
    any_size: bool = False
    """Whether an annotation may say another size than its picture has: then it does not count."""

    # written out again, since type checkers make a keyword-only one for every class of fields
    def __init__(self, path: str | None = None, /, **options: Any) -> None:
        """`Voc("cells.zip")`: the path may stand without its name."""
        super().__init__(path, **options)

    @classmethod
    def claims(cls, shelf: Shelf) -> bool:
        """XML files of this form in a folder of annotations, or beside pictures."""
        source = cls(shelf.path)
        for _, pictures, notes in source._pairs(shelf) or _beside_each_other(shelf):
            files = shelf.listing(notes)[1]
            found = [join(notes, name) for name in files if _is_xml(name)]
            if found and (pictures != notes or any(map(is_picture, files))):
                with opened(shelf) as contents:
                    return _is_note(contents(found[0]))
        return False

    def _read(self) -> list[Shown]:
        shelf = shelf_at(self.path)
        pairs = self._pairs(shelf)
        if [pair.part for pair in pairs] != [None]:
            return [
                self._shown(shelf, pair.part, both.stems, both)
                for pair in pairs or self._surely_beside(shelf)
                for both in [_files(shelf, pair)]
            ]
        both = _files(shelf, pairs[0])
        notes = self.annotations
        base = _outer(shelf, notes) if notes else pairs[0].others.rpartition("/")[0]
        parts, read = _listed(shelf, join(base or "", self.lists))
        left = len(both.pictures.names.keys() - {n for names in parts.values() for n in names})
        if parts and left:
            notice(f"{shelf.top}: {left:,} pictures stand in no list of a part, and are left out")
        if not parts:
            return [self._shown(shelf, None, both.stems, both)]
        return [self._shown(shelf, part, names, both, read) for part, names in parts.items()]

    def _pairs(self, shelf: Shelf) -> list[Pair]:
        """The folders of pictures and of XML files; none where they lie beside each other."""
        notes = self.annotations or _ANNOTATIONS
        base = _outer(shelf, notes)
        if base is not None and (self.annotations or self.pictures or _holds(shelf, base)):
            return [Pair(None, join(base, self.pictures or _PICTURES), join(base, notes))]
        if self.annotations or self.pictures:
            return []
        pairs = pairs_in(shelf, _WORDS)
        return pairs if any(map(_is_xml, _names_in(shelf, pairs))) else []

    def _surely_beside(self, shelf: Shelf) -> list[Pair]:
        """The folders of every part, which hold XML beside pictures.

        Raises:
            DataError: one has no XML.
        """
        pairs = _beside_each_other(shelf)
        for _, folder, _ in pairs:
            folders, files = shelf.listing(folder)
            if not any(map(_is_xml, files)):
                raise DataError(
                    f"{join(shelf.top, folder)}: no {self.annotations or _ANNOTATIONS}/ with "
                    f"{self.pictures or _PICTURES}/, nor folders called alike, and no XML beside "
                    "pictures, expected the form of Pascal VOC. Name the folders with `pictures` "
                    f"and `annotations`. It holds: {listed([*folders, *files])}"
                )
        return pairs

    def _shown(
        self,
        shelf: Shelf,
        part: str | None,
        names: Sequence[str],
        files: _Files,
        read: Sequence[str] = (),
    ) -> Shown:
        """The rows of a part: names of pictures without suffix."""
        rows, pictures = Gathered(), files.pictures.names
        held = [pictures[name] for name in names if name in pictures]
        sizes = dict(zip(held, sizes_of(shelf, held), strict=True))
        with opened(shelf) as contents:
            for name in names:
                found: Found = _unpaired(shelf, name, files.pictures, files.notes)
                if found is None:
                    note = files.notes.names[name]
                    data, size = contents(note), sizes[pictures[name]]
                    found = self._boxes(data, size, shelf.place(note))
                rows.add(pictures.get(name, ""), found)
        known = [files.notes.names[name] for name in names if name in files.notes.names]
        return rows.shown(part, shelf, read=[*known, *read])

    def _boxes(self, data: bytes, size: tuple[int, int] | None, place: str) -> list[Box] | RowError:
        """The objects of an annotation of a picture of this height and width."""
        try:
            root = parse_xml(data)
        except BadXml as bad:
            return RowError(0, str(bad), "an annotation in XML without a document type", place)
        if root.tag != "annotation":
            return RowError(0, f"<{root.tag[:40]}>", "<annotation> around all", place)
        said = None if self.any_size else _size(root)
        if wrong := misfit(said, size):
            return RowError(0, wrong.got, wrong.expected, place)
        boxes = []
        for number, item in enumerate(root.findall("object"), start=1):
            box = _box(item, self.first_pixel)
            wrong = box if isinstance(box, Fault) else fault(box, size or said)
            if wrong is not None:
                return RowError(0, wrong.got, wrong.expected, f"{place}, object {number}")
            assert isinstance(box, Box)
            boxes.append(box)
        return boxes


def _holds(shelf: Shelf, base: str) -> bool:
    """Whether the folders that are called as in VOC lie there."""
    return _PICTURES in shelf.listing(base)[0]


def _names_in(shelf: Shelf, pairs: Sequence[Pair]) -> list[str]:
    """The files of the folders beside those of pictures."""
    return [name for pair in pairs for name in shelf.listing(pair.others)[1]]


def _beside_each_other(shelf: Shelf) -> list[Pair]:
    """The top, or its folders that are parts."""
    parts: list[tuple[str | None, str]] = [*part_folders(shelf)] or [(None, "")]
    return [Pair(part, folder, folder) for part, folder in parts]


def _files(shelf: Shelf, pair: Pair) -> _Files:
    """The pictures and the XML files of a part.

    Raises:
        StorageError: there is no such folder.
    """
    return _Files(
        Stems.of(pair.pictures, in_folder(shelf, pair.pictures)[1], is_picture),
        Stems.of(pair.others, in_folder(shelf, pair.others)[1], _is_xml),
    )


def _is_note(data: bytes) -> bool:
    """Whether a file is an annotation, or was meant as one."""
    try:
        return parse_xml(data).tag == "annotation"
    except BadXml:
        return b"<annotation" in data


class _Files(NamedTuple):
    """The files of a folder or two, by stem."""

    pictures: Stems
    notes: Stems

    @property
    def stems(self) -> list[str]:
        """Of either, as people count."""
        return sorted({*self.pictures.names, *self.notes.names}, key=natural)


def _unpaired(shelf: Shelf, name: str, pictures: Stems, notes: Stems) -> RowError | None:
    """What is wrong with the files of one name, if anything is."""
    for held, what in ((pictures, "picture"), (notes, "annotation")):
        if name in held.twice:
            place = shelf.place(held.twice[name])
            return RowError(0, f"a second {what} called {name!r}", "one", place)
    if name not in notes.names and name not in pictures.names:
        return RowError(0, name, "a name of a picture", f"{shelf.top}, the lists of parts")
    if name not in notes.names:
        place = shelf.place(pictures.names[name])
        return RowError(0, "a picture without an annotation", f"{name}.xml", place)
    if name not in pictures.names:
        place = shelf.place(notes.names[name])
        return RowError(0, "an annotation without a picture", f"a picture called {name}", place)
    return None


def _box(item: Element, first_pixel: int) -> Box | Fault:
    """An <object>; of its parts, such as heads and hands, nothing is read."""
    label = (item.findtext("name") or "").strip()
    borders = []
    for border in _BORDERS:
        text = item.findtext(f"bndbox/{border}")
        try:
            borders.append(float(text or ""))
        except ValueError:
            got = "nothing" if text is None else repr(text[:40])
            return Fault(f"{got} for {border}" + (f" of {label!r}" if label else ""), "a number")
    x0, y0, x1, y1 = borders
    difficult = (item.findtext("difficult") or "").strip() == "1"
    return Box(label, x0 - first_pixel, y0 - first_pixel, x1, y1, difficult)


def _size(root: Element) -> tuple[int, int] | None:
    """Height and width as the annotation says; None where it says none."""
    texts = [root.findtext(f"size/{side}") or "" for side in ("height", "width")]
    sizes = [int(text) if _WHOLE.fullmatch(text) else 0 for text in texts]
    return (sizes[0], sizes[1]) if all(sizes) else None


def _outer(shelf: Shelf, folder: str) -> str | None:
    """The folder in which such a folder lies: the top ('') or one of two levels below it."""
    first = folder.partition("/")[0]
    return next((at for at in places_in(shelf) if first in shelf.listing(at)[0]), None)


def _listed(shelf: Shelf, folder: str) -> tuple[dict[str | None, list[str]], list[str]]:
    """Part -> the names in its list, and the lists' own files.

    Raises:
        DataError: a name stands twice, so that no one knows its part.
    """
    parts: dict[str | None, list[str]] = {}
    met: dict[str, str] = {}
    paths = _lists(shelf, folder)
    with opened(shelf) as contents:
        for part, path in paths.items():
            parts[part] = _names(contents(path), shelf.place(path))
            for name in parts[part]:
                if name in met:
                    raise DataError(
                        f"{shelf.place(path)}: {name!r} stands in {met[name]} already, expected "
                        "each picture once. Take it out of one place."
                    )
                met[name] = path
    return parts, list(paths.values())


def _lists(shelf: Shelf, folder: str) -> dict[str, str]:
    """Part -> the path of its list, of those that are there."""
    files = {part: [join(folder, name) for name in names] for part, names in _LISTS.items()}
    held = {part: list(filter(shelf.holds, paths)) for part, paths in files.items()}
    return {part: paths[0] for part, paths in held.items() if paths}


def _names(data: bytes, place: str) -> list[str]:
    """The first word of each line: some lists say 1 or -1 behind it."""
    try:
        lines = in_utf8(data).splitlines()
    except ValueError:
        raise DataError(f"{place}: not UTF-8, expected a picture's name in each line") from None
    return [line.split()[0] for line in lines if line.strip()]


def _is_xml(name: str) -> bool:
    return name.lower().endswith(".xml")
