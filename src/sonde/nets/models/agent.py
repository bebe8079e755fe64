"""An agent's network: any network, behind observations in one scale, with dueling heads if wished.

The scale is measured on what the agent meets and is part of the weights, so that a sealed model
reads observations as they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError
from sonde.core.port import Port, PortKind, Ports

if TYPE_CHECKING:
    from torch import nn


class Agent(Blueprint):
    """A network for observations that are vectors."""

    reads: ClassVar[tuple[PortKind, ...]] = ("vector",)

    network: Blueprint = Field(
        default={"kind": "dense", "hidden": [64, 64]},
        validate_default=True,
    )
    """What stands behind."""
    normalise: bool = True
    """Whether observations are brought to mean 0 and deviation 1 over all that was met."""
    dueling: bool = False
    """Whether values of choices are made of the state's value and each choice's advantage."""

    @classmethod
    def examples(cls) -> list[Self]:
        """With all, and with nothing."""
        inner = {"kind": "dense", "hidden": [8]}
        return [cls(network=inner, dueling=True), cls(network=inner, normalise=False)]

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """Norms, the network, and what joins dueling outputs.

        Raises:
            UsageError: an input is no vector of fixed length.
        """
        from sonde.nets.blocks.agent import AgentNetwork, RunningNorm, value_of

        for name, port in inputs.items():
            if port.kind != "vector" or port.shape[0] is None:
                raise UsageError(
                    f"column {name!r} is a {port.kind}; model agent reads vectors of fixed length, "
                    "which observations are. Take another model for tables and pictures."
                )
        dueling = [n for n, port in outputs.items() if port.kind == "category" and self.dueling]
        inner = self.network.build(
            inputs, {**outputs, **{value_of(name): Port("scalar") for name in dueling}}
        )
        widths = {name: port.shape[0] for name, port in inputs.items() if self.normalise}
        norms = {name: RunningNorm(width) for name, width in widths.items() if width is not None}
        return AgentNetwork(inner, norms, dueling)

    def describe(self) -> str:
        """`agent, dense 2x64, normalised, dueling`."""
        said = ["agent", self.network.describe()]
        said += ["normalised"] if self.normalise else []
        return ", ".join([*said, "dueling"] if self.dueling else said)
