"""What a report shows of a classification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sonde.contracts.metric import Metric
from sonde.contracts.panels import Curves, Heatmap, Rowlist, Table
from sonde.contracts.task import Judged
from sonde.metrics._bins import reliability
from sonde.metrics._confusion import class_counts
from sonde.metrics._ratio import ratio
from sonde.metrics._true_class import true_probability
from sonde.metrics.ece import ExpectedCalibrationError
from sonde.metrics.f1 import F1
from sonde.tasks._decisions import Threshold

MANY_CLASSES = 6
"""Above this the worst cells of a confusion matrix are named besides."""
_MOST_CLASSES = 100
_MOST_PAIRS = 12
_MOST_TABLE_ROWS = 100
_MOST_ROWS = 12
_UNSEEN = "never seen in training"


def confusion(judged: Judged, labels: Sequence[str]) -> Heatmap:
    """Counts of rows by true and predicted class; of very many classes the commonest 100."""
    true, said = judged.truth["index"], judged.predicted["index"]
    classes = len(labels)
    shown, note = np.arange(classes), ""
    if classes > _MOST_CLASSES:
        rows = np.bincount(true[true >= 0], minlength=classes)
        shown = np.sort(np.argsort(-rows, kind="stable")[:_MOST_CLASSES])
        note = f"The {_MOST_CLASSES} commonest of {classes:,} classes."
    places = np.full(classes + 1, -1)  # index -1 is the last place, and the last row
    places[shown] = np.arange(len(shown))
    unseen = true == -1
    at_row, at_column = np.where(unseen, len(shown), places[true]), places[said]
    inside = (at_row >= 0) & (at_column >= 0)
    counts = np.zeros((len(shown) + bool(unseen.any()), len(shown)), np.int64)
    np.add.at(counts, (at_row[inside], at_column[inside]), 1)
    names = [labels[i] for i in shown.tolist()]
    return Heatmap(
        "Confusion matrix",
        counts,
        row_labels=[*names, _UNSEEN] if unseen.any() else names,
        column_labels=names,
        row_title="true",
        column_title="predicted",
        note=note,
    )


def most_confused(judged: Judged, labels: Sequence[str]) -> Table:
    """The pairs of classes that are taken for one another most often, of all classes."""
    true, said = judged.truth["index"], judged.predicted["index"]
    places = len(labels) + 1
    wrong = true != said
    pairs, counts = np.unique(true[wrong] % places * places + said[wrong], return_counts=True)
    of_class = np.bincount(true % places, minlength=places)  # -1 % places is the last place
    names = [*labels, _UNSEEN]
    lines = []
    for at in np.argsort(-counts, kind="stable")[:_MOST_PAIRS]:
        is_true, is_said = divmod(int(pairs[at]), places)
        part = f"{counts[at] / of_class[is_true]:.0%}"
        lines.append((names[is_true], names[is_said], f"{counts[at]:,}", part))
    header = ("true", "predicted", "rows", "of the true class")
    note = "" if lines else "No row is wrong."
    return Table("Most often confused", header, lines, note)


def calibration(judged: Judged, labels: Sequence[str]) -> Curves:
    """What is said with probability p, and how often it comes true."""
    probability, true = judged.predicted["probability"], judged.truth["index"]
    if len(labels) == 2:
        said, came_true, of = probability[:, 1], true == 1, f"of {labels[1]}"
    else:
        said, came_true, of = (
            probability.max(axis=1),
            judged.predicted["index"] == true,
            "of the answer",
        )
    bins = reliability(said, came_true)
    error = ExpectedCalibrationError().score(judged.predicted, judged.truth)
    return Curves(
        "Reliability",
        {"observed": (bins.said, bins.came_true)},
        x_title=f"probability {of}",
        y_title="part that came true",
        diagonal=True,
        note=f"Bins of equally many rows. Expected calibration error {error:.3f}: on the "
        "diagonal, probabilities can be taken at their word.",
    )


def by_class(judged: Judged, labels: Sequence[str]) -> Table:
    """Each class's precision, recall and F1."""
    true, said = judged.truth["index"], judged.predicted["index"]
    counts = class_counts(said, true, len(labels))
    right, predicted, rows = counts.reshape(3, -1)[:, : len(labels)]
    scores = (ratio(right, predicted), ratio(right, rows), ratio(2 * right, predicted + rows))
    lines = [
        (label, f"{int(count):,}", *(_shown(score) for score in of_class))
        for label, count, *of_class in zip(labels, rows, *scores, strict=True)
    ]
    note = ""
    if len(labels) > _MOST_TABLE_ROWS:
        commonest = sorted(np.argsort(-rows, kind="stable")[:_MOST_TABLE_ROWS])
        lines = [lines[i] for i in commonest]
        note = f"The {_MOST_TABLE_ROWS} commonest of {len(labels):,} classes."
    return Table("Class by class", ("class", "rows", "precision", "recall", "F1"), lines, note)


def most_wrong(judged: Judged, labels: Sequence[str]) -> Rowlist:
    """The wrong rows whose true class was thought least probable."""
    at, remarks = worst(judged, labels)
    wrong = int((judged.truth["index"] != judged.predicted["index"]).sum())
    note = f"{wrong:,} of {len(judged.rows):,} rows are wrong."
    return Rowlist("Most wrong", judged.rows[at].tolist(), remarks, note)


def worst(judged: Judged, labels: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """(n,) places of those rows, at most a dozen, and what was said of each."""
    true, said = judged.truth["index"], judged.predicted["index"]
    wrong = np.flatnonzero(true != said)
    order = np.argsort(true_probability(judged.predicted, judged.truth)[wrong], kind="stable")
    at = wrong[order][:_MOST_ROWS]
    names = [*labels, f"a class {_UNSEEN}"]  # index -1 is the last name
    remarks = [
        f"said {labels[said[i]]} ({judged.predicted['probability'][i, said[i]]:.2f}), "
        f"is {names[true[i]]}"
        for i in at
    ]
    return at, remarks


def threshold(
    judged: Judged, labels: Sequence[str], settled: Threshold, cost: Metric | None
) -> Curves:
    """What the score would be at other thresholds, and at the one that validation rows settled.

    Args:
        judged: of two classes.
        labels: their names.
        settled: the threshold, and its score on validation rows.
        cost: the score; None for F1 of the second class.
    """
    metric = cost or F1(average="class", positive=1)
    probability = judged.predicted["probability"]
    cuts = np.linspace(0.0, 1.0, 101)
    answers = [
        {**judged.predicted, "index": (probability[:, 1] >= cut).astype(int)} for cut in cuts
    ]
    scores = np.array([metric.score(answer, judged.truth) for answer in answers])
    here = metric.score(judged.predicted, judged.truth)
    return Curves(
        "Threshold",
        {"these rows": (cuts, scores), "chosen": (np.array([settled.cut]), np.array([here]))},
        x_title=f"{labels[1]} is said from this probability on",
        y_title="mean cost" if cost else f"F1 ({labels[1]})",
        points=frozenset({"chosen"}),
        note=f"Chosen on validation rows: {settled.cut:.3f}, where the score was "
        f"{settled.score:.4g}. These rows had no say in it.",
    )


def _shown(score: float) -> str:
    return "-" if np.isnan(score) else f"{score:.3f}"
