"""Dropout whose draws cost little on a processor.

Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: A Simple Way to Prevent Neural
Networks from Overfitting", 2014. torch draws a number of its own for every feature, which took a
quarter of a training step of a dense net; one draw of 64 bits serves four features here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 2**16  # of 16 bits: the probability is kept to 1/32768
_WHOLE = {torch.bfloat16: torch.int16, torch.float32: torch.int32}
_LOWEST = torch.iinfo(torch.int64).min


class Dropout(nn.Dropout):
    """As `nn.Dropout`: in training features are left out with probability p, others grow."""

    def forward(self, features: Tensor) -> Tensor:
        """Any shape, float -> the same."""
        if not self.training or not self.p or features.device.type != "cpu":
            return functional.dropout(features, self.p, self.training)
        return features * kept(features, self.p)


def kept(features: Tensor, dropped: float) -> Tensor:
    """0 where a feature is left out, else what it is scaled by, in the shape of `features`."""
    draws = torch.empty(features.numel() // 4 + 1, dtype=torch.int64).random_(_LOWEST, None)
    bits = draws.view(torch.int16)[: features.numel()].view(features.shape)
    cut = min(2 * round(dropped * _LEVELS / 2), _LEVELS - 2)
    scale = _LEVELS / (_LEVELS - cut)
    if features.dtype not in _WHOLE:
        return (bits >= cut - _LEVELS // 2).to(features.dtype).mul_(scale)
    # The sign of a draw less the cut, spread over all bits, lets the bits of the scale through or
    # none: quicker than a comparison that is made a number, in bfloat16 most of all. Both are
    # halved first, so that the difference cannot overflow.
    whole = _WHOLE[features.dtype]
    signs = (bits.to(whole) >> 1).sub_((cut - _LEVELS // 2) // 2)
    signs.bitwise_right_shift_(8 * whole.itemsize - 1).bitwise_not_()
    pattern = torch.tensor([scale], dtype=features.dtype).view(whole)
    return signs.bitwise_and_(pattern).view(features.dtype)
