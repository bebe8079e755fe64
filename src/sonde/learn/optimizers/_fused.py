"""Which of torch's implementations of a rule to take."""

from __future__ import annotations

from typing import Any

_FUSED = ("cpu", "cuda")
"""Devices on which torch 2.10 and later have one kernel for all of Adam, AdamW and SGD."""


def fused(groups: list[dict[str, Any]]) -> bool | None:
    """True where one kernel can do the whole step; None leaves the choice to torch."""
    weights = [weight for group in groups for weight in group["params"]]
    able = all(w.device.type in _FUSED and w.is_floating_point() for w in weights)
    return True if able else None
