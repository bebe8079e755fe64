"""Photographs of many megapixels: what lies where, and how much memory it takes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from PIL import PngImagePlugin

from sonde.data.columns._pictures import look
from sonde.data.columns._placing import Resize
from sonde.data.columns._room import Room
from sonde.data.columns.image import Image

_AS_WRITTEN = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
"""Orientation -> Pillow's name of what the camera did to the upright picture."""


def jpeg(upright: np.ndarray, orientation: int) -> bytes:
    """As a camera held so would write it."""
    picture = Pillow.fromarray(upright)
    if orientation in _AS_WRITTEN:
        picture = picture.transpose(Pillow.Transpose(_AS_WRITTEN[orientation]))
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, exif=exif.tobytes())
    return file.getvalue()


@settings(max_examples=40)
@given(
    raw=st.tuples(st.integers(300, 900), st.integers(300, 900)),
    size=st.tuples(st.integers(18, 40), st.integers(18, 40)),
    way=st.sampled_from(["stretch", "crop", "pad"]),
    orientation=st.integers(1, 8),
)
@example(raw=(637, 300), size=(28, 18), way="pad", orientation=1)  # 28 is not quite 637 * 28 / 637
def test_what_a_small_jpeg_shows_lies_where_its_placing_says(
    raw: tuple[int, int], size: tuple[int, int], way: Resize, orientation: int
) -> None:
    """A bright block near the far corner, where parts of pixels would add up; in half a pixel."""
    column = Image(size=size, resize=way, channels=1).named("x").fit([])
    blank = pa.record_batch([pa.array([jpeg(np.zeros(raw, np.uint8), orientation)])], ["x"])
    placing = column.placing(blank)
    assert placing.sizes.tolist() == [list(raw)]
    corners = np.array([[0.0, 0.0], raw[::-1]])
    low, high = np.clip(placing.into(0, corners), 0, size[::-1])
    inner = np.stack([high - 0.45 * (high - low), high - 1.5])
    (x0, y0), (x1, y1) = np.rint(placing.back(0, inner)).astype(int)
    upright = np.zeros(raw, np.uint8)
    upright[y0:y1, x0:x1] = 255
    rows = pa.record_batch([pa.array([jpeg(upright, orientation)])], ["x"])
    seen = column.encode(rows).values[0, 0] / 255
    expected = placing.into(0, np.array([[x0, y0], [x1, y1]], float))
    for axis, across in ((0, seen.max(axis=0)), (1, seen.max(axis=1))):
        weight = across / across.max()
        middle = (weight * (np.arange(len(weight)) + 0.5)).sum() / weight.sum()
        assert abs(middle - expected[:, axis].mean()) < 0.5
        assert abs(weight.sum() - np.ptp(expected[:, axis])) < 1


def test_a_room_lets_in_as_many_as_it_holds_and_one_that_is_larger_alone() -> None:
    room = Room(10)
    with room.taking(6), room.taking(4):
        assert room._taken == 10
    with room.taking(25):
        assert room._taken == 25
    assert room._taken == 0


def png(exif_behind: bool) -> bytes:
    """Four pixels wide and two high, its orientation (6) before its pixels or behind them."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Pillow.new("L", (4, 2)).save(file, "PNG", exif=exif.tobytes())
    whole = file.getvalue()
    start = whole.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(whole[start : start + 4])
    rest = whole[:start] + whole[stop:]
    end = rest.index(b"IEND") - 4
    return rest[:end] + whole[start:stop] + rest[end:] if exif_behind else whole


@pytest.mark.parametrize("exif_behind", [False, True])
def test_of_a_png_no_pixel_is_decoded_unless_something_stands_behind_them(
    exif_behind: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load = PngImagePlugin.PngImageFile.load
    monkeypatch.setattr(
        PngImagePlugin.PngImageFile, "load", lambda self: (loaded.append(1), load(self))[1]
    )
    assert look(png(exif_behind)) == (4, 2, True)
    assert bool(loaded) == exif_behind


CHILD = """
import os, resource, sys
import pyarrow as pa
from sonde.data.columns.image import Image
from sonde.data.columns.mask import Mask
from sonde.data.columns import _masks, _pictures

def peak():
    unit = 1 << (20 if sys.platform == "darwin" else 10)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit

os.sched_getaffinity = lambda process: range(8)
files = sys.argv[1:]
rows = pa.record_batch({"image": files, "mask": [files[-1]] * len(files)})
before = peak()
columns = {"image": Image(size=(64, 96)).named("image"), "mask": Mask().named("mask")}
columns = {name: column.beside(columns) for name, column in columns.items()}
columns = {name: column.fit([rows]) for name, column in columns.items()}
columns = {name: column.beside(columns) for name, column in columns.items()}
for column in columns.values():
    assert not column.encode(rows).errors
for column in columns.values():
    assert all(whole.size >= 20_000_000 for whole in column.whole(rows[:3]))
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="its peak is counted otherwise")
def test_pictures_of_20_megapixels_take_memory_for_a_few(tmp_path: Path) -> None:
    """Seven, on eight threads, with masks: one alone takes 80 MB decoded, some twice that."""
    high, wide = 3648, 5488
    bands = np.broadcast_to((np.arange(wide) // 800).astype(np.uint8), (high, wide))
    mask = Pillow.fromarray(np.ascontiguousarray(bands))
    mask.save(tmp_path / "mask.png", compress_level=1)
    mask.convert("RGB").save(tmp_path / "plain.png", compress_level=1)
    mask.convert("RGB").save(tmp_path / "photo.jpg")
    files = [str(tmp_path / name) for name in ["photo.jpg", *["plain.png"] * 5, "mask.png"]]
    # else glibc keeps some tens of megabytes for each thread, to give them out again
    plainly = os.environ | {"MALLOC_MMAP_THRESHOLD_": "1000000"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *files],
        capture_output=True, text=True, check=False, env=plainly,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    assert float(done.stdout) < 360, "megabytes"
