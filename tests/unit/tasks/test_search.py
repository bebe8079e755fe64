"""Beam search over networks whose every probability is planted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sonde.core.batch import Batch, tensor_of
from sonde.core.port import END, START, TOKENS
from sonde.tasks._search import length_factor, sayable, search, until_end

A, B, C = TOKENS, TOKENS + 1, TOKENS + 2
SIZE = TOKENS + 3


class Planted:
    """Says what a table says: (row's kind, words so far) -> probabilities of what follows."""

    def __init__(self, table: dict[tuple[int, ...], dict[int, float]]) -> None:
        self.table = table
        self.calls = 0
        self.rows = 0

    def start(self, inputs: Batch) -> Batch:
        kinds = tensor_of(inputs, "kind")
        return {"kind": kinds, "inner": {"said": torch.empty(len(kinds), 0, dtype=torch.int64)}}

    def next(self, state: Batch, tokens: Tensor) -> tuple[Tensor, Batch]:
        self.calls += 1
        self.rows += len(tokens)
        inner = state["inner"]
        assert isinstance(inner, dict)
        said = torch.cat([tensor_of(inner, "said"), tokens[:, None]], dim=1)
        logits = torch.full((len(tokens), SIZE), -math.inf)
        for at, (kind, words) in enumerate(
            zip(tensor_of(state, "kind").tolist(), said.tolist(), strict=True)
        ):
            assert words[0] == START
            follows = self.table.get((kind, *words[1:]), {END: 1.0})
            for word, probability in follows.items():
                logits[at, word] = math.log(probability)
        return logits, {**state, "inner": {"said": said}}


GARDEN_PATH = Planted(
    {
        (0,): {A: 0.6, B: 0.4},
        (0, A): {A: 0.35, B: 0.33, C: 0.32},  # whatever follows, no more than 0.21 is left
        (0, B): {C: 1.0},  # 0.4
        (1,): {C: 0.9, END: 0.1},
        (1, C): {END: 0.8, A: 0.2},
    }
)


def kinds(*numbers: int) -> Batch:
    return {"kind": torch.tensor(numbers)}


def longest(*words: int) -> Tensor:
    return torch.tensor(words)


def said(found_words: Tensor, lengths: Tensor) -> list[int]:
    return found_words[: int(lengths)].tolist()


def test_a_beam_finds_what_greed_misses() -> None:
    inputs, most = kinds(0), longest(5)
    greedy = search(GARDEN_PATH, inputs, most)
    assert said(greedy.words[0, 0], greedy.lengths[0, 0]) == [A, A]
    assert greedy.log_probs[0, 0].exp() == pytest.approx(0.21)
    wide = search(GARDEN_PATH, inputs, most, beam=2)
    assert said(wide.words[0, 0], wide.lengths[0, 0]) == [B, C]
    assert wide.log_probs[0, 0].exp() == pytest.approx(0.4)
    assert wide.scores[0, 0] > wide.scores[0, 1]


def test_rows_do_not_disturb_one_another() -> None:
    together = search(GARDEN_PATH, kinds(1, 0, 1), longest(5, 5, 5), beam=2)
    for row, kind in enumerate((1, 0, 1)):
        alone = search(GARDEN_PATH, kinds(kind), longest(5), beam=2)
        for rank in range(2):
            assert said(together.words[row, rank], together.lengths[row, rank]) == said(
                alone.words[0, rank], alone.lengths[0, rank]
            )
        torch.testing.assert_close(together.scores[row], alone.scores[0])


class Chatty:
    """A network with weights of its own, drawn once, that seldom ends."""

    def __init__(self, ending: float = -1.0) -> None:
        generator = torch.Generator().manual_seed(3)
        self.words = torch.randn(SIZE, SIZE, generator=generator) * 2
        self.ending = ending
        self.calls = 0

    def start(self, inputs: Batch) -> Batch:
        return {"own": tensor_of(inputs, "kind").float()[:, None].expand(-1, SIZE)}

    def next(self, state: Batch, tokens: Tensor) -> tuple[Tensor, Batch]:
        self.calls += 1
        own = torch.tanh(tensor_of(state, "own") * 1.3 + self.words[tokens])
        logits = own @ self.words
        logits[:, END] = self.ending
        return logits, {"own": own}


def greedy(model: Chatty, inputs: Batch, most: int) -> list[int]:
    """One row, the likeliest word each time."""
    state, word, words = model.start(inputs), START, []
    while len(words) < most:
        logits, state = model.next(state, torch.tensor([word]))
        word = int(sayable(logits)[0].argmax())
        if word == END:
            break
        words.append(word)
    return words


@pytest.mark.parametrize("ending", [-2.0, 3.0, 8.0])
def test_a_beam_of_one_is_greedy(ending: float) -> None:
    numbers = [-3, -1, 0, 2, 4, 7]
    most = [9, 4, 0, 9, 1, 6]
    found = search(Chatty(ending), kinds(*numbers), longest(*most))
    for row, (number, limit) in enumerate(zip(numbers, most, strict=True)):
        wanted = greedy(Chatty(ending), kinds(number), limit)
        assert said(found.words[row, 0], found.lengths[row, 0]) == wanted


@pytest.mark.parametrize("beam", [1, 3])
def test_a_word_costs_one_call_however_long_the_text(beam: int) -> None:
    for most in (4, 8, 16, 32):
        model = Chatty(ending=-50.0)
        found = search(model, kinds(1, 2), longest(most, most), beam=beam)
        assert model.calls == most + 1  # its end is a word too
        assert (found.lengths == most).all()


def test_rows_that_have_ended_cost_no_more() -> None:
    model = Planted({(0,): {END: 1.0}, **{(1, *[A] * n): {A: 1.0} for n in range(9)}})
    search(model, kinds(0, 0, 0, 1), longest(9, 9, 9, 9))
    assert model.calls == 10 and model.rows == 4 + 9


def test_the_score_is_eq_14() -> None:
    """((5 + |Y|) / 6)^power, with the end counted in |Y|."""
    found = search(GARDEN_PATH, kinds(0), longest(5), beam=2, length_penalty=0.7)
    wanted = math.log(0.4) / ((5 + 3) / 6) ** 0.7
    assert found.scores[0, 0] == pytest.approx(wanted)
    assert length_factor(1, 0.7) == 1


def test_length_penalty_takes_longer_ones() -> None:
    model = Planted({(0,): {END: 0.5, A: 0.5}, **{(0, *[A] * n): {A: 0.98, END: 0.02}
                                                 for n in range(1, 6)}})  # fmt: skip
    short = search(model, kinds(0), longest(6), beam=3)
    long = search(model, kinds(0), longest(6), beam=3, length_penalty=2.0)
    assert short.lengths[0, 0] == 0
    assert long.lengths[0, 0] > 0


def test_fewer_sequences_than_the_beam() -> None:
    found = search(Planted({(0,): {A: 1.0}}), kinds(0), longest(5), beam=4)
    assert said(found.words[0, 0], found.lengths[0, 0]) == [A]
    assert found.log_probs[0].isfinite().tolist() == [True, False, False, False]


def test_no_rows_are_no_answers() -> None:
    found = search(Chatty(), {"kind": torch.empty(0)}, torch.empty(0, dtype=torch.int64), beam=2)
    assert found.words.shape[:2] == (0, 2)


def test_reserved_words_are_never_said() -> None:
    logits = torch.zeros(2, SIZE)
    assert sayable(logits)[0].isfinite().nonzero().flatten().tolist() == [END, A, B, C]


def test_what_follows_the_first_end_is_nothing() -> None:
    words = torch.tensor([[A, B, END, A, END], [END, A, A, A, A], [A, A, A, A, A]])
    assert until_end(words).tolist() == [2, 0, 5]
