"""A network for pictures that rows may leave early, as soon as it is sure of them.

    EarlyExits(network=Resnet(blocks=[1, 1, 1, 1], channels=[16, 64, 128, 256]))

Teerapittayanon, McDanel, Kung, "BranchyNet: Fast Inference via Early Exiting from Deep Neural
Networks", 2016, arXiv:1709.01686. After each stage stands a small exit, and all exits learn
together. How sure is sure enough, validation rows decide once training is done: the least
computation that loses no more of the task's main score than `most_lost`. Without validation rows
all rows go to the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from sonde.contracts.model import Blueprint
from sonde.core.errors import UsageError
from sonde.core.port import PortKind, Ports
from sonde.nets.models._options import Widths
from sonde.nets.models._pictures import PictureBlueprint, Staged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from sonde.nets.blocks.exits import Exit, Stage
    from sonde.nets.encoders._base import Encoder


class EarlyExits(Blueprint):
    """A convnet or resnet with an exit after each stage; for classes."""

    reads: ClassVar[tuple[PortKind, ...]] = PictureBlueprint.reads

    network: Blueprint = Field(default={"kind": "resnet"}, validate_default=True)
    """What is given exits: convnet or resnet, with all their options. Its last stage and dense
    layers are the end, for the rows that no exit is sure of."""
    after: tuple[int, ...] | None = None
    """The stages, counted from 1, after which there is an exit; None is after each. The end is
    always one."""
    side: int = Field(4, ge=1, le=64)
    """An early exit sees the means of so many times so many squares of the picture."""
    dense: Widths = ()
    """Dense layers with ReLU of each early exit."""
    most_lost: float = Field(0.003, ge=0)
    """What may be lost of the task's main score against the best that exits, or the end, come to
    on validation rows. In its own unit: 0.003 of an accuracy is 0.3 points."""
    standard_errors: float = Field(1.0, ge=0)
    """So many standard errors of what validation rows lost must fit below `most_lost` as well."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Plain stages and residual ones, every exit and one."""
        plain = {"kind": "convnet", "stages": [4, 6], "dense": [8], "dropout": 0.1}
        residual = {"kind": "resnet", "blocks": [1, 1, 1], "channels": [4, 6, 8], "share": True}
        return [
            cls(network=plain, side=2),
            cls(network=residual, after=(2,), dense=(8,), most_lost=0.05),
        ]

    @model_validator(mode="after")
    def _has_stages(self) -> Self:
        if not isinstance(self.network, PictureBlueprint):
            raise ValueError(
                f"got network {self.network.kind!r}, expected one whose stages can have exits: "
                "convnet or resnet"
            )
        if self.after is not None and (not self.after or min(self.after) < 1):
            raise ValueError("after: expected stages counted from 1, such as after: [1, 2]")
        return self

    def describe(self) -> str:
        """`early exits, resnet-20 16-32-64`."""
        return f"early exits, {self.network.describe()}"

    def build(self, inputs: Ports, outputs: Ports) -> nn.Module:
        """Stages over all pictures, exits over what all columns give.

        Raises:
            UsageError: no input is a picture; an output is no class; there is no such stage.
        """
        from sonde.nets.exits import ExitNetwork
        from sonde.nets.leaving import Limit

        _only_classes(outputs)
        assert isinstance(self.network, PictureBlueprint)
        others, towers, read_by = self.network.in_stages(inputs)
        stages, exits = self._parts(others, towers, read_by, outputs)
        pictures = [name for name, port in inputs.items() if port.kind == "grid"]
        limit = Limit(self.most_lost, self.standard_errors)
        return ExitNetwork(pictures, others, stages, exits, limit)

    def _parts(
        self,
        others: Sequence[Encoder],
        towers: Sequence[Staged],
        read_by: Sequence[int],
        outputs: Ports,
    ) -> tuple[list[Stage], list[Exit]]:
        """What lies between exits, and the exits; the stages without one run into the next."""
        from torch import nn

        from sonde.nets.blocks.exits import Exit, Places, Stage

        number = len(towers[0].stages)
        ends = [*self._after(number), number]
        stages = [
            Stage([nn.Sequential(*tower.stages[start:end]) for tower in towers], read_by)
            for start, end in zip([0, *ends], ends, strict=False)
        ]
        exits = []
        for end in ends[:-1]:
            looks = [Places(tower.shapes[end - 1], self.side) for tower in towers]
            widths = [look.width for look in looks]
            body, heads = self._answering(others, [widths[at] for at in read_by], outputs)
            exits.append(Exit(looks, read_by, body, heads))
        widths = [towers[at].width for at in read_by]
        body, heads = self._answering(others, widths, outputs, at_the_end=True)
        exits.append(Exit([tower.ending for tower in towers], read_by, body, heads))
        return stages, exits

    def _after(self, number: int) -> list[int]:
        """The stages with an early exit, of so many."""
        if number == 1:
            raise UsageError(
                f"{self.network.describe()} has one stage, and with it only the end. Give it two "
                "stages or more, or take it without exits."
            )
        if self.after is None:
            return list(range(1, number))
        if max(self.after) >= number:
            raise UsageError(
                f"after: got stage {max(self.after)}, expected one before the last of the "
                f"{number} stages of {self.network.describe()}, whose end is an exit anyway."
            )
        return sorted(set(self.after))

    def _answering(
        self,
        others: Sequence[Encoder],
        widths: Sequence[int],
        outputs: Ports,
        *,
        at_the_end: bool = False,
    ) -> tuple[nn.Module, Mapping[str, nn.Module]]:
        """A body over all features, and a head for each output."""
        from torch import nn

        from sonde.nets.assemble import start_neutral
        from sonde.nets.blocks.dense import DenseStack

        assert isinstance(self.network, PictureBlueprint)
        width = sum(widths) + sum(encoder.width for encoder in others)
        if at_the_end:
            body, hidden = self.network.body(width)
        else:
            stack = DenseStack(width, self.dense)
            body, hidden = stack, stack.out_features
        heads = {name: nn.Linear(hidden, port.classes) for name, port in outputs.items()}
        start_neutral(others, body, list(heads.values()), width=width)
        return body, heads


def _only_classes(outputs: Ports) -> None:
    """Refuse what nobody can be sure of.

    Raises:
        UsageError: an output is no class.
    """
    for name, port in outputs.items():
        if port.kind != "category":
            raise UsageError(
                f"output {name!r} is a {port.kind}; early exits need classes, since a row leaves "
                "by the probability of its likeliest class. Take the network alone, such as "
                "model: resnet, or a task of classes."
            )
