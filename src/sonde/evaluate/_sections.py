"""The sections of a report, from what was asked to how to get it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized

import numpy as np

from sonde.contracts.metric import Score, Scores
from sonde.evaluate._html import Child, Markup, element, folded, joined, table
from sonde.evaluate._panels import figure, panel
from sonde.evaluate.contents import DataCard, Outcome, Provenance, Report, by_target
from sonde.evaluate.scores import number, signed

_REPEATED: Mapping[str, str] = {
    "bits": "two runs of this recipe are equal to the last bit, resumed or not: on one machine's "
    "CPU, with equal versions and threads",
    "bits at equal batching": "two runs of this recipe are equal to the last bit where their "
    "batches are cut alike: on one machine's CPU, with equal versions and threads",
    "statistical": "two runs of this recipe are alike, not equal: the clock or chance decides in "
    "them",
}
"""What an exactness means to whoever runs the recipe again."""
_MOST_ROWS = 20
"""Rows of a table that is shown at once."""


def header(report: Report) -> Markup:
    """The run's name, what was asked, and the plain sentence."""
    asked = [
        joined([element("dt", name), element("dd", said)]) for name, said in report.asked.items()
    ]
    sentence = report.outcome.sentence
    return element(
        "header",
        element("p", "Sonde report", class_="quiet"),
        element("h1", report.title),
        element("p", sentence, class_="sentence") if sentence else None,
        *(whiskers(report.outcome, name) for name in _main_metrics(report.outcome)),
        element("dl", *asked, class_="asked"),
        folded("options left at their defaults", _facts(report.untouched))
        if report.untouched
        else None,
    )


def _main_metrics(outcome: Outcome) -> list[str]:
    """The main score, and the first one about every other target."""
    first: dict[str, str] = {}
    for name in [outcome.main_metric, *outcome.about]:
        first.setdefault(outcome.about.get(name, ""), name)
    return list(first.values())


def whiskers(outcome: Outcome, metric: str) -> Markup | None:
    """A score of the model and its rivals, with intervals, on one scale."""
    found = {
        who: scores[metric]
        for who, scores in outcome.scores.items()
        if metric in scores and np.isfinite(scores[metric].value)
    }
    if not found:
        return None
    edges = [edge for s in found.values() for edge in (s.value, s.low, s.high) if edge is not None]
    low, high = min(edges), max(edges)
    margin = (high - low) * 0.04 or 1.0
    lines = [
        _whisker(who, score, low - margin, high - low + 2 * margin, first=place == 0)
        for place, (who, score) in enumerate(found.items())
    ]
    rows = next(iter(found.values())).rows
    of = f"{metric}, {rows:,} test rows, 95 % intervals"
    return element("div", element("p", of, class_="quiet"), *lines, class_="whiskers")


def scores(outcome: Outcome) -> Markup:
    """Every score with its interval, the model beside its rivals."""
    lines = _by_metric(outcome.scores, outcome.about, _cell)
    notes = [
        element("p", f"{who}: {note}.", class_="quiet")
        for who, note in outcome.notes.items()
        if note
    ]
    body = table(["", *outcome.scores], lines, class_="scores")
    return _section("scores", "Scores", body, *notes, gains(outcome))


def gains(outcome: Outcome) -> Markup | None:
    """By how much the model is better than each rival on the same rows, metric by metric."""
    if not any(outcome.gains.values()):
        return None
    lines = _by_metric(outcome.gains, outcome.about, _gain)
    note = (
        "Above 0 the model is better, whichever direction better is. Paired 95 % intervals; in "
        "bold where they exclude 0. One look at one metric: not corrected for looking at them all."
    )
    body = table(["", *(f"over {who}" for who in outcome.gains)], lines, class_="numbers gains")
    return figure("Gain over each rival on the same rows", body, note=note, wide=True)


def _by_metric(
    found: Mapping[str, Scores], about: Mapping[str, str], cell: Callable[[Score | None], Child]
) -> list[list[Child]]:
    """A line for each metric, below a line for each target where there are several."""
    names = list(dict.fromkeys(name for scores in found.values() for name in scores))
    lines: list[list[Child]] = []
    target = ""
    for name in by_target(names, about):
        if about.get(name, "") != target:
            target = about[name]
            lines.append([element("b", target), *[""] * len(found)])
        shown = name.removeprefix(f"{target} ") if target else name
        lines.append([shown, *(cell(scores.get(name)) for scores in found.values())])
    return lines


