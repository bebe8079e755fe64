"""Many networks in one: members that share their weights and differ by rank-1 adapters.

Wen, Tran, Ba, "BatchEnsemble", 2020, arXiv:2002.06715, eq. 2; for tables Gorishniy, Kotelnikov,
Babenko, "TabM: Advancing Tabular Deep Learning with Parameter-Efficient Ensembling", 2024,
arXiv:2410.24210, section 3.3. Members have a last layer each, and learn apart: what is minimised
is the mean of their losses, never the loss of their mean.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from sonde.core.batch import Batch
from sonde.core.port import Ports


class AdaptedLinear(nn.Linear):
    """One matrix for all members, and for each a scale of what goes in and comes out, and a bias.

    Args:
        in_features: width of what comes in.
        out_features: width of what goes out.
        members: how many, M.
        signs: whether the scales of what goes in start as random signs, which is what makes the
            members differ; in the first layer alone, as in TabM. Else they start as ones.
    """

    def __init__(
        self, in_features: int, out_features: int, *, members: int, signs: bool = False
    ) -> None:
        super().__init__(in_features, out_features, bias=False)
        bound = 1 / math.sqrt(in_features)
        ones = torch.ones(members, in_features)
        self.scale_in = nn.Parameter(ones.bernoulli(0.5) * 2 - 1 if signs else ones)
        self.scale_out = nn.Parameter(torch.ones(members, out_features))
        self.shift = nn.Parameter(torch.empty(members, out_features).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        """(B, M, in_features), or (B, 1, in_features) for all -> (B, M, out_features)."""
        shared = functional.linear(features * self.scale_in, self.weight)
        return torch.addcmul(self.shift, shared, self.scale_out)


class MemberLinear(nn.Module):
    """A linear layer for each member, which share nothing."""

    def __init__(self, in_features: int, out_features: int, *, members: int) -> None:
        super().__init__()
        self.in_features = in_features
        bound = 1 / math.sqrt(in_features)  # as nn.Linear starts
        weight = torch.empty(members, out_features, in_features)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, out_features).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        """(B, M, in_features) -> (B, M, out_features)."""
        each = torch.einsum("bmi,moi->bmo", features, self.weight)
        return each + self.bias


class Spread(nn.Module):
    """Gives every member the same features: (B, F) -> (B, M, F), nothing is copied."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.members = members

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, M, F)."""
        return features[:, None].expand(-1, self.members, -1)


class Members(nn.Module):
    """A network whose outputs have a member axis, as one that a task can read.

    In training every member answers for itself: M rows of outputs for every row. Else the answer
    is their mean, of probabilities for a category and of values for the rest.

    Args:
        network: B rows -> by output (B, M, ...).
        outputs: their ports.
    """

    def __init__(self, network: nn.Module, outputs: Ports) -> None:
        super().__init__()
        self.network = network
        self.categories = frozenset(n for n, port in outputs.items() if port.kind == "category")

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """B rows -> by output (B * M, ...) in training, row by row; else (B, ...)."""
        each: dict[str, Tensor] = self.network(batch)
        if self.training:
            return {name: value.flatten(0, 1) for name, value in each.items()}
        return {
            name: mean_probability(value) if name in self.categories else value.mean(dim=1)
            for name, value in each.items()
        }


def mean_probability(logits: Tensor) -> Tensor:
    """(B, M, K) logits -> (B, K) logits, whose softmax is the mean of the M softmaxes."""
    return logits.log_softmax(dim=-1).logsumexp(dim=1) - math.log(logits.shape[1])
