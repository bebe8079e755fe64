"""Margins: what a class's cosine must exceed the others' by, while it is learned.

Wang et al., "CosFace", 2018, arXiv:1801.09414, eq. 4 takes the margin off the cosine; Deng, Guo,
Xue, Zafeiriou, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", 2019,
arXiv:1801.07698, eq. 3 adds it to the angle. Only the row's own class has it, so a loss is the one
place that can take it off: a network does not know whom it sees.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Form = Literal["cosine", "angle"]


def with_margin(cosines: Tensor, index: Tensor, *, margin: float, form: Form) -> Tensor:
    """Cosines whose row's own class has the margin taken off.

    Beyond the angle pi - margin, where the cosine would rise again, the angular form goes on in a
    straight line with the slope of the cosine, so that it always falls.

    Args:
        cosines: (B, K) float32 in [-1, 1].
        index: (B,) int64; K and above are of no class here, and their rows stay as they are.
        margin: of a cosine, or in radians.
        form: which of them.

    Returns:
        (B, K) float32.
    """
    known = index < cosines.shape[1]
    place = index.where(known, 0)[:, None]
    own = cosines.gather(1, place)
    less = own - margin if form == "cosine" else _turned(own, margin)
    return cosines.scatter(1, place, less.where(known[:, None], own))


def _turned(cosine: Tensor, margin: float) -> Tensor:
    """cos(angle + margin) of the angle whose cosine is given."""
    sine = (1 - cosine.square()).clamp(min=1e-6).sqrt()  # at 0 its slope has no end
    turned = cosine * math.cos(margin) - sine * math.sin(margin)
    straight = cosine - math.sin(margin) * margin
    return turned.where(cosine > -math.cos(margin), straight)
