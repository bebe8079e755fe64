"""Learning curves and samples of finished runs, as pictures in `docs/ways/` and a page of them.

    python -m bench.pictures runs/results/*

Runs are folders that `bench.results` left, or any whose name is a recipe's. The page,
`docs/ways-of-learning.md`, shows every picture that lies there, of this time or an earlier one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import sonde
from bench._row import ROOT
from bench.rows import ROWS
from sonde.contracts.panels import Curves
from sonde.core.picture import gif, is_film, is_picture, png, sheet
from sonde.data.rows import from_jsonable
from sonde.evaluate._svg import standalone
from sonde.run.directory import RunDirectory
from sonde.run.journal import last_of_each_step

PLACE = ROOT / "docs" / "ways"
PAGE = ROOT / "docs" / "ways-of-learning.md"
_DRAWN, _ACROSS = 64, 16
_SIDE, _SECONDS = 200, 8
_OWN = re.compile(r"-\d+-[0-9a-f]{16}-[0-9a-f]{16}$")
_HEAD = """\
# Ways of learning, in pictures

Made by `python -m bench.pictures` from finished runs: the main score on validation rows or episodes
while each learned, and what it draws, dreams or plays. The numbers stand in [results](results.md).
"""


def main(runs: Sequence[str]) -> None:
    """Pictures of each run that is one, and the page."""
    PLACE.mkdir(exist_ok=True)
    for path in map(Path, runs):
        name = _OWN.sub("", path.name)
        if (path / "model.sonde").exists():
            print(name)
            _curve(name, RunDirectory(path))
            _sample(name, path)
    PAGE.write_text(_page(), encoding="utf-8")


def _curve(name: str, run: RunDirectory) -> None:
    """The first score of each phase's evaluations, the last phase first."""
    lines = last_of_each_step(run.journal_path, "epoch")
    for phase in reversed(list(dict.fromkeys(line["phase"] for line in lines))):
        some = [line for line in lines if line["phase"] == phase]
        main_score = next(iter(sonde.Bundle.load(run.model).task.metrics()), "")
        score = main_score if main_score in some[0] else _first(some[0])
        if len(some) > 1 and score:
            steps = np.array([line["step"] for line in some], float)
            values = np.array([line[score] for line in some], float)
            curves = Curves(f"{name}: {score}", {score: (steps, values)}, "step", score)
            (PLACE / f"{name}-curve.svg").write_text(standalone(curves), encoding="utf-8")
            return


def _first(line: dict[str, object]) -> str:
    """The first number in an evaluation that is no place and no time."""
    besides = ("event", "time", "phase", "step", "loss")
    return next((k for k, v in line.items() if k not in besides and isinstance(v, float)), "")


def _sample(name: str, run: Path) -> None:
    """What a model draws or plays; else what its learner showed last."""
    bundle = sonde.Bundle.load(run / "model.sonde")
    options = set(bundle.task.Options.model_fields)
    if "film" in options:
        (answer,) = bundle.predict(episodes=1, film=True, side=_SIDE, seconds=_SECONDS, seed=1)
        (PLACE / f"{name}.gif").write_bytes(gif(answer["film"]))
    elif "corrupt" in options and getattr(bundle.task, "corrupt", None):
        (PLACE / f"{name}.png").write_bytes(png(_cleaned(bundle)))
    elif bundle.task.draws and "count" in options:
        rows = bundle.predict(count=_DRAWN, seed=1)
        drawn = [v for row in rows for v in row.values() if is_picture(v) and not is_film(v)]
        (PLACE / f"{name}.png").write_bytes(png(sheet(drawn, _ACROSS)))
    elif shown := sorted((run / "pictures").glob("*.png")):
        last = [path for path in shown if "filters" not in path.name][-1]
        (PLACE / f"{name}.png").write_bytes(last.read_bytes())


def _cleaned(bundle: sonde.Bundle) -> np.ndarray:
    """Corrupted golden rows, and below each what the model makes of it."""
    asked = bundle.task.Options.parse({"corrupt": True})
    found = bundle.arrays(from_jsonable(bundle.golden.rows[:_ACROSS]), asked)
    both = [np.rint(found[f"0:{name}"] * 255).astype(np.uint8) for name in ("given", "said")]
    return sheet([picture[0] for pictures in both for picture in pictures], _ACROSS)


def _page() -> str:
    """What lies in the folder, in the order of the rows."""
    lines = [_HEAD]
    titles = {row.name: row.what for row in ROWS}
    names = {path.stem.removesuffix("-curve") for path in PLACE.iterdir()}
    ordered = [name for name in titles if name in names] + sorted(names - set(titles))
    for name in ordered:
        lines += [f"## {titles.get(name, name)}", "", f"[recipe](../examples/{name}.yaml)", ""]
        for path in sorted(PLACE.glob(f"{name}.*")) + sorted(PLACE.glob(f"{name}-curve.svg")):
            lines += [f"![{path.stem}](ways/{path.name})", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
