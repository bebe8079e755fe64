"""Recurrent layers, pooling and kernels over words: equal to torch, blind to padding."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sonde.core.batch import Batch, Padded
from sonde.core.port import Port
from sonde.core.work import Products
from sonde.nets.blocks.pooling import AdditivePooling, LastState, max_over, mean_over
from sonde.nets.blocks.recurrent import Recurrent, RecurrentLayer, reversal
from sonde.nets.blocks.text_conv import TextConv
from sonde.nets.models.attention import Attention
from sonde.nets.models.rnn import Rnn
from sonde.nets.models.textcnn import Textcnn

LENGTHS = torch.tensor([4, 1, 6, 3])
CELLS: dict[Literal["simple", "lstm", "gru"], type[nn.RNNBase]] = {
    "simple": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU,
}  # fmt: skip


def steps(width: int = 5) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(4, 6, width)


def real_of(states: Tensor) -> Tensor:
    return states[torch.arange(states.shape[1]) < LENGTHS[:, None]]


def twin(layers: Recurrent, width: int, cell: Literal["simple", "lstm", "gru"]) -> nn.RNNBase:
    """Torch's own, packed, with the same weights."""
    both = bool(layers.backwards)
    deep = len(layers.forwards)
    found = CELLS[cell](width, 3, deep, batch_first=True, bidirectional=both)
    names = {"weight_ih": "from_steps", "weight_hh": "from_states", "bias_ih": "bias",
             "bias_hh": "bias_states"}  # fmt: skip
    for name, weight in found.named_parameters():
        kind, _, rest = name.rpartition("_l")
        place, _, turned = rest.partition("_")
        ours = (layers.backwards if turned else layers.forwards)[int(place)]
        weight.data.copy_(getattr(ours, names[kind]))
    return found


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("deep", "both"), [(1, False), (2, True)])
def test_states_are_those_of_packed_rows(
    cell: Literal["simple", "lstm", "gru"], deep: int, both: bool
) -> None:
    torch.manual_seed(0)
    layers = Recurrent(5, 3, cell=cell, layers=deep, bidirectional=both)
    for weight in layers.parameters():
        nn.init.normal_(weight)
    packed = pack_padded_sequence(steps(), LENGTHS, batch_first=True, enforce_sorted=False)
    wanted, last = twin(layers, 5, cell)(packed)
    states = layers(steps(), LENGTHS)
    wanted = pad_packed_sequence(wanted, batch_first=True, total_length=6)[0]
    torch.testing.assert_close(real_of(states), real_of(wanted))
    last = last[0] if cell == "lstm" else last
    end = torch.cat([last[-2], last[-1]], dim=1) if both else last[-1]
    torch.testing.assert_close(LastState(3)(states, LENGTHS), end)


def test_a_simple_cell_is_elmans_formula() -> None:
    layer = RecurrentLayer(5, 3, cell="simple")
    nn.init.normal_(layer.bias)
    x, w, u, b = (t.detach().double().numpy() for t in
                  (steps(), layer.from_steps, layer.from_states, layer.bias))  # fmt: skip
    state = np.zeros((4, 3))
    for at in range(6):
        state = np.tanh(x[:, at] @ w.T + state @ u.T + b)
        np.testing.assert_allclose(layer(steps())[:, at].detach().numpy(), state, atol=1e-6)


def test_weights_begin_orthogonal_and_nothing_is_forgotten_at_first() -> None:
    torch.manual_seed(0)
    layer = RecurrentLayer(5, 4, cell="lstm")
    for gate in layer.from_states.detach().split(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(4))
    assert layer.bias.tolist() == [0] * 4 + [1] * 4 + [0] * 8
    assert not layer.bias_states.any()


def test_a_row_is_turned_round_within_its_length() -> None:
    assert reversal(torch.tensor([3, 1]), 4).tolist() == [[2, 1, 0, 3], [0, 1, 2, 3]]


