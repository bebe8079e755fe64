"""`sonde compare`: whether one model is better than another on the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sonde.app.checks import there
from sonde.app.output import aligned, emit

if TYPE_CHECKING:
    from sonde.workflow.compare import Contest, Difference


def compare(*models: str, common: bool = False, json: bool = False) -> None:
    """Compare trained models on the test rows they share, row by row.

    Parameters
    ----------
    models
        Two or more runs' folders, or folders of cross-validations.
    common
        Compare on the rows that all of them answered, where they answered others besides.
    json
        Print one JSON object on stdout.
    """
    paths = [there(model) for model in models]
    from sonde.workflow.compare import compare as compared

    contest = compared(*paths, common=common)
    if json:
        emit(contest.dump())
    else:
        print(_shown(contest))


def _shown(contest: Contest, most: int = 8) -> str:
    """Scores side by side, each pair's difference, what each model costs, the plain sentence."""
    from sonde.evaluate.scores import shown

    names = list(contest.scores)
    rows = [[f"test, {contest.rows:,} rows", *names]]
    for metric in list(contest.scores[names[0]])[:most]:
        rows.append([f"  {metric}", *(shown(contest.scores[name][metric]) for name in names)])
    for fact, unit in (("weights", ",.0f"), ("megabytes", ".2f"), ("seconds", ".1f")):
        rows.append([f"  {fact}", *(format(contest.facts[name][fact], unit) for name in names)])
    return "\n".join([aligned(rows), "", _differences(contest, most), "", contest.sentence])


def _differences(contest: Contest, most: int) -> str:
    """Each pair by each metric: the gain with its interval, and p."""
    metrics = list(dict.fromkeys(found.metric for found in contest.differences))[:most]
    rows = [["difference", "", "gain", "p"]]
    rows += [_line(found) for metric in metrics for found in contest.by(metric)]
    pairs = len(contest.by(contest.main_metric))
    held = f"  (p corrected by Holm for {pairs} pairs)" if pairs > 1 else ""
    return aligned(rows) + (f"\n{held}" if held else "")


def _line(found: Difference) -> list[str]:
    from sonde.evaluate.scores import number, signed

    low, high = found.gain.low, found.gain.high
    between = "" if low is None or high is None else f" [{signed(low)}, {signed(high)}]"
    folds = "" if found.over_folds is None else f", over folds {number(found.over_folds)}"
    return [
        f"  {found.metric}",
        f"{found.first} over {found.second}",
        f"{signed(found.gain.value)}{between}",
        f"{number(found.adjusted)}{folds}",
    ]
