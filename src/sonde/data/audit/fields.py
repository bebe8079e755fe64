"""Fields that a random split should have asked: whose rows these are, and when they were made."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sonde.contracts.data import Column
from sonde.data.audit.alike import told_alike
from sonde.data.audit.concern import MOST_PAIRS, Concern
from sonde.data.audit.looked_at import LookedAt
from sonde.data.columns._text import is_text, shortened, to_text
from sonde.data.splits._groups import before
from sonde.data.splits._times import moments

_WHOSE = {
    "account", "author", "batch", "case", "client", "customer", "device", "family", "group",
    "house", "household", "id", "ids", "participant", "patient", "person", "player", "session",
    "speaker", "store", "subject", "ticket", "track", "user", "uid", "video",
}  # fmt: skip
"""Last words in the names of fields that say whose a row is."""

_MEASURED = {"as", "of", "per", "days", "weeks", "months", "years"}
"""Words of a duration or a rate: such a field measures somebody, it does not name them."""

_COUNTED = {"count", "n", "no", "num", "number"}

_SIGNS = ("_", "-", " ")
"""What parts the name of a picture, such as `00012_00003.png`: the track and the frame."""

_BORN = {"birth", "birthday", "birthdate", "born", "dob"}
"""Dates that say something of the person, not of the row."""

_FEWEST_GROUPS = 10
_SHARE = 0.3
"""Part of the rows that must have another row of their group."""

_SMALL = 20
"""Rows a group on average; larger ones, such as shops, may well be the same tomorrow."""

_SORTED = 0.95
"""Part of neighbouring rows that stand in the order of time where a file is a log."""

_FEWEST_TIMES = 10

_NAMES = 5_000
"""Texts in which labels are looked for."""


def groups_on_both_sides(data: LookedAt) -> Iterator[Concern]:
    """Fields that say whose a row is, and pictures whose names do, where no split goes by them."""
    if data.split is not None and data.split.grouped_by is not None:
        return
    for name, values in data.fields.items():
        if name in data.target_fields or not says_whose(name):
            continue
        if _is_name(values.type):
            where, how = f"have one {name!r}", f"split: {{kind: group, by: {name}}}"
            if alike := next(filter(None, (told_alike(data, values, t) for t in data.targets)), ""):
                where += f", and {alike}"
            advice = f"Where the model will meet others, keep them together: {how}."
            yield from torn_groups(data, to_text(values, name=name), where, advice)
    for name in _files(data):
        for sign in _SIGNS:
            paths = data.fields[name]
            if pc.all(pc.match_substring_regex(paths, rf"{sign}[^/\\]*$")).as_py():
                where = f"have pictures named alike before the last {sign!r} in {name!r}"
                advice = (
                    "Where they show one thing (a track, a house), keep them together: "
                    f"split: {{kind: group, by: {name}, up_to: {sign!r}}}."
                )
                yield from torn_groups(data, before(paths, sign), where, advice)
                break


def says_whose(name: str) -> bool:
    """`patient`, `patient_id`; not `num_user`, nor `months_as_customer`."""
    words = _words(name)
    if not words or words[-1] not in _WHOSE or words[0] in _COUNTED:
        return False
    return not _MEASURED & set(words[:-1])


def torn_groups(data: LookedAt, values: pa.Array, where: str, advice: str) -> Iterator[Concern]:
    """A concern where many rows share their value with another row, on another side."""
    coded = pc.dictionary_encode(values)
    known = pc.is_valid(coded).to_numpy(zero_copy_only=False)
    codes = pc.fill_null(coded.indices, 0).to_numpy(zero_copy_only=False)[known]
    rows = data.rows[known]
    sizes = np.bincount(codes)
    if not len(rows) or len(sizes) < _FEWEST_GROUPS or (sizes[codes] > 1).mean() < _SHARE:
        return
    sides = data.sides[rows]
    example = shortened(coded.dictionary[int(sizes.argmax())].as_py(), 40)
    several = int((sizes > 1).sum())
    seen = f"{several:,} groups of rows {where}, such as {example!r} in {sizes.max():,} rows"
    if data.parts is None:
        yield Concern("groups", "doubt", f"{seen}; a random split would tear them.", advice)
        return
    trained = np.bincount(codes[sides == 0], minlength=len(sizes)) > 0
    torn = (sides == 2) & trained[codes]
    if torn.sum() < max(1.0, 0.05 * (sides == 2).sum()):
        return
    pairs = _examples(codes, rows, sides)
    pinned = data.split is not None and data.split.pinned
    share = torn.sum() / max(1, (sides == 2).sum())
    yield Concern(
        "groups",
        "doubt" if pinned or sizes.mean() > _SMALL else "leak",
        f"{seen}; {share:.0%} of the test rows have a training row of their group.",
        advice,
        pairs,
        int(torn.sum()),
    )


def _examples(codes: np.ndarray, rows: np.ndarray, sides: np.ndarray) -> list[tuple[int, int]]:
    """Some pairs of a training and a test row of one group."""
    _, first = np.unique(codes[sides == 0], return_index=True)
    known = dict(zip(codes[sides == 0][first].tolist(), rows[sides == 0][first].tolist(),
                     strict=True))  # fmt: skip
    tested = zip(codes[sides == 2].tolist(), rows[sides == 2].tolist(), strict=True)
    return [(known[code], row) for code, row in tested if code in known][:MOST_PAIRS]


def time_is_mixed(data: LookedAt) -> Iterator[Concern]:
    """A field of dates in a split that does not go by time."""
    if data.split is not None and data.split.pinned:
        return
    for name, values in data.fields.items():
        if name in data.target_fields or set(_words(name)) & _BORN:
            continue
        times = moments(values)
        if times is None or len(np.unique(times[~np.isnan(times)])) < _FEWEST_TIMES:
            continue
        steps = np.diff(times[~np.isnan(times)])
        if max((steps >= 0).mean(), (steps <= 0).mean()) < _SORTED:
            continue  # not a log, but some date of each row
        yield Concern(
            "time",
            "doubt",
            f"rows stand in the order of {name!r}, from {_day(np.nanmin(times))} to "
            f"{_day(np.nanmax(times))}, and a random split mixes them: a model that will be asked "
            "about the future is tested on a past that it was trained around.",
            f"Keep the order: split: {{kind: time, by: {name}}}.",
        )
        return


def _day(seconds: float) -> str:
    return str(np.datetime64(int(seconds), "s").astype("datetime64[D]"))


def answers_in_names(data: LookedAt) -> Iterator[Concern]:
    """Texts or file names in which the label stands, where folders are not what says it."""
    known = {f.name: f.kind for f in data.source.fields()}
    for target in data.target_fields:
        if known.get(target) is not None or target not in data.fields:
            continue
        labels = pc.utf8_lower(to_text(data.fields[target], name=target))
        words = labels.unique().drop_null()
        if not 2 <= len(words) <= len(labels) / 5 or not _lettered(words):
            continue
        for name in {f for column in data.inputs.values() for f in column.reads}:
            if name in data.fields and is_text(data.fields[name].type) and name != target:
                yield from _named(data, name, labels, target)


def _named(data: LookedAt, name: str, labels: pa.Array, target: str) -> Iterator[Concern]:
    """A concern where nearly every text of a field has its row's label among its words."""
    if _lettered(data.fields[name][:_NAMES]) < 0.5:
        return  # the labels' words are of letters: no need to look for them in columns of numbers
    texts = data.fields[name].to_pylist()[:_NAMES]
    pairs = [(t, label) for t, label in zip(texts, labels.to_pylist(), strict=False) if t and label]
    found = [label in _words(re.split(r"[\\/]", text)[-1]) for text, label in pairs]
    if len(found) < 20 or np.mean(found) < 0.9 or len({label for _, label in pairs}) < 2:
        return
    is_file = name in _files(data)
    sentence = (
        f"{np.mean(found):.0%} of the values of {name!r} have the row's {target!r} in them, "
        f"such as {shortened(pairs[0][0], 60)!r}."
    )
    if is_file:
        advice = "The network sees the pictures and not their names; never make a column of them."
        yield Concern("names", "note", sentence, advice)
    else:
        advice = f"Take {name!r} out of the columns, unless it is known before {target!r} is."
        yield Concern("names", "leak", sentence, advice)


def _lettered(texts: pa.Array) -> float:
    """The share of texts that hold a letter."""
    return float(pc.mean(pc.match_substring_regex(texts, "[A-Za-z]")).as_py() or 0.0)


def _files(data: LookedAt) -> set[str]:
    """Input fields that name files."""
    return {
        f
        for column in data.inputs.values()
        if type(column).detached is not Column.detached
        for f in column.reads
        if f in data.fields and is_text(data.fields[f].type)
    }


def _is_name(kind: pa.DataType) -> bool:
    return is_text(kind) or bool(pa.types.is_integer(kind))


def _words(text: str) -> list[str]:
    """`patientId_07` -> patient, id."""
    spread = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return [word.lower() for word in re.split(r"[^A-Za-z]+", spread) if word]
