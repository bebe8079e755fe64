"""Masks: values of files to classes in the picture's grid, and back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from sonde.core.errors import DataError, UnknownColumn, UsageError
from sonde.core.notice import listening
from sonde.core.spec import join_arrays, split_arrays
from sonde.data.columns._placing import Resize
from sonde.data.columns.image import Image
from sonde.data.columns.mask import Mask
from sonde.data.columns.number import Number


def encoded(picture: np.ndarray | Pillow.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    shown = Pillow.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    shown.save(file, form, **options)
    return file.getvalue()


def rows_of(masks: list[object], pictures: list[object] | None = None) -> pa.RecordBatch:
    fields = {"mask": masks} | ({"image": pictures} if pictures else {})
    return pa.record_batch([pa.array(values) for values in fields.values()], list(fields))


def fitted(rows: pa.RecordBatch, mask: Mask | None = None, image: Image | None = None) -> Mask:
    """The mask column as a run makes it: beside its picture before the fit and after."""
    columns = {"image": (image or Image()).named("image"), "mask": (mask or Mask()).named("mask")}
    columns = {name: column.beside(columns) for name, column in columns.items()}
    learned = {name: column.fit([rows]) for name, column in columns.items()}
    found = learned["mask"].beside(learned)
    assert isinstance(found, Mask)
    return found


def alone(*masks: np.ndarray, options: Mask | None = None) -> Mask:
    return (options or Mask()).named("mask").fit([rows_of([encoded(mask) for mask in masks])])


def picture_like(mask: np.ndarray) -> bytes:
    return encoded(np.zeros((*mask.shape, 3), np.uint8))


GREY = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


def test_values_are_classes_and_zero_is_void() -> None:
    rows = rows_of([encoded(GREY)], [picture_like(GREY)])
    column = fitted(rows)
    assert (column.port.shape, column.port.size, column.port.frame) == ((1, 2, 3), 3, "image")
    assert np.array_equal(column.encode(rows).values[0, 0], GREY + 1)
    assert column.class_counts == (2, 2, 2)


def test_indices_of_a_palette_are_classes_whatever_their_colours(tmp_path: Path) -> None:
    mask = Pillow.fromarray(GREY)
    mask.putpalette([200, 0, 0, 0, 0, 0, 128, 128, 128])
    mask.save(tmp_path / "mask.png", bits=2)
    column = Mask().named("mask").fit([rows_of([str(tmp_path / "mask.png")])])
    assert column.values == (0, 1, 2)


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "LA", "RGBA"])
def test_black_and_white_are_0_and_255_in_every_mode(mode: str) -> None:
    mask = Pillow.fromarray(np.array([[0, 255, 255]], np.uint8)).convert(mode)
    column = Mask(classes=("wall", "cell")).named("mask").fit([rows_of([encoded(mask)])])
    assert (column.values, column.names, column.counts) == ((0, 255), ("wall", "cell"), (1, 2))


def test_soft_edges_are_refused_with_what_to_do_and_then_read() -> None:
    disc = np.hypot(*np.mgrid[-40:40, -40:40]) < 25
    soft = Pillow.fromarray(disc.astype(np.uint8) * 255).resize((131, 131))
    rows = rows_of([encoded(soft, "JPEG", quality=40)])
    with pytest.raises(DataError, match=r"different values .* binary: true"):
        Mask().named("mask").fit([rows])
    column = Mask(binary=True).named("mask").fit([rows])
    assert column.values == (0, 255)
    found = column.decode(column.encode(rows).values)[0]
    assert set(np.unique(found)) == {0, 255}
    assert abs((found == 255).mean() - disc.mean()) < 0.01


def test_255_beside_small_values_is_void_and_that_is_told() -> None:
    outline = np.array([[0, 1, 255]], np.uint8)
    said: list[str] = []
    with listening(lambda text, *_: said.append(text)):
        column = alone(outline)
    assert column.values == (0, 1)
    assert "void: []" in said[0]
    assert np.array_equal(column.encode(rows_of([encoded(outline)])).values[0, 0], [[1, 2, 0]])
    assert alone(outline, options=Mask(void=())).values == (0, 1, 255)
    assert alone(np.array([[0, 128, 255]], np.uint8)).values == (0, 128, 255)


def test_void_is_a_value_or_a_name() -> None:
    masks = np.array([[0, 1, 11]], np.uint8)
    by_value = alone(masks, options=Mask(classes=("sky", "road"), void=(11,)))
    by_name = alone(masks, options=Mask(classes={0: "sky", 1: "road", 11: "?"}, void=("?",)))
    assert by_value.names == by_name.names == ("sky", "road")
    written = by_value.decode(by_value.encode(rows_of([encoded(masks)])).values)
    assert np.array_equal(written[0], masks)
    with pytest.raises(DataError, match="void names 'nothing'"):
        alone(masks, options=Mask(classes=("sky", "road"), void=("nothing",)))


def test_values_that_nobody_named_are_refused_and_absent_classes_told() -> None:
    with pytest.raises(DataError, match=r"hold 2 .*33\.33%.*0 sky, 1 road.*void: \[2"):
        alone(GREY, options=Mask(classes=("sky", "road")))
    said: list[str] = []
    with listening(lambda text, *_: said.append(text)):
        column = alone(GREY, options=Mask(classes=("sky", "road", "car", "tram")))
    assert column.counts == (2, 2, 2, 0)
    assert said == ["mask: no training mask has tram"]


def test_a_class_no_training_mask_has_is_void_and_strange() -> None:
    column = alone(np.array([[0, 1, 1]], np.uint8))
    rows = rows_of([encoded(np.array([[0, 1, 7]], np.uint8)), encoded(GREY // 2)])
    encoding = column.encode(rows)
    assert np.array_equal(encoding.values[0, 0], [[1, 2, 0]])
    (strange,) = column.strange(rows, encoding)
    assert (strange.rows.tolist(), strange.examples) == ([0], ("7",))


def test_colours_are_classes_and_others_are_void() -> None:
    road, sky = (128, 64, 128), (70, 130, 180)
    mask = np.array([[road, sky, (1, 2, 3)]], np.uint8)
    rows = rows_of([encoded(mask)])
    with pytest.raises(DataError, match=r"has a readable mask \(.*colours"):
        Mask().named("mask").fit([rows])
    column = Mask(colours={"sky": sky, "road": road}).named("mask").fit([rows])
    assert column.names == ("sky", "road")
    values = column.encode(rows).values
    assert np.array_equal(values[0, 0], [[2, 1, 0]])
    (own,) = column.decode(values)
    filed = column.as_filed(own)
    assert filed[0, :2].tolist() == [list(road), list(sky)]
    assert tuple(filed[0, 2]) not in (road, sky)
    assert np.array_equal(column.from_filed(filed), own)


def test_unknown_pixels_are_in_a_colour_of_no_class() -> None:
    column = Mask(colours={"night": (0, 0, 0), "dusk": (1, 1, 1)}).named("mask")
    filed = column.as_filed(np.array([[0, 1, 255]], np.uint8))
    assert filed[0].tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]


def test_a_mask_that_cannot_be_one_is_told_as_a_row() -> None:
    good = encoded(GREY)
    wide = encoded(np.full((2, 3), 4000, np.uint16))
    coloured = encoded(np.arange(18, dtype=np.uint8).reshape(2, 3, 3))
    deep = encoded(GREY.astype(np.uint16))
    rows = rows_of([good, wide, coloured, b"no picture", None, deep])
    column = fitted(rows_of([good], [picture_like(GREY)]))
    encoding = column.encode(rows)
    assert np.array_equal(encoding.values[5], encoding.values[0])  # 16 bits, small values
    assert [error.row for error in encoding.errors] == [1, 2, 3]
    assert "4,000" in encoding.errors[0].expected
    assert "colours: {road" in encoding.errors[1].expected
    assert encoding.present is not None
    assert encoding.present.tolist() == [True, True, True, True, False, True]


def test_a_mask_of_another_size_than_its_picture_names_both(tmp_path: Path) -> None:
    Pillow.fromarray(GREY).save(tmp_path / "mask.png")
    rows = rows_of([str(tmp_path / "mask.png")], [picture_like(GREY.T)])
    (error,) = fitted(rows).encode(rows).errors
    assert error.got == "a mask of 3 x 2 pixels"
    assert error.expected == "2 x 3, as its picture is once upright"
    assert error.place == str(tmp_path / "mask.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_masks_of_turned_pictures_are_upright(orientation: int) -> None:
    """Whichever way the camera wrote the picture, its bright corner is the mask's."""
    upright = np.zeros((16, 24), np.uint8)
    upright[:4, :6] = 255
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # of Pillow's Transpose
    turned = Pillow.fromarray(upright)
    if orientation in back:
        turned = turned.transpose(Pillow.Transpose(back[orientation]))
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    photo = encoded(turned, exif=exif.tobytes())
    for mask in (encoded(upright), photo):  # which is as good as any
        rows = rows_of([mask], [photo])
        image = Image().named("image").fit([rows])
        encoding = fitted(rows).encode(rows)
        assert not encoding.errors
        assert np.array_equal(image.encode(rows).values[0, 0] == 255, encoding.values[0, 0] == 2)


