from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from sonde.contracts.data import Column
from sonde.core.errors import DataError, RecipeError
from sonde.core.notice import listening
from sonde.data.columns.boxes import Boxes
from sonde.data.columns.image import Image

RED = (255, 0, 0)


def rows(values: list[Any] | pa.Array) -> pa.RecordBatch:
    return pa.record_batch([values if isinstance(values, pa.Array) else pa.array(values)], ["x"])


def fitted(values: list[Any] | pa.Array, **options: Any) -> Image:
    return Image(**options).named("x").fit([rows(values)])


def tensors(values: np.ndarray) -> pa.Array:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(values)


def encoded(picture: Pillow.Image, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def one(picture: bytes, **options: Any) -> np.ndarray:
    """(C, H, W) of a picture that its own column reads."""
    result = fitted([picture], **options).encode(rows([picture]))
    assert not result.errors
    values: np.ndarray = result.values[0]
    return values


noise = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_lossless_pixels_come_through_unchanged() -> None:
    assert np.array_equal(one(encoded(Pillow.fromarray(noise))), noise.transpose(2, 0, 1))
    grey = noise[..., 0]
    assert np.array_equal(one(encoded(Pillow.fromarray(grey))), grey[None])


def test_sixteen_bits_are_scaled_to_eight() -> None:
    deep = np.array([[0, 255, 256], [32768, 65280, 65535]], np.uint16)
    for form in ("PNG", "TIFF", "PPM"):
        assert one(encoded(Pillow.fromarray(deep), form)).tolist() == [[[0, 0, 1], [128, 255, 255]]]


def test_what_is_transparent_is_white() -> None:
    clear = encoded(Pillow.new("RGBA", (3, 2), (*RED, 0)))
    assert (one(clear) == 255).all()
    half = encoded(Pillow.new("LA", (3, 2), (0, 128)))
    assert one(half).shape == (1, 2, 3)
    assert np.unique(one(half)).tolist() == [127]


def test_a_palette_with_transparency_is_laid_on_white() -> None:
    picture = Pillow.new("P", (2, 1))
    picture.putpalette([*RED, 0, 0, 255])
    picture.putdata([0, 1])
    assert one(encoded(picture, transparency=1))[:, 0].T.tolist() == [[*RED], [255, 255, 255]]


@pytest.mark.parametrize(("mode", "form", "colour"), [
    ("1", "PNG", 1), ("L", "JPEG", 128), ("CMYK", "JPEG", (0, 255, 255, 0)), ("P", "GIF", 1),
    ("RGB", "WEBP", RED), ("RGB", "BMP", RED), ("YCbCr", "JPEG", (81, 90, 240)),
])  # fmt: skip
def test_every_mode_becomes_grey_or_colour(mode: str, form: str, colour: Any) -> None:
    values = one(encoded(Pillow.new(mode, (8, 8), colour), form))
    assert values.shape == ((1 if mode in "1L" else 3), 8, 8)
    if values.shape[0] == 3 and mode != "P":
        np.testing.assert_allclose(values.mean(axis=(1, 2)), RED, atol=16)


def test_a_turned_photograph_stands_upright() -> None:
    picture = Pillow.fromarray(noise)
    exif = picture.getexif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    values = one(encoded(picture, exif=exif))
    assert np.array_equal(values, np.rot90(noise, -1).transpose(2, 0, 1))


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Pillow.new("L", (4, 4), grey) for grey in (10, 200)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.unique(one(moving, channels=1)).tolist() == [10]


def test_shrinking_averages_instead_of_skipping() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    values = one(encoded(Pillow.fromarray(stripes)), size=(8, 8))
    assert np.abs(values.astype(int) - 127).max() <= 16


def test_a_picture_of_another_shape_is_stretched_cut_or_padded() -> None:
    """Red, white and blue side by side, three times as wide as high."""
    thirds = np.repeat(np.array([RED, (255, 255, 255), (0, 0, 255)], np.uint8), 30, axis=0)
    flag = encoded(Pillow.fromarray(np.tile(thirds, (30, 1, 1))))
    stretched, cut, padded = (
        one(flag, size=(30, 30), resize=way).transpose(1, 2, 0)
        for way in ("stretch", "crop", "pad")
    )
    assert [tuple(stretched[15, x]) for x in (2, 15, 27)] == [RED, (255,) * 3, (0, 0, 255)]
    assert (cut == 255).all()  # the middle third
    assert [tuple(padded[15, x]) for x in (2, 15, 27)] == [RED, (255,) * 3, (0, 0, 255)]
    assert not padded[:10].any() and not padded[20:].any()
    assert padded[10:20].any(axis=(1, 2)).all()


@pytest.mark.parametrize("way", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 500), (500, 1), (3, 2), (64, 48)], ids=str)
def test_every_way_gives_the_size_asked_for(shape: tuple[int, int], way: str) -> None:
    values = one(encoded(Pillow.new("L", shape, 200)), size=(9, 7), resize=way)
    assert values.shape == (1, 9, 7)
    assert values.max() == 200
    assert way == "pad" or values.min() == 200


