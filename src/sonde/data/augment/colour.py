"""Colour: pictures brighter or darker, flatter or harder, paler or stronger, of another hue, grey.

Howard, "Some improvements on deep convolutional neural network based image classification", 2013,
arXiv:1312.5402, section 2; hue and grey as in Chen, Kornblith, Norouzi, Hinton, "A Simple Framework
for Contrastive Learning of Visual Representations", 2020, arXiv:2002.05709, appendix A.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from sonde.contracts.learn import Augment
from sonde.core.port import Ports

if TYPE_CHECKING:
    import torch

    from sonde.core.batch import Batch


class Colour(Augment):
    """Changes brightness, contrast and saturation, each by a factor in [1 - most, 1 + most].

    Then turns the hue, and leaves some pictures without colours.

    Masks stay; pictures of one frame change alike. uint8 pictures stay in [0, 255]; of float ones
    nobody knows the range, so nothing is cut off.
    """

    brightness: float = Field(0.2, ge=0, le=1)
    contrast: float = Field(0.2, ge=0, le=1)
    saturation: float = Field(0.2, ge=0, le=1)
    """Of pictures with three channels."""
    hue: float = Field(0, ge=0, le=0.5)
    """Most that the hue is turned either way, in whole turns: 0.5 makes any colour of any other."""
    grey: float = Field(0, ge=0, le=1)
    """Chance of a picture to lose its colours."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not any((self.brightness, self.contrast, self.saturation, self.hue, self.grey)):
            raise ValueError("got colour that changes nothing; give one of its options")
        return self

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw a row, frame and step."""
        from sonde.core.batch import tensor_of  # they import torch
        from sonde.data.augment import _colours
        from sonde.data.augment._draws import uniform
        from sonde.data.augment._frames import frames_in, num_rows

        factors = (
            (self.brightness, _colours.brightened),
            (self.contrast, _colours.contrasted),
            (self.saturation, _colours.saturated),
        )
        moved = dict(batch)
        for frame in frames_in(batch, ports):
            rows = num_rows(batch, frame)
            drawn: list[tuple[_colours.Step, torch.Tensor]] = [
                (step, uniform(rows, 1 - most, 1 + most, generator))
                for most, step in factors
                if most
            ]
            if self.hue:
                drawn.append((_colours.turned, uniform(rows, -self.hue, self.hue, generator)))
            if self.grey:
                kept = uniform(rows, 0, 1, generator) >= self.grey
                drawn.append((_colours.saturated, kept.float()))
            for name in frame.pictures:
                recolour = partial(_colours.in_turn, steps=drawn)
                moved[name] = _colours.changed(tensor_of(batch, name), recolour)
        return moved

    @classmethod
    def examples(cls) -> list[Self]:
        """The three factors; each by itself; hue and grey."""
        return [
            cls(),
            cls(brightness=0.5, contrast=0, saturation=0),
            cls(brightness=0, contrast=0.5, saturation=0),
            cls(brightness=0, contrast=0, saturation=1),
            cls(brightness=0, contrast=0, saturation=0, hue=0.1, grey=0.5),
        ]
