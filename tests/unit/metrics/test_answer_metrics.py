"""Exact match and F1 of answers, against the sentences of SQuAD's evaluation."""

from __future__ import annotations

import re
import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonde.metrics._answers import word_numbers
from sonde.metrics.answer_f1 import AnswerF1
from sonde.metrics.exact_match import ExactMatch
from sonde.tasks._answer_rows import true_texts

TEXTS = st.one_of(
    st.sampled_from(["", "the", "The red car", "red car.", "a red  CAR", "an old", "我 爱"]),
    st.text("ab the.,AN é我🎈", max_size=12),
)


def reference_words(text: str) -> list[str]:
    lowered = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", lowered).split()


def reference_f1(said: str, true: str) -> float:
    said_words, true_words = reference_words(said), reference_words(true)
    common = sum((Counter(said_words) & Counter(true_words)).values())
    if not said_words or not true_words:
        return float(said_words == true_words)
    if common == 0:
        return 0.0
    precision, recall = common / len(said_words), common / len(true_words)
    return 2 * precision * recall / (precision + recall)


def reference(said: list[str], true: list[list[str]], *, exact: bool) -> list[float]:
    scores = []
    for one, answers in zip(said, true, strict=True):
        known = [answer for answer in answers if reference_words(answer)] or [""]
        if exact:
            scores.append(max(float(reference_words(one) == reference_words(a)) for a in known))
        else:
            scores.append(max(reference_f1(one, answer) for answer in known))
    return scores


@given(st.lists(st.tuples(TEXTS, st.booleans(), st.lists(TEXTS, max_size=3)), min_size=1,
                max_size=8))  # fmt: skip
def test_they_equal_the_official_scores(rows: list[tuple[str, bool, list[str]]]) -> None:
    texts = [said for said, _, _ in rows]
    says = np.array([given for _, given, _ in rows])
    answers = [list(true) for _, _, true in rows]
    predicted, truth = {"words": word_numbers(texts), "says": says}, true_texts(answers)
    said = [text if given else "" for text, given in zip(texts, says, strict=True)]
    there = np.array([len(true) > 0 for true in answers])
    for metric, exact in ((AnswerF1, False), (ExactMatch, True)):
        overall = np.mean(reference(said, answers, exact=exact))
        assert metric().score(predicted, truth) == pytest.approx(overall, abs=1e-6)
        if there.any():
            alone = np.array(reference(texts, answers, exact=exact))[there].mean()
            found = metric(rows="answerable").score(predicted, truth)
            assert found == pytest.approx(alone, abs=1e-6)


def test_the_nearest_of_several_answers_counts() -> None:
    predicted = {"words": word_numbers(["the red car"]), "says": np.array([1])}
    truth = true_texts([["a house", "red car!", "car"]])
    assert ExactMatch().score(predicted, truth) == 1.0


def test_where_no_row_has_an_answer_there_is_no_score_of_those() -> None:
    predicted = {"words": word_numbers(["x", "y"]), "says": np.array([0, 1])}
    truth = true_texts([[], []])
    assert np.isnan(AnswerF1(rows="answerable").score(predicted, truth))
    assert AnswerF1().score(predicted, truth) == 0.5
