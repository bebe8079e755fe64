"""Text and short series."""

from __future__ import annotations

from typing import Literal

from bench._row import ACCURACY, AREA, BLEU, NATS, Row


def _others(
    name: str,
    *,
    must: float,
    how: Literal["fit", "cross_validate"] = "fit",
    recurrent: str = "lstm",
) -> list[Row]:
    """The same sentences read by recurrent layers, and by attention."""
    read = {recurrent: "LSTM in both directions", "attention": "attention over states"}
    return [
        Row(
            name=f"{name}-{kind}",
            what=f"the same, {words}: accuracy",
            score="accuracy",
            unit=ACCURACY,
            published="",
            must=must,
            how=how,
        )
        for kind, words in read.items()
    ]


ROWS = (
    Row(
        name="mr",
        what="reviews of films (MR), kernels over words, 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="75.9 %, random vectors",
        must=75.4,
        how="cross_validate",
    ),
    *_others("mr", must=74.4, how="cross_validate"),
    Row(
        name="trec",
        what="questions by what they ask for (TREC), given test part: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="88.2 %",
        must=87.7,
    ),
    *_others("trec", must=86.7, recurrent="bilstm"),
    Row(
        name="trec-lstm",
        what="the same, the textbook's LSTM of 64 units: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
    ),
    Row(
        name="subj",
        what="subjective or not (Subj), 10 folds: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="89.2 %",
        must=88.7,
        how="cross_validate",
    ),
    *_others("subj", must=87.7, how="cross_validate"),
    Row(
        name="sst2",
        what="reviews of films (SST-2), sentences alone: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="83.5 %, taught by phrases too",
        must=79.0,
    ),
    *_others("sst2", must=78.0),
    Row(
        name="names",
        what="names by nationality, letter by letter: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
        rival="n-gram logistic regression",
        told={"accuracy": "accuracy"},
    ),
    Row(
        name="numbers-rnn",
        what="heart beats (ECG200), two simple recurrent layers: accuracy",
        score="accuracy",
        unit=ACCURACY,
        published="",
    ),
    Row(
        name="multi30k-en-de",
        what="multi30k, English to German, test 2016: BLEU, detokenised, cased",
        score="bleu",
        unit=BLEU,
        published="41 tokenised, lower-cased (Wu et al. 2021)",
        must=31.0,
    ),
    Row(
        name="multi30k-en-de-gru",
        what="the same, recurrent: BLEU",
        score="bleu",
        unit=BLEU,
        published="28 from German, other tokenisation",
    ),
    Row(
        name="multi30k-en-fr",
        what="multi30k, English to French, test 2016: BLEU",
        score="bleu",
        unit=BLEU,
        published="",
    ),
    Row(
        name="multi30k-de-en",
        what="multi30k, German to English, test 2016: BLEU",
        score="bleu",
        unit=BLEU,
        published="36.5, other tokenisation",
    ),
    *(
        Row(
            name=f"subjqa-{domain}",
            what=f"questions about {domain} (subjqa): AUC of answerability",
            score="auc",
            unit=AREA,
            published="",
            must=0.6,
            also={"f1 (answerable)": 0.2},
            told={"auc": "AUC of answerability", "f1": "F1 over all questions"},
        )
        for domain in ("electronics", "grocery", "restaurants", "tripadvisor")
    ),
    Row(
        name="shakespeare",
        what="tinyshakespeare, last tenth: nats per character",
        score="nats",
        unit=NATS,
        published="1.88 (0.8 M weights), 1.47 (10.7 M), nanoGPT",
        must=1.85,
    ),
)
