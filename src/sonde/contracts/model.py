"""The contract of blueprints: the only place where specs become modules."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from sonde.core.port import PortKind, Ports
from sonde.core.spec import Spec

if TYPE_CHECKING:
    from torch import nn


class Blueprint(Spec):
    """A network family with its hyperparameters.

    The module it builds maps a batch to raw outputs: `forward(Batch) -> dict[str, Tensor]`, one
    entry per output port, no softmax, no sigmoid. For B rows:
        scalar (B,); category (B, classes) logits; vector (B, D); grid (B, C, H, W).
    In training it may answer each row M times, with outputs of B * M rows, the answers to a row
    side by side: a learner asks each of them for the same target. Else it gives one answer a row.
    The module is materialised, never lazy, and every buffer is in its state dict, so that a
    checked weight file alone decides what it computes.
    """

    family: ClassVar[str] = "model"
    reads: ClassVar[tuple[PortKind, ...]] = ()
    """Kinds of input ports it can read: named in the error where another blueprint cannot."""

    @abstractmethod
    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """The network for these ports.

        Raises:
            UsageError: it cannot read or write such ports; says which would work.
        """

    def describe(self) -> str:
        """A few words for the terminal, such as 'dense 2x256'."""
        return self.kind
