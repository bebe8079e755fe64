"""What a report shows of a classification."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sonde.contracts.task import Curves, Heatmap, Judged, Metric, Rowlist, Table
from sonde.metrics._bins import reliability
from sonde.metrics._confusion import class_counts
from sonde.metrics._ratio import ratio
from sonde.metrics._true_class import true_probability
from sonde.metrics.ece import ExpectedCalibrationError
from sonde.metrics.f1 import F1
from sonde.tasks._decisions import Threshold

_MOST_CLASSES = 20
_MOST_TABLE_ROWS = 100
_MOST_ROWS = 12
_UNSEEN = "never seen in training"


def confusion(judged: Judged, labels: Sequence[str]) -> Heatmap:
    """Counts of rows by true and predicted class; of many classes the commonest 20."""
    true, said = judged.truth["index"], judged.predicted["index"]
    classes = len(labels)
    counts = np.zeros((classes + 1, classes), np.int64)
    np.add.at(counts, (true, said), 1)  # index -1 is the last row
    shown = np.arange(classes)
    note = ""
    if classes > _MOST_CLASSES:
        commonest = np.argsort(-counts[:classes].sum(axis=1), kind="stable")[:_MOST_CLASSES]
        shown = np.sort(commonest)
        note = f"The {_MOST_CLASSES} commonest of {classes:,} classes."
    kept = np.append(shown, classes) if counts[classes].any() else shown
    names = [*labels, _UNSEEN]
    return Heatmap(
        "Confusion matrix",
        counts[np.ix_(kept, shown)],
        row_labels=[names[i] for i in kept],
        column_labels=[names[i] for i in shown],
        row_title="true",
        column_title="predicted",
        note=note,
    )


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
    true, said = judged.truth["index"], judged.predicted["index"]
    wrong = np.flatnonzero(true != said)
    order = np.argsort(true_probability(judged.predicted, judged.truth)[wrong], kind="stable")
    worst = wrong[order][:_MOST_ROWS]
    names = [*labels, f"a class {_UNSEEN}"]  # index -1 is the last name
    remarks = [
        f"said {labels[said[i]]} ({judged.predicted['probability'][i, said[i]]:.2f}), "
        f"is {names[true[i]]}"
        for i in worst
    ]
    note = f"{len(wrong):,} of {len(true):,} rows are wrong."
    return Rowlist("Most wrong", judged.rows[worst].tolist(), remarks, note)


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
