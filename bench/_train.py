"""One training in a process of its own, so that its peak of memory is its own.

Called by `bench.results` with a job as JSON; what it came to is one JSON object in the job's file.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sonde
from bench._machine import machine
from sonde.contracts.metric import Score
from sonde.contracts.recipe import Recipe
from sonde.core.text import from_yaml, read_text
from sonde.run.directory import RunDirectory
from sonde.run.journal import read_journal
from sonde.workflow.cross_validate import cross_validate
from sonde.workflow.fit import as_recipe, fit
from sonde.workflow.verdict import read_verdict


@dataclass(frozen=True)
class Job:
    """What to train, and where.

    Attributes:
        recipe: its file.
        needs: runs that it names, in order, each with its recipe's file and its folder.
        how: the recipe's own split, or every fold of it.
        score: the name of the score that is wanted.
        told: the names of scores whose gains over others are wanted.
        also: the names of other scores that are wanted.
        beside: other runs on the same rows, compared as simple rivals are: name -> folder.
        closed_form: whether the closed form is computed beside it.
        seed: of everything but the split, which keeps its own.
        run_dir: gone on with where an earlier attempt lies there.
        result: the file for what it came to.
    """

    recipe: str
    needs: Mapping[str, tuple[str, str]]
    how: Literal["fit", "cross_validate"]
    score: str
    told: Sequence[str]
    also: Sequence[str]
    beside: Mapping[str, str]
    closed_form: bool
    seed: int
    run_dir: str
    result: str


def measure(job: Job) -> dict[str, Any]:
    """Train, judge, and say what it came to, as fields of a ledger entry."""
    run_dir = Path(job.run_dir)
    started, resumed = time.monotonic(), run_dir.exists()
    for file, folder in job.needs.values():
        fit(_recipe(job, file), run_dir=folder)
    recipe = _recipe(job, job.recipe)
    scores = _trained(job, recipe, run_dir)
    score = scores[job.score]
    seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "score": score.value,
        "low": score.low,
        "high": score.high,
        "rows": score.rows,
        "training_seconds": _training_seconds(run_dir),
        "seconds": seconds,
        "peak_bytes": peak * (1 if sys.platform == "darwin" else 1024),
        "resumed": resumed,
        "closed_form": _closed_form(recipe) if job.closed_form else None,
        "machine": machine(),
        "modules": _modules(_noted_in(job)),
        "work": _work(run_dir),
        "gains": gains(run_dir, job.told, job.beside),
        "also": {name: scores[name].value for name in job.also},
    }


def _recipe(job: Job, file: str) -> Recipe:
    """A recipe with the job's seed, whose runs are those of this job."""
    text = read_text(file)
    for named, (_, folder) in job.needs.items():
        text = text.replace(f"{named}/", f"{folder}/")
    return as_recipe(from_yaml(text, where=file)).model_copy(update={"seed": job.seed})


def _trained(job: Job, recipe: Recipe, run_dir: Path) -> Mapping[str, Score]:
    if job.how == "fit":
        return fit(recipe, run_dir=run_dir).scores
    return cross_validate(recipe, refit=False, run_dir=run_dir).scores


def _training_seconds(run_dir: Path) -> float:
    """Steps and validation of every fold and phase, over all attempts."""
    journals = (read_journal(path) for path in run_dir.rglob("journal.jsonl"))
    lines = itertools.chain.from_iterable(journals)
    ends: list[float] = [line["seconds"] for line in lines if line["event"] == "phase"]
    return sum(ends)


def _closed_form(recipe: Recipe) -> float:
    from bench._closed_form import closed_form_rmse

    with tempfile.TemporaryDirectory() as folder:
        return closed_form_rmse(recipe, Path(folder))


def _work(run_dir: Path) -> float | None:
    """Multiply-adds a judged row took."""
    verdict = read_verdict(RunDirectory(run_dir))
    return verdict.work if verdict else None


def gains(
    run_dir: Path, told: Sequence[str], beside: Mapping[str, str]
) -> dict[str, dict[str, list[float | None]]] | None:
    """How much better the run is than its rivals, and than those beside it, by the scores told."""
    verdict = read_verdict(RunDirectory(run_dir))
    if verdict is None or not told:
        return None
    found = dict(verdict.gains)
    for name, folder in beside.items():
        from sonde.workflow.compare import compare  # no part of most trainings

        found[name] = {pair.metric: pair.gain for pair in compare(run_dir, folder).differences}
    return {
        other: {name: [s.value, s.low, s.high] for name in told if (s := scores.get(name))}
        for other, scores in found.items()
    }


def _noted_in(job: Job) -> Path:
    """The file of the names of modules that this attempt or an earlier one imported."""
    return Path(job.result).with_suffix(".modules")


def _note_imports(place: Path) -> None:
    """Each import from now on is a line in a file, which outlives a kill.

    What goes on with a training imports less than the training did: nothing that augments, say.
    """
    file = place.open("a", encoding="utf-8", buffering=1)

    def note(event: str, args: tuple[Any, ...]) -> None:
        if event == "import" and args[0].partition(".")[0] == "sonde":
            file.write(f"{args[0]}\n")

    sys.addaudithook(note)


def _modules(noted: Path) -> list[str]:
    """The files of Sonde that any attempt has imported, relative to its folder."""
    home = Path(sonde.__file__).parent
    names = {*sys.modules, *noted.read_text(encoding="utf-8").split()}
    inner = [name.split(".")[1:] for name in names if name.partition(".")[0] == "sonde"]
    places = [home.joinpath(*parts) for parts in inner]
    files = [f for p in places for f in (p / "__init__.py", p.with_suffix(".py")) if f.is_file()]
    return sorted(file.relative_to(home).as_posix() for file in files)


def main() -> None:
    """Do the job."""
    job = Job(**json.loads(sys.argv[1]))
    _note_imports(_noted_in(job))
    Path(job.result).write_text(json.dumps(measure(job)), encoding="utf-8")


if __name__ == "__main__":
    main()
