"""Boxes of large pictures: in tiles at full resolution, and over the mirror image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.unit.tasks._squares import recipe, squares

import sonde
from sonde.contracts.data import Row
from sonde.core.picture import png
from sonde.data.columns.image import Image
from sonde.tasks._box_rows import answers_of, arrays_of
from sonde.tasks._box_tiles import boxes_in_tiles

BORDERS = ("x0", "y0", "x1", "y1")


def seen(picture: np.ndarray) -> list[dict[str, Any]]:
    """A detector that errs nowhere: the extent of each grey level that is in a picture."""
    boxes = []
    for grey in np.unique(picture[picture > 0]):
        y, x = np.nonzero(picture == grey)
        corners = [x.min(), y.min(), x.max() + 1, y.max() + 1]
        borders = dict(zip(BORDERS, map(float, corners), strict=True))
        boxes.append({"label": "thing", "score": len(x) / picture.size, **borders})
    return boxes


def found_in(picture: np.ndarray, overlap: int | None = 12) -> tuple[list[Any], list[int]]:
    """What tiles of 40 x 48 show of a grey picture, and how many were asked at once."""
    column = Image(size=(40, 48), channels=1).named("image").fit([])
    asked = []

    def ask(rows: pa.RecordBatch) -> np.ndarray:
        asked.append(rows.num_rows)
        tiles = rows.column("image").to_numpy_ndarray()
        assert tiles.shape[1:] == (40, 48)
        return arrays_of([{"boxes": seen(tile)} for tile in tiles], ["thing"], "boxes")

    rows = pa.RecordBatch.from_pylist([{"image": png(picture)}])
    [boxes] = boxes_in_tiles(rows, column, overlap, ask, 0.6)
    return answers_of(boxes[None], ["thing"], "boxes")[0]["boxes"], asked


def scattered(seed: int, size: tuple[int, int], most: int) -> tuple[np.ndarray, set[Any]]:
    """Grey rectangles that do not touch, at most so wide and high."""
    rng = np.random.default_rng(seed)
    picture, truth = np.zeros(size, np.uint8), set()
    for grey in range(1, 40):
        height, width = rng.integers(4, most + 1, 2)
        y, x = rng.integers(size[0] - height), rng.integers(size[1] - width)
        if not picture[max(0, y - 2) : y + height + 2, max(0, x - 2) : x + width + 2].any():
            picture[y : y + height, x : x + width] = grey
            truth.add((float(x), float(y), float(x + width), float(y + height)))
    return picture, truth


@pytest.mark.parametrize("size", [(130, 170), (40, 171), (57, 48), (40, 48), (23, 101), (9, 7)])
def test_what_fits_into_the_overlap_is_found_once_and_whole(size: tuple[int, int]) -> None:
    for seed in range(3):
        picture, truth = scattered(seed, size, min(20, *size[:1]) - 4 if size[0] > 9 else 5)
        boxes, _ = found_in(picture)
        assert sorted(tuple(box[b] for b in BORDERS) for box in boxes) == sorted(truth)
        scores = [box["score"] for box in boxes]
        assert scores == sorted(scores, reverse=True)


def test_what_is_larger_than_the_overlap_is_not_lost() -> None:
    picture = np.zeros((120, 160), np.uint8)
    picture[20:100, 30:140] = 7
    boxes, _ = found_in(picture)
    inside = np.zeros_like(picture)
    for box in boxes:
        x0, y0, x1, y1 = (int(box[border]) for border in BORDERS)
        inside[y0:y1, x0:x1] = 7
    assert (inside == picture).mean() > 0.99


def test_a_few_tiles_are_asked_at_once() -> None:
    _, asked = found_in(np.zeros((1500, 1500), np.uint8))
    assert max(asked) * 40 * 48 <= 2**18 and len(asked) > 10


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> sonde.Bundle:
    """A detector for pictures of 40 x 56."""
    folder = tmp_path_factory.mktemp("run")
    run = sonde.fit(recipe(budget={"epochs": 8}), squares(150), run_dir=folder / "run", judge=False)
    return sonde.Bundle.load(run.directory.model)


def right(answer: Row, raw: Row) -> float:
    """F1 of boxes at overlaps of a half."""
    from sonde.metrics.box_f1 import BoxF1

    names = ("blue", "red")
    true = [{"boxes": [box | {"score": 1.0} for box in raw["boxes"]]}]
    found = arrays_of([answer], names, "boxes")
    cut = np.zeros(1)
    return BoxF1().score({"found": found, "cut": cut}, {"boxes": arrays_of(true, names, "boxes")})


def test_small_things_in_a_large_picture_are_found(bundle: sonde.Bundle) -> None:
    """They vanish where the picture is made eight times smaller."""
    [raw] = squares(1, 11, size=(320, 450), most=40)
    asked = [{"image": raw["image"]}]
    small, tiled = (bundle.predict(asked, tiles=tiles)[0] for tiles in (False, True))
    assert right(tiled, raw) > 0.6 > 0.2 > right(small, raw)


def test_what_the_mirror_image_shows_is_given_too(bundle: sonde.Bundle) -> None:
    """So mirrored pictures have mirrored answers, as the network alone does not give them."""
    pictures = torch.from_numpy(
        bundle.columns["image"].encode(pa.RecordBatch.from_pylist(squares(30, 5))).values
    )
    task = bundle.task
    options = task.Options(flips=True)
    with torch.no_grad():
        here = task.predict(bundle.network, {"image": pictures}, options)
        there = task.predict(bundle.network, {"image": pictures.flip(3)}, options)
    half = here["score"].shape[1] // 2
    x0, y0, x1, y1 = there["boxes"].unbind(-1)
    there["boxes"] = torch.stack([56 - x1, y0, 56 - x0, y1], dim=-1)
    for name in ("boxes", "class", "score"):
        swapped = torch.cat([there[name][:, half:], there[name][:, :half]], dim=1)
        torch.testing.assert_close(here[name], swapped)
    rows = [row for row in squares(9, 3) if row["boxes"]]
    asked = [{"image": row["image"]} for row in rows]
    plain, both = (bundle.predict(asked, flips=flips) for flips in (False, True))
    assert sum(len(row["boxes"]) for row in both) >= sum(len(row["boxes"]) for row in plain) > 0
    assert np.mean([right(answer, row) for answer, row in zip(both, rows, strict=True)]) > 0.6
