"""Dense layers one after another, or in residual blocks; for one network or for many members."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from sonde.nets.blocks.dropout import Dropout
from sonde.nets.blocks.ensemble import AdaptedLinear, Spread

Activation = Literal["relu", "gelu", "silu"]
DenseNorm = Literal["batch", "layer"]

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class DenseStack(nn.Sequential):
    """For each width a linear layer, a norm if asked for, the activation, dropout.

    (B, in_features) float -> (B, out_features) float; without widths nothing changes. With M > 1
    members, which share the linear layers: (B, in_features) -> (B, M, out_features).

    Args:
        in_features: width of what comes in.
        widths: of the layers, first to last.
        activation: between linear layers.
        norm: over the batch (Ioffe, Szegedy 2015, arXiv:1502.03167), over the features of a row
            (Ba, Kiros, Hinton 2016, arXiv:1607.06450), or none; before the activation. Over the
            batch only without members.
        dropout: probability in [0, 1) that a feature is left out while training.
        members: how many, M.
    """

    def __init__(
        self,
        in_features: int,
        widths: Sequence[int],
        *,
        activation: Activation = "relu",
        norm: DenseNorm | None = None,
        dropout: float = 0.0,
        members: int = 1,
    ) -> None:
        super().__init__()
        if members > 1:
            self.append(Spread(members))
        for index, (narrow, wide) in enumerate(pairwise([in_features, *widths])):
            # batch normalisation takes the mean away, and with it any bias
            self.append(_linear(narrow, wide, members, first=index == 0, bias=norm != "batch"))
            if norm is not None:
                self.append(_norm(norm, wide))
            self.append(_ACTIVATIONS[activation]())
            if dropout:
                self.append(Dropout(dropout))
        self.out_features = [in_features, *widths][-1]


class ResidualStack(nn.Sequential):
    """A linear layer, residual blocks, and at the end a norm and the activation.

    (B, in_features) float -> (B, width) float; with M > 1 members (B, M, width). Gorishniy,
    Rubachev, Khrulkov, Babenko, "Revisiting Deep Learning Models for Tabular Data", 2021,
    arXiv:2106.11959, section 3.2; the norm is a choice here.

    Args:
        in_features: width of what comes in.
        widths: one for each block, all equal: the path that they add to keeps its width.
        activation, norm, dropout, members: as in `DenseStack`.
    """

    def __init__(
        self,
        in_features: int,
        widths: Sequence[int],
        *,
        activation: Activation = "relu",
        norm: DenseNorm | None = None,
        dropout: float = 0.0,
        members: int = 1,
    ) -> None:
        super().__init__()
        [width] = set(widths)
        if members > 1:
            self.append(Spread(members))
        self.append(_linear(in_features, width, members, first=True))
        for _ in widths:
            self.append(
                ResidualBlock(
                    width, activation=activation, norm=norm, dropout=dropout, members=members
                )
            )
        if norm is not None:
            self.append(_norm(norm, width))
        self.append(_ACTIVATIONS[activation]())
        self.out_features = width


class ResidualBlock(nn.Module):
    """Norm, linear, activation, dropout, linear, beside the identity."""

    def __init__(
        self,
        width: int,
        *,
        activation: Activation = "relu",
        norm: DenseNorm | None = None,
        dropout: float = 0.0,
        members: int = 1,
    ) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Identity() if norm is None else _norm(norm, width),
            _linear(width, width, members),
            _ACTIVATIONS[activation](),
            Dropout(dropout),
            _linear(width, width, members),
        )

    def forward(self, features: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        changed: Tensor = features + self.branch(features)
        return changed


def _linear(
    narrow: int, wide: int, members: int, *, first: bool = False, bias: bool = True
) -> nn.Linear:
    """One layer, for one network or for many; in the first one, members begin to differ."""
    if members > 1:
        return AdaptedLinear(narrow, wide, members=members, signs=first)
    return nn.Linear(narrow, wide, bias=bias)


def _norm(norm: DenseNorm, width: int) -> nn.Module:
    return nn.BatchNorm1d(width) if norm == "batch" else nn.LayerNorm(width)