@given(
    high=st.integers(3, 40),
    wide=st.integers(3, 40),
    size=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    way=st.sampled_from(["stretch", "crop", "pad"]),
)
def test_masks_lie_where_their_pictures_do(
    high: int, wide: int, size: tuple[int, int], way: Resize
) -> None:
    """Left half black, right half white: they change within a pixel of each other; bars are void.

    The picture is smoothed where it shrinks, so what is asked is where it passes middle grey.
    """
    truth = np.zeros((high, wide), np.uint8)
    truth[:, wide // 2 :] = 255
    rows = rows_of([encoded(truth)], [encoded(truth)])
    image = Image(size=size, resize=way, channels=1)
    column = fitted(rows, image=image)
    seen = image.named("image").fit([rows]).encode(rows).values[0, 0]
    mask = column.encode(rows).values[0, 0]
    place = column.picture.placing(rows)  # type: ignore[union-attr]
    border = place.into(0, np.array([wide // 2, 0.0]))[0]
    middles = np.broadcast_to(np.arange(size[1]) + 0.5, mask.shape)
    known = mask > 0
    if way != "pad":
        assert known.all()
    assert not seen[~known].any()
    assert np.array_equal(mask[known] == 2, middles[known] >= border - 1e-5)
    far = known & (np.abs(middles - border) > max(1.0, place.scale[0, 0]))
    assert np.array_equal(seen[far] > 127, mask[far] == 2)


def test_decoding_is_exact_in_the_pictures_grid() -> None:
    rng = np.random.default_rng(0)
    masks = [rng.choice(np.array([3, 9, 40, 200], np.uint8), (14, 22)) for _ in range(4)]
    rows = rows_of([encoded(m) for m in masks], [picture_like(m) for m in masks])
    column = fitted(rows)
    for mask, back in zip(masks, column.decode(column.encode(rows).values), strict=True):
        assert np.array_equal(mask, back)
    for mask, whole in zip(masks, column.whole(rows), strict=True):
        assert whole is not None
        assert np.array_equal(np.array([0, 3, 9, 40, 200])[whole], mask)


def test_what_was_learned_survives_with_its_picture_column() -> None:
    rows = rows_of([encoded(GREY)], [picture_like(GREY)])
    column = fitted(rows, image=Image(size=(5, 7), resize="pad"))
    tree, arrays = split_arrays(column.dump(learned=True))
    again = Mask.parse(join_arrays(tree, arrays))
    assert again == column
    assert np.array_equal(again.encode(rows).values, column.encode(rows).values)


def test_it_must_lie_in_pictures() -> None:
    with pytest.raises(UnknownColumn, match="Did you mean 'scan'"):
        Mask(within="scam").named("mask").beside({"scan": Image()})
    with pytest.raises(UsageError, match=r"image: \{kind: image\}"):
        Mask().named("mask").beside({"image": Number().named("image")})


@pytest.mark.parametrize(
    "options",
    [{"classes": ["a"], "colours": {"a": [1, 2, 3]}}, {"binary": True, "classes": ["a", "b", "c"]}],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="got"):
        Mask.parse(options)
