"""Files of masks: each pixel's value as it says what the pixel is, never as light.

A grey file's values and the indices of one with a palette are the values. A mask in three equal
channels is a grey one. 1-bit files hold 0 and 255, so that black and white are the same in all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from PIL import Image

from sonde.data.columns._pictures import Unreadable, opening, upright
from sonde.data.columns._placing import Placing
from sonde.data.columns._room import DECODING

VALUES = 256
BLACK, WHITE = 0, 255
UNLISTED = 255
"""The value of pixels whose colour is none of those listed."""

_TIE = 1e-6
"""Pixels: a middle that lies on a border between two, but for rounding, is in the second."""

_TOGETHER = 1 << 18
"""Pixels whose colours are looked up at once, which takes some forty bytes for each."""

Colour = tuple[int, int, int]
Made = TypeVar("Made")


class Form(NamedTuple):
    """How pixels say what they are.

    Attributes:
        threshold: where given, grey from it on is 255 and the rest 0.
        colours: where given, red, green and blue of the values 0, 1, 2, ...; other colours are
            `UNLISTED`.
    """

    threshold: int | None = None
    colours: Sequence[Colour] = ()


def read_mask(
    raw: str | bytes | np.ndarray, form: Form, make: Callable[[np.ndarray], Made]
) -> Made:
    """What `make` makes of a mask, (H, W) uint8 values, as large as it is and upright.

    Args:
        raw: a path, the bytes of a file, or uint8 (H, W), which are values or grey, or (H, W, C).
        form: what its pixels are.
        make: called while there is room in memory for the mask; it gives what is small.

    Raises:
        Unreadable: it cannot be decoded, or its pixels are no values.
    """
    with opening(raw) as opened, DECODING.taking(opened.width * opened.height):
        return make(_values(upright(opened), form, isinstance(raw, np.ndarray) and raw.ndim == 2))


def often_of(values: np.ndarray) -> np.ndarray:
    """(256,) int64: how many of (H, W) uint8 pixels hold each value."""
    return np.array(Image.fromarray(values).histogram(), np.int64)


def translated(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """(...) uint8 with each value replaced by its place's of (256,) uint8, in no more memory.

    Indexing the table would make a whole number of eight bytes of each pixel first.
    """
    found = np.frombuffer(bytearray(values.tobytes().translate(table.tobytes())), np.uint8)
    return found.reshape(values.shape)


def painted(values: np.ndarray, colours: Sequence[Colour]) -> np.ndarray:
    """(H, W) uint8 places among the colours -> (H, W, 3); others in a grey that none of them is."""
    other = next(shade for shade in range(VALUES) if (shade,) * 3 not in colours)
    table = np.full((VALUES, 3), other, np.uint8)
    table[: len(colours)] = colours
    return np.stack([translated(values, channel) for channel in table.T], axis=2)


def of_colours(found: np.ndarray, colours: Sequence[Colour]) -> np.ndarray:
    """(H, W, 3) uint8 -> (H, W) places among the colours, some rows at a time."""
    listed = np.array([_code(np.array(colour, np.uint8)) for colour in colours], np.int32)
    order = np.argsort(listed)
    out = np.empty(found.shape[:2], np.uint8)
    together = max(1, _TOGETHER // found.shape[1])
    for start in range(0, len(found), together):
        codes = _code(found[start : start + together])
        at = np.minimum(np.searchsorted(listed[order], codes), len(listed) - 1)
        same = listed[order][at] == codes
        out[start : start + together] = np.where(same, order[at], UNLISTED)
    return out


def resampled(
    values: np.ndarray, table: np.ndarray, placing: Placing, row: int, size: tuple[int, int]
) -> np.ndarray:
    """(H, W) seen in its grid: what lies under the middle of each pixel, 0 beyond the picture.

    Args:
        values: of the raw mask, (H, W) uint8.
        table: (256,) uint8, what each value is replaced by.
        placing: of raw pictures.
        row: which of them.
        size: height and width of the grid.
    """
    below = [
        np.floor((np.arange(length) + 0.5 - offset) / scale + _TIE).astype(np.int64)
        for length, offset, scale in zip(
            size[::-1], placing.offset[row], placing.scale[row], strict=True
        )
    ]
    inside = [(at >= 0) & (at < most) for at, most in zip(below, values.shape[::-1], strict=True)]
    (x, y), (wide, high) = below, inside
    out = np.zeros(size, np.uint8)
    out[np.ix_(high, wide)] = table[values[np.ix_(y[high], x[wide])]]
    return out


def _values(picture: Image.Image, form: Form, is_plain: bool) -> np.ndarray:
    """(H, W) uint8; what is plain has no colours."""
    if form.colours and not is_plain:
        return of_colours(np.asarray(picture.convert("RGB")), form.colours)
    if form.threshold is not None:
        grey = np.asarray(_grey(picture))
        return np.where(grey >= form.threshold, np.uint8(WHITE), np.uint8(BLACK))
    return _plain(picture)


def _plain(picture: Image.Image) -> np.ndarray:
    """The values of a mask whose pixels say classes by themselves."""
    if picture.mode in ("P", "L"):
        return np.asarray(picture)
    if picture.mode == "1":
        return np.asarray(picture.convert("L"))
    found = np.asarray(picture if picture.mode != "CMYK" else picture.convert("RGB"))
    if picture.mode in ("LA", "PA", "La"):
        return np.ascontiguousarray(found[..., 0])
    if found.ndim == 3:
        channels = found[..., :3]
        if (channels != channels[..., :1]).any():
            raise Unreadable(
                "its pixels are colours: say what each is, colours: {road: [128, 64, 128], ...}"
            )
        return np.ascontiguousarray(channels[..., 0])
    if found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= VALUES:
        raise Unreadable(f"its values reach {found.max():,}, and classes end at {VALUES - 1}")
    return found.astype(np.uint8)


def _grey(picture: Image.Image) -> Image.Image:
    """What a black and white mask shows, with 8 bits a pixel."""
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture)
        if values.dtype.kind not in "iu" or values.min() < 0 or values.max() > 0xFFFF:
            raise Unreadable("its samples are neither of 8 nor of 16 bits")
        return Image.fromarray((values >> 8).astype(np.uint8))
    return picture.convert("L")


def _code(colours: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 -> (...) int32, one number a colour."""
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    code: np.ndarray = red << 16 | green << 8 | blue
    return code
