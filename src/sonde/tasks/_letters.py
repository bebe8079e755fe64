"""Letters for words in pictures: classes have names in every script, and few fonts have all.

Pillow's own font, which is everywhere, has ASCII and little else; where that does, it is taken,
so that such pictures are the same on every machine.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from sonde.core.notice import tell

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

_FONTS = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "arial.ttf",
    "Arial.ttf", "NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf", "msyh.ttc", "simsun.ttc", "malgun.ttf", "PingFang.ttc",
    "Hiragino Sans GB.ttc", "Arial Unicode.ttf",
)  # fmt: skip
"""Files of fonts that systems come with, for European scripts and then for Asian ones."""

_NO_LETTER = "\U0010ffff"
_STAND_IN = "?"


def lettered(names: Sequence[str], pixels: int) -> tuple[Font, list[str]]:
    """A font for names that stand in one picture, and the names as it can write them.

    A letter that no font of this machine has loses its accents, or is a question mark; which
    letters those are is told.

    Args:
        names: short texts.
        pixels: how high letters are.
    """
    wanted = frozenset("".join(names)) - {" "}
    font, lacking = _font(wanted, pixels)
    if not lacking:
        return font, list(names)
    tell(
        f"no font of this machine has {' '.join(sorted(lacking)[:12])}, which names in pictures "
        "need. Install one that has, such as Noto Sans CJK (Debian: fonts-noto-cjk)."
    )
    instead = str.maketrans({letter: _plain(letter, font) for letter in lacking})
    return font, [name.translate(instead) for name in names]


@lru_cache(maxsize=64)
def _font(wanted: frozenset[str], pixels: int) -> tuple[Font, frozenset[str]]:
    """The first font that has most of these letters, and those that it lacks."""
    found = []
    for font in _fonts(pixels):
        found.append((font, frozenset(letter for letter in wanted if not _has(font, letter))))
        if not found[-1][1]:
            return found[-1]
    return min(found, key=lambda each: len(each[1]))


def _fonts(pixels: int) -> Iterator[Font]:
    from PIL import ImageFont

    yield ImageFont.load_default(pixels)
    for name in _FONTS:
        try:
            yield ImageFont.truetype(name, pixels)  # looked for where systems keep fonts
        except OSError:
            continue


def _has(font: Font, letter: str) -> bool:
    """Whether it is drawn otherwise than what stands for any letter that is lacking."""
    return letter.isascii() or bytes(font.getmask(letter)) != bytes(font.getmask(_NO_LETTER))


def _plain(letter: str, font: Font) -> str:
    """A letter without its accents, where the font has that."""
    base = unicodedata.normalize("NFKD", letter)[0]
    return base if base != letter and _has(font, base) else _STAND_IN
