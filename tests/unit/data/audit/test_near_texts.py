from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from sonde.data.audit.near_texts import near_texts


@pytest.fixture(scope="module")
def reviews(shared_data: Path) -> list[str]:
    """Sentences of film reviews, none of them twice."""
    folder = shared_data / "sentence-classification"
    lines = [gzip.decompress(path.read_bytes()).decode("latin-1").splitlines()
             for path in sorted(folder.glob("rt-polarity.*"))]  # fmt: skip
    return sorted({line.strip() for part in lines for line in part if len(line) > 80})[:4000]


def test_texts_with_a_word_changed_are_found(reviews: list[str]) -> None:
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(reviews), 200, replace=False)
    planted = []
    for at in chosen:
        words = reviews[at].upper().split()
        words[int(rng.integers(len(words)))] = "it"
        planted.append("  ".join(words))
    texts = reviews + planted
    pairs = near_texts(texts, (np.arange(len(texts)) >= len(reviews)).astype(int))
    likest_last = pairs[::-1]
    found = {int(copy) - len(reviews): int(of) for of, copy in likest_last}
    right = [found.get(at) == of for at, of in enumerate(chosen)]
    assert np.mean(right) >= 0.95
    assert len(found) <= 1.05 * len(chosen)


def test_resemblance_is_the_share_of_common_shingles() -> None:
    """one end changed leaves 16 of 18 shingles, both 15 of 19, the middle 12 of 22."""
    one = "abcdefghijklmnopqrstu"
    assert near_texts([one, one[:-1] + "!"], np.array([0, 1])).tolist() == [[0, 1]]
    assert near_texts([one, "!" + one[1:-1] + "!"], np.array([0, 1])).tolist() == [[0, 1]]
    assert near_texts([one, one[:10] + "!" + one[11:]], np.array([0, 1])).tolist() == []
    assert near_texts([one, one], np.array([1, 1])).tolist() == []
    assert near_texts(["short", "short"], np.array([0, 1])).tolist() == []
