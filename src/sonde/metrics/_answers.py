"""Answers that are texts, as numbers: bags of words by row, and how far two of them agree.

Rajpurkar, Zhang, Lopyrev, Liang, "SQuAD: 100,000+ Questions for Machine Comprehension of Text",
2016, arXiv:1606.05250, section 6.1, with the normalisation of its official evaluation: lower case,
without punctuation, without a, an, the. A row without an answer has no words, and an answer without
words agrees with it alone (Rajpurkar, Jia, Liang 2018, arXiv:1806.03822, section 5.1).
"""

from __future__ import annotations

import hashlib
import re
import string
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from sonde.contracts.metric import Arrays, Bounds
from sonde.metrics._mean import RowMean

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLE = re.compile(r"\b(a|an|the)\b")


def answer_words(text: str) -> list[str]:
    """The words of a text that count."""
    return _ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def word_numbers(texts: Sequence[str]) -> np.ndarray:
    """(N,) texts -> (N, W) int64 above 0, a number for each word that counts; 0 beyond the last."""
    numbers = [[_number(word) for word in answer_words(text)] for text in texts]
    out = np.zeros((len(texts), max(map(len, numbers), default=0)), np.int64)
    for row, own in enumerate(numbers):
        out[row, : len(own)] = own
    return out


def _number(word: str) -> int:
    """The word's hash in [1, 2**62]."""
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 2) + 1


def overlap(said: Sequence[int], true: Sequence[int]) -> float:
    """The harmonic mean of the shares of words said rightly and of true words said, in [0, 1]."""
    if not said or not true:
        return float(len(said) == len(true))
    common = sum((Counter(said) & Counter(true)).values())
    return 2 * common / (len(said) + len(true))


class AnswerMetric(RowMean):
    """The best agreement of what is said with any of a row's true answers, in [0, 1].

    predicted: {"words": (N, W) int64, of the likeliest answer; "says": (N,) whether one is given}.
    truth: {"words": (N, A, W) int64, those of each true answer; "index": (N,) 1 where there is an
    answer}. Beyond the last word stands 0.
    """

    bounds: ClassVar[Bounds] = (0.0, 1.0)
    meets_bounds: ClassVar[bool] = True

    rows: Literal["all", "answerable"] = "all"
    """All rows, where saying nothing is right if there is no answer; or those alone that have one,
    and the likeliest answer, given or not."""

    @abstractmethod
    def agreement(self, said: list[int], true: list[int]) -> float:
        """Of two answers, in [0, 1]."""

    def of_rows(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N,) float64."""
        given = np.asarray(predicted["says"], bool) | (self.rows == "answerable")
        said = np.where(given[:, None], predicted["words"], 0)
        pairs = zip(said, truth["words"], strict=True)
        best = [self._best(_words(one), true) for one, true in pairs]
        return np.array(best, np.float64)

    def terms(self, predicted: Arrays, truth: Arrays) -> np.ndarray:
        """(N, 2): the row's number, and 1; zeros where it does not count."""
        counts = (truth["index"] == 1) | (self.rows == "all")
        terms: np.ndarray = super().terms(predicted, truth) * counts[:, None]
        return terms

    def _best(self, said: list[int], answers: np.ndarray) -> float:
        known = [words for words in map(_words, answers) if words]
        return max(self.agreement(said, words) for words in known or [[]])


def _words(numbers: np.ndarray) -> list[int]:
    found: list[int] = numbers[numbers != 0].tolist()
    return found
