"""What the report shows of answers: scores by the length of the context, the surest mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.contracts.panels import Passage, Span, Table, Texts
from sonde.contracts.task import Judged
from sonde.metrics.answer_f1 import AnswerF1
from sonde.tasks._answer_rows import Offsets, texts_of

_PARTS = 4
"""As many parts of equal size are the rows cut into, by length."""

_SHOWN = 12
"""Mistakes that are shown."""


def by_length(judged: Judged) -> Table:
    """F1 in quarters of the rows, from the shortest contexts to the longest."""
    steps = np.asarray(judged.predicted["steps"])
    overall = AnswerF1().of_rows(judged.predicted, judged.truth)
    spans = AnswerF1(rows="answerable").of_rows(judged.predicted, judged.truth)
    answerable = judged.truth["index"] == 1
    rows = []
    for part in _alike(steps):
        there = part[answerable[part]]
        least, most = steps[part].min(), steps[part].max()
        rows.append([
            f"{least:,} to {most:,}" if least < most else f"{least:,}",
            f"{len(part):,}",
            f"{answerable[part].mean():.0%}",
            f"{judged.predicted['says'][part].mean():.0%}",
            f"{overall[part].mean():.3f}",
            f"{spans[there].mean():.3f}" if len(there) else "-",
        ])  # fmt: skip
    return Table(
        "By length of the context",
        ["steps", "questions", "with an answer", "answered", "f1", "f1 (answerable)"],
        rows,
        note="Steps are words, characters or pieces, as the context's column cuts them.",
    )


def _alike(steps: np.ndarray) -> list[np.ndarray]:
    """Rows in groups of about one size by (N,) lengths; those of one length are never parted."""
    if not len(steps):
        return []
    inner = np.linspace(0, 1, _PARTS + 1)[1:-1]
    ends = np.unique(np.quantile(steps, inner, method="lower"))
    groups = np.searchsorted(ends, steps)
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]


def surest_mistakes(judged: Judged) -> list[int]:
    """Row numbers of answers that have no word right, and of answers not given; surest first."""
    f1 = AnswerF1().of_rows(judged.predicted, judged.truth)
    there = np.asarray(judged.predicted["probability"])[:, 1]
    said = np.asarray(judged.predicted["says"], bool)
    # of an answer: that there is one and that it is this; of silence: that there is none
    sure = np.where(said, there * judged.predicted["score"], 1 - there)
    wrong = np.flatnonzero(f1 == 0)
    ranked = wrong[np.argsort(-sure[wrong], kind="stable")][:_SHOWN]
    rows: list[int] = judged.rows[ranked].tolist()
    return rows


def mistakes(
    questions: Mapping[str, Sequence[str | None]],
    contexts: Sequence[str],
    offsets: Sequence[Offsets],
    arrays: Arrays,
    answers: Sequence[tuple[Sequence[str], tuple[int, int] | None]],
) -> Texts:
    """Questions above contexts, in which the answer and the true one are marked.

    `answers` has all true texts of each row, and where the first of them stands.
    """
    items, remarks = [], []
    said = texts_of(np.asarray(arrays["span"]), contexts, offsets)
    for at, context in enumerate(contexts):
        first, last = arrays["span"][at].tolist()
        given = bool(arrays["says"][at])
        places = offsets[at]
        own = (places[first][0], places[last][1]) if places else (0, 0)
        texts, right = answers[at]
        told = {name: values[at] for name, values in questions.items()}
        asked = [Passage(text, name=name) for name, text in told.items() if text]
        items.append([*asked, Passage(context, _marked(own, right, given=given), name="context")])
        wanted = " or ".join(f"“{text}”" for text in dict.fromkeys(texts)) or "no answer"
        there = float(arrays["probability"][at, 1])
        answer = f"“{said[at]}”" if given else f"no answer (likeliest “{said[at]}”)"
        remarks.append(f"said {answer}, true {wanted}; probability of an answer {there:.2f}")
    return Texts(
        "Surest mistakes",
        items,
        remarks,
        note="In the context what was said, or held likeliest, and what is true are marked.",
    )


def _marked(own: tuple[int, int], right: tuple[int, int] | None, *, given: bool) -> list[Span]:
    """Stretches that do not overlap: said alone, true alone, or both."""
    name = "said" if given else "likeliest"
    if right is None:
        return [Span(*own, strength=-1.0, label=name)]
    edges = sorted({*own, *right})
    found = []
    for start, end in pairwise(edges):
        is_own, is_right = own[0] <= start < own[1], right[0] <= start < right[1]
        if is_own or is_right:
            label = f"{name}, true" if is_own and is_right else name if is_own else "true"
            found.append(Span(start, end, strength=1.0 if is_right else -1.0, label=label))
    return found
