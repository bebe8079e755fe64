"""Names by which a task and a network with a code speak of it.

A code is what a network keeps of a row: few numbers from which it makes its outputs. A task asks
for it as an output port whose shape is left open, `code_port(8)`, so that a network without a
narrow place refuses it instead of giving something else.
"""

from __future__ import annotations

from sonde.core.port import Port

CODE = "#code"
"""Output port and batch key of the code, (B, K) float32. Where the code is drawn it is the mean of
what it is drawn from. A network that is given it makes its outputs of it and reads no other input
but the conditions."""

LOG_VARIANCE = "#log_variance"
"""Output port of the natural logarithm of the drawn code's variances, (B, K) float32."""

NOISE = "#noise"
"""Batch key of standard normal numbers, (B, K): with them the code is drawn, without them it is the
mean."""


def code_port(width: int | None) -> Port:
    """The port of a code of `width` numbers; None is as wide as the network has it."""
    return Port("vector", (None,), size=width)