def test_pooling_is_over_what_is_real() -> None:
    states = steps(2)
    rows = [states[row, :length] for row, length in enumerate(LENGTHS.tolist())]
    torch.testing.assert_close(mean_over(states, LENGTHS), torch.stack([r.mean(0) for r in rows]))
    torch.testing.assert_close(max_over(states, LENGTHS), torch.stack([r.amax(0) for r in rows]))
    torch.manual_seed(0)
    pooling = AdditivePooling(2, 3)
    weights = pooling.weights(states, LENGTHS)
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))
    assert [int((row > 0).sum()) for row in weights] == LENGTHS.tolist()
    scores = pooling.question(torch.tanh(pooling.weigh(rows[0])))[:, 0]
    by_hand = (scores.softmax(dim=0)[:, None] * rows[0]).sum(dim=0)
    torch.testing.assert_close(pooling(states, LENGTHS)[0], by_hand)


def test_kernels_over_words_are_those_of_the_paper() -> None:
    """Kim 2014, eqs. 2 to 4: relu(w . x + b) at each place, and the maximum over all of them."""
    torch.manual_seed(0)
    conv = TextConv(5, [2, 3], 4)
    row = steps()[1:2, :1].detach()  # one word: shorter than both kernels
    found = conv(steps(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        by_hand = []
        for kernel in conv.kernels:
            size = kernel.kernel_size[0]
            zeros = torch.zeros(size - 1, 5)
            text = torch.cat([zeros, steps()[row, :length], zeros])
            places = [
                (kernel.weight * text[at : at + size].T).sum(dim=(1, 2)) + kernel.bias
                for at in range(length + size - 1)
            ]
            by_hand.append(torch.relu(torch.stack(places)).amax(dim=0))
        torch.testing.assert_close(found[row], torch.cat(by_hand))


@pytest.mark.parametrize(
    "blueprint",
    [*Rnn.examples(), *Attention.examples(), *Textcnn.examples()],
    ids=lambda b: b.describe(),
)
def test_padding_changes_nothing(blueprint: Rnn | Attention | Textcnn) -> None:
    """Neither how much of it there is nor what stands in it."""
    ports = {"text": Port("sequence", size=9), "series": Port("sequence", (None, 2))}
    torch.manual_seed(0)
    network = blueprint.build(ports, {"label": Port("category", size=3)}).eval()
    words, series = torch.randint(5, 9, (4, 6)), torch.randn(4, 6, 2)
    inside = torch.arange(6) < LENGTHS[:, None]
    clean: Batch = {"text": Padded(words * inside, LENGTHS),
                    "series": Padded(series * inside[..., None], LENGTHS)}  # fmt: skip
    longer: Batch = {
        "text": Padded(torch.cat([words, words], dim=1), LENGTHS),
        "series": Padded(torch.cat([series, series], dim=1), LENGTHS),
    }
    torch.testing.assert_close(network(longer)["label"], network(clean)["label"])
    alone: Batch = {name: Padded(v.values[1:2, :1], v.lengths[1:2])
                    for name, v in clean.items() if isinstance(v, Padded)}  # fmt: skip
    torch.testing.assert_close(network(alone)["label"], network(clean)["label"][1:2])


def test_a_batch_of_empty_texts_is_answered() -> None:
    """By what the heads say to zeros, as a single empty text is."""
    for blueprint in (
        Rnn(embedding=4, hidden=3),
        Attention(embedding=4, hidden=3),
        Textcnn(maps=2),
    ):
        network = blueprint.build(
            {"text": Port("sequence", size=9)}, {"label": Port("category", size=3)}
        ).eval()
        none = Padded(torch.zeros(2, 0, dtype=torch.int32), torch.zeros(2, dtype=torch.int64))
        said = network({"text": none})["label"]
        torch.testing.assert_close(said, network.heads[0].bias.expand(2, 3))


def test_frozen_words_stay_as_they_are() -> None:
    ports = {"text": Port("sequence", size=9), "series": Port("sequence", (None, 2))}
    network = Textcnn(freeze_words=True).build(ports, {"label": Port("category", size=3)})
    fixed = [name for name, weight in network.named_parameters() if not weight.requires_grad]
    assert fixed == ["encoders.0.steps.tables.0.weight"]


def test_a_layer_counts_as_one_product() -> None:
    with Products() as products:
        RecurrentLayer(5, 3, cell="lstm")(steps())
    assert (products.count, products.work) == (1, 4 * 6 * (12 * 5 + 12 * 3))
