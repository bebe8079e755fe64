"""Pictures as arrays: what is one, several on one sheet, and as the bytes of a file.

A picture is uint8, (H, W) of grey or (H, W, 3) of colour; a film is (T, H, W, 3), T frames.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

PER_SECOND = 20
"""Frames of a film shown in a second, unless it says otherwise."""

_GAP, _PAPER = 2, 255
"""Pixels between the pictures of a sheet, and their shade."""


def is_picture(value: Any) -> TypeGuard[np.ndarray]:
    """Whether a value is a picture or a film."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or not value.size:
        return False
    return value.ndim == 2 or (value.ndim in (3, 4) and value.shape[-1] == 3)


def is_film(picture: np.ndarray) -> bool:
    """Whether a picture has frames."""
    return picture.ndim == 4


def file_of(picture: np.ndarray) -> tuple[str, bytes]:
    """The suffix and the content of the file it is best kept in."""
    return (".gif", gif(picture)) if is_film(picture) else (".png", png(picture))


def png(picture: np.ndarray) -> bytes:
    """A picture as PNG, equal bytes for equal pixels."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def gif(film: np.ndarray, per_second: float = PER_SECOND) -> bytes:
    """A film (T, H, W, 3) as GIF, played over and over, in at most 256 colours a frame."""
    from PIL import Image

    frames = [Image.fromarray(frame).quantize(256) for frame in film]
    buffer = io.BytesIO()
    frames[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=max(20, round(1000 / per_second)),  # browsers slow down what is faster
        loop=0,
    )
    return buffer.getvalue()


def sheet(pictures: Sequence[np.ndarray], across: int | None = None) -> np.ndarray:
    """Pictures in rows of `across`, by default in a square: (H, W), or (H, W, 3) if any has colour.

    Smaller ones lie in the middle of a cell as large as the largest; of a film its first frame.
    """
    stills = [each[0] if is_film(each) else each for each in pictures]
    colour = any(each.ndim == 3 for each in stills)
    across = across or max(1, round(len(stills) ** 0.5))
    down = -(-len(stills) // across)
    height, width = (max(each.shape[axis] for each in stills) for axis in (0, 1))
    size = (down * (height + _GAP) + _GAP, across * (width + _GAP) + _GAP)
    whole = np.full((*size, 3) if colour else size, _PAPER, np.uint8)
    for place, still in enumerate(stills):
        top = _GAP + place // across * (height + _GAP) + (height - still.shape[0]) // 2
        left = _GAP + place % across * (width + _GAP) + (width - still.shape[1]) // 2
        shown = still[..., None] if colour and still.ndim == 2 else still
        whole[top : top + still.shape[0], left : left + still.shape[1]] = shown
    return whole
