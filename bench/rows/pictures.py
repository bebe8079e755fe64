"""Pictures, alone and beside a table."""

from __future__ import annotations

from bench._row import ACCURACY, AREA, PART, Row

ROWS = (
    Row(
        name="mnist-cnn",
        what="mnist, the article's CNN, 5 epochs: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="LeNet-5 99.05 %, Keras example about 99 %",
        must=99.0,
    ),
    Row(
        name="cifar10-resnet",
        what="cifar-10-jpeg, a residual network of 1.2 million weights: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="ResNet-20 91.25 % (original pixels, 64,000 steps)",
        must=82.0,
    ),
    Row(
        name="cifar10-textbook",
        what="cifar-10-jpeg, the textbook's two convolutions, 10 epochs: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
    ),
    Row(
        name="gtsrb",
        what="gtsrb-32, one frame in fifteen, validation by track: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="LDA on HOG 95.68 %, CNN 98.31 % (on all frames)",
        must=95.0,
    ),
    Row(
        name="pneumoniamnist",
        what="pneumoniamnist, given parts: AUC",
        score="auc",
        unit=AREA,
        published="ResNet-18 0.944",
        must=0.94,
    ),
    Row(
        name="houses-table",
        what="houses, the table alone, 5 folds: MAPE",
        score="mape",
        unit=PART,
        published="about 22 % (75/25)",
        must=24.0,
        how="cross_validate",
    ),
    Row(
        name="houses-both",
        what="houses, the table and four photographs, 5 folds: MAPE",
        score="mape",
        unit=PART,
        published="about 25 % (75/25)",
        how="cross_validate",
        told={"mape": "MAPE"},
        beside="houses-table",
    ),
)
