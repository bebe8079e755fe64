"""Flips when a model answers: the mean of what it says of a picture and of its mirror images.

Timofte, Rothe, Van Gool, "Seven Ways to Improve Example-Based Single Image Super Resolution", 2016,
section 3.6, there also with turned pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sonde.core.batch import Batch, tensor_of
from sonde.core.port import Ports

if TYPE_CHECKING:
    from torch import Tensor

Axes = tuple[int, ...]

SIDEWAYS: Sequence[Axes] = ((), (3,))
"""As it is, and left for right: where above is above, as on a road."""

ALL_WAYS: Sequence[Axes] = ((), (3,), (2,), (2, 3))
"""Left for right, above for below, and both: where no direction means anything."""


def over_flips(
    said: Callable[[Batch], Tensor], inputs: Batch, ports: Ports, ways: Sequence[Axes]
) -> Tensor:
    """(B, C, H, W) the mean of what is said of pictures and of their mirror images, turned back.

    Args:
        said: makes (B, C, H, W) float32 of inputs; what may be averaged, such as probabilities.
        inputs: for the network.
        ports: what they are; every grid is mirrored.
        ways: the axes that are turned round, for each image.
    """
    grids = [name for name, port in ports.items() if port.kind == "grid" and name in inputs]
    total: Tensor | None = None
    for axes in ways:
        turned: Batch = {name: tensor_of(inputs, name).flip(axes) for name in grids}
        found = said({**inputs, **turned}).flip(axes)
        total = found if total is None else total + found
    assert total is not None, "a picture as it is is one of the ways"
    return total / len(ways)