def test_a_large_jpeg_decoded_small_is_nearly_the_same() -> None:
    """Within a few grey values of the whole picture scaled at once."""
    rng = np.random.default_rng(2)
    coarse = Pillow.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    picture = coarse.resize((1600, 1200), Pillow.Resampling.BICUBIC)
    from_jpeg = one(encoded(picture, "JPEG", quality=95), size=(48, 64)).astype(int)
    from_png = one(encoded(picture), size=(48, 64)).astype(int)
    assert np.abs(from_jpeg - from_png).mean() < 1.5


@pytest.mark.parametrize(("sizes", "options", "expected"), [
    ([(30, 500), (30, 500)], {}, (30, 500)),
    ([(900, 1200), (900, 1200)], {}, (384, 512)),
    ([(900, 1200), (900, 1200)], {"most": 2000}, (900, 1200)),
    ([(30, 40), (50, 40), (34, 44)], {}, (34, 40)),
    ([(600, 800), (600, 800), (10, 10)], {}, (96, 128)),
    ([(600, 800), (600, 800), (10, 10)], {"most": 200}, (150, 200)),
])  # fmt: skip
def test_the_size_is_shared_or_the_median_under_a_cap(
    sizes: list[tuple[int, int]], options: dict[str, int], expected: tuple[int, int]
) -> None:
    files = [encoded(Pillow.new("L", (width, height))) for height, width in sizes]
    column = fitted(files, **options)
    assert (column.height, column.width) == expected
    assert column.port.shape == (1, *expected)
    assert column.port.frame == "x"


@pytest.mark.parametrize(("options", "said"), [
    ({}, ["x: pictures of 900 x 1200 pixels (height x width, the median) are scaled to 384 x 512"]),
    ({"most": 300}, []),
    ({"size": [30, 40]}, []),
])  # fmt: skip
def test_a_scale_that_nobody_asked_for_is_told(options: dict[str, Any], said: list[str]) -> None:
    heard: list[str] = []
    with listening(lambda message, *_: heard.append(message.partition(". ")[0])):
        fitted([encoded(Pillow.new("L", (1200, 900)))], **options)
    assert heard == said


def test_pictures_in_which_boxes_lie_keep_more() -> None:
    files = [encoded(Pillow.new("L", size)) for size in ((800, 600), (800, 600), (10, 10))]
    column = Image().named("x")
    boxes = Boxes(within="x").named("boxes")
    leaned_on = column.beside({"x": column, "boxes": boxes}).fit([rows(pa.array(files))])
    assert (leaned_on.height, leaned_on.width) == (384, 512)
    alone = column.beside({"x": column}).fit([rows(pa.array(files))])
    assert (alone.height, alone.width) == (96, 128)


def test_a_size_and_a_most_contradict_each_other() -> None:
    with pytest.raises(RecipeError, match=r"got size .8, 8. and most 4; expected one of them"):
        Column.parse({"kind": "image", "size": [8, 8], "most": 4})


