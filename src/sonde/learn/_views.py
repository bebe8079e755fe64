"""Two views of each row, and what learning from them shares.

Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual
Representations", 2020, arXiv:2002.05709, section 2.1: a row is seen twice, changed by chance, and
the network is to say that both are one. What the recipe's `augment` leaves as it was is changed by
default: pictures by small maps and colours, and in one of the views values of columns by those of
other rows (Bahri, Jiang, Tay, Metzler, "SCARF: Self-Supervised Contrastive Learning using Random
Feature Corruption", 2022, arXiv:2106.15147, algorithm 1; there from the whole training part, here
from the batch, which is drawn from it).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from sonde.contracts.learn import Augment, Context, Phase
from sonde.contracts.model import Blueprint
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, count, mapped, select
from sonde.core.notice import tell
from sonde.core.port import PRESENT, Port, Ports
from sonde.learn._codes import CodeLearner, CodeSettings, Encoding, encoder_of, features_port

_VIEW = "#view"

_GREY: tuple[Mapping[str, Any], ...] = (
    {"kind": "affine", "degrees": 15, "scale": [0.8, 1.4], "shear": 10, "translate": 0.1},
    {"kind": "colour", "brightness": 0.4, "contrast": 0.4, "saturation": 0},
)
_COLOURED: tuple[Mapping[str, Any], ...] = (
    {"kind": "affine", "scale": [1.0, 1.8], "translate": 0.15},
    {"kind": "flip"},
    {"kind": "colour", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4},
)
"""Where a recipe names no change. Pictures without colours are often characters, scans or
measurements, which a mirror makes something else of."""


class ViewSettings(CodeSettings):
    """How views are made, and what compares them."""

    separable: ClassVar[bool] = False
    """Rows of a batch are compared with one another."""

    projector: Blueprint = Field(
        default={"kind": "dense", "hidden": [256], "norm": "batch"}, validate_default=True
    )
    """The network between codes and what is compared; it is thrown away in the end."""
    projection: int = Field(128, ge=2)
    """How many numbers are compared."""
    corruption: float = Field(0.6, gt=0, lt=1)
    """Chance that a column's value is taken from another row in one of the views, where `augment`
    does not change the column; pictures are not replaced."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.micro_batch:
            raise ValueError(
                "rows of a batch are compared with one another, so a batch cannot be cut into "
                "micro-batches. Remove micro_batch, or take a smaller batch_size"
            )
        return self

    def compared(self, context: Context, learner: type[ViewLearner]) -> Phase:
        """The one phase."""
        self.represented(context)
        batches = self.batches(context)
        encoder, width = encoder_of(context)
        asked = {_VIEW: Port("vector", (self.projection,))}
        projector = context.build(self.projector, features_port(width), asked)
        module = Encoding(encoder, projector)
        return self.phase("views", learner(module, self, context, batches, self.kind), batches)


class ViewLearner(CodeLearner):
    """Compares the projections of two views of each row."""

    settings: ViewSettings

    @abstractmethod
    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """(B, D) projections of either view -> (B,) losses."""

    def asked(self, batch: Batch, *, training: bool) -> Batch:
        """2B rows: the first views, then the second."""
        return views(batch, self.context, self.settings.corruption)

    def read(self, asked: Batch) -> Batch:
        """All of it."""
        return asked

    def loss(self, module: Encoding, asked: Batch) -> Loss:
        """(B,): a pair of views is one row."""
        first, second = module(asked)[_VIEW].chunk(2)
        losses = self.compare(first, second)
        return Loss(losses, torch.ones_like(losses))


def views(batch: Batch, context: Context, corruption: float) -> Batch:
    """Two views of each of B rows, drawn for the present place: 2B rows.

    Args:
        batch: B rows.
        context: gives the inputs' ports and the recipe's augmentations.
        corruption: chance that a value comes from another row.
    """
    inputs = context.task.inputs
    twice = mapped(select(batch, inputs), lambda tensor: torch.cat([tensor, tensor]))
    changed = select(context.augment(dict(twice)), inputs)
    left = {name: port for name, port in inputs.items() if changed[name] is twice[name]}
    grids = {name: port for name, port in left.items() if port.kind == "grid"}
    values = [name for name in left if name not in grids]
    if grids:
        changed = _by_default(changed, grids, context)
    if values:
        tell(f"views      {corruption:.0%} of the values of one view are those of other rows")
        changed = _corrupted(changed, values, corruption, context)
    return changed


def _by_default(batch: Batch, grids: Ports, context: Context) -> Batch:
    coloured = all(port.shape[0] == 3 for port in grids.values())
    stack = _stack(coloured)
    said = ", ".join(change.kind for change in stack)
    tell(f"views      the recipe's augment leaves pictures as they are: {said}, by default")
    for index, change in enumerate(stack):
        draw = seed.generator(f"view {index}", context.device)
        batch = change.apply(batch, grids, draw)
    return batch


@cache
def _stack(coloured: bool) -> tuple[Augment, ...]:
    return tuple(Augment.parse(change) for change in (_COLOURED if coloured else _GREY))


def _corrupted(batch: Batch, names: list[str], chance: float, context: Context) -> Batch:
    """In the second half of 2B rows, values from other rows of that half, column by column."""
    rows = count(batch) // 2
    draw = seed.generator("corrupt", context.device)
    out = dict(batch)
    for name in names:
        other = torch.randint(rows, (rows,), generator=draw, device=draw.device)
        taken = torch.rand(rows, generator=draw, device=draw.device) < chance
        source = torch.arange(rows, device=draw.device).where(~taken, other)
        places = torch.cat([torch.arange(rows, device=draw.device), rows + source])
        own = {key: batch[key] for key in (name, PRESENT + name) if key in batch}
        out |= mapped(own, lambda tensor, at=places: tensor.to(at.device)[at])  # type: ignore[misc]
    return out
