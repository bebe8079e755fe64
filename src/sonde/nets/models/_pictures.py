"""Networks that look at pictures first: what their blueprints share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sonde.core.errors import UsageError, listed
from sonde.core.port import Ports

if TYPE_CHECKING:
    from torch import nn

    from sonde.nets.assemble import Body
    from sonde.nets.encoders import grid


def picture_network(
    kind: str, inputs: Ports, outputs: Ports, *, tower: grid.Tower, share: bool, body: Body
) -> nn.Module:
    """Towers over pictures, joined by columns of other kinds before the body.

    Args:
        kind: of the blueprint, for the error.
        inputs: at least one of them a grid.
        outputs: as `assemble` writes them.
        tower: what reads a picture.
        share: whether pictures of one shape share a tower.
        body: between the joined features and the heads.

    Raises:
        UsageError: no input is a picture.
    """
    from sonde.nets.assemble import assemble
    from sonde.nets.encoders import category, grid, scalar, vector

    if not any(port.kind == "grid" for port in inputs.values()):
        given = listed(f"{name} ({port.kind})" for name, port in inputs.items())
        raise UsageError(
            f"{kind} needs a picture, and no input column is one: {given or 'none at all'}. "
            "Use model: dense, or declare a column as image."
        )
    return assemble(
        inputs,
        outputs,
        encoders={
            "grid": partial(grid.Grid, tower=tower, share=share),
            "scalar": scalar.Scalar,
            "category": category.Embedding,
            "vector": vector.Vector,
        },
        body=body,
    )


def dense_body(widths: tuple[int, ...], dropout: float) -> Body:
    """Dense layers over the joined features; without any, dropout alone."""
    from torch import nn

    from sonde.nets.blocks.dense import DenseStack

    def body(width: int) -> tuple[nn.Module, int]:
        if not widths:
            return nn.Dropout(dropout), width
        stack = DenseStack(width, widths, dropout=dropout)
        return stack, stack.out_features

    return body
