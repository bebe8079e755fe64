"""Ranges that options of several optimizers share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, lt=1)]
"""How much of a running mean or sum is kept at a step, in [0, 1)."""
