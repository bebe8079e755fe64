"""Dense layers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import nn

Activation = Literal["relu", "gelu", "silu"]
DenseNorm = Literal["batch", "layer"]

_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class DenseStack(nn.Sequential):
    """For each width a linear layer, a norm if asked for, the activation, dropout.

    (B, in_features) float -> (B, out_features) float; without widths nothing changes.

    Args:
        in_features: width of what comes in.
        widths: of the layers, first to last.
        activation: between linear layers.
        norm: over the batch (Ioffe, Szegedy 2015, arXiv:1502.03167), over the features of a row
            (Ba, Kiros, Hinton 2016, arXiv:1607.06450), or none; before the activation.
        dropout: probability in [0, 1) that a feature is left out while training.
    """

    def __init__(
        self,
        in_features: int,
        widths: Sequence[int],
        *,
        activation: Activation = "relu",
        norm: DenseNorm | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for narrow, wide in pairwise([in_features, *widths]):
            # batch normalisation takes the mean away, and with it any bias
            self.append(nn.Linear(narrow, wide, bias=norm != "batch"))
            if norm is not None:
                self.append(nn.BatchNorm1d(wide) if norm == "batch" else nn.LayerNorm(wide))
            self.append(_ACTIVATIONS[activation]())
            if dropout:
                self.append(nn.Dropout(dropout))
        self.out_features = [in_features, *widths][-1]
