"""`docs/results.md`, made from the ledger: every row, run or not, met or missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from bench._ledger import Entry, Key, Ledger
from bench._machine import in_words
from bench._row import ROOT, SEEDS, Row

_HEAD = """\
# Results

Made by `make results` from `docs/results.jsonl`, to which every finished training is added and
from which nothing is taken away. Do not edit it.

A number is the mean over seeds; the smallest and largest stand beside it, and the 95 %
interval of seed 0 over its test rows. The split's own seed stays 0 and a recipe's seed varies. A
seed counts by the last training of the recipe as it stands in its row; a line below the table says
where Sonde's code changed between seeds.
Settings were chosen on validation rows; the test part was opened once for each training. *Training*
is the time of steps and validation; *whole* counts reading, simple rivals and the report too. Peak
memory is that of the whole process.
"""

_COLUMNS = (
    "what",
    "published",
    "must",
    "mean",
    "smallest to largest",
    "interval, seed 0",
    "reached",
    "training",
    "whole",
    "peak memory",
    "multiply-adds a row",
)


_GAINS = "| what | beside | by | better by, seed 0 (paired 95 % interval) | that is |"


def page(ledger: Ledger, present: dict[str, Key], rows: Sequence[Row]) -> str:
    """The page as Markdown.

    Args:
        ledger: of which the newest recipe of each row is shown.
        present: row name -> the key an entry made now would have.
        rows: to show, in this order.
    """
    newest = {row.name: ledger.newest(row.name) for row in rows}
    table = [_COLUMNS, ("---",) * len(_COLUMNS)]
    table += [_line(row, newest[row.name], newest.get(row.rival, [])) for row in rows]
    lines = [_HEAD, *(f"| {' | '.join(cells)} |" for cells in table), ""]
    for row in rows:
        lines += _remarks(row, newest[row.name], newest.get(row.rival, []), present[row.name])
    lines += _of_code(newest, present)
    lines += _beside([(row, newest[row.name]) for row in rows])
    lines += ["", "## Measured on", ""]
    machines = [in_words(entry.machine) for entries in newest.values() for entry in entries]
    lines += [f"- {text}" for text in dict.fromkeys(machines)] or ["Nothing has been run."]
    return "\n".join(lines) + "\n"


def _line(row: Row, entries: Sequence[Entry], rivals: Sequence[Entry]) -> tuple[str, ...]:
    link = f"[{row.what}](../{row.recipe.relative_to(ROOT).as_posix()})"
    head = (link, row.published, row.must_in_words)
    if not entries:
        return (*head, "not run", *("",) * (len(_COLUMNS) - len(head) - 1))
    values = [row.unit.of(entry.score) for entry in entries]
    seconds = [entry.seconds for entry in entries if not entry.resumed]
    return (
        *head,
        _mean(row, entries),
        f"{row.unit.show(min(values))} to {row.unit.show(max(values))}",
        _interval(row, entries),
        verdict(row, entries, rivals),
        f"{fmean(entry.training_seconds for entry in entries):,.0f} s",
        f"{fmean(seconds):,.0f} s" if seconds else "resumed",
        f"{max(entry.peak_bytes for entry in entries) / 2**20:,.0f} MiB",
        _work(entries),
    )


def _mean(row: Row, entries: Sequence[Entry]) -> str:
    """The mean over seeds, with those of other scores that the row asks for."""
    mean = row.unit.show(fmean(row.unit.of(entry.score) for entry in entries))
    others = [f"{name} {row.unit.show(_also(name, entries))}" for name in row.also]
    return ", ".join((f"**{mean}**", *others))


def _also(name: str, entries: Sequence[Entry]) -> float:
    """The mean of another score over seeds; not a number where one was not measured."""
    return fmean((entry.also or {}).get(name, float("nan")) for entry in entries)


def _work(entries: Sequence[Entry]) -> str:
    """In thousands, where it was counted."""
    counted = [entry.work for entry in entries if entry.work is not None]
    return f"{fmean(counted) / 1000:,.0f} k" if counted else ""


def verdict(row: Row, entries: Sequence[Entry], rivals: Sequence[Entry] = ()) -> str:
    """Met or MISSED, and over how many seeds where that is not all of them."""
    mean = fmean(row.unit.of(entry.score) for entry in entries)
    enough = (
        row.met(mean, entries[0].closed_form)
        and _beaten(row, entries, rivals)
        and _spared(row, entries)
        and all(_also(name, entries) >= least for name, least in row.also.items())
    )
    word = "met" if enough else "**MISSED**"
    done = len({entry.seed for entry in entries} & set(SEEDS))
    return word if done == len(SEEDS) else f"{word} ({done} of {len(SEEDS)} seeds)"


def _beaten(row: Row, entries: Sequence[Entry], rivals: Sequence[Entry]) -> bool:
    """Whether the rival is, where there is one."""
    if not row.rival:
        return True
    if row.share is None:
        return _apart(entries, rivals) if rivals else _gained(row, entries)
    shares = _shares(entries, rivals)
    return bool(shares) and fmean(shares) <= row.share


def _shares(entries: Sequence[Entry], rivals: Sequence[Entry]) -> list[float]:
    """Each seed's score as a part of the rival's of that seed: others may be on another scale."""
    of_seed = {entry.seed: entry.score for entry in rivals}
    return [e.score / of_seed[e.seed] for e in entries if e.seed in of_seed]


def _spared(row: Row, entries: Sequence[Entry]) -> bool:
    """Whether rows cost as little as they have to, where that is asked."""
    if row.most_work is None:
        return True
    return fmean(entry.work or float("inf") for entry in entries) <= row.most_work


def _apart(entries: Sequence[Entry], rivals: Sequence[Entry]) -> bool:
    """Whether seed 0 lies above the rival's, intervals and all: more than a paired one asks."""
    edges = [e.low for e in entries if e.seed == 0] + [e.high for e in rivals if e.seed == 0]
    return len(edges) == 2 and None not in edges and edges[0] > edges[1]  # type: ignore[operator]


