"""What makes no two pictures of a road alike: textures, weather, light, the camera's faults."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from PIL import Image, ImageFilter

_CELLS, _FINE = 32, 16
"""Cells of noise along a texture's side, and texels along a cell's."""


class Noise:
    """Smooth noise over a plane, in about [-1, 1]: a texture that repeats, begun anywhere."""

    def __init__(self, rng: np.random.Generator, octaves: int = 3) -> None:
        self._texture = _texture(octaves)
        self._start = rng.integers(0, _CELLS * _FINE, 2)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Of points in cells of the coarsest octave."""
        side = _CELLS * _FINE
        column = (np.asarray(x) * _FINE).astype(np.int32) + self._start[0]
        row = (np.asarray(y) * _FINE).astype(np.int32) + self._start[1]
        return np.asarray(self._texture[row % side, column % side])


@cache
def _texture(octaves: int) -> np.ndarray:
    """Random heights at the corners of cells, twice as many cells in each octave, on a torus."""
    rng = np.random.default_rng(octaves)
    total = np.zeros((_CELLS * _FINE, _CELLS * _FINE), np.float32)
    for octave in range(octaves):
        heights = rng.normal(0, 0.5, (_CELLS * 2**octave,) * 2).astype(np.float32)
        for axis in (0, 1):
            heights = _between(heights, _FINE // 2**octave, axis)
        total += heights / 1.6**octave
    return total


def _between(heights: np.ndarray, times: int, axis: int) -> np.ndarray:
    """Linear interpolation along an axis that is a circle."""
    share = (np.arange(times, dtype=np.float32) / times).reshape((-1, 1) if axis == 0 else (-1,))
    here = heights.repeat(times, axis)
    there = np.roll(heights, -1, axis).repeat(times, axis)
    share = np.tile(share, (len(heights), 1) if axis == 0 else heights.shape[1])
    return np.asarray(here + (there - here) * share)


def exposed(scene: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a camera makes of light: (H, W, 3) in [0, 1] -> uint8.

    White balance, saturation, haze, vignette, exposure, contrast, blur, noise of the sensor.
    """
    height, width = scene.shape[:2]
    picture = scene * rng.normal(1, 0.06, 3).clip(0.8, 1.2).astype(np.float32)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * rng.uniform(0.4, 1.4)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    picture *= 1 - rng.uniform(0, 0.25) * (x**2 + y**2)[..., None] / 2
    if rng.random() < 0.3:  # light from one side
        aside = np.exp(-3 * (x - rng.uniform(-1, 1)) ** 2)
        picture += rng.uniform(-0.25, 0.25) * aside[..., None]
    picture = np.clip(picture * rng.uniform(0.75, 1.3) + rng.uniform(-0.03, 0.05), 0, 1)
    picture = picture ** rng.uniform(0.75, 1.3)
    picture += rng.normal(0, rng.uniform(0.0, 0.03), picture.shape).astype(np.float32)
    shot = Image.fromarray((np.clip(picture, 0, 1) * 255).round().astype(np.uint8))
    if rng.random() < 0.5:
        shot = shot.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    elif rng.random() < 0.4:
        shot = shot.filter(ImageFilter.UnsharpMask(1.5, int(rng.integers(30, 150))))
    return np.asarray(shot)


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    """As the bytes of a file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()
