"""Films of episodes: as long as the clock says, of the episodes that were played, or a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.worlds import DRAWN, TWO_STATES, Drawn, registered

import sonde
from sonde.contracts.panels import Sheet
from sonde.core.errors import DataError, MissingPackage, UsageError
from sonde.core.notice import SondeWarning, listening
from sonde.core.picture import PER_SECOND, gif
from sonde.data.acting import Copies, Staging
from sonde.data.sources.world import Gymnasium
from sonde.tasks._films import Camera, reduced


@pytest.fixture(autouse=True)
def _worlds() -> Iterator[None]:
    with registered():
        yield


def trained(world: str, folder: Any) -> sonde.Run:
    recipe = {
        "source": {"kind": "world", "id": world},
        "columns": {},
        "task": {"kind": "act", "world": world, "episodes": 5},
        "model": {"kind": "agent", "network": {"kind": "dense", "hidden": [4]}},
        "paradigm": {
            "kind": "ppo", "copies": 2, "length": 8, "batch_size": 8, "budget": {"steps": 1},
        },
    }  # fmt: skip
    return sonde.fit(recipe, run_dir=folder)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    with registered():
        return trained(DRAWN, tmp_path_factory.mktemp("agent") / "run")


def test_an_episode_is_filmed_from_its_first_state_to_its_last(agent: sonde.Run) -> None:
    """Forty states a second make a film of twenty frames a second: every second state."""
    (row,) = agent.bundle.predict(film="true", episodes="1", seed="3")
    film = row["film"]
    assert film.dtype == np.uint8 and film.shape[1:] == (10, 20, 3)
    states = row["length"] + 1
    assert len(film) == -(-states * PER_SECOND // 40)
    places = film[:, 0, :, 0].argmax(axis=1)
    assert (film[:, 0, :, 0].max(axis=1) == 255).all()
    assert (np.abs(np.diff(places)) <= 2).all() and 8 <= places[0] < 12
    assert gif(film).startswith(b"GIF89a")


def test_an_episode_is_the_same_whatever_else_is_played(agent: sonde.Run) -> None:
    many = agent.bundle.predict(episodes=20, seed=5)
    assert [row["episode"] for row in many] == list(range(20))
    for number in (0, 7, 19):
        (one,) = agent.bundle.predict(episodes=1, first=number, seed=5)
        assert one == many[number]
    filmed = agent.bundle.predict(episodes=3, first=6, seed=5, film=True)
    assert [{k: v for k, v in row.items() if k != "film"} for row in filmed] == many[6:9]
    assert all(len(row["film"]) == -(-(row["length"] + 1) // 2) for row in filmed)


def test_a_film_that_is_cut_says_so(agent: sonde.Run) -> None:
    with pytest.warns(SondeWarning, match="2 of 2 films end before .* after 0.1 seconds"):
        rows = agent.bundle.predict(episodes=2, film=True, seconds=0.1)
    assert [len(row["film"]) for row in rows] == [2, 2]


def test_few_states_a_second_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Drawn.metadata, "render_fps", 4)
    copies = Copies(Gymnasium(DRAWN), 1, 0, staging=Staging(draws=True))
    camera = Camera(copies, 1, side=100, seconds=5)
    copies.step(np.zeros(1, int))
    film, lengths = camera.developed()
    assert lengths.tolist() == [10]
    assert (film[:5] == film[0]).all() and (film[5:] == film[5]).all()
    assert not np.array_equal(film[0], film[5])


def test_frames_are_made_smaller_by_a_whole_factor() -> None:
    frame = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)
    assert reduced(frame, 60).shape == (40, 60, 3)
    assert reduced(frame, 32).shape == (20, 30, 3)
    assert reduced(np.full((40, 60, 3), 7, np.uint8), 32).max() == 7


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"film": True, "episodes": 9}, "at most 8 films"), ({"film": "yes please"}, "film")],
)
def test_films_that_cannot_be_meant_are_told(
    agent: sonde.Run, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        agent.bundle.predict(**asked)


@pytest.mark.parametrize(
    ("way", "kind", "said"),
    [
        ("raise", DataError, "its `render` raised ZeroDivisionError: no light"),
        ("flat", DataError, r"drew uint8 \(10, 20\), expected a picture \(H, W, 3\)"),
        ("package", MissingPackage, "cannot draw: pip install paint"),
    ],
)
def test_an_environment_that_draws_wrongly_is_named(
    agent: sonde.Run, way: str, kind: type[Exception], said: str
) -> None:
    Drawn.way = way
    with pytest.raises(kind, match=f"environment Sonde-Drawn-v0.*{said}"):
        agent.bundle.predict(episodes=1, film=True)
    Drawn.way = ""


def test_one_that_cannot_be_drawn_says_so_and_is_judged_all_the_same(tmp_path: Any) -> None:
    told: list[str] = []
    with listening(lambda message, *_: told.append(message)):
        run = trained(TWO_STATES, tmp_path / "run")
    with pytest.raises(UsageError, match="cannot draw itself: its render modes are none"):
        run.bundle.predict(film=True)
    assert len(run.bundle.predict(episodes=2)) == 2
    journal = run.directory.journal_path.read_text()
    assert "the report has no film" in journal + "".join(told)


def test_the_report_shows_the_median_episode(agent: sonde.Run) -> None:
    judged = agent.bundle.task.judge(agent.bundle, iter(()), 0)
    (sheet,) = (p for p in agent.bundle.task.panels(judged) if isinstance(p, Sheet))
    (film,) = sheet.pictures
    returns = judged.predicted["return"]
    middle = int(sheet.remarks[0].split()[1].rstrip(","))
    assert np.sort(returns)[2] == returns[middle]
    assert sheet.remarks == [f"episode {middle}, return {returns[middle]:.4g}"]
    assert film.shape[1:] == (10, 20, 3)
    report = agent.directory.report.read_text(encoding="utf-8")
    assert "A median episode" in report and "data:image/gif;base64," in report
