"""Tables."""

from __future__ import annotations

from bench._row import ACCURACY, AREA, DOLLARS, ERROR, Row

ROWS = (
    Row(
        name="wdbc-logistic",
        what="breast-cancer-wdbc, logistic regression, 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="97.5 % (repeated 10-fold)",
        must=97.0,
        how="cross_validate",
    ),
    Row(
        name="california-linear",
        what="california-housing, linear regression, 80/20: RMSE",
        score="rmse",
        unit=DOLLARS,
        published="69,052 $ (linear, 10-fold)",
        tolerance=0.005,
    ),
    Row(
        name="california-deep",
        what="california-housing, deep regression, 80/20: RMSE",
        score="rmse",
        unit=DOLLARS,
        published="random forest 52,583 $, boosted trees about 47,000 $",
        must=46_000,
    ),
    Row(
        name="adult",
        what="adult, given test part: error",
        score="accuracy",
        unit=ERROR,
        published="NBTree 14.10 %, MLP 14.8 %, boosted trees 12.7 %",
        must=13.6,
    ),
    Row(
        name="german-credit",
        what="german-credit, 10 folds: AUC",
        score="auc",
        unit=AREA,
        published="good models about 0.79",
        must=0.78,
        how="cross_validate",
    ),
    Row(
        name="credit-card-default",
        what="credit-card-default, 80/20: AUC",
        score="auc",
        unit=AREA,
        published="boosted trees about 0.78",
        must=0.775,
    ),
    Row(
        name="insurance-fraud",
        what="insurance-fraud, 5 folds: PR AUC",
        score="pr auc",
        unit=AREA,
        published="none; 0.247 by chance",
        how="cross_validate",
        told={"pr auc": "PR AUC", "f1 (YES)": "F1"},
    ),
    Row(
        name="heart-disease",
        what="heart-disease, 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="logistic regression 77 %, NTgrowth 77.0 %, CLASSIT 78.9 %",
        must=80.0,
        how="cross_validate",
    ),
)