def _gained(row: Row, entries: Sequence[Entry]) -> bool:
    """Whether seed 0 is better than the rival on the same rows, the paired interval and all."""
    first = next((entry for entry in entries if entry.seed == 0), None)
    gain = ((first and first.gains) or {}).get(row.rival, {}).get(row.score)
    return gain is not None and gain[1] is not None and gain[1] > 0


def _interval(row: Row, entries: Sequence[Entry]) -> str:
    first = next((entry for entry in entries if entry.seed == 0), None)
    if first is None or first.low is None or first.high is None:
        return ""
    low, high = sorted(row.unit.of(edge) for edge in (first.low, first.high))
    return f"{row.unit.show(low)} to {row.unit.show(high)} ({first.rows:,} rows)"


def _beside(results: Sequence[tuple[Row, Sequence[Entry]]]) -> list[str]:
    """A section with what seed 0 gains over others, where a row tells it."""
    lines = []
    for row, entries in results:
        first = next((entry for entry in entries if entry.seed == 0), None)
        for other, gains in ((first and first.gains) or {}).items():
            told = [_gain(row, row.told[name], gain) for name, gain in gains.items()]
            lines += [f"| {row.name} | {other} | {' | '.join(cells)} |" for cells in told]
    if not lines:
        return []
    head = ["", "## Beside others, on the same test rows", "", _GAINS, f"|{' --- |' * 5}"]
    return [*head, *lines]


def _gain(row: Row, called: str, gain: Sequence[float | None]) -> tuple[str, ...]:
    """The score, the gain with its interval, and what that shows."""
    unit = row.unit
    value, *edges = [None if part is None else abs(unit.scale) * part for part in gain]
    signed = [f"{part:+.{unit.digits}f}" for part in (value, *edges) if part is not None]
    text = f"{signed[0]} {unit.text}".rstrip()
    low, high = edges
    if low is None or high is None:
        return called, text, "no interval"
    word = "better" if low > 0 else "worse" if high < 0 else "no difference is shown"
    return called, f"{text} ({' to '.join(signed[1:])})", word


def _remarks(
    row: Row, entries: Sequence[Entry], rivals: Sequence[Entry], present: Key
) -> list[str]:
    """What a reader must know of these entries, a line each."""
    if not entries:
        return []
    first, lines = entries[0], []
    if first.closed_form is not None:
        ratio = fmean(entry.score for entry in entries) / first.closed_form
        form = row.unit.show(row.unit.of(first.closed_form))
        lines.append(f"scikit-learn's closed form gives {form}; the mean is {ratio:.4f} of it")
    if row.share is not None:
        shares = ", ".join(f"{share:.2f}" for share in _shares(entries, rivals))
        lines.append(f"seed by seed {shares} of {row.rival}, as each seed's classifier sees both")
    if first.key.recipe != present.recipe:
        lines.append("the recipe has been changed since")
    return [f"- {row.name}: {'; '.join(lines)}."] if lines else []


def _of_code(newest: Mapping[str, Sequence[Entry]], present: Mapping[str, Key]) -> list[str]:
    """Which rows were run with other code than there is now, and which with several versions of it.

    The ledger says which.
    """
    codes = {name: {entry.code for entry in entries} for name, entries in newest.items()}
    older = [name for name, found in codes.items() if found - {present[name].code}]
    several = [name for name, found in codes.items() if len(found) > 1]
    lines = [f"- Run with older code than there is now: {', '.join(older)}."] if older else []
    if several:
        lines.append(f"- Seeds by more than one version of the code: {', '.join(several)}.")
    return lines
