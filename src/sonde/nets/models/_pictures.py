"""Blueprints that look at pictures first: the options and the assembly they share."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError, listed
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Dropout, Widths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from sonde.nets.assemble import EncoderFactory
    from sonde.nets.encoders._base import Encoder


class Staged(NamedTuple):
    """A tower cut where the size of the picture, or the number of channels, changes.

    Attributes:
        stages: each from the grid that the one before gives, (B, C, H, W), to the next.
        shapes: (C, H, W) of what each gives.
        ending: (B, C, H, W) of the last -> (B, F).
        width: F.
    """

    stages: list[nn.Module]
    shapes: list[tuple[int, int, int]]
    ending: nn.Module
    width: int


class InStages(NamedTuple):
    """What reads all inputs, pictures stage by stage.

    Attributes:
        others: encoders of the inputs that are no pictures.
        towers: of the pictures.
        read_by: for each picture in order, the place of its tower.
    """

    others: list[Encoder]
    towers: list[Staged]
    read_by: list[int]


class PictureBlueprint(Blueprint):
    """A tower for each picture; what all columns give joins, then dense layers with ReLU."""

    reads: ClassVar[tuple[PortKind, ...]] = ("grid", "scalar", "category", "vector")

    dense: Widths = ()
    """Dense layers with ReLU after all features have been joined."""
    dropout: Dropout = 0.0
    """Probability, while training, that a feature is left out after each dense layer; without
    dense layers, before the last one."""
    share: bool = False
    """Whether pictures of one size, such as views of one thing, share their convolutions."""
    categories: Literal["vectors", "indicators"] = "vectors"
    """A category as a learned vector, or as an indicator for each class: where rows are few."""

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """All features join after the towers.

        Raises:
            UsageError: no input is a picture.
        """
        from sonde.nets.assemble import assemble

        self._need_pictures(inputs)
        return assemble(inputs, outputs, encoders=self._encoders(), body=self.body)

    def in_stages(self, inputs: Ports) -> InStages:
        """What would read these inputs in a network of this blueprint.

        Raises:
            UsageError: no input is a picture, or one is of a kind that cannot be read.
        """
        from sonde.nets.assemble import by_kind
        from sonde.nets.encoders.grid import _fixed

        self._need_pictures(inputs)
        encoders = self._encoders()
        kinds = by_kind(inputs, encoders)
        towers: dict[object, Staged] = {}
        keys: list[object] = []
        for name, port in kinds.pop("grid").items():
            shape = _fixed(name, port.shape)
            keys.append(shape if self.share else name)
            if keys[-1] not in towers:
                towers[keys[-1]] = self.staged(name, shape)
        order = list(towers)
        others = [encoders[kind](ports) for kind, ports in kinds.items()]
        return InStages(others, list(towers.values()), [order.index(key) for key in keys])

    def _need_pictures(self, inputs: Ports) -> None:
        if not any(port.kind == "grid" for port in inputs.values()):
            given = listed(f"{name} ({port.kind})" for name, port in inputs.items())
            raise UsageError(
                f"{self.kind} needs a picture, and no input column is one: "
                f"{given or 'none at all'}. Use model: dense, or declare a column as image."
            )

    def _encoders(self) -> Mapping[PortKind, EncoderFactory]:
        from sonde.nets.encoders import category, grid, scalar, vector

        classes = category.OneHot if self.categories == "indicators" else category.Embedding
        return {
            "grid": partial(grid.Grid, tower=self._tower, share=self.share),
            "scalar": scalar.Scalar,
            "category": classes,
            "vector": vector.Vector,
        }

    @abstractmethod
    def staged(self, name: str, shape: tuple[int, int, int]) -> Staged:
        """The tower over a picture of (C, H, W) in stages, for who wants what lies between them."""

    @abstractmethod
    def _tower(self, name: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
        """What reads a picture of (C, H, W), and how many features it ends in."""

    def body(self, width: int) -> tuple[nn.Module, int]:
        """Dense layers over the joined features; without any, dropout alone."""
        from torch import nn

        from sonde.nets.blocks.dense import DenseStack

        if not self.dense:
            return nn.Dropout(self.dropout), width
        stack = DenseStack(width, self.dense, dropout=self.dropout)
        return stack, stack.out_features
