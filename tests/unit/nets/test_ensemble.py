from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, Padded, repeated
from sonde.core.port import Port
from sonde.nets.blocks.ensemble import AdaptedLinear, MemberLinear, Members, mean_probability

OUTPUTS = {"label": Port("category", size=3), "price": Port("scalar")}


class Fixed(nn.Module):
    """Answers what it holds."""

    def __init__(self, **answers: Tensor) -> None:
        super().__init__()
        self.answers = answers

    def forward(self, _: Batch) -> dict[str, Tensor]:
        return self.answers


def test_each_member_has_the_shared_matrix_scaled_by_rank_one() -> None:
    """Wen, Tran, Ba 2020, eq. 2: member m has the weights W * outer(s_m, r_m)."""
    torch.manual_seed(0)
    layer = AdaptedLinear(4, 5, members=3)
    for weight in layer.parameters():
        nn.init.normal_(weight)
    features = torch.randn(2, 3, 4)
    found = layer(features)
    for member in range(3):
        matrix = layer.weight * torch.outer(layer.scale_out[member], layer.scale_in[member])
        wanted = features[:, member] @ matrix.T + layer.shift[member]
        torch.testing.assert_close(found[:, member], wanted)


def test_members_differ_from_the_start_only_where_they_are_told_to() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 1, 40).expand(-1, 3, -1)
    for signs in (False, True):
        layer = AdaptedLinear(40, 5, members=3, signs=signs)
        found = layer(features) - layer.shift
        assert torch.allclose(found[:, 0], found[:, 1]) is not signs
        assert layer.scale_in.abs().eq(1).all()


def test_members_have_last_layers_that_share_nothing() -> None:
    torch.manual_seed(0)
    layer = MemberLinear(4, 2, members=3)
    features = torch.randn(5, 3, 4)
    found = layer(features)
    for member in range(3):
        wanted = nn.functional.linear(features[:, member], layer.weight[member], layer.bias[member])
        torch.testing.assert_close(found[:, member], wanted)


def test_the_mean_is_of_probabilities() -> None:
    torch.manual_seed(0)
    logits = 4 * torch.randn(6, 5, 3)
    found = mean_probability(logits).softmax(dim=1)
    torch.testing.assert_close(found, logits.softmax(dim=2).mean(dim=1))


def test_members_answer_one_by_one_in_training_and_together_otherwise() -> None:
    label, price = torch.randn(2, 4, 3), torch.arange(8.0).reshape(2, 4)
    members = Members(Fixed(label=label, price=price), OUTPUTS)
    apart = members.train()({})
    assert apart["label"].shape == (8, 3)
    assert apart["price"].tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    together = members.eval()({})
    assert together["price"].tolist() == [1.5, 5.5]
    torch.testing.assert_close(together["label"], mean_probability(label))


def test_rows_are_repeated_beside_their_copies_however_they_are_held() -> None:
    batch: Batch = {
        "a": torch.tensor([1, 2]),
        "b": Padded(torch.tensor([[1, 0], [2, 3]]), torch.tensor([1, 2])),
        "c": {"d": torch.tensor([5.0, 6.0])},
    }
    found = repeated(batch, 2)
    assert found["a"].tolist() == [1, 1, 2, 2]  # type: ignore[union-attr]
    assert found["b"].lengths.tolist() == [1, 1, 2, 2]  # type: ignore[union-attr]
    np.testing.assert_array_equal(found["b"].values[:, 0], [1, 1, 2, 2])  # type: ignore[union-attr]
    assert found["c"]["d"].tolist() == [5, 5, 6, 6]  # type: ignore[index,union-attr]
    assert repeated(batch, 1) is batch
