"""The scores of a classification, the most telling first."""

from __future__ import annotations

from collections.abc import Sequence

from sonde.contracts.metric import Metric
from sonde.metrics.accuracy import Accuracy
from sonde.metrics.balanced_accuracy import BalancedAccuracy
from sonde.metrics.brier import Brier
from sonde.metrics.ece import ExpectedCalibrationError
from sonde.metrics.f1 import F1
from sonde.metrics.log_loss import LogLoss
from sonde.metrics.pr_auc import PrAuc
from sonde.metrics.precision import Precision
from sonde.metrics.recall import Recall
from sonde.metrics.roc_auc import RocAuc


def class_metrics(labels: Sequence[str]) -> dict[str, Metric]:
    """Scores by name for these classes; of two, those of the second one too.

    Micro averages are left out: with one class a row they are all the accuracy.
    """
    averages: dict[str, Metric] = {
        "balanced accuracy": BalancedAccuracy(),
        "f1 macro": F1(average="macro"),
        "precision macro": Precision(average="macro"),
        "recall macro": Recall(average="macro"),
        "f1 weighted": F1(average="weighted"),
        "precision weighted": Precision(average="weighted"),
    }
    certainty: dict[str, Metric] = {
        "log loss": LogLoss(),
        "brier": Brier(),
        "ece": ExpectedCalibrationError(),
    }
    ranking: dict[str, Metric] = {"auc": RocAuc(), "pr auc": PrAuc()}
    if len(labels) > 2:
        return {"accuracy": Accuracy(), **averages, **ranking, **certainty}
    label = labels[1]
    of_second: dict[str, Metric] = {
        f"precision ({label})": Precision(average="class", positive=1),
        f"recall ({label})": Recall(average="class", positive=1),
    }
    return {
        "auc": RocAuc(),
        "accuracy": Accuracy(),
        f"f1 ({label})": F1(average="class", positive=1),
        "pr auc": PrAuc(),
        **of_second,
        **averages,
        **certainty,
    }
