"""Column dropout: values are hidden at random, so that no single column decides.

Vincent, Larochelle, Bengio, Manzagol, "Extracting and composing robust features with denoising
autoencoders", 2008, section 2.3 (masking noise), on the columns of a table. A network trained so
also knows what to do where a value is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field

from sonde.contracts.learn import Augment
from sonde.core.port import MISSING, PRESENT, Port, Ports

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sonde.core.batch import Batch

_HIDDEN = ("scalar", "category", "vector")


class ColumnDropout(Augment):
    """Hides values of numbers, categories and vectors; pictures, texts and targets stay.

    A hidden category takes the place for missing, which every category has. A hidden number or
    vector becomes its mean, and is marked as absent where training rows had missing values.
    """

    probability: float = Field(0.1, gt=0, lt=1)
    """That a value is hidden; each column of each row for itself."""

    def apply(self, batch: Batch, ports: Ports, generator: torch.Generator) -> Batch:
        """One draw a row and column."""
        from sonde.core.batch import tensor_of  # they import torch
        from sonde.data.augment._draws import chance

        moved = dict(batch)
        for name, port in ports.items():
            if port.kind not in _HIDDEN or name not in batch:
                continue
            values = tensor_of(batch, name)
            hidden = chance(len(values), self.probability, generator).to(values.device)
            moved[name] = _filled(values, hidden, port)
            if port.optional and port.kind != "category" and PRESENT + name in batch:
                moved[PRESENT + name] = tensor_of(batch, PRESENT + name) & ~hidden
        return moved

    @classmethod
    def examples(cls) -> list[Self]:
        """One value in ten; one in two."""
        return [cls(), cls(probability=0.5)]


def _filled(values: Tensor, hidden: Tensor, port: Port) -> Tensor:
    """The values, where (B,) `hidden` is true the place for missing, or the mean, which is 0."""
    filler = port.classes + MISSING if port.kind == "category" else 0
    return values.masked_fill(hidden.reshape(-1, *(1,) * (values.ndim - 1)), filler)
