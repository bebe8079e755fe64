"""Pictures among answers become files: named in the answers, none overwritten."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sonde.app.pictures import kept

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)
COLOUR = np.full((3, 4, 3), 200, np.uint8)
FILM = np.stack([COLOUR, COLOUR // 2, COLOUR // 4])


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


def test_a_film_is_played_frame_by_frame() -> None:
    (told,), _ = kept([{"film": FILM}], "played.jsonl")
    assert told["film"] == str(Path("played") / "0-film.gif")
    with Image.open(told["film"]) as film:
        assert getattr(film, "n_frames", 1) == len(FILM)