def test_one_colour_picture_makes_the_column_coloured() -> None:
    files = [encoded(Pillow.new(mode, (4, 4))) for mode in ("L", "RGB")]
    assert fitted(files).planes == 3
    assert fitted(files[:1]).planes == 1
    assert fitted(files, channels=1).planes == 1


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 1), (6, 5, 4, 3)], ids=str)
def test_arrays_that_fit_are_taken_as_they_are(
    shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sonde.data.columns._pictures.pixels", None)  # must not be called
    values = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    column = fitted(tensors(values))
    result = column.encode(rows(tensors(values)[2:]))
    assert np.array_equal(np.stack(column.decode(result.values)).ravel(), values[2:].ravel())


def test_arrays_and_files_of_them_encode_alike() -> None:
    values = np.random.default_rng(1).integers(0, 256, (3, 9, 11, 3), dtype=np.uint8)
    files = [encoded(Pillow.fromarray(value)) for value in values]
    column = fitted(files, size=(4, 6))
    from_files = column.encode(rows(files)).values
    assert np.array_equal(column.encode(rows(tensors(values))).values, from_files)


def test_a_missing_picture_is_a_row_error() -> None:
    whole = tensors(np.zeros((2, 4, 4), np.uint8))
    array = pa.ExtensionArray.from_storage(
        whole.type, pa.array([None, [7] * 16], whole.type.storage_type)
    )
    for options in ({}, {"size": (2, 2)}):
        result = fitted(array, **options).encode(rows(array))
        assert [(e.row, e.got, e.expected) for e in result.errors] == [(0, None, "a picture")]
        assert (result.values[1] == 7).all()


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 3.6 thousand million pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [
        struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        for body in (header, b"IDAT")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_unreadable_pictures_are_told_with_their_path(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(encoded(Pillow.fromarray(noise)))
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:-40])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "big.png").write_bytes(encoded(Pillow.new("1", (8000, 7000))))
    (tmp_path / "bomb.png").write_bytes(bomb())
    (tmp_path / "picture.ico").write_bytes(encoded(Pillow.new("RGB", (16, 16)), "ICO"))
    os.mkfifo(tmp_path / "pipe.png")
    bad = ["cut.png", "text.png", "big.png", "bomb.png", "picture.ico", "pipe.png", "gone.png", "."]
    paths = [str(good), *(str(tmp_path / name) for name in bad)]
    result = fitted(paths).encode(rows(paths))
    assert [error.place for error in result.errors] == paths[1:]
    assert all(error.got == error.place for error in result.errors)
    reasons = [error.expected.removeprefix("a readable picture ") for error in result.errors]
    assert all(reason.startswith("(") for reason in reasons)
    assert "56,000,000 pixels are more than" not in reasons[0]
    assert "8000 x 7000 pixels are more than 50,000,000" in reasons[2]
    assert "more than 50,000,000 pixels" in reasons[3]
    assert reasons[5] == reasons[6] == "(there is no such file)"
    assert np.array_equal(result.values[0], noise.transpose(2, 0, 1))


@settings(max_examples=150)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"]), st.data())
def test_damaged_bytes_are_read_or_told_never_raised(form: str, data: st.DataObject) -> None:
    whole = bytearray(encoded(Pillow.fromarray(noise), form))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    column = Image(size=(4, 4), channels=3).named("x").fit([])
    result = column.encode(rows(pa.array([cut], pa.binary())))
    assert result.values.shape == (1, 3, 4, 4)
    for error in result.errors:
        assert error.got == f"a picture of {len(cut)} bytes"


def test_no_readable_picture_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match=r"'x': not one .* has a readable picture \("):
        fitted([b"no picture"])


@pytest.mark.parametrize("values", [
    tensors(np.zeros((2, 4, 4), np.float32)), tensors(np.zeros((2, 3, 8, 8), np.uint8)),
    pa.array([1, 2]), pa.array([[1]]),
], ids=lambda array: str(array.type))  # fmt: skip
def test_other_fields_are_refused(values: pa.Array) -> None:
    with pytest.raises(DataError, match="expected file names, encoded pictures, or uint8 arrays"):
        fitted(values)
    assert Image.guess(values) is None


def test_pictures_are_claimed(tmp_path: Path) -> None:
    path = tmp_path / "a.JPG"
    path.write_bytes(encoded(Pillow.fromarray(noise), "JPEG"))
    for values, reason in (
        (pa.array([str(path), "b.png", None]), "2 picture files"),
        (pa.array(["c.png", "d.png"]), "2 names of picture files, the first 2 of which are not "
                                       "found from here"),
        (pa.array([path.read_bytes()]), "1 encoded pictures"),
        (tensors(np.zeros((2, 4, 5), np.uint8)), "pictures, 4 x 5"),
    ):  # fmt: skip
        claim = Image.guess(values)
        assert claim is not None
        assert claim.reason == reason
    assert Image.guess(pa.array(["a.txt", "b.png.zip"])) is None


def test_real_faces_are_grey_and_keep_their_size(shared_data: Path) -> None:
    import zipfile

    with zipfile.ZipFile(shared_data / "orl-faces" / "att_faces.zip") as archive:
        names = [name for name in archive.namelist() if name.lower().endswith(".pgm")][:20]
        faces = [archive.read(name) for name in names]
    column = fitted(faces)
    assert column.port.shape == (1, 112, 92)
    assert not column.encode(rows(faces)).errors
