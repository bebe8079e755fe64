"""What a report is made of: plain data, gathered by whoever ran the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sonde.contracts.data import Raw
from sonde.contracts.metric import Scores
from sonde.contracts.panels import Panel


@dataclass(frozen=True)
class ColumnCard:
    """One column: its kind, whether it is 'input' or 'target', and why it was read so."""

    name: str
    kind: str
    role: str
    reason: str = ""


@dataclass(frozen=True)
class DataCard:
    """What the data was.

    Attributes:
        rows: part -> number of rows.
        split: how the parts were made, in words.
        columns: the columns that were used.
        excluded: field -> why it was left out.
        quarantined: how many rows could not be read.
        examples: some of those, a line each.
    """

    rows: Mapping[str, int]
    split: str
    columns: Sequence[ColumnCard]
    excluded: Mapping[str, str] = field(default_factory=dict)
    quarantined: int = 0
    examples: Sequence[str] = ()


@dataclass(frozen=True)
class ShownRow:
    """A raw row as a reader sees it: its fields, and pictures as PNG bytes by field."""

    fields: Mapping[str, Raw]
    pictures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How well it went.

    Attributes:
        scores: who -> scores on the test rows; the model first, then its baselines.
        main_metric: the score that is shown first.
        sentence: who is better, in plain words.
        notes: who -> what a reader must know, such as that it saw a sample only.
        panels: what the task shows of the judgement.
        rows: the rows that panels name, by row number.
        gains: rival -> metric -> by how much the model is better, with the paired interval.
        about: metric -> whose score it is, where there are several targets.
    """

    scores: Mapping[str, Scores]
    main_metric: str
    sentence: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)
    panels: Sequence[Panel] = ()
    rows: Mapping[int, ShownRow] = field(default_factory=dict)
    gains: Mapping[str, Scores] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Provenance:
    """How to get it again.

    Attributes:
        recipe: the resolved recipe as YAML.
        versions: package -> version, and the machine.
        times: stage -> how long it took, in words.
        test_openings: how often the test rows have been looked at.
        exactness: what a resume of this run guarantees.
    """

    recipe: str
    versions: Mapping[str, str]
    times: Mapping[str, str]
    test_openings: int
    exactness: str


@dataclass(frozen=True)
class Report:
    """Everything on the page.

    Attributes:
        title: the run's name.
        asked: what was asked for, such as model -> 'dense 2x256'.
        data: the data card.
        learning: curves over epochs or steps, or scores that were taken once.
        outcome: scores, panels, rows.
        provenance: recipe, versions, times.
        findings: title of a section -> its panels, such as what the audit found.
        untouched: part of the recipe -> its options that nobody chose, in words.
    """

    title: str
    asked: Mapping[str, str]
    data: DataCard
    learning: Sequence[Panel]
    outcome: Outcome
    provenance: Provenance
    findings: Mapping[str, Sequence[Panel]] = field(default_factory=dict)
    untouched: Mapping[str, str] = field(default_factory=dict)


def by_target(names: Sequence[str], about: Mapping[str, str]) -> list[str]:
    """Names of scores, those of one target together; else in their order."""
    targets = list(dict.fromkeys(about.get(name, "") for name in names))
    return sorted(names, key=lambda name: targets.index(about.get(name, "")))
