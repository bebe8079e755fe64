"""Picture files: opened with limits, turned upright, laid on white, scaled.

Whoever sends a picture decides its header, so size and format are checked before a pixel is
decoded.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from sonde.data.columns._placing import Resize

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm",
            ".pbm")  # fmt: skip
MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"P1", b"P2",
         b"P3", b"P4", b"P5", b"P6")  # fmt: skip

MOST_PIXELS = 50_000_000

_GREY = ("1", "L", "LA", "La")
_TURNED = (5, 6, 7, 8)
_ORIENTATION = 0x0112  # EXIF 2.3, 4.6.4
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257  # TIFF 6.0, section 8

_DAMAGE = (
    OSError,  # what Pillow says of most damage; also a file that is not there
    SyntaxError,  # broken PNG and TIFF headers
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,  # where the caller turned warnings into errors
)
"""What Pillow raises on damaged files, over its formats."""


class Unreadable(Exception):
    """A picture that cannot be read; the text says why."""


class Look(NamedTuple):
    """What a header says: height and width in pixels once upright, and whether it is grey."""

    height: int
    width: int
    grey: bool


def look(raw: str | bytes | np.ndarray) -> Look:
    """What can be known without decoding.

    Raises:
        Unreadable: the picture cannot be opened.
    """
    with _opened(raw) as picture:
        width, height = _written_size(picture)
        if picture.getexif().get(_ORIENTATION) in _TURNED:
            width, height = height, width
        return Look(height, width, picture.mode in _GREY or picture.mode.startswith("I"))


def _written_size(picture: Image.Image) -> tuple[int, int]:
    """Width and height as they stand in the file: of a TIFF, Pillow tells those once upright."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        return picture.tag_v2[_TIFF_WIDTH], picture.tag_v2[_TIFF_HEIGHT]
    return picture.size


def pixels(
    raw: str | bytes | np.ndarray, *, shape: tuple[int, int, int], resize: Resize = "stretch"
) -> np.ndarray:
    """(C, H, W) uint8 of that shape, from the first frame of a picture of any size and mode.

    Bilinear, with antialiasing where it shrinks. A JPEG that is far larger is decoded at a half, a
    quarter or an eighth of its size, never below twice what is wanted.

    Raises:
        Unreadable: the picture cannot be decoded.
    """
    planes, height, width = shape
    with _opened(raw) as opened:
        side = 2 * max(height, width)
        opened.draft(None, (side, side))
        picture = _on_white(opened, planes)
        if picture.size != (width, height):
            picture = _RESIZED[resize](picture, (width, height))
        values = np.asarray(picture)
    return values[None] if planes == 1 else values.transpose(2, 0, 1)


def whole(raw: str | bytes | np.ndarray, planes: int = 3) -> np.ndarray:
    """A picture as large as it is, upright: (H, W) uint8 of one plane, (H, W, 3) of three.

    Raises:
        Unreadable: the picture cannot be decoded.
    """
    with _opened(raw) as opened:
        return np.asarray(_on_white(opened, planes))


def _on_white(opened: Image.Image, planes: int) -> Image.Image:
    """Upright, with 8 bits a sample, grey or in colour, and what one sees through white."""
    picture = _eight_bits(_upright(opened))
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
        picture = white
    return picture.convert("L" if planes == 1 else "RGB")


def _upright(picture: Image.Image) -> Image.Image:
    """The picture as its camera was held; the same where it needs no turn, not a copy."""
    turned = picture.getexif().get(_ORIENTATION, 1) != 1
    return ImageOps.exif_transpose(picture) if turned else picture


def _stretched(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """All of the picture, its sides' ratio given up."""
    return picture.resize(size, Image.Resampling.BILINEAR)


def _cropped(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of the picture, scaled until its shorter side fits."""
    scale = min(have / want for have, want in zip(picture.size, size, strict=True))
    margins = [(have - want * scale) / 2 for have, want in zip(picture.size, size, strict=True)]
    left, top = margins
    box = (left, top, picture.width - left, picture.height - top)
    return picture.resize(size, Image.Resampling.BILINEAR, box=box)


def _padded(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """All of the picture between two black bars, scaled until its longer side fits."""
    scale = min(want / have for have, want in zip(picture.size, size, strict=True))
    width, height = (
        min(want, max(1, round(have * scale)))
        for have, want in zip(picture.size, size, strict=True)
    )
    out = Image.new(picture.mode, size)
    place = ((size[0] - width) // 2, (size[1] - height) // 2)
    out.paste(_stretched(picture, (width, height)), place)
    return out


_RESIZED = {"stretch": _stretched, "crop": _cropped, "pad": _padded}


@contextmanager
def _opened(raw: str | bytes | np.ndarray) -> Iterator[Image.Image]:
    """The picture, its header checked; damage met inside the block is told as `Unreadable`."""
    try:
        if isinstance(raw, np.ndarray):
            yield Image.fromarray(raw[..., 0] if raw.ndim == 3 and raw.shape[2] == 1 else raw)
            return
        if isinstance(raw, str) and not Path(raw).is_file():  # a pipe would wait for ever
            raise Unreadable("there is no such file")
        with Image.open(raw if isinstance(raw, str) else io.BytesIO(raw), formats=FORMATS) as file:
            width, height = file.size
            if width * height > MOST_PIXELS:
                raise Unreadable(f"{width} x {height} pixels are more than {MOST_PIXELS:,}")
            yield file
    except Image.DecompressionBombError:
        raise Unreadable(f"more than {MOST_PIXELS:,} pixels") from None
    except _DAMAGE as damage:
        raise Unreadable(_why(damage)) from damage


def _why(damage: BaseException) -> str:
    match damage:
        case UnidentifiedImageError():
            return f"none of {', '.join(FORMATS)}"
        case OSError(strerror=str(reason)):
            return reason
        case _:
            return str(damage) or type(damage).__name__


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8; Pillow reads 16 bits a channel in colour as 8 by itself."""
    if picture.mode == "F":
        raise ValueError("floating-point samples have no known range")
    if not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError("samples of more than 16 bits")
    return Image.fromarray((values >> 8).astype(np.uint8))
