"""Options of recurrent layers, for the blueprints that have some."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from sonde.nets.models._options import Width
from sonde.nets.models._texts import TextBlueprint

if TYPE_CHECKING:
    from sonde.nets.blocks.recurrent import Recurrent


class RecurrentBlueprint(TextBlueprint):
    """Recurrent layers over the steps."""

    time_first: ClassVar[bool] = True

    cell: Literal["simple", "lstm", "gru"] = "lstm"
    """How a state follows from the one before and a step."""
    hidden: Width = 128
    """Width of a state, in one direction."""
    layers: int = Field(1, ge=1, le=64)
    """Recurrent layers, each over the states of the one below; dropout between them."""
    bidirectional: bool = False
    """Whether a text is read from its end too."""

    def _layers(self, width: int) -> Recurrent:
        from sonde.nets.blocks.recurrent import Recurrent

        return Recurrent(
            width,
            self.hidden,
            cell=self.cell,
            layers=self.layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
        )

    def _in_words(self) -> str:
        """`lstm 2x128 both ways`."""
        deep = f"{self.layers}x" if self.layers > 1 else ""
        return f"{self.cell} {deep}{self.hidden}" + (" both ways" if self.bidirectional else "")
