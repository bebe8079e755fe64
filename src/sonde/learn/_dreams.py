"""What a belief net looks like from outside: rows it dreams, and what its units look for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from sonde.core.batch import tensor_of
from sonde.core.picture import sheet
from sonde.core.port import Ports
from sonde.nets.blocks.belief import dream
from sonde.nets.blocks.boltzmann import Boltzmann
from sonde.nets.visible import as_columns

_COUNT = 64
_STEPS = 200
"""Of Gibbs sampling, from random states."""


@torch.no_grad()
def dreams(
    machines: Sequence[Boltzmann], ports: Ports, draw: torch.Generator
) -> dict[str, np.ndarray]:
    """Sheets of pictures that machines, bottom to top, generate; none where there are no pictures.

    Hinton, Osindero, Teh 2006, section 7: the top machine is sampled, the others pass it down.
    """
    if not _pictures(ports):
        return {}
    return _sheets("dreams", dream(machines, _COUNT, _STEPS, draw), ports)


@torch.no_grad()
def filters(machine: Boltzmann, ports: Ports) -> dict[str, np.ndarray]:
    """Sheets of the weights of the first units, each from its least (black) to its greatest."""
    weights = machine.weight[:_COUNT]
    low, high = weights.amin(dim=1, keepdim=True), weights.amax(dim=1, keepdim=True)
    return _sheets("filters", (weights - low) / (high - low).clamp(min=1e-12), ports)


def _pictures(ports: Ports) -> Mapping[str, int]:
    """Ports that can be drawn, with their channels."""
    grids = {n: p.shape[0] for n, p in ports.items() if p.kind == "grid" and len(p.shape) == 3}
    return {name: channels for name, channels in grids.items() if channels in (1, 3)}


def _sheets(what: str, units: Tensor, ports: Ports) -> dict[str, np.ndarray]:
    """A sheet for each picture column of (N, V) visible units in [0, 1]."""
    columns, drawn = as_columns(units, ports), _pictures(ports)
    found = {}
    for name in drawn:
        pixels = (tensor_of(columns, name).clamp(0, 1) * 255).round().byte().cpu().numpy()
        stills = [each[0] if len(each) == 1 else each.transpose(1, 2, 0) for each in pixels]
        found[what if len(drawn) == 1 else f"{what} {name}"] = sheet(stills)
    return found
