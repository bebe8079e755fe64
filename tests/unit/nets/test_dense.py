from __future__ import annotations

import pytest
import torch
from torch import nn

from sonde.core.errors import RecipeError
from sonde.core.port import Port
from sonde.nets.blocks.attention import ClassToken, SelfAttention
from sonde.nets.blocks.dense import ResidualBlock, ResidualStack
from sonde.nets.blocks.ensemble import AdaptedLinear
from sonde.nets.models.dense import Dense
from sonde.nets.models.ft_transformer import FTTransformer

INPUTS = {"age": Port("scalar"), "sex": Port("category", size=2)}
OUTPUTS = {"price": Port("scalar")}


def test_a_block_adds_to_what_it_is_given() -> None:
    block = ResidualBlock(4, norm="layer", dropout=0.3).eval()
    last = block.branch[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    features = torch.randn(3, 4)
    assert torch.equal(block(features), features)


def test_only_the_first_layer_makes_members_differ() -> None:
    torch.manual_seed(0)
    stack = ResidualStack(6, (8, 8), members=3)
    layers = [layer for layer in stack.modules() if isinstance(layer, AdaptedLinear)]
    assert len(layers) == 5
    assert [bool((layer.scale_in < 0).any()) for layer in layers] == [True] + [False] * 4
    assert stack(torch.randn(2, 6)).shape == (2, 3, 8)


def test_what_was_never_seen_starts_neutral_for_members_too() -> None:
    network = Dense(hidden=(8,), members=2).build({"age": Port("scalar")}, OUTPUTS)
    layer = next(part for part in network.modules() if isinstance(part, AdaptedLinear))
    assert (layer.weight == 0).all(dim=0).tolist() == [False, True]
    bare = Dense(hidden=(), members=2).build({"age": Port("scalar")}, OUTPUTS)
    weight = next(weight for name, weight in bare.named_parameters() if "heads" in name)
    assert (weight == 0).all(dim=(0, 1)).tolist() == [False, True]


def test_members_share_their_matrices() -> None:
    one, many = (Dense(hidden=(64, 64), members=m).build(INPUTS, OUTPUTS) for m in (1, 8))
    sizes = [sum(weight.numel() for weight in net.parameters()) for net in (one, many)]
    assert sizes[1] < 2 * sizes[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hidden": [8, 4], "residual": True}, "expected equal widths"),
        ({"hidden": [], "residual": True}, "expected equal widths"),
        ({"members": 2, "norm": "batch"}, "expected layer or none"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_recipe(
    options: dict[str, object], said: str
) -> None:
    with pytest.raises(RecipeError, match=said):
        Dense.parse(options)


def test_heads_that_do_not_divide_the_width_are_refused_with_one_that_works() -> None:
    with pytest.raises(RecipeError, match="such as width: 12"):
        FTTransformer.parse({"width": 10, "heads": 6})


@pytest.mark.parametrize(
    ("blueprint", "said"),
    [
        (Dense(), "dense 2x256"),
        (Dense(hidden=(8, 8), residual=True, members=4), "dense 2x8 residual, 4 members"),
        (Dense(hidden=(), numbers="periodic"), "dense without hidden layers, periodic numbers"),
        (FTTransformer(width=6, heads=1), "ft-transformer 3x6, 1 head"),
    ],
)
def test_a_few_words_say_what_it_is(blueprint: Dense | FTTransformer, said: str) -> None:
    assert blueprint.describe() == said


def test_attention_is_that_of_the_paper() -> None:
    """Vaswani et al. 2017, eq. 1, in two heads."""
    torch.manual_seed(0)
    layer = SelfAttention(6, 2).eval()
    tokens = torch.randn(4, 5, 6)
    query, key, value = layer.ask(tokens).chunk(3, dim=-1)
    heads = []
    for part in (slice(0, 3), slice(3, 6)):
        scores = query[..., part] @ key[..., part].mT / 3**0.5
        heads.append(scores.softmax(dim=-1) @ value[..., part])
    torch.testing.assert_close(layer(tokens), layer.answer(torch.cat(heads, dim=-1)))


def test_the_answer_is_what_became_of_the_added_token() -> None:
    reader = ClassToken(3, 2, nn.Identity())
    assert torch.equal(reader(torch.randn(5, 6)), reader.first.expand(5, 2))


def test_columns_of_one_alphabet_are_different_tokens() -> None:
    torch.manual_seed(0)
    ports = {name: Port("category", size=9, alphabet="town") for name in ("home", "work")}
    network = FTTransformer(width=8, blocks=1, heads=2).build(ports, OUTPUTS).eval()
    here, there = torch.tensor([1]), torch.tensor([7])
    one = network({"home": here, "work": there})["price"]
    other = network({"home": there, "work": here})["price"]
    assert not torch.allclose(one, other)
