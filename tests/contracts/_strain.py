"""A recipe that strains a contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FAST = {"seconds": 3600, "steps": 3}
"""Checkpoints after every third step."""


@dataclass(frozen=True)
class Strain:
    """A recipe as plain data, and the rows for it."""

    recipe: dict[str, Any]
    data: Any = None
