"""Masks: what each pixel of a picture is.

    image: {kind: image, size: [360, 480]}
    mask: {kind: mask, classes: [sky, building, pole], void: [11]}

Values of files are classes: the grey values of a label picture, the indices of one with a palette,
black and white. What is stored lies in the picture's grid, nearest neighbour: 0 is void, where
nothing is known or nothing is, such as the bars beside a picture; a class is its place and 1.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from sonde.contracts.data import Encoded, Ragged, RowError, Strange
from sonde.core.errors import DataError
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.data.columns._mask_classes import Classes, classes_of
from sonde.data.columns._picture_fields import (
    detached,
    on_threads,
    one_by_one,
    pictures_in,
    raw_of,
    row_error,
)
from sonde.data.columns._placing import Placing
from sonde.data.columns._text import Text
from sonde.data.columns._within import InPicture, frame_of

if TYPE_CHECKING:
    from sonde.data.columns._masks import Form

Value = Annotated[int, Field(ge=0, le=255)]
"""Of a pixel."""


class Mask(InPicture):
    """A class for each pixel of a picture.

    Values that no training mask has are void. A mask whose size is not its picture's is a row that
    cannot be read; a missing one is a row whose mask is not known.
    """

    classes: (
        Annotated[tuple[Text, ...], Field(min_length=1, max_length=255)] | dict[Value, Text] | None
    ) = None
    """Names of the values 0, 1, 2, ...; or {value: name}; two names may be those of black and
    white. Without names every value that training masks hold is a class, 64 at most."""
    void: tuple[Value | Text, ...] | None = None
    """Values, or names among the classes, where nothing is known. Without it 255 is void where
    there are at least two other values and all are below 64; [] says that every value counts."""
    binary: bool = False
    """Black and white with soft edges, as JPEG leaves them: grey from `threshold` on is white."""
    threshold: int = Field(128, ge=1, le=255)
    colours: dict[Text, tuple[Value, Value, Value]] | None = None
    """{name: [red, green, blue]} where colours are classes; others are void."""
    values: Learned[tuple[int, ...]] = ()
    """What files hold where a pixel is of each class."""
    names: Learned[tuple[str, ...]] = ()
    counts: Learned[tuple[int, ...]] = ()
    """Pixels of each class in the training masks as they are, not as they are scaled."""
    blank: Learned[tuple[int, ...]] = ()
    """What files hold where nothing is known."""
    optional: Learned[bool] = True
    """Whether a training row lacked its mask."""
    height: Learned[int] = 0
    width: Learned[int] = 0
    """Of its grids where no picture is beside it."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("classes", "colours") if getattr(self, name)]
        if len(ways) > 1:
            raise ValueError("got classes and colours, expected one: colours name classes too")
        if self.binary and (self.colours or len(self.classes or "ab") != 2):
            raise ValueError("got binary masks, expected two classes and no colours")
        return self

    @property
    def port(self) -> Port:
        """A grid of classes in the picture's frame."""
        shape = (1, *self._size)
        return Port("grid", shape, len(self.values), frame=self.within, optional=self.optional)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Pixels of each class in training masks."""
        return self.counts

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Which values are classes, and how many pixels are of each.

        Raises:
            DataError: no mask can be read, or its values are no classes.
        """
        from sonde.data.columns._masks import VALUES, often_of, read_mask
        from sonde.data.columns._pictures import Unreadable

        def look(values: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
            return often_of(values), values.shape

        looked = partial(read_mask, form=self._form, make=look)
        often, sizes, optional = np.zeros(VALUES, np.int64), [], False
        refused: list[str] = []
        for chunk in chunks:
            raw = self._raw(chunk)
            optional |= raw.null_count > 0
            for found in on_threads(looked, pictures_in(raw)):
                if isinstance(found, Unreadable):
                    refused = refused or [str(found)]
                else:
                    often += found[0]
                    sizes.append(found[1])
        if not sizes:
            why = f" ({refused[0]})" if refused else ""
            raise DataError(
                f"column {self.name!r}: not one training row has a readable mask{why}. Check the "
                "paths, or declare the column as another kind."
            )
        height, width = np.median(sizes, axis=0).astype(int).tolist()
        classes = self._classes(often)
        return self.learn(
            values=classes.values,
            names=classes.names,
            counts=tuple(often[list(classes.values)].tolist()),
            blank=classes.void,
            optional=optional,
            height=height,
            width=width,
        )

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Masks in the grids of their pictures, read on several threads.

        Returns:
            values (N, 1, H, W) uint8, 0 for void, else a class and 1, and present (N,) bool; what
            cannot be read, and a mask that is not as large as its picture, are row errors.
        """
        from sonde.data.columns._masks import read_mask, resampled

        pictures = pictures_in(self._raw(rows))
        placing = self.placing(rows) or self._alone(pictures)

        def placed(row: int, values: np.ndarray) -> np.ndarray | RowError:
            wrong = _misfit(row, pictures[row], values.shape, placing)
            return wrong or resampled(values, self._table, placing, row, self._size)

        def read(row: int) -> np.ndarray | RowError:
            return read_mask(pictures[row], self._form, partial(placed, row))

        out = np.zeros((len(pictures), 1, *self._size), np.uint8)
        present = np.array([raw is not None for raw in pictures], bool)
        errors = []
        for row, found in enumerate(on_threads(read, _known(pictures))):
            if isinstance(found, RowError):
                errors.append(found)
            elif isinstance(found, np.ndarray):
                out[row, 0] = found
            elif present[row]:
                errors.append(row_error(row, pictures[row], str(found), "mask"))
        return Encoded(out, present=present, errors=errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[np.ndarray]:
        """(N, 1, H, W) of any height and width back to (H, W) uint8 with the data's own values."""
        assert isinstance(arrays, np.ndarray), "masks are not ragged"
        from sonde.data.columns._masks import VALUES, translated

        own = np.full(VALUES, self._nothing, np.uint8)
        own[1 : len(self.values) + 1] = self.values
        return [translated(row[0], own) for row in arrays]

    def as_filed(self, values: np.ndarray) -> np.ndarray:
        """(H, W) uint8, the data's own values, as its files hold them: (H, W, 3) for colours."""
        from sonde.data.columns._masks import painted

        return painted(values, self._form.colours) if self.colours else values

    def from_filed(self, mask: np.ndarray) -> np.ndarray:
        """What `as_filed` was given."""
        from sonde.data.columns._masks import of_colours

        return of_colours(mask, self._form.colours) if self.colours else mask

    def whole(self, rows: pa.RecordBatch) -> Iterator[np.ndarray | None]:
        """Each mask as large as it is, one after the other; None where there is none to be read.

        Returns:
            (H, W) uint8, 0 for void, else a class and 1.
        """
        from sonde.data.columns._masks import read_mask, translated
        from sonde.data.columns._pictures import Unreadable

        read = partial(read_mask, form=self._form, make=partial(translated, table=self._table))
        for found in one_by_one(read, pictures_in(self._raw(rows))):
            yield None if isinstance(found, Unreadable) else found

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """Missing where none was, and masks with values that no training mask had."""
        from sonde.data.columns._masks import often_of, read_mask
        from sonde.data.columns._pictures import Unreadable

        known = super().strange(rows, encoded)
        doubtful = np.flatnonzero((encoded.values == 0).any(axis=(1, 2, 3)))
        pictures = pictures_in(self._raw(rows).take(pa.array(doubtful)))
        found: dict[int, list[int]] = {}
        read = partial(read_mask, form=self._form, make=often_of)
        for row, often in zip(doubtful, on_threads(read, pictures), strict=True):
            if not isinstance(often, Unreadable):
                new = set(np.flatnonzero(often).tolist()) - {*self.values, *self.blank}
                found |= {int(row): sorted(new)} if new else {}
        if not found:
            return known
        examples = tuple(dict.fromkeys(str(value) for new in found.values() for value in new))
        what, fate = "hold values that no training mask had", "such pixels are void"
        return (*known, Strange(np.array(list(found)), what, fate, examples))

    def detached(self, raw: pa.Array) -> pa.Array:
        """The bytes of the files that paths name; what is no path stays."""
        return detached(raw)

    def advice(self, errors: Sequence[RowError]) -> str:
        """To look at the files."""
        return (
            "Replace these masks by ones that open and are as large as their pictures, or take "
            "their rows out of the data."
        )

    @classmethod
    def examples(cls) -> list[Self]:
        """Found; named, with a void name; by value; black and white; by colours."""
        colours = {name: (place, place, place) for place, name in enumerate("abcd")}
        return [
            cls(),
            cls(classes=("sky", "road", "car", "unknown"), void=("unknown",)),
            cls(classes={0: "sky", 1: "road", 3: "car"}, void=(2,)),
            cls(binary=True, threshold=2),
            cls(colours=colours),
        ]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """PNG bytes of differing sizes, grey and with a palette, of four values; some missing."""
        from PIL import Image as Pillow

        rng = np.random.default_rng(seed)
        files: list[bytes | None] = []
        for index in range(rows):
            size = rng.integers(4, 12, 2)
            mask = Pillow.fromarray(rng.integers(0, 4, size, dtype=np.uint8))
            if index % 2:
                mask.putpalette([level for level in range(256) for _ in range(3)])
            file = io.BytesIO()
            mask.save(file, "PNG")
            files.append(None if index % 9 == 8 else file.getvalue())
        return pa.array(files, pa.binary())

    @property
    def _size(self) -> tuple[int, int]:
        return frame_of(self.picture) or (self.height, self.width)

    @cached_property
    def _table(self) -> np.ndarray:
        """(256,) uint8: what is stored for each value."""
        table = np.zeros(256, np.uint8)
        table[list(self.values)] = np.arange(1, len(self.values) + 1)
        return table

    @property
    def _nothing(self) -> int:
        """The value that void is written as: one that no class has."""
        free = [value for value in range(255, -1, -1) if value not in self.values]
        return (*self.blank, *free)[0]

    def _classes(self, often: np.ndarray) -> Classes:
        from sonde.data.columns._masks import BLACK, UNLISTED, WHITE

        named, void = self.classes, self.void
        if self.colours:
            named, void = tuple(self.colours), (*(void or ()), UNLISTED)
        elif self.binary and not isinstance(named, dict):
            named = dict(zip((BLACK, WHITE), named or (str(BLACK), str(WHITE)), strict=True))
        return classes_of(often, named, void, column=self.name)

    def _alone(self, pictures: list[Any]) -> Placing:
        """Where masks lie that have no pictures beside them: stretched."""
        from sonde.data.columns._pictures import Unreadable, look

        looks = on_threads(look, pictures)
        sizes = [(0, 0) if isinstance(at, Unreadable) else at[:2] for at in looks]
        return Placing.of(sizes, self._size, "stretch")

    @property
    def _form(self) -> Form:
        """How its files say what a pixel is."""
        from sonde.data.columns._masks import Form

        threshold = self.threshold if self.binary else None
        return Form(threshold, tuple((self.colours or {}).values()))

    def _raw(self, rows: pa.RecordBatch) -> pa.Array:
        return raw_of(rows, self.field or self.name, self.name)


def _known(pictures: Sequence[Any]) -> list[int | None]:
    """(N,) the places of those that are there."""
    return [None if raw is None else row for row, raw in enumerate(pictures)]


def _misfit(row: int, raw: Any, size: tuple[int, ...], placing: Placing) -> RowError | None:
    """A mask of another height and width than its picture, where that can be read."""
    expected = tuple(placing.sizes[row].tolist())
    if expected in (size, (0, 0)):
        return None
    (high, wide), (height, width) = size, expected
    return RowError(
        row,
        f"a mask of {wide} x {high} pixels",
        f"{width} x {height}, as its picture is once upright",
        raw if isinstance(raw, str) else None,
    )
