"""Bad pictures, as users bring them: numbers 27 to 41 of the list of bad inputs.

Each is read as stated, or is a row that cannot be read, told with its path and reason. A few such
rows are set aside and listed; from one in a hundred on a run refuses to start.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from _user import refused, sonde, sonde_alone
from PIL import Image as Pillow
from PIL import ImageOps, PngImagePlugin

from sonde.data.columns.image import Image

MEGABYTE = 1 << 20
NOISE = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)


def encoded(picture: Pillow.Image | np.ndarray, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    made = picture if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture)
    made.save(file, form, **options)
    return file.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@cache
def bomb() -> bytes:
    """A PNG of 50,000 x 50,000 black pixels of one bit, 312 MB, in 300 kB."""
    line = zlib.compressobj(9)
    pixels = b"".join(line.compress(bytes(6_251 * 500)) for _ in range(100)) + line.flush()
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def with_text(size: int) -> bytes:
    """A PNG with a compressed text of so many bytes."""
    note = PngImagePlugin.PngInfo()
    note.add_text("comment", "x" * size, zip=True)
    return encoded(NOISE, pnginfo=note)


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "27 empty": (b"", "none of PNG, JPEG"),
    "28 text": (b"this is no picture\n" * 40, "none of PNG, JPEG"),
    "29 cut.png": (encoded(NOISE)[:200], "truncated"),
    "29 cut.jpg": (encoded(np.tile(NOISE, (20, 20, 1)), "JPEG")[:9_000], "truncated"),
    "30 bomb": (bomb(), "more than 50,000,000"),
    "31 text of 10 MB": (with_text(10 * MEGABYTE), "too large"),
    "36 svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>', "none of PNG"),
    "36 heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "none of PNG"),
    "36 fits": (b"SIMPLE  =                    T".ljust(2880), "none of PNG"),
    "36 pdf": (encoded(NOISE, "PDF"), "none of PNG"),
    "36 psd": (b"8BPS\0\1" + bytes(6) + b"\0\3\0\0\0\4\0\0\0\4\0\x08\0\3" + bytes(40), "none of"),
    "36 eps": (encoded(NOISE, "EPS"), "none of PNG"),
    "33 floats": (encoded(Pillow.new("F", (3, 3), 0.5), "TIFF"), "no known range"),
}
"""Bytes -> what is said of them."""


def column(**options: Any) -> Image:
    return Image(**{"size": (12, 10), "channels": 3} | options).named("x").fit([])


def read(pictures: list[bytes], **options: Any) -> np.ndarray:
    """(N, C, H, W) of pictures that are all readable."""
    rows = pa.record_batch([pa.array(pictures, pa.binary())], ["x"])
    result = column(**options).encode(rows)
    assert not result.errors
    return result.values


@pytest.mark.parametrize("case", UNREADABLE)
def test_27_to_31_36_what_cannot_be_read_is_told_with_its_path(case: str, tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    data, reason = UNREADABLE[case]
    path.write_bytes(data)
    result = column().encode(pa.record_batch([pa.array([str(path)])], ["x"]))
    (error,) = result.errors
    assert error.place == str(path)
    assert error.expected.startswith("a readable picture (")
    assert reason in error.expected


def fill(folder: Path, count: int) -> None:
    """Pictures of two classes."""
    rng = np.random.default_rng(1)
    for place in range(count):
        pixels = rng.integers(0, 200, (12, 10), dtype=np.uint8)
        pixels[:, :5] += 50 * np.uint8(place % 2)
        path = folder / "ab"[place % 2] / f"{place:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(pixels))


TRAIN = ("train", "p", "--epochs", "1", "--run-dir", "run", "--json")


def test_27_to_36_many_refuse_the_run_and_few_are_set_aside(tmp_path: Path) -> None:
    fill(tmp_path / "p", 120)
    for place, (data, _) in enumerate(UNREADABLE.values()):
        (tmp_path / "p" / "a" / f"bad{place:02}.png").write_bytes(data)
    refused(sonde(*TRAIN, home=tmp_path), 65, "p/a/bad00.png", f"{len(UNREADABLE)} of")
    for path in list((tmp_path / "p" / "a").glob("bad*"))[1:]:
        path.unlink()
    kept = next((tmp_path / "p" / "a").glob("bad*"))
    said = sonde(*TRAIN[:-2], "second", "--json", home=tmp_path)
    assert said.code == 0, said.err
    lines = (tmp_path / "second" / "quarantine.jsonl").read_text().splitlines()
    listed = [json.loads(line) for line in lines]
    assert [Path(row["place"]).name for row in listed] == [kept.name]


def test_30_a_bomb_is_never_decoded(tmp_path: Path) -> None:
    """Decoded, its pixels would take 2,500 MB."""
    fill(tmp_path / "p", 30)
    (tmp_path / "p" / "a" / "bomb.png").write_bytes(bomb())
    said = sonde_alone(*TRAIN, home=tmp_path)
    refused(said, 65, "bomb.png", "more than 50,000,000")
    assert said.peak < 1_500 * MEGABYTE


def test_32_extreme_shapes_are_scaled() -> None:
    for shape in ((1, 1), (1, 20_000), (20_000, 1)):
        grey = encoded(np.full(shape, 77, np.uint8))
        for resize in ("stretch", "crop"):
            assert np.unique(read([grey], resize=resize)).tolist() == [77]
        assert set(np.unique(read([grey], resize="pad"))) <= {0, 77}


@pytest.mark.parametrize(("mode", "form", "expected"), [
    ("CMYK", "JPEG", 3), ("PA", "PNG", 3), ("I;16", "PNG", 1), ("LA", "PNG", 1), ("1", "PNG", 1),
])  # fmt: skip
def test_33_modes(mode: str, form: str, expected: int) -> None:
    """`test_image.py` holds to their values; here none is refused and none is black."""
    if mode == "PA":
        data = encoded(Pillow.fromarray(NOISE).quantize(8).convert("RGBA").quantize(8))
    elif mode == "I;16":
        data = encoded(NOISE[..., 0].astype(np.uint16) << 8)
    else:
        data = encoded(Pillow.fromarray(NOISE).convert(mode), form)
    assert read([data]).std() > 5
    rows = pa.record_batch([pa.array([data])], ["x"])
    assert Image().named("x").fit([rows]).planes == expected


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_34_a_turned_photograph_stands_upright(form: str, orientation: int) -> None:
    """By header and by pixels alike."""
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    data = encoded(NOISE, form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    upright = ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))).convert("RGB")
    rows = pa.record_batch([pa.array([data])], ["x"])
    fitted = Image().named("x").fit([rows])
    assert (fitted.height, fitted.width) == ((12, 10) if orientation < 5 else (10, 12))
    (values,) = fitted.encode(rows).values
    assert np.array_equal(values, np.asarray(upright).transpose(2, 0, 1))


@pytest.mark.parametrize("form", ["GIF", "TIFF", "WEBP", "PNG"])
def test_35_of_many_frames_the_first_is_taken(form: str) -> None:
    frames = [Pillow.new("L", (10, 12), 50 + place % 200) for place in range(300)]
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    assert np.abs(read([data]).astype(int) - 50).max() <= 2


def test_37_38_a_wrong_name_and_a_broken_profile_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "n02105855_2933.JPEG"
    path.write_bytes(encoded(NOISE, icc_profile=b"\0\0\2\0no profile" * 30))
    result = column().encode(pa.record_batch([pa.array([str(path)])], ["x"]))
    assert not result.errors
    assert np.array_equal(result.values[0], NOISE.transpose(2, 0, 1))


BLACK = encoded(np.zeros((12, 10), np.uint8))


def test_39_black_pictures_are_told_and_nothing_is_trained_on_them(tmp_path: Path) -> None:
    fill(tmp_path / "p", 60)
    for path in (tmp_path / "p").rglob("*.png"):
        path.write_bytes(BLACK)
    said = sonde("inspect", "p", home=tmp_path)
    assert said.code == 0, said.err
    assert "'image': 60 of 60 pictures are of one colour all over, such as black" in said.out
    said = sonde("train", "p", "--epochs", "1", "--run-dir", "run", home=tmp_path)
    refused(said, 65, "exact copy of a row of another part", "only 2 different rows among 60")


def test_39_black_pictures_of_two_classes_among_others_are_in_the_audit(tmp_path: Path) -> None:
    """They cannot be told apart, and the user hears so; what cannot be read is not called black."""
    fill(tmp_path / "p", 120)
    for path in sorted((tmp_path / "p").rglob("*.png"))[::6]:
        path.write_bytes(BLACK)
    (tmp_path / "p" / "a" / "unreadable.png").write_bytes(b"no picture")
    said = sonde("inspect", "p", home=tmp_path)
    assert "'image': 20 of 120 pictures looked at are of one colour all over" in said.out
    said = sonde(*TRAIN, home=tmp_path)
    assert said.code == 0, said.err
    concerns = json.loads((tmp_path / "run" / "audit.json").read_text())
    told = {concern["kind"]: concern["sentence"] for concern in concerns}
    assert "20 of 120 pictures" in told["flat pictures"]
    assert "no model can be right on 10 of them" in told["labels"]


NAMES = ("line\nbreak.png", "x" * 251 + ".png", "grün 😀 ' \" $(id) `x`;.png")


def test_40_names_of_files(tmp_path: Path) -> None:
    """Any UTF-8 name is read; one that is not is told."""
    fill(tmp_path / "p", 120)
    for name in NAMES:
        (tmp_path / "p" / "a" / name).write_bytes(encoded(NOISE[..., 0]))
    (tmp_path / "p" / "b" / os.fsdecode(b"caf\xe9.png")).write_bytes(encoded(NOISE[..., 0]))
    said = sonde("inspect", "p", "--json", home=tmp_path)
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["rows"] == 123
    assert [bad["expected"] for bad in told["unread"]] == ["a file name in UTF-8"]
    said = sonde(*TRAIN, home=tmp_path)
    assert said.code == 0, said.err


def test_41_empty_hidden_and_nested(tmp_path: Path) -> None:
    fill(tmp_path / "p", 40)
    (tmp_path / "p" / "a" / "deep" / "er").mkdir(parents=True)
    (tmp_path / "p" / "a" / "deep" / "er" / "x.png").write_bytes(encoded(NOISE))
    for litter in (".DS_Store", "a/.DS_Store", "a/Thumbs.db", ".git/x.png"):
        (tmp_path / "p" / litter).parent.mkdir(exist_ok=True)
        (tmp_path / "p" / litter).write_bytes(b"litter")
    said = sonde("inspect", "p", "--json", home=tmp_path)
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert (told["rows"], told["unread_count"]) == (41, 0)
    (tmp_path / "p" / "empty").mkdir()
    refused(sonde("inspect", "p", home=tmp_path), 65, "p/empty", "no pictures", "remove the folder")


def test_41_a_picture_of_the_test_files_among_the_training_files(tmp_path: Path) -> None:
    """The test rows stay as published: the copy is left out of training, and it is said."""
    fill(tmp_path / "p" / "train", 60)
    fill(tmp_path / "p" / "test", 24)
    for path in (tmp_path / "p" / "test").rglob("*.png"):
        if path.name > "003.png":
            seed = int(path.stem)
            noise = np.random.default_rng(1_000 + seed).integers(0, 255, (12, 10), dtype=np.uint8)
            path.write_bytes(encoded(noise))
    said = sonde(*TRAIN, home=tmp_path)
    assert said.code == 0, said.err
    told = (tmp_path / "run" / "journal.jsonl").read_text()
    assert "4 exact copies of test or validation rows were left out of the other parts" in told
