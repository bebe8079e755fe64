"""Boxes: where objects are in a picture, and of which class.

    image: {kind: image, size: [240, 320], resize: pad}
    boxes: {kind: boxes, classes: [car, person]}

What is stored lies in the picture's grid, so that augmentation moves both as one. A picture without
objects is a row like any other; null means that nobody knows.

An object marked as difficult is left out unless `difficult` says otherwise: it teaches nothing, and
when answers are judged it is neither missed nor found (Everingham et al. 2010, section 4.2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Encoded, Guess, Ragged, RowError, Strange
from sonde.core.errors import DataError, listed
from sonde.core.notice import tell
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.data.boxes import BORDERS, Box, as_boxes
from sonde.data.columns._boxes import Flat, flat, is_boxes
from sonde.data.columns._levels import ordered
from sonde.data.columns._strange import MOST_SHOWN
from sonde.data.columns._text import Text, is_text, not_readable, plain
from sonde.data.columns._within import InPicture, frame_of


class Objects(NamedTuple):
    """The objects of a raw picture, n of them.

    Attributes:
        borders: (n, 4) float64 x0, y0, x1, y1 in pixels of the raw picture, clipped to it.
        classes: (n,) int64 places among the column's names, -1 where a class has none.
        difficult: (n,) bool, those that are neither missed nor found.
    """

    borders: np.ndarray
    classes: np.ndarray
    difficult: np.ndarray


class Boxes(InPicture):
    """Objects in a picture, as boxes with a class.

    Classes are those of training rows unless they are given; a box is cut at its picture's border.
    Rows with a box that has no area, lies outside its picture or is of no known class cannot be
    read.
    """

    classes: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """The classes in their order; None takes those of training rows, by letter."""
    difficult: bool = False
    """Whether objects marked as difficult, or as crowds, teach and count like any other."""
    names: Learned[tuple[str, ...]] = ()
    """The classes."""
    counts: Learned[tuple[int, ...]] = ()
    """Training objects of each class."""
    optional: Learned[bool] = True
    """Whether it was not known of some training row what it holds."""

    @property
    def port(self) -> Port:
        """A set of boxes in the picture's frame."""
        return Port("set", (5,), len(self.names), frame=self.within, optional=self.optional)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Training objects of each class."""
        return self.counts

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Classes and how often each comes.

        Raises:
            DataError: classes are not given, and no training row has an object.
        """
        often: Counter[str] = Counter(dict.fromkeys(self.classes or (), 0))
        rows, blank, cut, optional = 0, 0, 0, False
        for chunk in chunks:
            whole = self._flat(chunk)
            found = self._counted(whole, self._wrong(whole, self.classes))
            often.update(found.labels.tolist())
            cut += int((found.clipped != found.borders).any(axis=1).sum())
            held = np.bincount(whole.owner, minlength=len(chunk))
            blank += int((whole.known & (held == 0)).sum())
            rows += len(chunk)
            optional |= not whole.known.all()
        if not often:
            raise DataError(
                f"column {self.name!r}: not one training row has an object. Check the annotations, "
                "or give `classes`."
            )
        names = self.classes or ordered(often)
        counts = tuple(often[name] for name in names)
        _report(self.name, dict(zip(names, counts, strict=True)), rows=rows, blank=blank, cut=cut)
        return self.learn(names=names, counts=counts, optional=optional)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Boxes in the grids of their pictures.

        Returns:
            values (M, 5) float32, x0, y0, x1, y1 in pixels of the grid and the class, with starts
            and lengths (N,) int64, and present (N,) bool; an object that is none is a row error.
        """
        whole = self._flat(rows)
        errors = self._in_files(self._wrong(whole, self.names), rows)
        found = self._counted(whole, errors)
        borders = found.placed.astype(np.float32)
        seen = (borders[:, :2] < borders[:, 2:]).all(axis=1)  # as far as float32 can tell
        if (size := frame_of(self.picture)) is not None:  # a picture that was cropped lost some
            corner = np.array(size[::-1])
            middle = borders.reshape(-1, 2, 2).mean(axis=1)
            seen &= ((middle >= 0) & (middle <= corner)).all(axis=1)
            borders = np.clip(borders, 0, np.tile(corner, 2))
        values = np.concatenate([borders, self._places(found.labels)[:, None]], axis=1)[seen]
        lengths = np.bincount(found.owner[seen], minlength=rows.num_rows).astype(np.int64)
        starts = np.cumsum(lengths) - lengths
        return Encoded(values.astype(np.float32), starts, lengths, found.known, errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[list[dict[str, Any]]]:
        """Back to objects as raw rows hold them, in pixels of the grid."""
        if isinstance(arrays, Ragged):
            ends = arrays.starts + arrays.lengths
            rows = [arrays.values[a:b] for a, b in zip(arrays.starts, ends, strict=True)]
        else:
            rows = list(arrays)
        return [[self._object(box) for box in row.tolist()] for row in rows]

    def objects(self, rows: pa.RecordBatch) -> Iterator[Objects | None]:
        """What each raw picture holds, for judging; None where nobody knows.

        What is no object, or of no known class, is spared as difficult ones are: `encode` tells it.
        """
        found = self._flat(rows)
        places = self._places(found.labels)
        spared = found.faulty | (places < 0) | (found.difficult & (not self.difficult))
        borders = np.nan_to_num(found.clipped)
        ends = np.searchsorted(found.owner, np.arange(len(found.known) + 1))
        for known, start, stop in zip(found.known, ends[:-1], ends[1:], strict=True):
            of = slice(start, stop)
            yield Objects(borders[of], places[of], spared[of]) if known else None

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """Missing where none was, objects of classes that no training row had, and no objects."""
        found = self._flat(rows)
        unknown = (self._places(found.labels) < 0) & ~found.faulty
        unknown &= ~(found.difficult & (not self.difficult))
        fate = "these objects are left out of the scores"
        respects = list(super().strange(rows, encoded))
        for places, what in (
            (unknown, "hold objects of classes that no training row had"),
            (found.faulty, "hold objects that cannot be read"),
        ):
            if places.any():
                labels = dict.fromkeys(map(str, found.labels[places]))
                shown = tuple(labels)[: MOST_SHOWN + 1]
                respects.append(Strange(np.unique(found.owner[places]), what, fate, shown))
        return respects

    def advice(self, errors: Sequence[RowError]) -> str:
        """To mend them, or to say which classes there are."""
        return (
            "Mend these annotations; where a class stands in no training row, say which there are: "
            f"{self.name}: {{kind: boxes, classes: [...]}}"
        )

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims lists of objects that have a label and four borders."""
        if not is_boxes(sample.type):
            return None
        labels = Counter(map(str, flat(plain(sample)).labels))
        shown = listed((f"{label} {count:,}" for label, count in labels.most_common()), 6)
        return Guess(0.95, f"{labels.total():,} boxes of {len(labels):,} classes: {shown}")

    @classmethod
    def examples(cls) -> list[Self]:
        """Found; given, one of which is met nowhere; difficult ones too."""
        return [cls(), cls(classes=("cell", "car", "sign", "cat")), cls(difficult=True)]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """No box to five of three classes, some difficult; some rows unknown."""
        rng = np.random.default_rng(seed)

        def drawn() -> Box:
            x0, y0, width, height = rng.uniform(0, 40, 2).tolist() + rng.uniform(1, 9, 2).tolist()
            label = ("cell", "car", "sign")[rng.integers(3)]
            return Box(label, x0, y0, x0 + width, y0 + height, bool(rng.random() < 0.1))

        pictures = [
            None if row % 9 == 8 else [drawn() for _ in range(rng.integers(0, 6))]
            for row in range(rows)
        ]
        return as_boxes(pictures)

    def _flat(self, rows: pa.RecordBatch) -> Flat:
        raw = plain(rows.column(self.reads[0]))
        if not is_boxes(raw.type) and raw.null_count < len(raw):
            raise not_readable(raw, self.name, f"lists of objects with label, {', '.join(BORDERS)}")
        return flat(raw)._replace(placing=self.placing(rows))

    def _wrong(self, found: Flat, names: tuple[str, ...] | None) -> list[RowError]:
        """The first wrong object of each row that has one; None knows no class beforehand."""
        wrong = found.faulty
        if names is not None:
            known = np.isin(found.labels.astype(str), names)
            wrong |= ~known & ~(found.difficult & (not self.difficult))
        places = np.flatnonzero(wrong)
        first = np.unique(found.owner[places], return_index=True)[1]
        return [found.error(int(at), names) for at in places[first]]

    def _in_files(self, errors: Sequence[RowError], rows: pa.RecordBatch) -> list[RowError]:
        """The same, with the files of the pictures where these are named."""
        field = self.picture.reads[0] if self.picture is not None else ""
        if field not in rows.schema.names or not is_text(plain(rows.column(field)).type):
            return list(errors)
        return [e._replace(place=rows.column(field)[e.row].as_py()) for e in errors]

    def _counted(self, found: Flat, errors: Sequence[RowError]) -> Flat:
        """Without the objects of rows that cannot be read, and without difficult ones."""
        bad = np.isin(found.owner, [error.row for error in errors])
        return found.take(~bad & ~(found.difficult & (not self.difficult)))

    def _places(self, labels: np.ndarray) -> np.ndarray:
        """(M,) int64 places among the names, -1 for others."""
        place = {name: at for at, name in enumerate(self.names)}
        return np.array([place.get(label, -1) for label in labels], np.int64)

    def _object(self, box: Sequence[float]) -> dict[str, Any]:
        return {"label": self.names[int(box[4])]} | dict(zip(BORDERS, box, strict=False))


def _report(name: str, often: Mapping[str, int], *, rows: int, blank: int, cut: int) -> None:
    """Tell what training rows hold."""
    total = sum(often.values())
    shown = listed(f"{label} {count:,}" for label, count in often.items())
    none = f"; {blank:,} hold none" if blank else ""
    beyond = f"; {cut:,} reach beyond their picture and are cut at its border" if cut else ""
    tell(f"{name}: {total:,} objects in {rows:,} training pictures{none}: {shown}{beyond}",
         column=name, objects=total, blank=blank, cut=cut)  # fmt: skip
