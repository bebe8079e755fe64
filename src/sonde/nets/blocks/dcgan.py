"""A generator and a critic of convolutions, as deep convolutional adversarial networks have them.

Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative
Adversarial Networks", 2016, arXiv:1511.06434, section 3 and fig. 1: strided convolutions in place
of pooling, batch normalisation, ReLU in the generator and leaky ReLU in the critic. As there, the
critic's first and the generator's last layer are not normalised; here no layer of the critic is
batch-normalised, since the penalty on its gradient asks for scores that are of one row alone
(Gulrajani et al. 2017, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from sonde.core.batch import Batch, tensor_of
from sonde.nets.blocks.strided import halved
from sonde.nets.encoders.category import OneHot
from sonde.nets.encoders.grid import as_float

_SLOPE = 0.2
"""Of leaky ReLU below 0: section 3 of the paper."""


class Drawer(nn.Module):
    """Noise and conditions in, one picture out.

    Args:
        reads: the vectors and categories it is given.
        picture: the output's name.
        shape: (C, H, W) of the picture, for any H and W.
        channels: of the stages between noise and picture, from the picture inwards.
        kernel_size: side of every kernel in pixels, odd.
        batch_norm: whether stages are normalised.
    """

    def __init__(
        self,
        reads: Reads,
        picture: str,
        shape: tuple[int, int, int],
        channels: Sequence[int],
        *,
        kernel_size: int = 5,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        self.vectors, self.conditions = tuple(reads.vectors), reads.conditions
        self.picture = picture
        sizes = halved(shape[1:], len(channels))[::-1]
        self.begins = (channels[-1], *sizes[0])
        width = sum(reads.vectors.values()) + (reads.conditions.width if reads.conditions else 0)
        first = channels[-1] * sizes[0][0] * sizes[0][1]
        self.first = nn.Linear(width, first, bias=not batch_norm)
        self.stages = nn.Sequential()
        margin = kernel_size // 2
        widths = [*reversed(channels), shape[0]]
        for (given, made), small, large in zip(
            pairwise(widths), sizes[:-1], sizes[1:], strict=True
        ):
            if batch_norm:
                self.stages.append(nn.BatchNorm2d(given))
            self.stages.append(nn.ReLU())
            more = (large[0] - 2 * small[0] + 1, large[1] - 2 * small[1] + 1)
            last = large == sizes[-1]  # batch normalisation takes the mean away, and any bias
            self.stages.append(
                nn.ConvTranspose2d(
                    given, made, kernel_size, 2, margin, more, bias=last or not batch_norm
                )
            )

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Vectors (B, D) and categories (B,) -> the picture, (B, C, H, W), raw."""
        read = [tensor_of(batch, name) for name in self.vectors]
        if self.conditions is not None:
            read.append(self.conditions(batch))
        hidden = self.first(torch.cat(read, dim=1)).unflatten(1, self.begins)
        return {self.picture: self.stages(hidden.to(memory_format=torch.channels_last))}


class Reads(NamedTuple):
    """What a drawer reads: by name the lengths of vectors, and what reads its categories."""

    vectors: Mapping[str, int]
    conditions: OneHot | None


class Tower(nn.Module):
    """Strided convolutions with leaky ReLU: (B, C, H, W) -> (B, width).

    Args:
        shape: (C, H, W).
        channels: of the stages, from the picture inwards.
        kernel_size: side of every kernel in pixels, odd.
        spectral: whether each convolution's largest singular value is kept at 1 (Miyato, Kataoka,
            Koyama, Yoshida, "Spectral Normalization for Generative Adversarial Networks", 2018,
            arXiv:1802.05957, algorithm 1).
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        channels: Sequence[int],
        *,
        kernel_size: int = 5,
        spectral: bool = True,
    ) -> None:
        super().__init__()
        self.stages = nn.Sequential()
        for given, made in pairwise([shape[0], *channels]):
            layer = nn.Conv2d(given, made, kernel_size, stride=2, padding=kernel_size // 2)
            self.stages.append(normed(layer, spectral))
            self.stages.append(nn.LeakyReLU(_SLOPE))
        height, width = halved(shape[1:], len(channels))[-1]
        self.width = channels[-1] * height * width

    def forward(self, grid: Tensor) -> Tensor:
        """(B, C, H, W) float -> (B, width)."""
        found: Tensor = self.stages(grid.to(memory_format=torch.channels_last))
        return found.flatten(1)


class Projected(nn.Module):
    """A score of features, told a condition by projection.

    Miyato, Koyama, "cGANs with Projection Discriminator", 2018, arXiv:1802.05637, eq. 3: beside
    the linear layer, the inner product of the features with a learned vector of the class.

    Args:
        width: F, of the features.
        outputs: how many scores a row has.
        places: of each category, its classes and reserved places.
        spectral: whether the layer and the vectors are normalised as the convolutions are.
    """

    def __init__(
        self, width: int, outputs: int, places: Mapping[str, int], *, spectral: bool
    ) -> None:
        super().__init__()
        self.linear = normed(nn.Linear(width, outputs), spectral)
        self.names = tuple(places)
        self.tables = nn.ModuleList()
        for count in places.values():
            table = nn.Embedding(count, outputs * width)
            with torch.no_grad():
                table.weight.mul_(width**-0.5)  # so that products begin at a size of about 1
            self.tables.append(normed(table, spectral))

    def forward(self, features: Tensor, batch: Batch) -> Tensor:
        """(B, F) and categories (B,) -> (B, outputs)."""
        score: Tensor = self.linear(features)
        for name, table in zip(self.names, self.tables, strict=True):
            vectors = table(tensor_of(batch, name).long()).unflatten(1, (score.shape[1], -1))
            score = score + (vectors * features[:, None]).sum(dim=2)
        return score


class Critic(nn.Module):
    """Pictures and conditions in, scores out.

    Args:
        towers: of each grid.
        planes: categories that are told as constant planes beside each grid's own; None for none.
        heads: of each output, from the joined features.
        flat: the outputs that are one number a row.
    """

    def __init__(
        self,
        towers: Mapping[str, Tower],
        planes: OneHot | None,
        heads: Mapping[str, Projected],
        *,
        flat: frozenset[str],
    ) -> None:
        super().__init__()
        self.grids, self.outputs, self.flat = tuple(towers), tuple(heads), flat
        # lists, because a column may have a name that a module cannot, such as "front.left"
        self.towers = nn.ModuleList(towers.values())
        self.planes = planes
        self.heads = nn.ModuleList(heads.values())

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Grids (B, C, H, W) uint8 or float, categories (B,) -> by output (B,) or (B, O)."""
        told = None if self.planes is None else self.planes(batch)[:, :, None, None]
        features = []
        for name, tower in zip(self.grids, self.towers, strict=True):
            grid = as_float(tensor_of(batch, name))
            if told is not None:
                grid = torch.cat([grid, told.expand(-1, -1, *grid.shape[2:])], dim=1)
            features.append(tower(grid))
        joined = torch.cat(features, dim=1)
        raw = {n: head(joined, batch) for n, head in zip(self.outputs, self.heads, strict=True)}
        return {name: value[:, 0] if name in self.flat else value for name, value in raw.items()}


def normed(layer: nn.Module, spectral: bool) -> nn.Module:
    """The layer, with spectral normalisation where asked for."""
    return spectral_norm(layer) if spectral else layer
