"""Seal: a trained run's model file made anew, from what the run wrote down."""

from __future__ import annotations

import shutil
from pathlib import Path

from sonde.core.errors import StorageError, UsageError
from sonde.run.directory import RunDirectory
from sonde.workflow.fit import as_recipe, open_source, reseal


def seal_run(run: Path, output: Path | None = None, *, judge: bool = False) -> Path:
    """Restore the last learner of a trained run and seal it; the verified file's path.

    Scores that the run measured stay, and the test part stays as it is, unless `judge` opens it.

    Raises:
        StorageError: the folder holds no run.
        UsageError: the run's rows were given in Python, and cannot be read again.
    """
    directory = RunDirectory(run)
    if not directory.facts or not directory.recipe.exists():
        raise StorageError(f"{run} holds no run: it has no run.json and recipe.yaml")
    recipe = as_recipe(directory.recipe)
    if recipe.source is None:
        raise UsageError(
            f"the rows of {run} were given in Python; seal it there with  run.bundle.save(path)"
        )
    reseal(recipe, open_source(recipe, None), directory, judge=judge)
    if output is None:
        return directory.model
    output.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(directory.model, output)
    return output