def findings(report: Report) -> list[Markup]:
    """A section for each kind of finding."""
    return [
        _section(
            f"finding-{place}",
            title,
            element("div", *(panel(one, report.outcome.rows) for one in panels), class_="panels"),
        )
        for place, (title, panels) in enumerate(report.findings.items())
        if panels
    ]


def judgement(outcome: Outcome) -> Markup | None:
    """What the task shows of its answers."""
    if not outcome.panels:
        return None
    shown = [panel(one, outcome.rows) for one in outcome.panels]
    return _section("answers", "Answers", element("div", *shown, class_="panels"))


def learning(report: Report) -> Markup | None:
    """Curves over the training."""
    if not report.learning:
        return None
    shown = [panel(one, report.outcome.rows) for one in report.learning]
    return _section("learning", "Learning", element("div", *shown, class_="panels"))


def data_card(card: DataCard) -> Markup:
    """Rows, columns, what was left out and why."""
    parts = [
        element("div", element("b", f"{count:,}"), f" {part}", style=f"flex-grow:{max(count, 1)}")
        for part, count in card.rows.items()
    ]
    kept = 4 if any(c.reason for c in card.columns) else 3  # no reasons: the recipe names the kinds
    columns = table(
        ["column", "kind", "role", "why"][:kept],
        [(c.name, c.kind, c.role, c.reason)[:kept] for c in card.columns],
    )
    excluded = _short_or_folded(
        table(["field", "why it is left out"], card.excluded.items()), card.excluded
    )
    bad = element("ul", *(element("li", line) for line in card.examples))
    many = "row was" if card.quarantined == 1 else "rows were"
    unreadable = f"{card.quarantined:,} unreadable {many} left out"
    return _section(
        "data",
        "Data",
        element("div", *parts, class_="parts"),
        element("p", card.split),
        element("div",
            figure("Columns", _short_or_folded(columns, card.columns), wide=True),
            figure("Left out", excluded, wide=True) if card.excluded else None,
            figure(unreadable, bad, wide=True) if card.quarantined else None,
            class_="panels"),
    )  # fmt: skip


def provenance(source: Provenance) -> Markup:
    """Recipe, versions, times."""
    openings = source.test_openings
    tested = "once" if openings == 1 else f"{openings:,} times; each look makes it less of a test"
    judged = {
        "test rows opened": tested,
        "run it again": _REPEATED.get(source.exactness, source.exactness),
    }
    return _section(
        "again",
        "How to get it again",
        element("div",
            figure("Recipe", folded("as recipe.yaml", element("pre", source.recipe)), wide=True),
            figure("Judged and repeated", _facts(judged)),
            figure("Times", _facts(source.times)),
            figure("Versions", _facts(source.versions)),
            class_="panels"),
    )  # fmt: skip


def _section(name: str, title: str, *content: Child) -> Markup:
    return element("section", element("h2", title), *content, id=name)


def _short_or_folded(shown: Markup, items: Sized) -> Markup:
    """A table as it is, or behind one line where it has many rows."""
    return shown if len(items) <= _MOST_ROWS else folded(f"all {len(items):,}", shown)


def _facts(facts: Mapping[str, str]) -> Markup:
    pairs = [joined([element("dt", name), element("dd", said)]) for name, said in facts.items()]
    return element("dl", *pairs, class_="facts")


def _cell(score: Score | None) -> Child:
    if score is None:
        return "-"
    if score.low is None or score.high is None:
        return number(score.value)
    between = element("small", f"{number(score.low)} to {number(score.high)}")
    return joined([element("span", number(score.value)), between])


def _gain(score: Score | None) -> Child:
    if score is None or not np.isfinite(score.value):
        return "-"
    if score.low is None or score.high is None:
        return signed(score.value)
    between = element("small", f"{signed(score.low)} to {signed(score.high)}")
    shown = score.low > 0 or score.high < 0
    return joined([element("b" if shown else "span", signed(score.value)), between])


def _whisker(who: str, score: Score, low: float, span: float, *, first: bool) -> Markup:
    def percent(value: float) -> str:
        return f"{100 * (value - low) / span:.2f}%"

    bar = None
    if score.low is not None and score.high is not None:
        width = f"{100 * (score.high - score.low) / span:.2f}%"
        bar = element("i", style=f"left:{percent(score.low)};width:{width}")
    dot = element("b", style=f"left:{percent(score.value)}")
    return element(
        "div",
        element("span", who),
        element("div", bar, dot),
        element("span", number(score.value)),
        class_="whisker model" if first else "whisker",
    )
