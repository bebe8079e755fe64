"""A matrix of many classes as a picture: shades without numbers, and as many labels as have room.

It is an SVG around a PNG of one pixel a cell, so a hundred classes weigh a few kilobytes and fit a
telephone. The shade is one colour of varying opacity, which reads on a light page and a dark one.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np

from sonde.contracts.panels import Heatmap
from sonde.evaluate._html import Markup, element, joined
from sonde.evaluate._svg import short, text_at, turned_at

_WIDTH = 420
_TOP, _RIGHT = 6, 6
_TITLE = 20
"""Pixels beside the labels for the name of the axis."""
_LETTER, _LINE = 8.4, 17.0
"""Pixels of a character and of a line of text at most: on a phone they are drawn larger."""
_LONGEST = 12
"""Characters of a label that are shown."""
_SHADE = (38, 132, 196)


def row_parts(values: np.ndarray) -> np.ndarray:
    """(R, C) counts -> (R, C) parts of their row in [0, 1]: rare rows read as well as common."""
    parts: np.ndarray = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
    return parts


def matrix_picture(shown: Heatmap) -> Markup:
    """The whole matrix in the width of a panel."""
    rows, columns = shown.values.shape
    down, across = _shortened(shown.row_labels), _shortened(shown.column_labels)
    left = _TITLE + _room(down)
    side = _WIDTH - left - _RIGHT
    height = side * rows / columns
    upright = _room(across) > _LINE * 2
    foot = _room(across) + 8 if upright else _LINE
    drawing = [
        element("rect", x=left, y=_TOP, width=side, height=short(height), class_="empty"),
        element(
            "image",
            href=f"data:image/png;base64,{_png(row_parts(shown.values))}",
            x=left,
            y=_TOP,
            width=side,
            height=short(height),
            preserveAspectRatio="none",
        ),
        _row_labels(down, left, height),
        _column_labels(across, left, _TOP + height, upright=upright),
        turned_at(shown.row_title, 13, _TOP + height / 2, "middle", class_="title"),
        text_at(
            shown.column_title, left + side / 2, _TOP + height + foot + 17, "middle", class_="title"
        ),
    ]
    total = _TOP + height + foot + 24
    box = f"0 0 {_WIDTH} {short(total)}"
    return element("svg", *drawing, viewBox=box, role="img", aria_label=shown.title, class_="cells")


def _png(parts: np.ndarray) -> str:
    """(R, C) in [0, 1] -> PNG in base64; roots, so that a few rows of many are still seen."""
    from PIL import Image

    pixels = np.empty((*parts.shape, 4), np.uint8)
    pixels[..., :3] = _SHADE
    pixels[..., 3] = np.rint(255 * np.sqrt(np.clip(parts, 0, 1)))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def _row_labels(labels: Sequence[str], left: float, height: float) -> Markup:
    step = height / len(labels)
    every = max(1, int(np.ceil(_LINE / step)))
    return joined(
        text_at(labels[place], left - 5, _TOP + (place + 0.5) * step + 4, "end")
        for place in range(0, len(labels), every)
    )


def _column_labels(labels: Sequence[str], left: float, floor: float, *, upright: bool) -> Markup:
    step = (_WIDTH - left - _RIGHT) / len(labels)
    needed = _LINE if upright else _room(labels)
    every = max(1, int(np.ceil(needed / step)))
    places = [(labels[n], left + (n + 0.5) * step) for n in range(0, len(labels), every)]
    if upright:
        return joined(turned_at(label, x + 4, floor + 5, "end") for label, x in places)
    return joined(text_at(label, x, floor + 15, "middle") for label, x in places)


def _shortened(labels: Sequence[str]) -> list[str]:
    return [
        n if len(n) <= _LONGEST else n[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}" for n in labels
    ]


def _room(labels: Sequence[str]) -> float:
    """Pixels that the longest label takes, with a gap."""
    return 8 + _LETTER * max(map(len, labels))
