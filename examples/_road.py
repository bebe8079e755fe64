"""A road as it is laid out, and the camera above it: where each pixel of a picture lies on it.

The ground is the plane u (metres to the right of the middle of the own lane), z (metres ahead). The
road bends sideways, c(z) = offset + heading z + bend z^2 / 2 + turn z^3 / 6, and rises and falls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

REACH = 70.0
"""Metres ahead to which lines are marked."""
BAND = 0.3
"""Metres: the width of a mark."""
_FAR = np.geomspace(2.0, 400.0, 600)
"""Distances at which the height of the road is known, metres."""


@dataclass(frozen=True)
class Line:
    """A painted line.

    Attributes:
        at: metres to the right of the middle of the own lane.
        width: metres.
        dash, gap, phase: metres; a gap of 0 paints it all the way.
        tint: red, green, blue in [0, 1].
        wear: share of the paint that is gone, in [0, 1].
    """

    at: float
    width: float
    dash: float
    gap: float
    phase: float
    tint: np.ndarray
    wear: float


@dataclass(frozen=True)
class Road:
    """What is there.

    Attributes:
        lines: all lines, of which two bound the own lane.
        left, right: where the lines of the own lane lie, metres.
        edges: metres where the asphalt ends on the left and the right.
        course: offset (metres), heading, bend (1 / metres), turn (1 / square metres).
        hill: height (metres) and length (metres) of the waves the road goes over.
    """

    lines: Sequence[Line]
    left: float
    right: float
    edges: tuple[float, float]
    course: tuple[float, float, float, float]
    hill: tuple[float, float, float]

    def middle(self, z: np.ndarray) -> np.ndarray:
        """Metres to the right of the camera's axis where the own lane's middle is."""
        offset, heading, bend, turn = self.course
        return np.asarray(offset + z * (heading + z * (bend / 2 + z * turn / 6)))

    def height(self, z: np.ndarray) -> np.ndarray:
        """Metres above the plane the camera stands on."""
        rise, length, phase = self.hill
        wave = np.sin(2 * np.pi * (z / length + phase))
        start = np.sin(2 * np.pi * phase) + 2 * np.pi * z / length * np.cos(2 * np.pi * phase)
        return np.asarray(rise * (wave - start) * np.exp(-z / 300))  # level where the camera is


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        size: height and width of the picture, pixels.
        focal: pixels.
        above: metres above the road.
        horizon: row at which a plane would end, pixels.
        centre: column of the axis, pixels.
        roll: radians.
    """

    size: tuple[int, int]
    focal: float
    above: float
    horizon: float
    centre: float
    roll: float

    def rows(self, road: Road, z: np.ndarray) -> np.ndarray:
        """Row of the road's surface at a distance, before the camera is rolled."""
        return np.asarray(self.horizon + self.focal * (self.above - road.height(z)) / z)

    def pixel(
        self, road: Road, u: np.ndarray | float, z: np.ndarray, up: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """(..., 2) column and row, in pixels from the upper left corner, of points above the road.

        Args:
            road: what lies there.
            u: metres to the right of the own lane's middle.
            z: metres ahead.
            up: metres above the ground.
        """
        x = self.focal * (u + road.middle(z)) / z
        y = self.rows(road, z) - self.focal * np.asarray(up) / z - self.horizon
        x, y = np.broadcast_arrays(x, y)
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        return np.stack([cos * x - sin * y + self.centre, sin * x + cos * y + self.horizon], -1)

    def ground(self, road: Road) -> Ground:
        """Where each pixel lies on the ground."""
        height, width = self.size
        y, x = np.mgrid[:height, :width].astype(np.float32) + np.float32(0.5)
        x, y = x - self.centre, y - self.horizon
        cos, sin = np.cos(self.roll), np.sin(self.roll)
        x, y = cos * x + sin * y, cos * y - sin * x + self.horizon
        seen = np.minimum.accumulate(self.rows(road, _FAR))  # what a crest hides is not met
        z = np.interp(y, seen[::-1], _FAR[::-1]).astype(np.float32)
        there = y > seen[-1]
        u = x * z / self.focal - road.middle(z)
        return Ground(u.astype(np.float32), z, there, self.focal)


@dataclass(frozen=True)
class Ground:
    """For each pixel (H, W) the place on the ground it shows.

    Attributes:
        u, z: metres to the right of the own lane's middle, and ahead.
        there: false above the horizon.
        focal: pixels.
    """

    u: np.ndarray
    z: np.ndarray
    there: np.ndarray
    focal: float

    def painted(self, line: Line) -> np.ndarray:
        """(H, W) in [0, 1], the share of a pixel that a line covers."""
        across = self.strip(line.at - line.width / 2, line.at + line.width / 2)
        if not line.gap:
            return across
        whole = line.dash + line.gap
        along = np.abs((self.z + line.phase) % whole - whole / 2)  # 0 in the middle of a dash
        steep = self.focal * 1.3 / self.z**2  # pixels a metre
        return across * np.clip((line.dash / 2 - along) * steep + 0.5, 0, 1)

    def strip(self, left: float, right: float) -> np.ndarray:
        """(H, W) in [0, 1], the share of a pixel that lies between two courses."""
        half = abs(right - left) / 2
        fine = self.focal / self.z  # pixels a metre
        inside = (half - np.abs(self.u - (left + right) / 2)) * fine + 0.5
        return np.clip(inside, 0, np.minimum(1, 2 * half * fine)) * self.there


def marks(road: Road, ground: Ground) -> np.ndarray:
    """(H, W) uint8: 1 on the left line of the own lane, 2 on the right one, 0 elsewhere."""
    mask = np.zeros(ground.z.shape, np.uint8)
    for value, at in enumerate((road.left, road.right), start=1):
        covered = ground.strip(at - BAND / 2, at + BAND / 2) >= 0.5
        mask[covered & (ground.z < REACH)] = value
    return mask


def course(road: Road, camera: Camera) -> list[dict[str, object]]:
    """The two lines of the own lane as points inside the picture, nearest first."""
    z = np.geomspace(2.5, REACH, 60)
    lines: list[dict[str, object]] = []
    for label, at in (("left", road.left), ("right", road.right)):
        points = camera.pixel(road, at, z)
        inside = ((points >= 0) & (points < camera.size[::-1])).all(axis=1)
        if inside.sum() > 1:
            lines.append({"label": label, "points": np.round(points[inside], 2).tolist()})
    return lines
