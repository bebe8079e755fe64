"""What stands where among the visible units of a belief net, and back from units to columns.

Pictures are one binary unit a value, their brightness a probability; numbers and vectors are
Gaussian units; a category is a binary unit for each class and for its two reserved places; each
mark of a missing value is a binary unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch
from sonde.core.errors import UsageError
from sonde.core.port import PRESENT, RESERVED, Port, Ports
from sonde.nets.assemble import Assembled
from sonde.nets.blocks.belief import BeliefStack


def gaussian_units(ports: Ports) -> Tensor:
    """(V,) bool: which of the joined features of these ports are Gaussian units."""
    places = list(_places(ports))
    mask = torch.zeros(sum(width for _, _, width in places), dtype=torch.bool, device="cpu")
    start = 0
    for name, is_mark, width in places:
        mask[start : start + width] = not is_mark and ports[name].kind in ("scalar", "vector")
        start += width
    return mask


def as_columns(visible: Tensor, ports: Ports) -> Batch:
    """(N, V) visible units as encoded columns, such as `Column.decode` takes.

    Categories are the likeliest place of each; grids come as float32 in [0, 1]; a value whose mark
    of being missing is likelier than not is marked as absent.
    """
    batch: Batch = {}
    start = 0
    for name, is_mark, width in _places(ports):
        units = visible[:, start : start + width]
        start += width
        if is_mark:
            batch[PRESENT + name] = units[:, 0] <= 0.5
        else:
            batch[name] = _value(units, ports[name])
    return batch


def imagine(
    network: nn.Module,
    ports: Ports,
    *,
    count: int,
    steps: int,
    generator: torch.Generator,
) -> Batch:
    """Rows drawn from the generative model of a belief net, as encoded columns.

    What a network answers with after pre-training, or with frozen layers; once all of it has been
    fine-tuned on targets, its layers no longer fit together downwards, and draws get worse.

        bundle = sonde.Bundle.load("model.sonde")
        rows = imagine(bundle.network, bundle.task.inputs, count=64, steps=1000,
                       generator=torch.Generator().manual_seed(1))

    Args:
        network: built by the blueprint `belief-net`.
        ports: the inputs it was built for.
        count: how many rows.
        steps: of Gibbs sampling in the top machine.
        generator: of all draws.

    Raises:
        UsageError: the network is no belief net.
    """
    units = belief_stack(network).sample(count, steps, generator)
    return as_columns(units, ports)


def belief_stack(network: nn.Module) -> BeliefStack:
    """The layers of a belief net.

    Raises:
        UsageError: the network is none.
    """
    if isinstance(network, Assembled) and isinstance(network.body, BeliefStack):
        return network.body
    raise UsageError(
        f"got a network {type(network).__name__} without Boltzmann machines, expected a belief "
        "net. Use model: {kind: belief-net, hidden: [500, 500, 2000]}."
    )


def visible_units(network: Assembled, inputs: Batch) -> Tensor:
    """(B, V) float32: what the first layer of a belief net sees of a batch."""
    return torch.cat([encoder(inputs) for encoder in network.encoders], dim=1)


def _places(ports: Ports) -> Iterator[tuple[str, bool, int]]:
    """In order: a column, whether this is its mark of being missing, how many units."""
    kinds = dict.fromkeys(port.kind for port in ports.values())
    for kind in kinds:  # as `assemble` joins them
        group = {name: port for name, port in ports.items() if port.kind == kind}
        for name, port in group.items():
            yield name, False, _width(port)
        for name, port in group.items():
            if kind == "vector" or (kind == "scalar" and port.optional):
                yield name, True, 1


def _width(port: Port) -> int:
    if port.kind == "category":
        return port.classes + RESERVED
    return math.prod(length or 1 for length in port.shape)


def _value(units: Tensor, port: Port) -> Tensor:
    if port.kind == "category":
        return units.argmax(dim=1)
    if port.kind == "scalar":
        return units[:, 0]
    return units.reshape(len(units), *(length or 1 for length in port.shape))
