"""BLEU and chrF are sacrebleu's, and made of sums over rows."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.metric import Arrays
from sonde.metrics import bleu, chrf

sacrebleu = pytest.importorskip("sacrebleu", reason="sacrebleu is not installed")

GERMAN = [
    ("Ein Mann fährt Fahrrad.", "Ein Mann fährt auf einem Fahrrad."),
    ("Zwei Hunde spielen im Schnee .", "Zwei Hunde spielen im Schnee."),
    ("Eine Frau", "Eine Frau in Rot liest ein Buch im Park."),
    ("Kinder spielen Fußball, draußen, auf einer Wiese!", "Kinder spielen draußen Fußball."),
]
CASES: dict[str, list[tuple[str, str]]] = {
    "usual": GERMAN,
    "equal": [(b, b) for _, b in GERMAN],
    "an empty translation": [*GERMAN, ("", "Ein Boot liegt am Ufer.")],
    "nothing but empty translations": [("", "Ein Boot liegt am Ufer."), ("", "Ja.")],
    "an empty reference": [*GERMAN, ("Ein Boot.", "")],
    "nothing in common": [("xyz uvw", "Ein Boot liegt am Ufer.")],
    "no phrase of two words in common": [("Ufer am liegt Boot Ein", "Ein Boot, liegt am, Ufer.")],
    "shorter than four words": [("Ein Boot", "Ein Boot")],
    "longer than asked for": [("Ein Boot liegt am Ufer. " * 3, "Ein Boot liegt am Ufer.")],
    "other scripts": [
        ("我喜欢红色的船 🚤", "我喜欢 那只红色的船 🚤"),
        ("مرحبا بالعالم", "مرحبا العالم"),
    ],
    "spaces of all kinds": [("Ein\u00a0Boot \t liegt\n am Ufer ", " Ein Boot  liegt am Ufer")],
}


def parted(pairs: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [text for text, _ in pairs], [reference for _, reference in pairs]


@pytest.mark.parametrize("pairs", CASES.values(), ids=list(CASES))
@pytest.mark.parametrize("words", ["13a", "intl", "zh", "char", "none"])
def test_bleu_is_that_of_sacrebleu(pairs: list[tuple[str, str]], words: bleu.Words) -> None:
    texts, references = parted(pairs)
    wanted = sacrebleu.corpus_bleu(texts, [references], tokenize=words).score
    assert bleu.Bleu().score(*bleu.counted(texts, references, words)) == pytest.approx(
        wanted, abs=1e-6
    )


@pytest.mark.parametrize("pairs", CASES.values(), ids=list(CASES))
def test_chrf_is_that_of_sacrebleu(pairs: list[tuple[str, str]]) -> None:
    texts, references = parted(pairs)
    wanted = sacrebleu.corpus_chrf(texts, [references]).score
    predicted, truth = chrf.counted(texts, references)
    assert chrf.Chrf().score(predicted, truth) == pytest.approx(wanted, abs=1e-6)
    alone = [sacrebleu.sentence_chrf(text, [reference]).score for text, reference in pairs]
    assert chrf.of_rows(predicted, truth) == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("count", [bleu.counted, chrf.counted])
def test_a_resample_is_scored_from_counts_alone(count: object) -> None:
    texts, references = parted(GERMAN)
    predicted, truth = count(texts, references)  # type: ignore[operator]
    metric = bleu.Bleu() if count is bleu.counted else chrf.Chrf()
    drawn = [2, 2, 0, 1]
    again = count([texts[at] for at in drawn], [references[at] for at in drawn])  # type: ignore[operator]
    counts = np.bincount(drawn, minlength=4).astype(float)
    assert metric.score(predicted, truth, counts) == pytest.approx(metric.score(*again))


def test_no_rows_have_no_score() -> None:
    empty: tuple[Arrays, Arrays] = bleu.counted([], [])
    assert np.isnan(bleu.Bleu().score(*empty))
    assert np.isnan(chrf.Chrf().score(*chrf.counted([], [])))
