"""Pictures: photographs, scans, drawings.

Any size and mode comes in: file names, encoded bytes, or uint8 arrays (H, W) or (H, W, C). What is
stored is uint8 of one size, so that a batch of pictures is one slice.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt, model_validator

from sonde.contracts.data import Column, Encoded, Guess, Ragged, RowError
from sonde.core.errors import DataError
from sonde.core.notice import tell
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.data.columns._picture_fields import (
    detached,
    is_binary,
    is_picture,
    on_threads,
    one_by_one,
    pictures_in,
    raw_of,
    row_error,
    tensors_in,
)
from sonde.data.columns._placing import Placing, Resize
from sonde.data.columns._text import is_text, plain

_CAP = 128
"""Pixels a side that pictures of differing sizes are scaled to at most."""

_FINE = 512
"""The same of pictures of one size, and of those in which other columns lie, such as boxes."""

_TRIED = 16
"""File names whose files are looked for when a field's kind is guessed."""


class Image(Column):
    """A picture, scaled to one size, grey or in colour.

    Without options, training pictures of one size keep it, up to 512 pixels a side; of differing
    sizes they get the median height and width, scaled down together to at most 128 pixels a side,
    or 512 where boxes, masks or lines lie in them. They are stored grey where all of them are grey
    by their headers. A missing picture is a row that cannot be read.
    """

    encoder_version: ClassVar[int] = 2

    size: tuple[PositiveInt, PositiveInt] | None = None
    """Height and width in pixels."""
    most: PositiveInt | None = None
    """Pixels a side at most where no size is given, instead of 512 or 128."""
    resize: Resize = "stretch"
    """How a picture of another shape fits: all of it, stretched; its middle, cut where it is
    longer; all of it, between black bars."""
    channels: Literal[1, 3] | None = None
    """1 for grey, 3 for red, green, blue."""
    height: Learned[int] = 0
    width: Learned[int] = 0
    planes: Learned[int] = 0
    """The channels stored, 1 or 3."""
    even: Learned[bool] = True
    """Whether training pictures were of one size, as far as they were looked at."""
    leaned_on: Learned[bool] = False
    """Whether values of other columns lie in them."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.size and self.most:
            raise ValueError(
                f"got size {list(self.size)} and most {self.most}; expected one of them"
            )
        return self

    def beside(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows whether others lie in its pictures."""
        return self.learn(leaned_on=any(self.name in c.leans_on for c in columns.values()))

    @property
    def port(self) -> Port:
        """A grid of its own frame."""
        return Port("grid", shape=self._shape, frame=self.name)

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Size and channels, from headers alone.

        Raises:
            DataError: not one picture can be read.
        """
        if self.size and self.channels:
            return self.learn(height=self.size[0], width=self.size[1], planes=self.channels)
        refused: list[str] = []
        found = [self._looks(chunk, refused) for chunk in chunks]
        looks = np.concatenate([np.empty((0, 3), np.int64), *found])
        if not len(looks):
            why = f" ({refused[0]})" if refused else ""
            raise DataError(
                f"column {self.name!r}: not one training row has a readable picture{why}. Check "
                "the paths, or declare the column as another kind."
            )
        even = bool((looks[:, :2] == looks[0, :2]).all())
        most = self.most or (_FINE if even or self.leaned_on else _CAP)
        height, width = self.size or self._scaled(looks[:, :2], most)
        planes = self.channels or (1 if looks[:, 2].all() else 3)
        return self.learn(height=height, width=width, planes=planes, even=even)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Decode and scale a chunk, on several threads.

        Returns:
            values (N, C, H, W) uint8; what cannot be read comes back as a row error.
        """
        raw = self._raw(rows)
        if isinstance(raw, pa.FixedShapeTensorArray):
            known = raw.is_valid().to_numpy(zero_copy_only=False)
            pictures = _planes_first(tensors_in(raw))
            if pictures.shape[1:] == self._shape:
                values = np.zeros((len(raw), *self._shape), np.uint8)
                values[known] = pictures
                missing = np.flatnonzero(~known)
                return Encoded(values, errors=[row_error(int(row), None, "") for row in missing])
        return self._decoded(pictures_in(raw))

    def placing(self, rows: pa.RecordBatch) -> Placing:
        """How each raw picture lies in its grid, from headers alone."""
        raw = self._raw(rows)
        if isinstance(raw, pa.FixedShapeTensorArray):
            known = raw.is_valid().to_numpy(zero_copy_only=False)
            sizes = [tuple(raw.type.shape[:2]) if there else (0, 0) for there in known]
        else:
            from sonde.data.columns._pictures import Unreadable, look

            looks = on_threads(look, pictures_in(raw))
            sizes = [(0, 0) if isinstance(at, Unreadable) else at[:2] for at in looks]
        return Placing.of(sizes, (self.height, self.width), self.resize)

    def whole(self, rows: pa.RecordBatch) -> Iterator[np.ndarray | None]:
        """Each raw picture as large as it is, one after the other; None where it cannot be read.

        Returns:
            uint8, (H, W) where the column is grey, else (H, W, 3).
        """
        from sonde.data.columns._pictures import Unreadable, whole

        decode = partial(whole, planes=self.planes)
        for found in one_by_one(decode, pictures_in(self._raw(rows))):
            yield None if isinstance(found, Unreadable) else found

    def detached(self, raw: pa.Array) -> pa.Array:
        """The bytes of the files that paths name; what is no path stays."""
        return detached(raw)

    def advice(self, errors: Sequence[RowError]) -> str:
        """To look at the files."""
        return "Replace these files by pictures that open, or take their rows out of the data."

    def decode(self, arrays: np.ndarray | Ragged) -> list[np.ndarray]:
        """(N, C, H, W) back to pictures: (H, W) where grey, else (H, W, 3), uint8."""
        assert isinstance(arrays, np.ndarray), "pictures are not ragged"
        return list(arrays[:, 0] if self.planes == 1 else np.moveaxis(arrays, 1, -1))

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims names of picture files, bytes that begin like a picture, and uint8 tensors."""
        if isinstance(sample.type, pa.FixedShapeTensorType):
            if sample.type.value_type != pa.uint8() or not is_picture(sample.type.shape):
                return None
            return Guess(0.9, f"pictures, {' x '.join(map(str, sample.type.shape))}")
        known = plain(sample).drop_null()
        if not len(known):
            return None
        if is_binary(known.type):
            return _guess_bytes(known)
        return _guess_names(known) if is_text(known.type) else None

    @classmethod
    def examples(cls) -> list[Self]:
        """Learned size and channels; a size given, in each way; both given: nothing is learned."""
        crop, pad = (cls(size=(8, 6), resize=way) for way in ("crop", "pad"))
        return [cls(), cls(most=7), cls(size=(6, 9)), cls(size=(8, 8), channels=1), crop, pad]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """PNG bytes of differing sizes and modes."""
        from PIL import Image as Pillow

        rng = np.random.default_rng(seed)
        files = []
        for index in range(rows):
            height, width = rng.integers(4, 12, 2)
            noise = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
            file = io.BytesIO()
            Pillow.fromarray(noise).convert(("RGBA", "L", "P", "LA")[index % 4]).save(file, "PNG")
            files.append(file.getvalue())
        return pa.array(files, pa.binary())

    def _looks(self, rows: pa.RecordBatch, refused: list[str]) -> np.ndarray:
        """(n, 3) int64 height, width, grey of pictures that open; why others do not is added."""
        raw = self._raw(rows)
        if isinstance(raw, pa.FixedShapeTensorArray):
            shape = raw.type.shape
            grey = len(shape) == 2 or shape[2] <= 2  # the second is opacity
            return np.tile([*shape[:2], int(grey)], (len(raw) - raw.null_count, 1))
        from sonde.data.columns._pictures import Unreadable, look

        found = list(on_threads(look, pictures_in(raw)))
        refused += [str(item) for item in found if isinstance(item, Unreadable)][:1]
        opened = [item for item in found if not isinstance(item, Unreadable)]
        return np.array(opened, np.int64).reshape(-1, 3)

    def _decoded(self, pictures: list[Any]) -> Encoded:
        """Pictures decoded one by one, on several threads."""
        from sonde.data.columns._pictures import Unreadable, pixels

        decode = partial(pixels, shape=self._shape, resize=self.resize)
        values = np.zeros((len(pictures), *self._shape), np.uint8)
        errors = []
        for row, found in enumerate(on_threads(decode, pictures)):
            if isinstance(found, Unreadable):
                errors.append(row_error(row, pictures[row], str(found)))
            else:
                values[row] = found
        return Encoded(values, errors=errors)

    def _scaled(self, sizes: np.ndarray, most: int) -> tuple[int, int]:
        """What (n, 2) heights and widths are scaled to; told where that is smaller unasked."""
        tall, wide = _common_size(sizes, int(sizes.max()))
        height, width = _common_size(sizes, most)
        if self.most is None and (height, width) != (tall, wide):
            tell(
                f"{self.name}: pictures of {tall} x {wide} pixels (height x width, the median) are "
                f"scaled to {height} x {width}. More, or less, is kept by the option most of the "
                f"column, such as {{kind: image, most: {2 * most}}}, at a price in time and memory",
                column=self.name,
                median=[tall, wide],
                size=[height, width],
            )
        return height, width

    @property
    def _shape(self) -> tuple[int, int, int]:
        return self.planes, self.height, self.width

    def _raw(self, rows: pa.RecordBatch) -> pa.Array:
        """The field, without a dictionary.

        Raises:
            DataError: it holds no pictures at all.
        """
        return raw_of(rows, self.reads[0], self.name)


def _common_size(sizes: np.ndarray, most: int) -> tuple[int, int]:
    """(n, 2) heights and widths -> their median, scaled down to at most so many pixels a side."""
    middle = np.median(sizes, axis=0)
    height, width = np.maximum(1, np.rint(middle * min(1.0, most / middle.max()))).astype(int)
    return int(height), int(width)


def _planes_first(pictures: np.ndarray) -> np.ndarray:
    """(n, H, W) or (n, H, W, C) -> (n, C, H, W)."""
    return pictures[:, None] if pictures.ndim == 3 else np.moveaxis(pictures, -1, 1)


def _guess_bytes(known: pa.Array) -> Guess | None:
    from sonde.data.columns._pictures import MAGIC

    alike = sum(value.startswith(MAGIC) for value in known.to_pylist())
    return Guess(0.9, f"{alike:,} encoded pictures") if 2 * alike > len(known) else None


def _guess_names(known: pa.StringArray) -> Guess | None:
    from sonde.data.columns._pictures import SUFFIXES

    suffixes = "|".join(SUFFIXES).replace(".", r"\.")
    alike = pc.match_substring_regex(known, rf"(?i)({suffixes})$")
    named = pc.sum(alike).as_py()
    if 2 * named <= len(known):
        return None
    first = known.filter(alike)[:_TRIED].to_pylist()
    if any(Path(name).is_file() for name in first):
        return Guess(0.95, f"{named:,} picture files")
    return Guess(0.9, f"{named:,} names of picture files, the first {len(first)} of which are "
                 "not found from here")  # fmt: skip
