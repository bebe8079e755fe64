"""Damage: what makes pictures worse, so that a network can learn to make them better again.

In the order in which a picture meets it: a lens (blur), a coarse sensor (low resolution), few
photons (Poisson), electronics (Gaussian, salt and pepper), a file (JPEG), and what is torn out of
it (holes). Zhang, Liang, Van Gool, Timofte, "Designing a Practical Degradation Model for Deep Blind
Image Super-Resolution", 2021, arXiv:2103.14006, section 3, shows why several at once.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import Field, model_validator

from sonde.core.spec import Spec
from sonde.tasks._corruption import intensities, noisy, peppered

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_BRIGHTEST = 255
_REACH = 3  # deviations of a Gaussian beyond which nothing is left to blur

Amount = float | tuple[float, float]
"""The same for all pictures, or the least and the most, between which each picture has its own."""

_LIMITS = {
    "blur": (0, 20),
    "low_resolution": (1, 16),
    "poisson": (0, 1e6),
    "gaussian": (0, 1),
    "salt_and_pepper": (0, 1),
    "jpeg": (1, 95),
    "holes": (0, 1),
}


class Damage(Spec):
    """What is done to clean pictures, each with an amount or a range [least, most] of amounts."""

    blur: Amount | None = None
    """Deviation of a Gaussian blur, in pixels."""
    low_resolution: float | None = None
    """How many times fewer pixels a side has, before it is enlarged again; both bicubic."""
    poisson: Amount | None = None
    """Photons that a white pixel collects on average: the fewer, the more noise."""
    gaussian: Amount | None = None
    """Deviation of Gaussian noise, of intensities in [0, 1]."""
    salt_and_pepper: Amount | None = None
    """Part of the pixels that are white or black instead."""
    jpeg: Amount | None = None
    """Quality of a JPEG file, 1 to 95: the lower, the worse."""
    holes: Amount | None = None
    """Part of the picture that is cut out and black."""
    hole_side: int = Field(8, ge=1, le=512)
    """Side of the squares that holes are made of, in pixels; 1 takes single pixels."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        asked = {name: getattr(self, name) for name in _LIMITS}
        if all(amount is None for amount in asked.values()):
            raise ValueError(f"expected at least one of {', '.join(_LIMITS)}")
        for name, amount in asked.items():
            low, high = _bounds(0 if amount is None else amount)
            least, most = _LIMITS[name]
            if amount is not None and not (least <= low <= high <= most and high > 0):
                raise ValueError(
                    f"{name}: got {amount!r}, expected a number above 0 or a range [least, most], "
                    f"within [{least:g}, {most:g}]"
                )
        return self

    @property
    def enlarges(self) -> bool:
        """Whether pictures lack pixels and nothing else."""
        return self.low_resolution is not None and not any(
            getattr(self, name) is not None for name in _LIMITS if name != "low_resolution"
        )

    def apply(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """(B, C, H, W) clean pictures, uint8 or intensities -> (B, C, H, W) uint8 worse ones.

        They are rounded to 256 steps, as a file of them would be.
        """
        import torch

        light = intensities(pictures)
        if self.blur is not None:
            light = _blurred(light, _drawn(self.blur, light, generator))
        if self.low_resolution is not None:
            height, width = light.shape[2:]
            fewer = (math.ceil(side / self.low_resolution) for side in (height, width))
            light = resized(resized(light, (next(fewer), next(fewer))), (height, width))
        if self.poisson is not None:
            photons = _drawn(self.poisson, light, generator).clamp(min=1e-3)
            light = (torch.poisson(light * photons, generator=generator) / photons).clamp(max=1)
        if self.gaussian is not None:
            light = noisy(light, _drawn(self.gaussian, light, generator), generator)
        if self.salt_and_pepper is not None:
            light = peppered(light, _drawn(self.salt_and_pepper, light, generator), generator)
        if self.jpeg is not None:
            light = _written_as_jpeg(light, _drawn(self.jpeg, light, generator))
        if self.holes is not None:
            amount = _drawn(self.holes, light, generator)
            light = light.where(~_holes(light, amount, self.hole_side, generator), 0.0)
        return as_bytes(light)


def damaged(picture: np.ndarray, damage: Damage, number: int) -> np.ndarray:
    """A picture (H, W) or (H, W, 3) uint8, damaged by the one draw that its row number has."""
    import torch

    grid = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
    found = damage.apply(torch.from_numpy(np.array(grid))[None], draw_of(number))
    worse: np.ndarray = found[0].numpy()
    return worse[0] if picture.ndim == 2 else np.ascontiguousarray(worse.transpose(1, 2, 0))


def enlarged(picture: np.ndarray, times: int) -> np.ndarray:
    """A picture (H, W) or (H, W, 3) uint8, so many times larger a side, bicubic."""
    from PIL import Image

    if times == 1:
        return picture
    size = (picture.shape[1] * times, picture.shape[0] * times)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def draw_of(number: int) -> torch.Generator:
    """The generator for the damage of a row that is judged: the same in every run."""
    import torch

    from sonde.core.seed import key

    return torch.Generator().manual_seed(key("damage", number))


def resized(light: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) intensities -> (B, C, *size), bicubic, antialiased where they shrink."""
    from torch.nn.functional import interpolate

    if tuple(light.shape[2:]) == size:
        return light
    found = interpolate(light, size, mode="bicubic", align_corners=False, antialias=True)
    return found.clamp(0, 1)


def as_bytes(light: Tensor) -> Tensor:
    """Intensities in [0, 1] as uint8."""
    import torch

    return (light * _BRIGHTEST).round().to(torch.uint8)


def _bounds(amount: Amount) -> tuple[float, float]:
    return amount if isinstance(amount, tuple) else (amount, amount)


def _drawn(amount: Amount, light: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 1, 1, 1) the amount of each picture."""
    import torch

    low, high = _bounds(amount)
    part = torch.full((len(light), 1, 1, 1), low, device=light.device)
    if low == high:
        return part
    drawn = torch.rand(part.shape, generator=generator, device=generator.device)
    return part + (high - low) * drawn.to(light.device)


def _blurred(light: Tensor, deviation: Tensor) -> Tensor:
    """Each picture through its own Gaussian; edges are repeated outwards."""
    import torch
    from torch.nn.functional import conv2d, pad

    rows, channels, _, width = light.shape
    reach = max(1, math.ceil(_REACH * float(deviation.max())))
    steps = torch.arange(-reach, reach + 1, device=light.device)
    weights = torch.exp(-(steps**2) / (2 * deviation.flatten(1).clamp(min=1e-3) ** 2))  # (B, K)
    weights = (weights / weights.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    across = pad(light, [reach] * 4, mode="replicate").reshape(
        1, rows * channels, -1, width + 2 * reach
    )
    across = conv2d(across, weights[:, None, None, :], groups=rows * channels)
    down = conv2d(across, weights[:, None, :, None], groups=rows * channels)
    return down.reshape(light.shape)


def _written_as_jpeg(light: Tensor, quality: Tensor) -> Tensor:
    """Each picture as it comes back from a JPEG file."""
    import torch
    from PIL import Image

    pictures = as_bytes(light).cpu().numpy()
    back = np.empty_like(pictures)
    for row, (picture, asked) in enumerate(zip(pictures, quality.flatten().tolist(), strict=True)):
        file = io.BytesIO()
        flat = picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0)
        Image.fromarray(np.ascontiguousarray(flat)).save(file, "JPEG", quality=round(asked))
        read = np.asarray(Image.open(file))
        back[row] = read if len(picture) == 1 else read.transpose(2, 0, 1)
    return torch.from_numpy(back).to(light.device) / _BRIGHTEST


def _holes(light: Tensor, part: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """(B, 1, H, W) bool: squares of a lattice that lies anywhere, each one with chance `part`."""
    import torch

    rows, _, height, width = light.shape
    down, across = (-(-size // side) + 1 for size in (height, width))
    here = generator.device
    cut = torch.rand((rows, 1, down, across), generator=generator, device=here) < part.to(here)
    start = torch.randint(side, (rows, 2), generator=generator, device=here)
    found = cut.repeat_interleave(side, dim=2).repeat_interleave(side, dim=3)
    windows = found.unfold(2, height, 1).unfold(3, width, 1)[:, :, :side, :side]
    row = torch.arange(rows, device=here)
    return windows[row, :, start[:, 0], start[:, 1]].to(light.device)
