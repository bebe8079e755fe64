"""Roads as a camera behind a windscreen sees them, with the lines of the own lane marked.

    python examples/make_roads.py runs/roads

writes `train`, `valid` and `test` there, each with `images/*.jpg`, `masks/*.png` (1 is the left
line of the own lane, 2 the right one, 0 all else) and `lines.json`, the same lines as points (x, y)
in pixels. A mask marks the course of a line, 0.3 m wide and 70 m ahead: also between its dashes,
under worn paint, and behind cars.

No photograph is used. What differs between two roads in the world is drawn anew for each picture,
more of it than is found there, so that a network learns what stays: Tobin et al., "Domain
Randomization for Transferring Deep Neural Networks from Simulation to the Real World", 2017,
arXiv:1703.06907. Every picture has its own generator, made of `--seed`, its part and its number.
"""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import numpy as np
from _road import course, marks
from _road_light import exposed, jpeg
from _road_scene import Scene, drawn_camera, drawn_road
from PIL import Image

PARTS = {"train": 4000, "valid": 200, "test": 300}
TINTS = ((255, 75, 60), (40, 175, 255))
SIZE = (180, 320)  # a third of 960x540 each way


def main() -> None:
    """Write the three parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/roads"))
    parser.add_argument("--seed", type=int, default=0)
    for part, count in PARTS.items():
        parser.add_argument(f"--{part}", type=int, default=count, help=f"pictures, {count}")
    parser.add_argument("--sheet", type=Path, help="only draw twelve roads, with lines, as a JPEG")
    asked = parser.parse_args()
    if asked.sheet:
        asked.sheet.write_bytes(sheet(asked.seed))
        return
    for place, part in enumerate(PARTS):
        write(asked.folder / part, getattr(asked, part), (asked.seed, place))


def write(folder: Path, count: int, seed: tuple[int, int]) -> None:
    """Write one part."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lines = {}
    for number in range(count):
        picture, mask, found = road(np.random.default_rng([*seed, number]))
        name = f"{number:05d}"
        (folder / "images" / f"{name}.jpg").write_bytes(picture)
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
        lines[name] = found
    (folder / "lines.json").write_text(json.dumps(lines), encoding="utf-8")


def sheet(seed: int) -> bytes:
    """Twelve roads of the training part, the odd ones with their lines painted over."""
    rows = []
    for row in range(4):
        shown = []
        for number in range(3 * row, 3 * row + 3):
            picture, mask, _ = road(np.random.default_rng([seed, 0, number]))
            pixels = np.array(Image.open(io.BytesIO(picture)))
            if number % 2:
                pixels[mask > 0] = np.array(TINTS, np.uint8)[mask[mask > 0] - 1]
            shown.append(np.pad(pixels, ((0, 2), (0, 2), (0, 0)), constant_values=255))
        rows.append(np.concatenate(shown, axis=1))
    return jpeg(np.concatenate(rows), 70)


def road(rng: np.random.Generator) -> tuple[bytes, np.ndarray, list[dict[str, object]]]:
    """A picture as JPEG, its mask (H, W) uint8, and its lines."""
    layout, camera = drawn_road(rng), drawn_camera(rng, SIZE)
    ground = camera.ground(layout)
    picture = exposed(Scene(rng, layout, camera).light(ground), rng)
    return jpeg(picture, int(rng.integers(60, 96))), marks(layout, ground), course(layout, camera)


if __name__ == "__main__":
    main()
