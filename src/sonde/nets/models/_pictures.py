"""Blueprints that look at pictures first: the options and the assembly they share."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError, listed
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Dropout, Widths

if TYPE_CHECKING:
    from torch import nn


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
        from sonde.nets.encoders import category, grid, scalar, vector

        if not any(port.kind == "grid" for port in inputs.values()):
            given = listed(f"{name} ({port.kind})" for name, port in inputs.items())
            raise UsageError(
                f"{self.kind} needs a picture, and no input column is one: "
                f"{given or 'none at all'}. Use model: dense, or declare a column as image."
            )
        classes = category.OneHot if self.categories == "indicators" else category.Embedding
        return assemble(
            inputs,
            outputs,
            encoders={
                "grid": partial(grid.Grid, tower=self._tower, share=self.share),
                "scalar": scalar.Scalar,
                "category": classes,
                "vector": vector.Vector,
            },
            body=self._body,
        )

    @abstractmethod
    def _tower(self, name: str, shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
        """What reads a picture of (C, H, W), and how many features it ends in."""

    def _body(self, width: int) -> tuple[nn.Module, int]:
        """Dense layers over the joined features; without any, dropout alone."""
        from torch import nn

        from sonde.nets.blocks.dense import DenseStack

        if not self.dense:
            return nn.Dropout(self.dropout), width
        stack = DenseStack(width, self.dense, dropout=self.dropout)
        return stack, stack.out_features
