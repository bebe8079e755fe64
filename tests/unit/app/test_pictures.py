"""Pictures among answers become files: named in the answers, none overwritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sonde.app.pictures import Kept
from sonde.contracts.data import Row

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)
COLOUR = np.full((3, 4, 3), 200, np.uint8)
FILM = np.stack([COLOUR, COLOUR // 2, COLOUR // 4])


def kept(answers: list[Row], output: str | None) -> tuple[list[Row], str]:
    """All answers at once."""
    keeping = Kept(output, len(answers))
    return keeping.add(answers), keeping.finish()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_answers_without_pictures_stay_as_they_are(tmp_path: Path) -> None:
    answers = [{"label": "a", "code": [1.0, 2.0]}]
    assert kept(answers, None) == (answers, "")
    assert not list(tmp_path.iterdir())


def test_pictures_lie_in_a_folder_with_a_sheet_of_all() -> None:
    told, line = kept([{"x": GREY, "label": "a"}, {"x": COLOUR, "label": "b"}], None)
    assert [row["label"] for row in told] == ["a", "b"]
    assert np.array_equal(np.asarray(Image.open(told[0]["x"])), GREY)
    assert np.array_equal(np.asarray(Image.open(told[1]["x"])), COLOUR)
    sheet = np.asarray(Image.open("predicted/sheet.png"))
    assert sheet.ndim == 3 and sheet.shape[0] > 2 * 3
    assert "2 files in predicted" in line


def test_a_second_time_nothing_is_overwritten() -> None:
    kept([{"x": GREY}], None)
    (told,), _ = kept([{"x": COLOUR}], None)
    assert Path(told["x"]).parent.name == "predicted-2"
    assert np.array_equal(np.asarray(Image.open("predicted/0-x.png")), GREY)


def test_pictures_are_called_like_those_they_are_about() -> None:
    answers: list[Row] = [{"mask": GREY}, {"mask": GREY}]
    told = Kept("out", 2, files=["a/road.png", "a/town.jpg"]).add(answers)
    assert [row["mask"] for row in told] == [
        str(Path("out") / f"{name}-mask.png") for name in ("road", "town")
    ]
    told = Kept("two", 2, files=["a/1.png", "b/1.png"]).add(answers)
    assert [Path(row["mask"]).name for row in told] == ["0-mask.png", "1-mask.png"]


def test_a_film_is_played_frame_by_frame() -> None:
    (told,), _ = kept([{"film": FILM}], "played.jsonl")
    assert told["film"] == str(Path("played") / "0-film.gif")
    with Image.open(told["film"]) as film:
        assert getattr(film, "n_frames", 1) == len(FILM)


def test_pictures_that_come_in_parts_are_numbered_on() -> None:
    keeping = Kept("out", 12, together="drawn")
    first = keeping.add([{"mask": GREY, "drawn": COLOUR}] * 2)
    second = keeping.add([{"mask": GREY, "drawn": COLOUR}])
    assert first[1]["mask"] == str(Path("out") / "01-mask.png")
    assert second[0]["drawn"] == str(Path("out") / "02-drawn.png")
    assert "6 files in out, all pictures together in" in keeping.finish()
    assert np.asarray(Image.open("out/sheet.png")).ndim == 3


def test_the_values_of_a_mask_are_kept() -> None:
    classes = np.array([[0, 1, 2], [255, 7, 11]], np.uint8)
    (told,), _ = kept([{"mask": classes}], None)
    assert np.array_equal(np.asarray(Image.open(told["mask"])), classes)


def test_pictures_that_are_large_together_get_no_sheet() -> None:
    large = np.zeros((3000, 3000), np.uint8)
    keeping = Kept("out", 3)
    for _ in range(3):
        keeping.add([{"x": large}])
    assert keeping.finish() == "3 files in out"
    assert not Path("out/sheet.png").exists()


@pytest.mark.parametrize(("output", "folder"), [
    ("shown", "shown"), ("d.v2", "d.v2"), ("there.json", "there.json"), ("a.jsonl", "a"),
    ("b.CSV", "b"),
])  # fmt: skip
def test_the_folder_of_pictures_is_the_one_that_was_said(output: str, folder: str) -> None:
    Path("there.json").mkdir()
    (told,), _ = kept([{"mask": GREY}], output)
    assert Path(told["mask"]).parent == Path(folder)


def test_a_picture_alone_is_called_like_the_one_it_is_about() -> None:
    for file in ("a/1.png", "a/2.png"):  # asked one after the other, into one folder
        Kept("out", 1, files=[file]).add([{"mask": GREY}])
    assert sorted(path.name for path in Path("out").iterdir()) == ["1-mask.png", "2-mask.png"]
