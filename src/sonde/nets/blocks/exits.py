"""Parts of a network with exits: stages over the pictures of a row, and an exit after each.

Teerapittayanon, McDanel, Kung, "BranchyNet: Fast Inference via Early Exiting from Deep Neural
Networks", 2016, arXiv:1709.01686, section III. BranchyNet asks how sure an exit is by the entropy
of its answer, we by the odds of the likeliest class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Outputs = dict[str, Tensor]
"""By output (B, K) logits."""

_SUREST = 1e6
"""Log-odds are cut off above it, since those of a single class are infinite."""


class Features(NamedTuple):
    """What is known of B rows between two stages.

    Attributes:
        grids: (B, C, H, W) float, one for each picture of a row.
        others: (B, F) float32, the columns that are no pictures.
    """

    grids: tuple[Tensor, ...]
    others: Tensor

    def of(self, rows: Tensor) -> Features:
        """Those of some rows, by place."""
        kept = (grid[rows].to(memory_format=torch.channels_last) for grid in self.grids)
        return Features(tuple(kept), self.others[rows])


class Stage(nn.Module):
    """The next stage of every picture's tower.

    Args:
        towers: what reads a grid, (B, C, H, W) -> (B, C', H', W').
        read_by: for each picture the tower that reads it.
    """

    def __init__(self, towers: Sequence[nn.Module], read_by: Sequence[int]) -> None:
        super().__init__()
        self.towers = nn.ModuleList(towers)
        self.read_by = tuple(read_by)

    def forward(self, features: Features) -> Features:
        """Pictures one stage on; the rest stays."""
        pairs = zip(self.read_by, features.grids, strict=True)
        return Features(tuple(self.towers[at](grid) for at, grid in pairs), features.others)


class Exit(nn.Module):
    """Answers from what is known after a stage.

    Args:
        looks: for each tower, (B, C, H, W) -> (B, G) float.
        read_by: for each picture the tower that reads it.
        body: over all that is joined, (B, F) float -> (B, H) float.
        heads: by output, (B, H) float -> (B, K) logits.
    """

    def __init__(
        self,
        looks: Sequence[nn.Module],
        read_by: Sequence[int],
        body: nn.Module,
        heads: Mapping[str, nn.Module],
    ) -> None:
        super().__init__()
        self.looks = nn.ModuleList(looks)
        self.read_by = tuple(read_by)
        self.body = body
        # a list, because a column may have a name that a module cannot
        self.heads = nn.ModuleList(heads.values())
        self.outputs = tuple(heads)

    def forward(self, features: Features) -> Outputs:
        """B rows -> by output (B, K) logits."""
        pairs = zip(self.read_by, features.grids, strict=True)
        seen = [self.looks[at](grid) for at, grid in pairs]
        hidden = self.body(torch.cat([features.others, *seen], dim=1))
        return {name: head(hidden) for name, head in zip(self.outputs, self.heads, strict=True)}


class Places(nn.Module):
    """The means of a grid over at most side x side squares: (B, C, H, W) -> (B, width) float32."""

    def __init__(self, shape: tuple[int, int, int], side: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.window = (-(-height // side), -(-width // side))
        self.width = channels * -(-height // self.window[0]) * -(-width // self.window[1])

    def forward(self, grid: Tensor) -> Tensor:
        """Squares that reach over the edge take the mean of what there is."""
        means = functional.avg_pool2d(
            grid.float(), self.window, ceil_mode=True, count_include_pad=False
        )
        return means.flatten(1)


def sure(outputs: Mapping[str, Tensor]) -> Tensor:
    """By output (B, K) logits -> (B,) the log-odds of the likeliest class, of the least sure one.

    Odds, since probabilities near 1 differ by less than float32 can show.
    """
    return torch.stack([_log_odds(logits.float()) for logits in outputs.values()]).amin(dim=0)


def _log_odds(logits: Tensor) -> Tensor:
    """Of the greatest p, log p / (1 - p): (B, K) -> (B,)."""
    most, place = logits.max(dim=1, keepdim=True)
    rest = logits.scatter(1, place, -torch.inf).logsumexp(dim=1)
    return (most[:, 0] - rest).clamp(max=_SUREST)
