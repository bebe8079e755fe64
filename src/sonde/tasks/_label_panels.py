"""What a report shows of labels, of which a row may have several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sonde.contracts.panels import Rowlist, Table
from sonde.contracts.task import Judged
from sonde.metrics._ratio import ratio
from sonde.metrics.label_auc import LabelAuc

_MOST_ROWS = 12
_MOST_LABELS = 100


def by_label(judged: Judged, labels: Sequence[str], cuts: Sequence[float]) -> Table:
    """Each label's rows, precision, recall, F1 and area under the ROC curve."""
    said, true = judged.predicted["labels"], judged.truth["labels"]
    right = (said & true).sum(axis=0)
    rows, answers = true.sum(axis=0), said.sum(axis=0)
    scores = [
        ratio(right, answers),
        ratio(right, rows),
        ratio(2 * right, rows + answers),
        np.array([_area(judged, place) for place in range(len(labels))]),
    ]
    commonest = np.sort(np.argsort(-rows, kind="stable")[:_MOST_LABELS])
    lines = [
        (labels[i], f"{rows[i]:,}", *(_shown(float(score[i])) for score in scores))
        for i in commonest
    ]
    header = ["label", "rows", "precision", "recall", "F1", "AUC"]
    if cuts:
        header.append("said from")
        lines = [(*line, f"{cuts[i]:.3f}") for line, i in zip(lines, commonest, strict=True)]
    many = len(labels) > _MOST_LABELS
    note = f"The {_MOST_LABELS} commonest of {len(labels):,} labels." if many else ""
    return Table("Label by label", header, lines, note)


def most_wrong(judged: Judged, labels: Sequence[str]) -> Rowlist:
    """The rows with the most labels too many or too few."""
    said, true = judged.predicted["labels"], judged.truth["labels"]
    mistakes = (said != true).sum(axis=1)
    worst = np.argsort(-mistakes, kind="stable")[:_MOST_ROWS]
    worst = worst[mistakes[worst] > 0]
    remarks = [f"said {_listed(said[i], labels)}, is {_listed(true[i], labels)}" for i in worst]
    exact = int((mistakes == 0).sum())
    note = f"{exact:,} of {len(mistakes):,} rows are right in every label."
    return Rowlist("Most wrong", judged.rows[worst].tolist(), remarks, note)


def _area(judged: Judged, place: int) -> float:
    one = slice(place, place + 1)
    predicted = {"label probability": judged.predicted["label probability"][:, one]}
    return LabelAuc().score(predicted, {"labels": judged.truth["labels"][:, one]})


def _listed(row: np.ndarray, labels: Sequence[str]) -> str:
    return ", ".join(labels[place] for place in np.flatnonzero(row).tolist()) or "nothing"


def _shown(score: float) -> str:
    return "-" if np.isnan(score) else f"{score:.3f}"
