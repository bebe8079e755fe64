"""Stacks of attention: what they may look at, and that step by step is the same as at once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sonde.contracts.model import Embeds, Incremental
from sonde.core.batch import Batch, Padded, mapped
from sonde.core.errors import RecipeError, UsageError
from sonde.core.port import START, TOKENS, Port
from sonde.nets.blocks.language import LanguageModel
from sonde.nets.blocks.positions import Positions, turned, turns
from sonde.nets.blocks.transformer import DecoderStack, EncoderStack
from sonde.nets.models.decoder import Decoder
from sonde.nets.models.transformer import Transformer

WIDTH, SIZE = 8, 11
TEXT = {"text": Port("sequence", size=SIZE)}


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def words(rows: int, count: int, seed: int = 0) -> Tensor:
    """(B, T): START, then words."""
    drawn = torch.Generator().manual_seed(seed)
    made = torch.randint(TOKENS, SIZE, (rows, count), generator=drawn)
    made[:, 0] = START
    return made


def speaker(**options: object) -> LanguageModel:
    torch.manual_seed(0)
    made = {"width": WIDTH, "layers": 2, "heads": 2, "context": 64, "dropout": 0.0, **options}
    network = Decoder.parse(made).build(TEXT, TEXT).eval()
    assert isinstance(network, LanguageModel)
    return network


def test_rotary_positions_turn_pairs_as_complex_numbers_turn() -> None:
    """Su et al. 2021, eq. 13 and 34: pair i of place m is multiplied by exp(i m theta_i)."""
    vectors = numbers(2, 3, 5, WIDTH)
    found = turned(vectors, turns(torch.arange(5), WIDTH))
    half = WIDTH // 2
    for place in range(5):
        for pair in range(half):
            angle = place * 10_000 ** (-2 * pair / WIDTH)
            turn = complex(math.cos(angle), math.sin(angle))
            before = torch.complex(vectors[..., place, pair], vectors[..., place, half + pair])
            after = before * turn
            torch.testing.assert_close(found[..., place, pair], after.real)
            torch.testing.assert_close(found[..., place, half + pair], after.imag)


def test_what_two_steps_say_to_each_other_depends_on_how_far_apart_they_are() -> None:
    query, key = numbers(1, 1, 1, WIDTH), numbers(1, 1, 1, WIDTH, seed=1)
    products = [
        turned(query, turns(torch.tensor([at + 3]), WIDTH)).flatten()
        @ turned(key, turns(torch.tensor([at]), WIDTH)).flatten()
        for at in (0, 5, 40)
    ]
    torch.testing.assert_close(products[0].expand(2), torch.stack(products[1:]))


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_what_stands_beyond_the_end_changes_nothing(positions: Positions) -> None:
    torch.manual_seed(0)
    stack = EncoderStack(WIDTH, 2, 2, positions=positions).eval()
    steps, lengths = numbers(3, 6, WIDTH), torch.tensor([6, 4, 1])
    plain = stack(steps, lengths)
    longer = torch.cat([steps, numbers(3, 2, WIDTH, seed=1)], dim=1)
    for row, length in enumerate(lengths):
        longer[row, length:] = 100.0
    other = stack(longer, lengths)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(other[row, :length], plain[row, :length])


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_order_matters(positions: Positions) -> None:
    torch.manual_seed(0)
    stack = EncoderStack(WIDTH, 1, 2, positions=positions).eval()
    steps, lengths = numbers(1, 4, WIDTH), torch.tensor([4])
    turned_round = stack(steps.flip(1), lengths).flip(1)
    assert not torch.allclose(turned_round, stack(steps, lengths), atol=1e-3)


@pytest.mark.parametrize("place", range(1, 6))
def test_a_later_word_changes_nothing_before_it(place: int) -> None:
    network, text = speaker(), words(2, 6)
    other = text.clone()
    other[:, place:] = (other[:, place:] - TOKENS + 1) % (SIZE - TOKENS) + TOKENS
    lengths = torch.tensor([6, 6])
    before, after = (network({"text": Padded(each, lengths)})["text"] for each in (text, other))
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.allclose(before[:, place], after[:, place])


@pytest.mark.parametrize("positions", ["rotary", "learned"])
@pytest.mark.parametrize("tied", [True, False])
def test_word_by_word_is_the_same_as_at_once(positions: str, tied: bool) -> None:
    network, text = speaker(positions=positions, tied=tied), words(3, 9)
    assert isinstance(network, Incremental) and isinstance(network, Embeds)
    whole = network({"text": Padded(text, torch.full((3,), 9))})["text"]
    state = network.start({"text": Padded(text[:, :0], torch.zeros(3, dtype=torch.int64))})
    said = []
    for place in range(9):
        scores, state = network.next(state, text[:, place])
        said.append(scores)
    torch.testing.assert_close(torch.stack(said, dim=1), whole, rtol=1e-4, atol=1e-5)
    assert torch.equal(torch.stack(said, dim=1).argmax(-1), whole.argmax(-1))


def test_texts_of_differing_length_go_on_beside_one_another() -> None:
    """Rows may be reordered, too: a state has the row as first axis everywhere."""
    network, text = speaker(), words(3, 8)
    whole = network({"text": Padded(text, torch.full((3,), 8))})["text"]
    begun = torch.tensor([5, 1, 0])
    state = network.start({"text": Padded(text[:, :5], begun)})
    order = torch.tensor([2, 0, 1])
    state = mapped(state, lambda tensor: tensor.index_select(0, order))
    text, whole, begun = text[order], whole[order], begun[order]
    for step in range(3):
        place = begun + step
        scores, state = network.next(state, text.gather(1, place[:, None])[:, 0])
        torch.testing.assert_close(scores, whole[torch.arange(3), place], rtol=1e-4, atol=1e-5)


def test_a_decoder_with_a_memory_is_the_same_step_by_step() -> None:
    torch.manual_seed(0)
    stack = DecoderStack(WIDTH, 2, 2, memory=True).eval()
    steps, memory, lengths = numbers(3, 5, WIDTH), numbers(3, 4, WIDTH), torch.tensor([4, 2, 1])
    whole = stack(steps, memory, lengths)
    memory[1, 2:], memory[2, 1:] = 100.0, -100.0  # beyond the ends
    state = stack.start(3, memory, lengths)
    found, state = stack.extend(state, steps[:, :2])
    torch.testing.assert_close(found, whole[:, :2], rtol=1e-4, atol=1e-5)
    for place in range(2, 5):
        one, state = stack.next(state, steps[:, place])
        torch.testing.assert_close(one, whole[:, place], rtol=1e-4, atol=1e-5)


def test_where_it_looks_adds_up_and_stays_inside_the_memory() -> None:
    torch.manual_seed(0)
    stack = DecoderStack(WIDTH, 2, 2, memory=True).eval()
    looked = stack.looked(numbers(2, 5, WIDTH), numbers(2, 4, WIDTH), torch.tensor([4, 2]))
    assert looked.shape == (2, 5, 4)
    torch.testing.assert_close(looked.sum(dim=2), torch.ones(2, 5))
    assert not looked[1, :, 2:].any()


def test_each_word_costs_as_much_however_long_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in steps that go through the stack: the context is read anew now and then."""
    network = speaker(context=16)
    seen: list[int] = []
    extend = DecoderStack.extend

    def counted(
        self: DecoderStack, state: Batch, steps: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Batch]:
        seen.append(steps.shape[1])
        return extend(self, state, steps, lengths)

    monkeypatch.setattr(DecoderStack, "extend", counted)
    costs = []
    for length in (64, 128, 256):
        seen.clear()
        state = network.start({"text": Padded(words(1, 1)[:, :0], torch.tensor([0]))})
        token = torch.tensor([START])
        for _ in range(length):
            scores, state = network.next(state, token)
            token = scores[:, TOKENS:].argmax(dim=1) + TOKENS
            kept = state["stack"]
            assert isinstance(kept, dict)
        costs.append(sum(seen))
    assert costs[1] - costs[0] == 64 * 2  # a word, and once more when its half is read anew
    assert costs[2] == costs[1] + 2 * (costs[1] - costs[0])


