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
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from sonde.data.columns._placing import Resize
from sonde.data.columns._room import DECODING

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm",
            ".pbm")  # fmt: skip
MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"P1", b"P2",
         b"P3", b"P4", b"P5", b"P6")  # fmt: skip

MOST_PIXELS = 50_000_000

_PNG, _HEAD = b"\x89PNG\r\n\x1a\n", struct.Struct(">I4s")  # before each part: length and name
_GREY = ("1", "L", "LA", "La")
_ORIENTATION = 0x0112  # EXIF 2.3, 4.6.4
_TURNED = (5, 6, 7, 8)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its orientation."""
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
    with opening(raw) as picture:
        width, height = _written_size(picture)
        if _turn_of(picture) in _TURNED:
            width, height = height, width
        return Look(height, width, picture.mode in _GREY or picture.mode.startswith("I"))


def _turn_of(picture: Image.Image) -> int | None:
    """Its orientation; of a PNG Pillow decodes all of it to find that, which is seldom needed."""
    if isinstance(picture, PngImagePlugin.PngImageFile) and not _says_more_behind(picture):
        turn: int | None = Image.Image.getexif(picture).get(_ORIENTATION)
        return turn
    with DECODING.taking(picture.width * picture.height):
        return picture.getexif().get(_ORIENTATION)


def _says_more_behind(png: PngImagePlugin.PngImageFile) -> bool:
    """Whether something is said of a PNG behind its pixels (PNG, third edition, section 5.3)."""
    file = png.fp
    assert file is not None, "it was opened just now"
    file.seek(len(_PNG))
    behind = False
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, name = _HEAD.unpack(head)
        behind |= name == b"IDAT"
        if behind and name in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
            return True
        file.seek(length + 4, io.SEEK_CUR)  # its sum is four bytes
    return False


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
    with opening(raw) as opened:
        side = 2 * max(height, width)
        drafted = opened.draft(None, (side, side))
        with DECODING.taking(opened.width * opened.height):
            opened.load()  # which turns a TIFF upright, and no other
            turn = opened.getexif().get(_ORIENTATION, 1)
            covers = drafted[1][2:] if drafted else opened.size
            picture = _fitted(_on_white(opened, planes), covers, (width, height), resize, turn)
            values = np.asarray(picture)
    return values[None] if planes == 1 else values.transpose(2, 0, 1)


def whole(raw: str | bytes | np.ndarray, planes: int = 3) -> np.ndarray:
    """A picture as large as it is, upright: (H, W) uint8 of one plane, (H, W, 3) of three.

    Raises:
        Unreadable: the picture cannot be decoded.
    """
    with opening(raw) as opened, DECODING.taking(opened.width * opened.height):
        return np.asarray(_on_white(upright(opened), planes))


def _on_white(picture: Image.Image, planes: int) -> Image.Image:
    """With 8 bits a sample, grey or in colour, and what one sees through white."""
    picture = _eight_bits(picture)
    if picture.has_transparency_data:
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture.convert("RGBA"))
        picture = white
    mode = "L" if planes == 1 else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)  # else it would be a copy


def upright(picture: Image.Image) -> Image.Image:
    """The picture as its camera was held; the same where it needs no turn, not a copy."""
    turned = picture.getexif().get(_ORIENTATION, 1) != 1
    return ImageOps.exif_transpose(picture) if turned else picture


def _fitted(
    picture: Image.Image,
    covers: tuple[float, float],
    size: tuple[int, int],
    resize: Resize,
    turn: int,
) -> Image.Image:
    """The picture upright and of that width and height, where `Placing` says that its points lie.

    Args:
        picture: not upright yet: so what is turned is the small one.
        covers: the width and height of it that are picture: of one decoded at an eighth, the last
            pixels may lie partly beyond it.
        size: width and height wanted.
        resize: how.
        turn: its orientation, as the camera wrote it.
    """
    want = size[::-1] if turn in _TURNED else size
    left, top, content = 0.0, 0.0, want
    if resize == "crop":  # the middle, scaled until its shorter side fits
        scale = min(have / new for have, new in zip(covers, want, strict=True))
        left, top = (
            max(0.0, have - new * scale) / 2 for have, new in zip(covers, want, strict=True)
        )
    elif resize == "pad":  # all of it, scaled until its longer side fits
        scale = min(new / have for have, new in zip(covers, want, strict=True))
        wide, high = (
            min(new, max(1, round(have * scale))) for have, new in zip(covers, want, strict=True)
        )
        content = wide, high
    box = (left, top, covers[0] - left, covers[1] - top)
    if picture.size != content or box != (0, 0, *picture.size):
        picture = picture.resize(content, Image.Resampling.BILINEAR, box=box)
    if turn in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[turn])
    return picture if picture.size == size else _between_bars(picture, size)


def _between_bars(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """In the middle of black."""
    whole = Image.new(picture.mode, size)
    left, top = ((new - have) // 2 for have, new in zip(picture.size, size, strict=True))
    whole.paste(picture, (left, top))
    return whole


@contextmanager
def opening(raw: str | bytes | np.ndarray) -> Iterator[Image.Image]:
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
