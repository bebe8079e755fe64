"""Writing: what a text costs, how the next word is chosen, and a rival that counts."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from sonde.contracts.task import Design
from sonde.core.batch import Batch, Padded, as_arrays
from sonde.core.errors import UnknownColumn, UsageError
from sonde.core.notice import listening
from sonde.core.port import END, PAD, PRESENT, START, TOKENS, UNKNOWN
from sonde.data.batches import batch_of
from sonde.data.columns.number import Number
from sonde.data.columns.text import Text
from sonde.tasks._counted import Counted
from sonde.tasks._sampling import Choice, chances, chances_of, drawn, go_on
from sonde.tasks.write import Write

TEXTS = ["abab", "ba", "", "aabba"]


def column(texts: list[str] | None = None) -> Text:
    made = Text(tokens="characters", at_least=1).named("text")
    return made.fit([rows(texts or TEXTS)])


def rows(texts: list[str | None] | list[str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.string())})


def bound(**options: object) -> Write:
    return Write.parse(options).bind({"text": column()})


def encoded(texts: list[str | None] | list[str]) -> Batch:
    return batch_of({"text": column().encode(rows(texts))})


def scores(targets: Batch, seed: int = 0) -> Tensor:
    asked = targets["words"]
    assert isinstance(asked, Tensor)
    size = column().port.size or 0
    return torch.randn((*asked.shape, size), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("ends", [True, False])
def test_words_are_asked_for_after_those_before_them(ends: bool) -> None:
    task = bound(ends=ends)
    a, b = TOKENS, TOKENS + 1  # of equally common letters the first comes first
    inputs, targets = task.arrange(encoded(TEXTS), True, None)
    given = inputs["text"]
    assert isinstance(given, Padded)
    assert given.values[0].tolist()[:4] == [START, a, b, a]
    tail = [END] if ends else []
    assert given.lengths.tolist() == ([5, 3, 1, 6] if ends else [4, 2, 1, 5])
    asked, counts = (as_arrays(targets)[name] for name in ("words", "counts"))
    assert [row[:n].astype(int).tolist() for row, n in zip(asked, [4, 2, 0, 5], strict=True)] == [
        [a, b, a, b], [b, a], [], [a, a, b, b, a],
    ]  # fmt: skip
    for row, length in enumerate([4, 2, 0, 5]):
        assert asked[row, length:].tolist() == tail + [PAD] * (asked.shape[1] - length - len(tail))
    assert counts.sum(axis=1).tolist() == ([5, 3, 1, 6] if ends else [4, 2, 0, 5])


def test_a_missing_text_teaches_nothing() -> None:
    task, batch = bound(), encoded(["ab", None])
    assert PRESENT + "text" in batch
    _, targets = task.arrange(batch, True, None)
    assert as_arrays(targets)["counts"].sum(axis=1).tolist() == [3, 0]


@pytest.mark.parametrize("ends", [True, False])
def test_scores_agree_with_a_loop_over_all_words(ends: bool) -> None:
    """Nats, perplexity and bits per character against a plain reference in float64."""
    task = bound(ends=ends)
    inputs, targets = task.arrange(encoded(TEXTS), False, None)
    raw = scores(targets)
    total, count = 0.0, 0
    places = {letter: TOKENS + at for at, letter in enumerate("ab")}
    for row, text in enumerate(TEXTS):
        said = [places[letter] for letter in text] + ([END] if ends else [])
        for place, word in enumerate(said):
            row_scores = [float(score) for score in raw[row, place]]
            total -= row_scores[word] - math.log(sum(math.exp(s) for s in row_scores))
            count += 1
    answer, truth = task.noted({"text": raw}, targets)
    assert truth == {}
    predicted = task.predicted(as_arrays(answer))
    known = {"characters": np.array([len(text) for text in TEXTS])}
    found = {name: metric.score(predicted, known) for name, metric in task.metrics().items()}
    assert found["nats"] == pytest.approx(total / count, abs=1e-6)
    assert found["perplexity"] == pytest.approx(math.exp(total / count), rel=1e-6)
    letters = sum(map(len, TEXTS))
    assert found["bits per character"] == pytest.approx(total / math.log(2) / letters, abs=1e-6)
    loss = task.loss({"text": raw}, targets)
    assert float(loss.sums.sum() / loss.weights.sum()) == pytest.approx(total / count, abs=1e-6)
    assert inputs["text"].values.shape == targets["words"].shape  # type: ignore[union-attr]


def test_bits_of_characters_are_nats_by_ln_2_where_ends_cost_nothing() -> None:
    task = bound(ends=False)
    _, targets = task.arrange(encoded(TEXTS), False, None)
    predicted = as_arrays(task.noted({"text": scores(targets)}, targets)[0])
    known = {"characters": np.array([len(text) for text in TEXTS])}
    metrics = task.metrics()
    nats = metrics["nats"].score(predicted, known)
    assert metrics["bits per character"].score(predicted, known) == pytest.approx(
        nats / math.log(2)
    )


def test_unknown_words_are_counted() -> None:
    task = bound(ends=False)
    _, targets = task.arrange(encoded(["abz?", "zz"]), False, None)
    predicted = as_arrays(task.noted({"text": scores(targets)}, targets)[0])
    assert predicted["unknown"].tolist() == [2, 2]


LOGITS = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, [0.5, 0.3, 0.15, 0.05]),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"temperature": 0.5}, [0.25 / 0.365, 0.09 / 0.365, 0.0225 / 0.365, 0.0025 / 0.365]),
        ({"top_k": 2}, [0.625, 0.375, 0, 0]),
        ({"top_k": 9}, [0.5, 0.3, 0.15, 0.05]),
        ({"top_p": 0.5}, [1, 0, 0, 0]),
        ({"top_p": 0.6}, [0.625, 0.375, 0, 0]),
        ({"top_p": 0.81}, [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0]),
        ({"top_p": 1.0}, [0.5, 0.3, 0.15, 0.05]),
        ({"top_k": 3, "top_p": 0.8}, [0.625, 0.375, 0, 0]),
    ],
)
def test_chances_are_those_worked_out_by_hand(
    choice: dict[str, float], expected: list[float]
) -> None:
    """With top_k 3 the rest has 0.526, 0.316, 0.158, of which two reach 0.8."""
    found = chances(LOGITS[:, [3, 0, 2, 1]], Choice.parse(choice))
    wanted = torch.tensor([expected], dtype=torch.float64)[:, [3, 0, 2, 1]]
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-9)


def test_a_word_is_drawn_where_the_sum_passes_the_chance() -> None:
    probability = torch.tensor([0.0, 0.25, 0.0, 0.75, 0.0], dtype=torch.float64).expand(5, 5)
    chance = torch.tensor([0.0, 0.2499, 0.25, 0.9, 1 - 1e-17], dtype=torch.float64)
    assert drawn(probability, chance).tolist() == [1, 1, 3, 3, 3]


def test_many_draws_come_as_often_as_they_should() -> None:
    chance = torch.from_numpy(chances_of(0, [0], 20_000)[0])
    probability = chances(LOGITS, Choice(top_k=3)).expand(20_000, 4)
    often = torch.bincount(drawn(probability, chance), minlength=4) / 20_000
    torch.testing.assert_close(often.double(), probability[0], atol=0.02, rtol=0)
    assert often[3] == 0


class Says(torch.nn.Module):
    """Each text's next words are written down: `Incremental` over a list."""

    def __init__(self, texts: list[list[int]]) -> None:
        super().__init__()
        self.texts = torch.tensor(texts)
        self.asked = 0

    def start(self, inputs: Batch) -> Batch:
        return {"at": torch.zeros(len(self.texts), dtype=torch.int64)}

    def next(self, state: Batch, tokens: Tensor) -> tuple[Tensor, Batch]:
        self.asked += 1
        at = state["at"]
        assert isinstance(at, Tensor)
        found = torch.full((len(at), 9), -50.0)
        words = self.texts.gather(1, at[:, None].clamp(max=self.texts.shape[1] - 1))
        found.scatter_(1, words, 0.0)
        found[:, UNKNOWN] = 90.0  # must never be said
        return found, {"at": at + 1}


