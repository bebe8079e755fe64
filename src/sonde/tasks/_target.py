"""What tasks with one target column share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sonde.contracts.data import Column
from sonde.core.errors import UnknownColumn, UsageError, unknown
from sonde.core.port import Port, PortKind


def bound_target(target: str, columns: Mapping[str, Column], kind: PortKind) -> Port:
    """The port of the target among the fitted columns.

    Raises:
        UnknownColumn: there is no such column.
        UsageError: its tensors are of another kind than the task answers with.
    """
    if target not in columns:
        raise UnknownColumn(unknown("column", target, columns))
    port = columns[target].port
    if port.kind != kind:
        raise UsageError(
            f"target {target!r} is a column of kind {columns[target].kind!r} (port {port.kind}), "
            f"expected one whose port is {kind}. Change the column's kind, or the task."
        )
    return port


def shortest(values: np.ndarray) -> list[float]:
    """(N,) float32 as the shortest decimals that stand for them: 0.94, not 0.9399999976158142."""
    written: np.ndarray = values.astype(np.float32).astype(str)
    return list(map(float, written.tolist()))
