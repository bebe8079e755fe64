"""Convolutions over the words of a text, and the strongest answer of each kernel.

Kim, "Convolutional Neural Networks for Sentence Classification", 2014, arXiv:1408.5882, section 2.
As in the author's code a kernel may reach over both ends of the text, where it meets zeros: a text
of one word is read by all kernels, and a word at an end by all places of a kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sonde.nets.blocks.pooling import max_over, within


class TextConv(nn.Module):
    """For each width as many kernels as asked for, then ReLU and the maximum over the text.

    Args:
        width: of a step, E.
        widths: steps that a kernel reads, for each kind.
        maps: kernels of each kind, M.

    Attributes:
        out_features: M times the number of widths.
    """

    def __init__(self, width: int, widths: Sequence[int], maps: int) -> None:
        super().__init__()
        self.kernels = nn.ModuleList(
            nn.Conv1d(width, maps, size, padding=size - 1) for size in widths
        )
        self.out_features = maps * len(widths)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, E) steps and (B,) int64 lengths >= 1 -> (B, out_features)."""
        inside = within(steps, lengths)
        channels = torch.where(inside[..., None], steps, 0).transpose(1, 2)  # (B, E, T)
        found = []
        for kernel in self.kernels:
            read = kernel(channels).transpose(1, 2)  # (B, T + size - 1, M)
            found.append(max_over(read, lengths + read.shape[1] - steps.shape[1]))
        return torch.relu(torch.cat(found, dim=1))  # of a maximum: the maximum of its ReLU