def test_a_text_beyond_the_context_goes_on_from_its_last_half() -> None:
    network, text = speaker(context=8), words(1, 9)
    state = network.start({"text": Padded(text[:, :8], torch.tensor([8]))})
    scores, _ = network.next(state, text[:, 8])
    fresh = torch.cat([torch.tensor([[START]]), text[:, 5:]], dim=1)
    expected = network({"text": Padded(fresh, torch.tensor([5]))})["text"][:, -1]
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("blueprint", Decoder.examples(), ids=lambda b: b.positions)
def test_a_decoder_fits_its_port_and_every_weight_learns(blueprint: Decoder) -> None:
    torch.manual_seed(0)
    network = blueprint.build(TEXT, TEXT)
    scores = network({"text": Padded(words(2, 5).int(), torch.tensor([5, 3]))})["text"]
    assert scores.shape == (2, 5, SIZE) and scores.dtype == torch.float32
    scores.square().sum().backward()
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in network.parameters())
    with torch.device("meta"):
        bare = blueprint.build(TEXT, TEXT)
    assert bare.state_dict().keys() == network.state_dict().keys()
    assert Decoder.parse(blueprint.dump()) == blueprint


def test_a_decoder_takes_one_text_and_nothing_else() -> None:
    with pytest.raises(UsageError, match="Take the task write with one text column"):
        Decoder().build(TEXT | {"age": Port("scalar")}, TEXT)
    with pytest.raises(UsageError, match="transformer to sort texts"):
        Decoder().build(TEXT, {"label": Port("category", size=3)})


@pytest.mark.parametrize("kind", [Decoder, Transformer])
def test_heads_share_the_width(kind: type[Decoder] | type[Transformer]) -> None:
    with pytest.raises(RecipeError, match=r"got width 20 with 6 heads.*such as width: 24"):
        kind.parse({"width": 20, "heads": 6})
    assert kind.parse({"width": 18, "heads": 6, "positions": "learned"}).width == 18


def test_words_may_begin_with_vectors_that_are_known() -> None:
    network = speaker()
    vectors = torch.full((SIZE, WIDTH), torch.nan)
    vectors[7] = 2.0
    network.begin("text", vectors)
    step = network.steps("text", torch.tensor([[7]])) * network.scale
    torch.testing.assert_close(step, torch.full((1, 1, WIDTH), 2.0))
