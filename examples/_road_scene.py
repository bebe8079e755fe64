"""What stands on and around a road: asphalt, paint, land, sky, walls, cars, shadows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from _road import Camera, Ground, Line, Road
from _road_light import Noise
from PIL import Image, ImageDraw

_WHITE, _YELLOW = np.array([0.93, 0.93, 0.9]), np.array([0.93, 0.68, 0.16])
_LAND = ((0.72, 0.6, 0.4), (0.78, 0.7, 0.52), (0.3, 0.42, 0.18), (0.45, 0.5, 0.25),
         (0.5, 0.42, 0.33), (0.62, 0.6, 0.57), (0.85, 0.86, 0.88))  # fmt: skip
_SKIES = (
    ((0.25, 0.48, 0.75), (0.7, 0.82, 0.9)),
    ((0.55, 0.6, 0.66), (0.8, 0.82, 0.84)),
    ((0.85, 0.87, 0.9), (0.95, 0.95, 0.95)),
    ((0.3, 0.33, 0.4), (0.75, 0.6, 0.5)),
)
_OFTEN = (0.6, 0.2, 0.1, 0.1)
"""How often a sky is above."""
_HUES = ((0.7, 1, 0.5), (1, 0.85, 0.6), (0.8, 0.95, 1.1), (1, 1, 1))


def drawn_road(rng: np.random.Generator) -> Road:
    """A road with one to six lanes; the camera is in one of them."""
    lane = rng.uniform(3.0, 3.9)
    aside = rng.normal(0, 0.35)  # where in the lane the camera drives
    left, right = -lane / 2, lane / 2
    beyond = rng.choice(4, 2, p=(0.42, 0.25, 0.2, 0.13))  # lanes further left and right
    yellow = rng.random() < 0.55
    dashes = _dashes(rng)
    lines = []
    for side, count in ((-1, beyond[0]), (1, beyond[1])):
        for place in range(count + 1):
            last = place == count
            tint = _YELLOW if yellow and side < 0 and last else _WHITE
            solid = rng.random() < (0.85 if last else 0.12)
            at = side * (lane / 2 + place * lane)
            lines += _line(rng, at, tint, None if solid else dashes)
    hard = rng.uniform(0.2, 3.5, 2)
    edges = (left - beyond[0] * lane - hard[0], right + beyond[1] * lane + hard[1])
    bend, turn = rng.normal(0, 1 / 700), rng.normal(0, 1 / 60000)
    if rng.random() < 0.15:
        bend = rng.uniform(-1, 1) / 150
    hill = (rng.normal(0, 0.8), rng.uniform(120, 400), rng.random())
    return Road(lines, left, right, edges, (aside, rng.normal(0, 0.03), bend, turn), hill)


def _dashes(rng: np.random.Generator) -> tuple[float, float]:
    """Metres of paint and of gap: from short and dense to a third of 12 metres or less."""
    dash = rng.uniform(1.2, 4.5)
    return dash, dash * rng.uniform(1.0, 3.3)


def _line(
    rng: np.random.Generator, at: float, tint: np.ndarray, dashes: tuple[float, float] | None
) -> list[Line]:
    """One line, sometimes a double one."""
    width = rng.uniform(0.09, 0.2)
    faded = np.clip(tint * rng.uniform(0.8, 1.06) + rng.normal(0, 0.03, 3), 0, 1)
    wear = min(max(0.0, rng.normal(0.1, 0.18)), 0.5)
    dash, gap = dashes or (0.0, 0.0)
    phase = rng.uniform(0, 100)
    twice = rng.random() < (0.1 if dashes is None else 0.02)
    apart = width * rng.uniform(0.8, 1.2) if twice else 0.0
    return [Line(at + shift, width, dash, gap, phase, faded, wear)
            for shift in ((-apart, apart) if twice else (0.0,))]  # fmt: skip


def drawn_camera(rng: np.random.Generator, size: tuple[int, int]) -> Camera:
    """Behind a windscreen: how high, how wide, how level."""
    height, width = size
    return Camera(
        size,
        focal=width * rng.uniform(0.7, 1.25),
        above=rng.uniform(1.05, 1.8),
        horizon=height * rng.uniform(0.4, 0.66),
        centre=width * rng.uniform(0.44, 0.56),
        roll=rng.normal(0, 0.015),
    )


@dataclass(frozen=True)
class Scene:
    """One picture on its way."""

    rng: np.random.Generator
    road: Road
    camera: Camera

    def light(self, ground: Ground) -> np.ndarray:
        """(H, W, 3) in [0, 1]."""
        picture = self._sky()
        picture = self._horizon(picture)
        surface = self._land(ground)
        asphalt = self._asphalt(ground)
        inside = ground.strip(*self.road.edges)[..., None]
        surface = surface * (1 - inside) + asphalt * inside
        surface = self._shaded(surface, ground)
        picture = np.where(ground.there[..., None], surface, picture)
        haze = self.rng.uniform(0, 0.5) * (1 - np.exp(-ground.z / 200))[..., None]
        picture = np.where(ground.there[..., None], picture * (1 - haze) + 0.75 * haze, picture)
        return self._things(picture)

    def _sky(self) -> np.ndarray:
        """A gradient and clouds."""
        height, width = self.camera.size
        upper, lower = map(np.array, _SKIES[self.rng.choice(len(_SKIES), p=_OFTEN)])
        down = np.clip(np.arange(height) / self.camera.horizon, 0, 1)[:, None, None]
        sky = np.broadcast_to(upper * (1 - down) + lower * down, (height, width, 3)).copy()
        if self.rng.random() < 0.5:
            y, x = np.mgrid[:height, :width].astype(np.float32) * (4 / width)
            cloud = np.clip(Noise(self.rng, 4)(x, y * 3) - self.rng.uniform(-0.3, 0.5), 0, 1)
            sky += cloud[..., None] * self.rng.uniform(0.1, 0.6) * (0.95 - sky)
        return sky

    def _horizon(self, picture: np.ndarray) -> np.ndarray:
        """Hills, woods and houses between land and sky."""
        height, width = self.camera.size
        x = np.arange(width, dtype=np.float32)
        y = np.arange(height, dtype=np.float32)[:, None]
        for _ in range(self.rng.integers(0, 4)):
            rough = self.rng.choice((3, 12, 40))
            outline = Noise(self.rng, 4)(x * rough / width, np.float32(0.5))
            aside = np.abs(x / width - 0.5) * self.rng.uniform(0, 0.5)
            top = self.camera.horizon - height * (
                self.rng.uniform(-0.02, 0.12) + outline * self.rng.uniform(0.01, 0.07) + aside
            )
            tint = self._tint(self.rng.uniform(0.05, 0.6))
            grain = Noise(self.rng, 3)(x * 60 / width, y * 60 / width)[..., None]
            shade = np.clip(tint * (1 + self.rng.uniform(0, 0.6) * grain), 0, 1)
            picture = np.where((y > top)[..., None], shade, picture)
        return picture

    def _tint(self, value: float) -> np.ndarray:
        """Green, brown, bluish or grey, of some lightness."""
        hue = self.rng.choice(_HUES)
        return np.asarray(value * hue * self.rng.uniform(0.8, 1.2, 3))

    def _land(self, ground: Ground) -> np.ndarray:
        """Grass, earth, stone beside the road, other on the left than on the right at times."""
        sides = []
        for _ in range(2):
            tint = np.array(_LAND[self.rng.integers(len(_LAND))]) * self.rng.uniform(0.6, 1.15)
            fine = Noise(self.rng, 4)(ground.u * self.rng.uniform(1, 6), ground.z * 0.7)
            broad = Noise(self.rng, 2)(ground.u * 0.2, ground.z * 0.05)
            grain = self.rng.uniform(0, 0.35) * fine + self.rng.uniform(0, 0.3) * broad
            sides.append(tint * (1 + grain[..., None]))
        if self.rng.random() < 0.5:
            return sides[0]
        return np.where((ground.u < 0)[..., None], sides[0], sides[1])

    def _asphalt(self, ground: Ground) -> np.ndarray:
        """The road's surface, what time did to it, and the paint on it."""
        rng, road = self.rng, self.road
        base = rng.uniform(0.15, 0.52) * (1 + rng.normal(0, 0.03, 3))
        grain = rng.uniform(0, 0.12) * Noise(rng, 4)(ground.u * 6, ground.z * 1.5)
        grain += rng.uniform(0, 0.15) * Noise(rng, 3)(ground.u * 0.5, ground.z * 0.03)
        tracks = np.cos(4 * np.pi * ground.u / (road.right - road.left))  # two wheels in each lane
        grain += rng.uniform(-0.1, 0.1) * tracks + self._mended(ground) + self._cracked(ground)
        return self._painted(base * (1 + grain[..., None]), ground)

    def _mended(self, ground: Ground) -> np.ndarray:
        """Lanes and patches of other asphalt, some of them short."""
        rng = self.rng
        grain = np.zeros(ground.u.shape, np.float32)
        for _ in range(rng.integers(0, 5)):
            left = rng.uniform(*self.road.edges)
            patch = ground.strip(left, left + rng.uniform(0.3, 5))
            if rng.random() < 0.6:
                start = rng.uniform(3, 50)
                patch = patch * (ground.z > start) * (ground.z < start + rng.uniform(0.5, 40))
            grain += patch * rng.normal(0, 0.15)
        return grain

    def _cracked(self, ground: Ground) -> np.ndarray:
        """Seams along the lines and cracks across."""
        rng = self.rng
        grain = np.zeros(ground.u.shape, np.float32)
        for _ in range(rng.integers(0, 5)):
            at = rng.choice([line.at for line in self.road.lines]) + rng.normal(0, 0.4)
            bent = ground.u - 0.1 * rng.random() * Noise(rng, 2)(ground.z * 0.2, ground.z * 0)
            along = replace(ground, u=bent)
            grain += along.strip(at, at + rng.uniform(0.02, 0.15)) * rng.uniform(-0.5, 0.3)
        for _ in range(rng.integers(0, 4)):
            where = rng.uniform(4, 40) + rng.normal(0, 0.3) * ground.u
            across = np.abs(ground.z - where) < rng.uniform(0.03, 0.3)
            grain += across * rng.uniform(-0.35, 0.3)
        return grain

    def _painted(self, surface: np.ndarray, ground: Ground) -> np.ndarray:
        """Lines, worn, with reflectors beside them; marks that are no lines."""
        rng = self.rng
        for line in self.road.lines:
            worn = Noise(rng, 4)(ground.u * 12, ground.z * 2) * 0.8 + 0.5
            left = np.clip((worn - line.wear) * 4 + 0.5, 0, 1) if line.wear > 0.05 else 1.0
            cover = (ground.painted(line) * left * rng.uniform(0.75, 1))[..., None]
            surface = surface * (1 - cover) + line.tint * cover
            if rng.random() < 0.35:
                every, start = rng.uniform(5, 15), rng.uniform(0, 15)
                near = np.abs((ground.z - start) % every - every / 2) < 0.06 + ground.z * 0.003
                stud = ground.strip(line.at + 0.15, line.at + 0.3) * near
                surface = surface + (rng.uniform(0.5, 1) - surface) * stud[..., None]
        return self._littered(surface, ground)

    def _littered(self, surface: np.ndarray, ground: Ground) -> np.ndarray:
        """Arrows, letters, litter, tyre marks, old lines."""
        rng = self.rng
        for _ in range(rng.integers(0, 4)):
            u, z = rng.uniform(*self.road.edges), rng.uniform(5, 40)
            slanting = replace(ground, u=ground.u - rng.normal(0, 0.15) * (ground.z - z))
            length = rng.choice((0.4, 2.0, 30.0), p=(0.5, 0.3, 0.2))
            blot = slanting.strip(u, u + rng.uniform(0.08, 0.5)) * (np.abs(ground.z - z) < length)
            strength = rng.uniform(0.1, 0.9 if length < 1 else 0.45)
            shade = rng.choice((0.05, 0.9))
            surface = surface + (shade - surface) * (blot * strength)[..., None]
        return surface

    def _shaded(self, surface: np.ndarray, ground: Ground) -> np.ndarray:
        """Shadows of trees, of walls, of bridges."""
        rng = self.rng
        shade = np.zeros(ground.u.shape, np.float32)
        if rng.random() < 0.35:
            wide, long = rng.uniform(0.1, 0.6), rng.uniform(0.05, 0.4)
            blots = Noise(rng, 4)(ground.u * wide, ground.z * long)
            side = np.clip(ground.u * rng.choice((-1, 1)) / 4 + rng.uniform(0, 2), 0, 1)
            shade = np.maximum(shade, np.clip((blots - rng.uniform(-0.3, 0.4)) * 6, 0, 1) * side)
        if rng.random() < 0.2:
            start = rng.uniform(3, 40) + rng.normal(0, 0.5) * ground.u
            shade[(ground.z > start) & (ground.z < start + rng.uniform(1, 15))] = 1
        if rng.random() < 0.15:
            ragged = ground.u + Noise(rng, 3)(ground.z * 0.3, ground.z * 0)
            shade[ragged * rng.choice((-1, 1)) > rng.uniform(0, 4)] = 1
        dark = np.array([1, 1, 1.0]) - rng.uniform(0.25, 0.75) * np.array([1.0, 0.97, 0.88])
        return np.asarray(surface * (1 - shade[..., None] * (1 - dark)))

    def _things(self, picture: np.ndarray) -> np.ndarray:
        """Walls, posts, trees, then cars, far ones first."""
        height, width = self.camera.size
        shot = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
        image = Image.fromarray(shot.repeat(2, axis=0).repeat(2, axis=1))  # for smooth edges
        draw = ImageDraw.Draw(image)
        for side in (0, 1):
            if self.rng.random() < 0.4:
                self._wall(draw, side)
            if self.rng.random() < 0.6:
                self._trees(draw, side)
        lane = self.road.right - self.road.left
        first, last = ((edge / lane) for edge in self.road.edges)
        lanes = np.arange(np.ceil(first + 0.3), np.floor(last - 0.3) + 1)
        far = np.sort(self.rng.uniform(7, 110, self.rng.poisson(1.2 * len(lanes))))[::-1]
        for z in far:
            place = self.rng.choice(lanes)
            if place != 0 or z > 14:
                self._car(draw, place * lane + self.rng.normal(0, 0.25), z)
        finer = np.asarray(image, np.float32) / 255
        return finer.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))

    def _polygon(
        self, draw: ImageDraw.ImageDraw, corners: list[tuple[float, float, float]], tint: np.ndarray
    ) -> None:
        """A filled shape whose corners are (u, z, metres above the ground)."""
        u, z, up = np.array(corners).T
        points = [tuple(point) for point in (2 * self.camera.pixel(self.road, u, z, up)).tolist()]
        draw.polygon(points, fill=tuple(int(v) for v in np.clip(tint, 0, 1) * 255))

    def _wall(self, draw: ImageDraw.ImageDraw, side: int) -> None:
        """A wall, a fence or a guard rail along the road."""
        rng = self.rng
        at = self.road.edges[side] + rng.uniform(0, 3) * (2 * side - 1)
        low, high = (0.0, rng.uniform(0.5, 3.5)) if rng.random() < 0.6 else (0.45, 0.8)
        tint = self._tint(rng.uniform(0.25, 0.8))
        steps = np.geomspace(3, 150, 40)
        for near, far in zip(steps[:-1][::-1], steps[1:][::-1], strict=True):
            shade = tint * rng.uniform(0.92, 1.08)
            corners = [(at, near, low), (at, far, low), (at, far, high), (at, near, high)]
            self._polygon(draw, corners, shade)

    def _trees(self, draw: ImageDraw.ImageDraw, side: int) -> None:
        """Bushes, trees, posts and signs."""
        rng = self.rng
        for z in np.sort(rng.uniform(15, 200, rng.integers(1, 25)))[::-1]:
            wide = rng.uniform(0.5, 4)
            at = self.road.edges[side] + (2 * side - 1) * (wide + rng.uniform(1, 15))
            x, y = 2 * self.camera.pixel(self.road, at, z)
            metre = 2 * self.camera.focal / z
            if rng.random() < 0.25:  # a post, with a sign on it
                high = rng.uniform(1, 8) * metre
                wide = max(1, 0.1 * metre)
                draw.rectangle((x - wide, y - high, x + wide, y), fill=_rgb(self._tint(0.5)))
                sign = rng.uniform(0.3, 1.5, 2) * metre
                draw.rectangle((x - sign[0], y - high - sign[1], x + sign[0], y - high),
                               fill=_rgb(rng.uniform(0, 1, 3)))  # fmt: skip
                continue
            size = wide * metre
            tint = np.array([0.25, 0.33, 0.15]) * rng.uniform(0.4, 1.6)
            for _ in range(rng.integers(4, 16)):
                dx, dy = rng.normal(0, 0.5, 2) * size
                r = size * rng.uniform(0.2, 0.7)
                draw.ellipse((x + dx - r, y - size + dy - r, x + dx + r, y - size + dy + r),
                             fill=_rgb(tint * rng.uniform(0.7, 1.3)))  # fmt: skip

    def _car(self, draw: ImageDraw.ImageDraw, u: float, z: float) -> None:
        """A car or a lorry: its shadow, its side, its back or front."""
        rng = self.rng
        lorry = rng.random() < 0.15
        wide, high, long = (2.4, 3.4, 9.0) if lorry else (1.8, rng.uniform(1.35, 1.8), 4.3)
        tint = np.full(3, rng.uniform(0.05, 0.95)) if rng.random() < 0.6 else rng.uniform(0, 0.9, 3)
        a, b, end = u - wide / 2, u + wide / 2, z + long
        under = [(a - 0.3, z - 0.3), (b + 0.3, z - 0.3), (b + 0.3, end), (a - 0.3, end)]
        self._polygon(draw, [(*corner, 0.0) for corner in under], np.full(3, 0.08))
        side = b if u + float(self.road.middle(np.asarray(z))) < 0 else a  # the one that is seen
        self._polygon(draw, [(side, z, 0.3), (side, end, 0.3), (side, end, high * 0.65),
                             (side, end - 1, high), (side, z, high)], tint * 0.75)  # fmt: skip
        self._back(draw, (a, b, z, high), tint, window=not lorry)

    def _back(
        self,
        draw: ImageDraw.ImageDraw,
        place: tuple[float, float, float, float],
        tint: np.ndarray,
        *,
        window: bool,
    ) -> None:
        """What one sees of a car from behind or in front: body, window, wheels, lights."""
        rng = self.rng
        a, b, z, high = place

        def panel(left: float, right: float, low: float, top: float, slope: float = 0) -> None:
            corners = [
                (left, z, low),
                (right, z, low),
                (right - slope, z, top),
                (left + slope, z, top),
            ]
            self._polygon(draw, corners, shade)

        shade = tint
        panel(a, b, 0.3, high * 0.65)
        panel(a, b, high * 0.65, high, 0.2 if window else 0)
        if window:
            shade = rng.uniform(0.1, 0.4) * np.array([0.9, 1, 1.1])
            panel(a + 0.2, b - 0.2, high * 0.65, high * 0.93, 0.15)
        lit = np.array([0.8, 0.1, 0.1] if rng.random() < 0.7 else [0.95, 0.95, 0.85])
        for left in (a, b - 0.3):
            shade = np.full(3, 0.05)
            panel(left, left + 0.3, 0, 0.35)
            shade = lit
            panel(left, left + 0.25, 0.7, 0.9)


def _rgb(tint: np.ndarray) -> tuple[int, ...]:
    return tuple(int(value) for value in np.clip(tint, 0, 1) * 255)
