"""Painting: what was found in a picture, drawn over it, for people who would rather look.

Overlays keep a picture's size. Boxes, lines and words would be unreadable on a small one, so it is
enlarged first, by a whole factor; coordinates are always those of the picture that came in, so
boxes or lines are drawn last.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sonde.tasks._letters import lettered

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw as Drawing

READABLE = 320
"""Pixels that the longer side of a picture has at least where words or lines are drawn on it."""

Tints = np.ndarray | Sequence[np.ndarray]
"""Colours, as `colours` gives them: red, green, blue in [0, 255] each."""

_FIRST = (
    (255, 75, 60), (40, 175, 255), (255, 205, 40), (60, 205, 90), (205, 95, 255), (255, 145, 40),
    (40, 220, 210), (255, 110, 185), (165, 215, 50), (150, 135, 255), (190, 135, 90), (0, 130, 115),
)  # fmt: skip
_GOLDEN = 0.618034  # hues that step by it never meet and never crowd
_GAP = 6
_PAPER, _INK = 255, 30


def in_colour(picture: np.ndarray) -> np.ndarray:
    """A picture (H, W), (H, W, 1) or (H, W, 3) uint8 as (H, W, 3), always a copy."""
    assert picture.dtype == np.uint8 and picture.ndim in (2, 3), "a picture is uint8"
    shown = picture[..., None] if picture.ndim == 2 else picture
    return np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown.copy()


def colours(count: int) -> np.ndarray:
    """(count, 3) uint8, one for each class; the same class has the same one however many follow."""
    beyond = range(len(_FIRST), max(count, len(_FIRST)))
    more = [colorsys.hsv_to_rgb(n * _GOLDEN % 1, (0.85, 0.55)[n % 2], 0.95) for n in beyond]
    rounded = np.rint(np.array(more).reshape(-1, 3) * 255)
    return np.concatenate([np.array(_FIRST), rounded])[:count].astype(np.uint8)


def with_boxes(
    picture: np.ndarray, boxes: np.ndarray, names: Sequence[str], tints: Tints
) -> np.ndarray:
    """Frames with a name on each, drawn over a picture.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        boxes: (N, 4), x0, y0, x1, y1 in its pixels; 0, 0, 1, 1 covers the first.
        names: N short texts, empty for none.
        tints: N colours.

    Returns:
        (H', W', 3) uint8, enlarged where it is small.
    """
    from PIL import Image, ImageDraw

    shown, factor = _enlarged(in_colour(picture))
    image = Image.fromarray(shown)
    draw = ImageDraw.Draw(image)
    height, width = shown.shape[:2]
    thick = _stroke(shown)
    tags = []
    for box, name, tint in zip(np.asarray(boxes, float) * factor, names, tints, strict=True):
        left, right = np.clip(np.sort(np.rint(box[[0, 2]])), 0, width)
        top, bottom = np.clip(np.sort(np.rint(box[[1, 3]])), 0, height)
        right, bottom = max(right, left + 1), max(bottom, top + 1)  # a line is seen as one
        draw.rectangle((left, top, right - 1, bottom - 1), outline=_rgb(tint), width=thick)
        tags.append((name, tint, (left, top, bottom)))
    for name, tint, place in tags:  # after all frames, so that none crosses a word
        if name:
            _tag(draw, name, tint, place, _letters(shown))
    return np.asarray(image)


def with_classes(
    picture: np.ndarray, classes: np.ndarray, tints: Tints, strength: float = 0.5
) -> np.ndarray:
    """Each pixel mixed with the colour of its class: (H, W, 3) uint8.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        classes: (H, W) integers; 0 is left as it is, class c is c + 1.
        tints: a colour for each class.
        strength: share of the colour, in [0, 1].
    """
    shown = in_colour(picture)
    assert classes.shape == shown.shape[:2], "a mask has the size of its picture"
    for place, tint in enumerate(tints, start=1):  # class by class: no whole picture of floats
        here = classes == place
        mixed = shown[here] * (1 - strength) + np.asarray(tint, float) * strength
        shown[here] = np.rint(mixed).astype(np.uint8)
    return shown


def with_outlines(picture: np.ndarray, classes: np.ndarray, tints: Tints) -> np.ndarray:
    """The inner edges of each class in its colour: (H, W, 3) uint8.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        classes: (H, W) integers; 0 has no outline, class c is c + 1.
        tints: a colour for each class.
    """
    shown = in_colour(picture)
    assert classes.shape == shown.shape[:2], "a mask has the size of its picture"
    edge = np.zeros(classes.shape, bool)
    for _ in range(_stroke(shown)):
        edge |= _beside_another(np.where(edge, 0, classes))
    return with_classes(shown, np.where(edge, classes, 0), tints, strength=1.0)


def with_lines(picture: np.ndarray, lines: Sequence[np.ndarray], tints: Tints) -> np.ndarray:
    """Polylines drawn over a picture.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        lines: (n, 2) each, x and y in its pixels, from its upper left corner; those with fewer than
            two points are left out.
        tints: a colour for each line.

    Returns:
        (H', W', 3) uint8, enlarged where it is small.
    """
    from PIL import Image, ImageDraw

    shown, factor = _enlarged(in_colour(picture))
    image = Image.fromarray(shown)
    draw = ImageDraw.Draw(image)
    thick = 2 * _stroke(shown)
    for line, tint in zip(lines, tints, strict=True):
        points = [(float(x), float(y)) for x, y in np.asarray(line, float) * factor - 0.5]
        if len(points) > 1:
            draw.line(points, fill=_rgb(tint), width=thick, joint="curve")
    return np.asarray(image)


def beside(*pictures: np.ndarray, names: Sequence[str] = ()) -> np.ndarray:
    """Pictures in one row, each as high as the highest, with a name above: (H', W', 3) uint8."""
    from PIL import Image, ImageDraw

    tallest = max(pictures, key=lambda picture: picture.shape[0])
    height = len(_enlarged(in_colour(tallest))[0])
    shown = [_as_high(in_colour(picture), height) for picture in pictures]
    width = sum(each.shape[1] for each in shown) + _GAP * (len(shown) - 1)
    letters = max(_letters(shown[0]), round(width / 70))  # a page shows the whole row at once
    above = 2 * letters if any(names) else 0
    whole = np.full((height + above, width, 3), _PAPER, np.uint8)
    starts = np.cumsum([0, *(each.shape[1] + _GAP for each in shown)])
    for each, (left, _) in zip(shown, pairwise(starts), strict=True):
        whole[above:, left : left + each.shape[1]] = each
    if not above:
        return whole
    image = Image.fromarray(whole)
    draw = ImageDraw.Draw(image)
    font, written = lettered(names, letters)
    for name, left in zip(written, starts, strict=False):
        draw.text((left + 2, above // 2), name, (_INK,) * 3, font, anchor="lm")
    return np.asarray(image)


def with_key(picture: np.ndarray, names: Sequence[str], tints: Tints) -> np.ndarray:
    """A picture, and to its right what its colours mean: (H', W', 3) uint8.

    Args:
        picture: (H, W) or (H, W, 3) uint8.
        names: N short texts.
        tints: N colours.
    """
    from PIL import Image, ImageDraw

    shown, _ = _enlarged(in_colour(picture))
    high = min(1.5 * _letters(shown), len(shown) / max(1, len(names)))  # all of them fit
    side = max(4, round(high / 1.5))
    font, written = lettered(names, side)
    wide = 3 * side + int(max((font.getlength(name) for name in written), default=0))
    image = Image.new("RGB", (wide, len(shown)), (_PAPER,) * 3)
    draw = ImageDraw.Draw(image)
    for place, (name, tint) in enumerate(zip(written, tints, strict=True)):
        top = place * high + (high - side) / 2
        draw.rectangle((side // 2, top, 3 * side // 2, top + side), fill=_rgb(tint))
        draw.text((2 * side, top + side / 2), name, (_INK,) * 3, font, anchor="lm")
    return np.concatenate([shown, np.asarray(image)], axis=1)


def _enlarged(picture: np.ndarray) -> tuple[np.ndarray, int]:
    """A picture whose longer side is readable, and how many times larger it is."""
    factor = max(1, -(-READABLE // _longer(picture)))
    if factor == 1:
        return picture, 1
    return picture.repeat(factor, axis=0).repeat(factor, axis=1), factor


def _as_high(picture: np.ndarray, height: int) -> np.ndarray:
    """A picture of another height; whole factors keep its pixels as they are."""
    if height % len(picture) == 0:
        factor = height // len(picture)
        return picture.repeat(factor, axis=0).repeat(factor, axis=1)
    from PIL import Image

    width = max(1, round(picture.shape[1] * height / len(picture)))
    smooth = Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(picture).resize((width, height), smooth))


def _beside_another(classes: np.ndarray) -> np.ndarray:
    """(H, W) bool, true where a pixel above, below, left or right is of another class."""
    edge = np.zeros(classes.shape, bool)
    for along in (0, 1):
        differs = np.diff(classes.astype(np.int32, copy=False), axis=along) != 0
        before, after = np.moveaxis(edge, along, 0)[:-1], np.moveaxis(edge, along, 0)[1:]
        before |= np.moveaxis(differs, along, 0)
        after |= np.moveaxis(differs, along, 0)
    return edge & (classes > 0)


def _longer(picture: np.ndarray) -> int:
    return int(max(picture.shape[:2]))


def _stroke(picture: np.ndarray) -> int:
    """How thick a line is on a picture: about 1/240 of its longer side."""
    return max(1, round(_longer(picture) / 240))


def _letters(picture: np.ndarray) -> int:
    """How high letters are on a picture, in pixels."""
    return max(11, round(_longer(picture) / 45))


def _rgb(tint: np.ndarray | Sequence[int]) -> tuple[int, int, int]:
    red, green, blue = (int(part) for part in tint)
    return red, green, blue


def _dark(tint: np.ndarray | Sequence[int]) -> bool:
    """Whether white letters are easier to read on a colour (ITU-R BT.601 luma)."""
    return float(np.dot((0.299, 0.587, 0.114), np.asarray(tint, float))) < 130


def _tag(
    draw: Drawing, name: str, tint: np.ndarray, box: tuple[float, float, float], letters: int
) -> None:
    """A name on a plate of the box's colour: above it, or inside where there is no room above."""
    left, top, bottom = box
    font, [written] = lettered([name], letters)
    across = draw.textlength(written, font) + 4
    high = letters + 4
    left = max(0.0, min(left, draw.im.size[0] - across))
    top = top - high if top >= high else min(top, bottom - 1)
    draw.rectangle((left, top, left + across - 1, top + high - 1), fill=_rgb(tint))
    ink = (255,) * 3 if _dark(tint) else (_INK,) * 3
    draw.text((left + 2, top + high / 2), written, ink, font, anchor="lm")
