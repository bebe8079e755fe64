"""A feature pyramid: what a backbone sees coarsely is handed down to where it sees finely.

Lin, Dollár, Girshick, He, Hariharan, Belongie, "Feature Pyramid Networks for Object Detection",
2017, arXiv:1612.03144, section 3; coarser levels than the backbone's last by strided convolutions,
as in Lin, Goyal, Girshick, He, Dollár, "Focal Loss for Dense Object Detection", 2017,
arXiv:1708.02002, section 4. Ours has norms.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from sonde.nets.blocks.residual import ConvNorm, Norm


class Pyramid(nn.Module):
    """Grids of several strides -> grids of the same sizes and one width, and coarser ones.

    Args:
        channels: of the grids that come in, the finest first.
        width: channels of all that come out.
        coarser: how many levels to add beyond the coarsest, each of half the size.
        norm: after each convolution.
    """

    def __init__(
        self, channels: Sequence[int], width: int, *, coarser: int = 0, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        self.across = nn.ModuleList(
            ConvNorm(each, width, kernel_size=1, norm=norm) for each in channels
        )
        self.smooth = nn.ModuleList(
            ConvNorm(width, width, kernel_size=3, norm=norm) for _ in channels
        )
        self.beyond = nn.ModuleList(
            ConvNorm(width, width, kernel_size=3, stride=2, norm=norm) for _ in range(coarser)
        )

    def forward(self, grids: Sequence[Tensor]) -> list[Tensor]:
        """(B, C_i, H_i, W_i), the finest first -> (B, width, H_i, W_i), and the coarser ones."""
        merged = [across(grid) for across, grid in zip(self.across, grids, strict=True)]
        for finer in range(len(merged) - 2, -1, -1):
            size = merged[finer].shape[-2:]
            merged[finer] = merged[finer] + functional.interpolate(merged[finer + 1], size=size)
        levels = [
            functional.relu(smooth(grid)) for smooth, grid in zip(self.smooth, merged, strict=True)
        ]
        for layer in self.beyond:
            levels.append(functional.relu(layer(levels[-1])))
        return levels
