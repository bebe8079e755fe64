"""A network that reads one sequence and says another: token by token what it says at once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sonde.contracts.model import Incremental
from sonde.core.batch import Batch, Padded, count, mapped
from sonde.core.errors import UsageError
from sonde.core.port import START, TOKENS, Port, Ports
from sonde.core.said import SAID
from sonde.nets.attending import Attending
from sonde.nets.models.seq2seq import Seq2seq

SIZE = 17
INPUTS: Ports = {
    "en": Port("sequence", (None,), size=SIZE, alphabet="both"),
    SAID: Port("sequence", (None,), size=SIZE, alphabet="both"),
}
OUTPUTS: Ports = {"de": INPUTS[SAID]}
APART: Ports = {
    "en": Port("sequence", (None,), size=9),
    SAID: Port("sequence", (None,), size=SIZE, alphabet="#de"),
}


def built(blueprint: Seq2seq, inputs: Ports = INPUTS) -> nn.Module:
    torch.manual_seed(0)
    return blueprint.build(inputs, OUTPUTS).eval()


def padded(lengths: list[int], size: int, generator: torch.Generator) -> Padded:
    values = torch.randint(TOKENS, size, (len(lengths), max(lengths)), generator=generator)
    out = Padded(values.int(), torch.tensor(lengths))
    return Padded(out.values * out.mask(), out.lengths)


def a_batch(size: int = 9) -> Batch:
    """Five rows, one of them without a source."""
    generator = torch.Generator().manual_seed(1)
    words = padded([4, 6, 1, 3, 5], SIZE, generator)
    said = torch.cat([torch.full((5, 1), START, dtype=torch.int32), words.values], dim=1)
    source = padded([7, 2, 5, 0, 1], size, generator)
    return {"en": source, SAID: Padded(said, words.lengths + 1)}


@pytest.fixture(params=Seq2seq.examples(), ids=lambda b: b.describe())
def blueprint(request: pytest.FixtureRequest) -> Seq2seq:
    made: Seq2seq = request.param
    return made


@pytest.mark.parametrize("inputs", [INPUTS, APART], ids=["one alphabet", "two"])
def test_token_by_token_it_says_what_it_says_at_once(blueprint: Seq2seq, inputs: Ports) -> None:
    network, batch = built(blueprint, inputs), a_batch()
    assert isinstance(network, Incremental)
    said = batch[SAID]
    assert isinstance(said, Padded)
    whole = network(batch)["de"]
    state = network.start({"en": batch["en"]})
    for place in range(said.values.shape[1]):
        logits, state = network.next(state, said.values[:, place])
        reached = said.lengths > place
        torch.testing.assert_close(logits[reached], whole[reached, place], rtol=1e-5, atol=1e-5)


def test_every_tensor_of_a_state_has_the_row_first(blueprint: Seq2seq) -> None:
    """So that a search may reorder, repeat and drop rows."""
    network, batch = built(blueprint), a_batch()
    _, state = network.next(network.start(batch), torch.full((5,), START))
    shapes: list[int] = []
    mapped(state, lambda tensor: shapes.append(len(tensor)) or tensor)  # type: ignore[func-returns-value]
    assert set(shapes) == {5} == {count(state)}
    order = torch.tensor([4, 4, 0])
    picked = mapped(state, lambda tensor: tensor[order])
    tokens = torch.tensor([6, 7, 8, 9, 10])
    own, _ = network.next(state, tokens)
    again, _ = network.next(picked, tokens[order])
    torch.testing.assert_close(again, own[order], rtol=1e-5, atol=1e-5)


def test_padding_changes_no_row(blueprint: Seq2seq) -> None:
    network, batch = built(blueprint), a_batch()
    wider = {
        name: Padded(torch.cat([p.values, torch.full((5, 3), 7)], dim=1), p.lengths)
        for name, p in batch.items()
        if isinstance(p, Padded)
    }
    one, other = network(batch)["de"], network(wider)["de"]
    torch.testing.assert_close(other[:, : one.shape[1]], one, rtol=1e-5, atol=1e-5)


def test_no_word_sees_a_later_one(blueprint: Seq2seq) -> None:
    network, batch = built(blueprint), a_batch()
    said = batch[SAID]
    assert isinstance(said, Padded)
    changed = said.values.clone()
    changed[:, 3:] = 11
    before, after = network(batch)["de"], network({**batch, SAID: said._replace(values=changed)})
    torch.testing.assert_close(after["de"][:, :3], before[:, :3], rtol=1e-5, atol=1e-5)
    assert not torch.allclose(after["de"][:, 3:], before[:, 3:])


def test_it_looks_at_real_words_alone(blueprint: Seq2seq) -> None:
    network, batch = built(blueprint), a_batch()
    assert isinstance(network, Attending)
    source, said = batch["en"], batch[SAID]
    assert isinstance(source, Padded) and isinstance(said, Padded)
    seen = network.attention(batch)
    assert seen.shape == (5, said.values.shape[1], source.values.shape[1])
    torch.testing.assert_close(seen.sum(dim=2), torch.ones(seen.shape[:2]))
    beyond = ~source.mask()
    beyond[source.lengths == 0, 0] = False  # a row without a word has one all the same
    assert not seen.transpose(1, 2)[beyond].any()


def test_every_weight_learns_and_the_seed_decides_it(blueprint: Seq2seq) -> None:
    network = built(blueprint).train()
    network(a_batch(SIZE))["de"].square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all() and weight.grad.any(), name
    again = built(blueprint)
    assert all(
        torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True)
    )


def test_one_alphabet_has_one_table_of_vectors() -> None:
    def tables(inputs: Ports) -> list[torch.Size]:
        network = Seq2seq(width=8, layers=1, heads=2).build(inputs, OUTPUTS)
        return [m.weight.shape for m in network.modules() if isinstance(m, nn.Embedding)]

    assert tables(INPUTS) == [(SIZE, 8)]
    assert tables(APART) == [(9, 8), (SIZE, 8)]


def test_other_ports_are_refused() -> None:
    blueprint = Seq2seq(width=8, heads=2)
    with pytest.raises(UsageError, match="Take task: translate"):
        blueprint.build({"en": INPUTS["en"]}, OUTPUTS)
    with pytest.raises(UsageError, match=r"the inputs en \(sequence\), age \(scalar\)"):
        blueprint.build({**INPUTS, "age": Port("scalar")}, OUTPUTS)
    with pytest.raises(UsageError, match=r"the outputs label \(category\)"):
        blueprint.build(INPUTS, {"label": Port("category", size=3)})


def test_a_width_that_heads_cannot_share_is_refused_in_the_recipe() -> None:
    with pytest.raises(ValueError, match="such as width: 104"):
        Seq2seq(width=100, heads=4)
    with pytest.raises(ValueError, match="expected an even one"):
        Seq2seq(form="recurrent", width=7)
