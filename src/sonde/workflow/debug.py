"""Checks before a long run: whether this recipe can learn at all, and from labels that are right.

The order is that of Karpathy, "A Recipe for Training Neural Networks", 2019: look at the inputs,
check the first loss, overfit one batch, then watch units and steps. At the end a short training
from which each row was left out says which labels to look at again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonde.contracts.recipe import Recipe
from sonde.learn._descent import Diverged
from sonde.workflow._checks import (
    Finding,
    dead_units,
    first_loss,
    inputs,
    one_batch,
    step_sizes,
    varying_answers,
)
from sonde.workflow._labels import suspect_labels
from sonde.workflow._trial import Trial, trial

SHORT = 200
"""Steps of a short training."""


@dataclass(frozen=True)
class Diagnosis:
    """What the checks found.

    Attributes:
        findings: one for each check.
        rows: row number -> what is odd about its label, the oddest first.
    """

    findings: list[Finding]
    rows: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether nothing was found."""
        return all(finding.ok for finding in self.findings)

    def dump(self) -> dict[str, Any]:
        """As plain data."""
        found = [vars(finding) for finding in self.findings]
        rows = [{"row": row, "remark": remark} for row, remark in self.rows.items()]
        return {"well": self.is_well, "findings": found, "rows": rows}

    def __str__(self) -> str:
        return "\n".join([*map(str, self.findings), *self.remarks()])

    def remarks(self) -> list[str]:
        """A line for each of `rows`."""
        return [f"     row {row:,}: {remark}" for row, remark in self.rows.items()]


def debug(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    data: Any = None,
    *,
    steps: int = SHORT,
    on_finding: Callable[[Finding], None] | None = None,
) -> Diagnosis:
    """Check a recipe on its data without a run: nothing is kept, the test part stays closed.

    Args:
        recipe: as for `fit`.
        data: as for `fit`.
        steps: of each short training.
        on_finding: called with each finding as soon as it is there; some take a minute.

    Raises:
        UsageError: the recipe does not follow a loss of rows with one descent.
    """
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        if on_finding is not None:
            on_finding(finding)

    with trial(recipe, data) as made:
        for finding in _findings(made, steps):
            found(finding)
        labels, rows = suspect_labels(made, steps)
        if labels is not None:
            found(labels)
    return Diagnosis(findings, rows)


def _findings(made: Trial, steps: int) -> Iterator[Finding]:
    yield inputs(made)
    yield first_loss(made)
    yield one_batch(made, steps)
    try:
        yield from (check(made, steps) for check in (dead_units, step_sizes, varying_answers))
    except Diverged as error:
        yield Finding("a short training", False, str(error), "take a tenth of the learning rate")
