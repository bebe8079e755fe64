"""The tagger: a decision at every word, by the words of its own row alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sonde.contracts.model import Blueprint
from sonde.core.batch import Batch, Padded
from sonde.core.errors import DataError, UsageError
from sonde.core.port import Port
from sonde.nets.models.tagger import Tagger

INPUTS = {"words": Port("sequence", size=20), "shapes": Port("sequence", size=9)}
OUTPUTS = {"labels": Port("sequence", size=8)}


def batch(lengths: list[int], *, width: int = 6) -> Batch:
    generator = torch.Generator().manual_seed(0)
    sizes = torch.tensor(lengths)
    out: Batch = {}
    for name, port in INPUTS.items():
        values = torch.randint(1, int(port.size or 2), (len(lengths), width), generator=generator)
        padded = Padded(values, sizes)
        out[name] = Padded(values * padded.mask(), sizes)
    return out


@pytest.mark.parametrize("blueprint", Tagger.examples(), ids=lambda b: b.body)
def test_every_word_has_logits_and_every_weight_a_gradient(blueprint: Blueprint) -> None:
    torch.manual_seed(0)
    network = blueprint.build(INPUTS, OUTPUTS)
    logits: Tensor = network(batch([6, 3, 1, 0]))["labels"]
    assert logits.shape == (4, 6, 8)
    logits.square().sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize("blueprint", Tagger.examples(), ids=lambda b: b.body)
def test_a_row_is_answered_the_same_beside_longer_ones(blueprint: Blueprint) -> None:
    torch.manual_seed(0)
    network = blueprint.build(INPUTS, OUTPUTS).eval()
    both = batch([3, 6])
    alone = {n: Padded(p.values[:1, :3], p.lengths[:1]) for n, p in both.items()}  # type: ignore[union-attr]
    together, single = network(both)["labels"], network(alone)["labels"]
    torch.testing.assert_close(together[:1, :3], single, rtol=1e-5, atol=1e-6)


def test_no_words_at_all_are_answered() -> None:
    network = Tagger(hidden=4, embedding=4).build(INPUTS, OUTPUTS).eval()
    assert network(batch([0, 0], width=0))["labels"].shape == (2, 1, 8)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="reads sequences alone"):
        Tagger().build({**INPUTS, "age": Port("scalar")}, OUTPUTS)
    with pytest.raises(UsageError, match="gives a label for each word"):
        Tagger().build(INPUTS, {"price": Port("scalar")})
    with pytest.raises(ValueError, match="multiple of twice"):
        Tagger(body="transformer", hidden=10, heads=4)
    uneven = batch([3, 6])
    words = uneven["words"]
    assert isinstance(words, Padded)
    uneven["words"] = Padded(words.values, torch.tensor([2, 6]))
    with pytest.raises(DataError, match="not as many steps"):
        Tagger(hidden=4, embedding=4).build(INPUTS, OUTPUTS)(uneven)
