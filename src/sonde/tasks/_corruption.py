"""Corruption: what a denoiser is given in place of the clean row.

Vincent, Larochelle, Lajoie, Bengio, Manzagol, "Stacked Denoising Autoencoders", Journal of Machine
Learning Research 11, 2010, section 3.3: additive Gaussian noise, masking noise, salt-and-pepper
noise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from sonde.core.port import MISSING, PRESENT, Port, Ports
from sonde.core.spec import Spec

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch

_BRIGHTEST = 255  # of a uint8 grid
_FAR = 2.0
"""Deviations from the mean at which a number is salt or pepper, where its column knows no edges."""


class Corruption(Spec):
    """Noise on inputs; every value of every row is drawn anew each time.

    On pictures intensities stay in [0, 1], and masking and salt-and-pepper take whole pixels, all
    channels at once. A masked number or category is as good as missing; salt and pepper are the
    column's lowest and highest values, of a category any class. Gaussian noise leaves categories.
    """

    noise: Literal["gaussian", "salt-and-pepper", "masking"]
    amount: float = Field(gt=0, le=10)
    """Of Gaussian noise its deviation: of intensities in [0, 1], or in standard deviations of the
    number. Else the part of the values that is taken, in (0, 1]."""

    @model_validator(mode="after")
    def _is_a_part(self) -> Self:
        if self.noise != "gaussian" and self.amount > 1:
            raise ValueError(f"amount: got {self.amount:g}, expected a part of the values, up to 1")
        return self

    def apply(self, inputs: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """A copy of the inputs with the named ports corrupted; nothing is changed in place."""
        from sonde.core.batch import tensor_of  # it imports torch

        found = dict(inputs)
        for name, port in ports.items():
            values = tensor_of(inputs, name)
            match port.kind:
                case "grid":
                    found[name] = self._grid(intensities(values), generator)
                case "category":
                    found[name] = self._category(values, port, generator)
                case _:
                    found |= self._marked(name, inputs, self._number(values, port, generator))
        return found

    def _marked(self, name: str, inputs: Batch, changed: Tensor) -> Batch:
        """A changed number, where there was one; masked ones are marked as missing."""
        from sonde.core.batch import tensor_of

        if PRESENT + name not in inputs:
            return {name: changed}
        present = tensor_of(inputs, PRESENT + name)
        values = changed.where(present, tensor_of(inputs, name))
        if self.noise == "masking":
            present = present & (values != 0)  # what is masked is the mean, which is 0
        return {name: values, PRESENT + name: present}

    def _grid(self, values: Tensor, generator: torch.Generator) -> Tensor:
        """(B, C, H, W) in [0, 1]."""
        match self.noise:
            case "gaussian":
                return noisy(values, self.amount, generator)
            case "salt-and-pepper":
                return peppered(values, self.amount, generator)
        return values.where(_uniform(values[:, :1], generator) >= self.amount, 0.0)

    def _number(self, values: Tensor, port: Port, generator: torch.Generator) -> Tensor:
        """(B,) standardised."""
        if self.noise == "gaussian":
            return values + self.amount * _normal(values, generator)
        drawn = _uniform(values, generator)
        if self.noise == "masking":
            return values.where(drawn >= self.amount, 0.0)
        low, high = (port.edges[0], port.edges[-1]) if port.edges else (-_FAR, _FAR)
        values = values.where(drawn >= self.amount, low)
        return values.where((drawn < self.amount / 2) | (drawn >= self.amount), high)

    def _category(self, values: Tensor, port: Port, generator: torch.Generator) -> Tensor:
        """(B,) indices."""
        import torch

        if self.noise == "gaussian":
            return values
        drawn = _uniform(values, generator)
        if self.noise == "masking":
            return values.long().where(drawn >= self.amount, port.classes + MISSING)
        device = generator.device
        other = torch.randint(port.classes, values.shape, generator=generator, device=device)
        return values.long().where(drawn >= self.amount, other)


def intensities(grid: Tensor) -> Tensor:
    """Pictures as float32 in [0, 1], as networks read them."""
    return grid.float() if grid.is_floating_point() else grid / _BRIGHTEST


def noisy(pictures: Tensor, amount: float | Tensor, generator: torch.Generator) -> Tensor:
    """(B, C, H, W) intensities with Gaussian noise of that deviation, kept in [0, 1]."""
    return (pictures + amount * _normal(pictures, generator)).clamp(0, 1)


def peppered(pictures: Tensor, amount: float | Tensor, generator: torch.Generator) -> Tensor:
    """(B, C, H, W) intensities, a part of whose pixels are white or black, as often the one."""
    drawn = _uniform(pictures[:, :1], generator)
    pictures = pictures.where(drawn >= amount, 0.0)
    return pictures.where((drawn < amount / 2) | (drawn >= amount), 1.0)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    import torch

    return torch.randn(like.shape, generator=generator, device=generator.device)


def _uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    import torch

    return torch.rand(like.shape, generator=generator, device=generator.device)
