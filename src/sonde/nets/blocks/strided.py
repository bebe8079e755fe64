"""Convolutions that halve a picture, and transposed ones that double it back to its very size.

Dumoulin, Visin, "A guide to convolution arithmetic for deep learning", 2016, arXiv:1603.07285,
relationships 5 and 14: of n pixels a stage leaves ceil(n / 2), and the padding of the transposed
stage is chosen so that it gives n again, whether n was odd or even.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

Size = tuple[int, int]


def halved(size: Size, times: int) -> list[Size]:
    """Height and width in pixels before and after each of `times` stages: times + 1 sizes."""
    sizes = [size]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


class Shrink(nn.Sequential):
    """(B, C, H, W) -> (B, channels[-1] * h * w): convolutions of stride 2 with ReLU, flattened.

    Args:
        in_channels: C.
        channels: of the stages, first to last.
        kernel_size: side of the kernel in pixels, odd.
    """

    def __init__(self, in_channels: int, channels: Sequence[int], *, kernel_size: int = 3) -> None:
        super().__init__()
        for given, made in pairwise([in_channels, *channels]):
            self.append(nn.Conv2d(given, made, kernel_size, stride=2, padding=kernel_size // 2))
            self.append(nn.ReLU())
        self.append(nn.Flatten())


class Grow(nn.Module):
    """The way back: transposed convolutions of stride 2 with ReLU, then a plain convolution.

    Args:
        shape: (C, H, W) of what it gives, for any H and W.
        channels: as `Shrink` has them; they are met last to first.
        kernel_size: side of the kernel in pixels, odd.
    """

    def __init__(
        self, shape: tuple[int, int, int], channels: Sequence[int], *, kernel_size: int = 3
    ) -> None:
        super().__init__()
        sizes = halved(shape[1:], len(channels))
        self.begins = (channels[-1], *sizes[-1])
        self.layers = nn.Sequential()
        margin = kernel_size // 2
        widths = [channels[-1], *reversed(channels)]
        for (given, made), small, large in zip(
            pairwise(widths), sizes[:0:-1], sizes[-2::-1], strict=True
        ):
            more = (large[0] - 2 * small[0] + 1, large[1] - 2 * small[1] + 1)
            self.layers.append(
                nn.ConvTranspose2d(
                    given, made, kernel_size, stride=2, padding=margin, output_padding=more
                )
            )
            self.layers.append(nn.ReLU())
        self.layers.append(nn.Conv2d(channels[0], shape[0], kernel_size, padding=margin))

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels[-1] * h * w) -> (B, C, H, W) raw."""
        grown: Tensor = self.layers(features.reshape(-1, *self.begins))
        return grown