def test_writing_ends_with_the_text_and_asks_once_a_word() -> None:
    model = Says([[5, 6, END, 7], [8, END, 7, 7], [END, 5, 5, 5]])
    choice = Choice(temperature=0, longest=10)
    start = torch.full((3,), START)
    said, lengths = go_on(
        model, model.start({}), start, choice, ends=True, chance=np.zeros((3, 10))
    )
    assert said.tolist() == [[5, 6], [8, 0], [0, 0]] and lengths.tolist() == [2, 1, 0]
    assert model.asked == 3
    model.asked = 0
    said, lengths = go_on(
        model, model.start({}), start, choice, ends=False, chance=np.zeros((3, 10))
    )
    assert model.asked == 10 and lengths.tolist() == [10, 10, 10]
    assert (said >= TOKENS).all()


def test_chances_of_a_text_are_its_own() -> None:
    together, alone = chances_of(3, range(4), 5), chances_of(3, [2], 5)
    assert np.array_equal(together[2], alone[0])
    assert not np.array_equal(chances_of(4, [2], 5), alone)
    assert np.array_equal(chances_of(3, [2], 9)[:, :5], alone)  # longer texts begin alike


@pytest.mark.parametrize("ends", [True, False])
def test_the_counting_rival_agrees_with_a_loop(ends: bool) -> None:
    """Absolute discounting, interpolated, written once more over dictionaries."""
    training, asked = ["abab", "ba", "aab", "b"], ["abba", "", "bz"]
    fitted = column(training)
    found = Counted(fitted, ends)(design(training), design(asked), 0)
    size, highest = fitted.port.size or 0, Counted(fitted, ends).highest

    def steps(text: str) -> list[int]:
        made = fitted.encode(rows([text])).values.tolist()
        return [START] * (highest - 1) + made + ([END] if ends else [])

    grams: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(highest + 1)]
    for text in training:
        line = steps(text)
        for at in range(highest - 1, len(line)):
            for n in range(1, highest + 1):
                grams[n][tuple(line[at - n + 1 : at + 1])] += 1

    def probability(gram: tuple[int, ...]) -> float:
        n = len(gram)
        if n == 0:
            return 1 / size
        below = probability(gram[1:]) if n > 1 else 1 / size
        ways = {g: c for g, c in grams[n].items() if g[:-1] == gram[:-1]}
        if not ways:
            return below
        once, twice = (sum(c == t for c in grams[n].values()) for t in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.5
        total = sum(ways.values())
        return max(ways.get(gram, 0) - discount, 0) / total + discount * len(ways) / total * below

    for row, text in enumerate(asked):
        line = steps(text)
        nats = [
            -math.log(probability(tuple(line[at - highest + 1 : at + 1])))
            for at in range(highest - 1, len(line))
        ]
        assert found["nats"][row] == pytest.approx(sum(nats), rel=1e-9)
        assert found["words"][row] == len(nats)
    assert found["unknown"].tolist() == [0, 0, 1]


def design(texts: list[str]) -> Design:
    empty = np.zeros((len(texts), 1), np.float32)
    return Design(empty, np.zeros(1, bool), {}, {"text": texts})


def test_one_text_is_written_and_others_are_told() -> None:
    age = Number().named("age").fit([pa.RecordBatch.from_pydict({"age": [1.0, 2.0]})])
    told: list[str] = []
    with listening(lambda message, *_: told.append(message)):
        task = Write().bind({"text": column(), "age": age})
    assert told == ["not used: age; the task write reads 'text' alone"]
    assert list(task.inputs) == ["text"]
    with pytest.raises(UsageError, match=r"there are 2 columns of texts.*Say {2}text: text"):
        Write().bind({"text": column(), "other": column().named("other")})
    with pytest.raises(UsageError, match="there are 0 columns of texts"):
        Write().bind({"age": age})
    with pytest.raises(UnknownColumn, match="txt"):
        Write(text="txt").bind({"text": column()})
    with pytest.raises(UsageError, match="of kind 'number', expected a text"):
        Write(text="age").bind({"text": column(), "age": age})
