"""Networks from parts: encoders -> join -> body -> heads.

A plain blueprint says which encoder reads each kind of port and writes the body; what is here
does the rest, so that any number of inputs of different kinds are joined by default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from sonde.contracts.model import Blueprint
from sonde.core.batch import Batch
from sonde.core.code import CODE
from sonde.core.device import precision_for
from sonde.core.errors import UsageError, listed
from sonde.core.port import Port, PortKind, Ports
from sonde.core.registry import registry
from sonde.nets.encoders._base import Encoder

EncoderFactory = Callable[[Ports], Encoder]
"""From the ports of one kind to what reads them."""

Body = Callable[[int], tuple[nn.Module, int]]
"""From the number F of joined features: a module (B, F) -> (B, ..., G), and G."""

HeadFactory = Callable[[int, int], nn.Module]
"""From G and the number of outputs O: a module (B, ..., G) -> (B, ..., O), such as `nn.Linear`.

It has `in_features` and a `weight` whose last axis is G."""


class Assembled(nn.Module):
    """Encoders side by side, a body, and a linear head for each output.

    Args:
        encoders: their features are joined in this order.
        body: (B, F) float -> (B, ..., G) float.
        heads: by output, (B, ..., G) float -> (B, ..., outputs) float.
        flat: the outputs that are one number a row.
        features: G.
    """

    def __init__(
        self,
        encoders: Sequence[Encoder],
        body: nn.Module,
        heads: Mapping[str, nn.Module],
        *,
        flat: frozenset[str],
        features: int,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.body = body
        # a list, because a column may have a name that a module cannot, such as "education.num"
        self.heads = nn.ModuleList(heads.values())
        self.outputs = tuple(heads)
        self.flat = flat
        self.features = features
        self._head_weights = sum(weight.numel() for weight in self.heads.parameters())

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """B rows -> by output: scalar (B,), category (B, classes) logits, vector (B, D).

        A body that puts axes between B and G has them in the outputs too.
        """
        read = [encoder(batch) for encoder in self.encoders]
        hidden = self.body(torch.cat(read, dim=1) if len(read) > 1 else read[0])
        if self._small(hidden):
            with torch.autocast(hidden.device.type, enabled=False):
                return self._answers(hidden.float())
        return self._answers(hidden)

    def _answers(self, hidden: Tensor) -> dict[str, Tensor]:
        raw = {name: head(hidden) for name, head in zip(self.outputs, self.heads, strict=True)}
        return {name: value[..., 0] if name in self.flat else value for name, value in raw.items()}

    def _small(self, hidden: Tensor) -> bool:
        """Whether products would be in half precision, and the heads' are not worth the casts."""
        if not torch.is_autocast_enabled(hidden.device.type):
            return False
        return precision_for(hidden.shape[0] * self._head_weights) == "float32"


def assemble(
    inputs: Ports,
    outputs: Ports,
    *,
    encoders: Mapping[PortKind, EncoderFactory],
    body: Body,
    head: HeadFactory = nn.Linear,
) -> nn.Module:
    """The network for these ports.

    Args:
        inputs: grouped by kind, in the order in which each kind is first met.
        outputs: scalars, categories or vectors; or `CODE` alone, left open, for the features that
            the heads would have read, (B, ..., G).
        encoders: by port kind.
        body: between the joined features and the heads.
        head: what makes the last layer of each output.

    Raises:
        UsageError: there is no input, or a port is of a kind that this network cannot read or
            write; says which networks can.
    """
    if not inputs:
        raise UsageError("a network needs at least one input column; all are targets or left out")
    made = [encoders[kind](ports) for kind, ports in by_kind(inputs, encoders).items()]
    width = sum(encoder.width for encoder in made)
    hidden, hidden_width = body(width)
    if set(outputs) == {CODE} and outputs[CODE].size is None:
        heads: dict[str, nn.Module] = {CODE: nn.Identity()}  # the features themselves
    else:
        heads = {name: head(hidden_width, width_of(name, port)) for name, port in outputs.items()}
    start_neutral(made, hidden, [each for each in heads.values() if each.state_dict()])
    flat = frozenset(name for name, port in outputs.items() if port.kind == "scalar")
    return Assembled(made, hidden, heads, flat=flat, features=hidden_width)


def features(network: nn.Module) -> int:
    """G, how many features the last hidden layer of an assembled network gives.

    Raises:
        UsageError: it is not made of encoders, body and heads.
    """
    for module in network.modules():
        if isinstance(module, Assembled):
            return module.features
    raise UsageError(
        "this model has no layer before its heads whose features could be taken. "
        "Take a dense network, a convnet or a resnet."
    )


def by_kind(
    inputs: Ports, encoders: Mapping[PortKind, EncoderFactory]
) -> dict[PortKind, dict[str, Port]]:
    """The ports of each kind, in the order in which a kind is first met.

    Raises:
        UsageError: there is no encoder for a kind; says which models have one.
    """
    groups: dict[PortKind, dict[str, Port]] = {}
    for name, port in inputs.items():
        if port.kind not in encoders:
            raise UsageError(
                f"column {name!r} is a {port.kind}; this model reads {listed(encoders)}. "
                f"Leave the column out{_or_use(port.kind)}."
            )
        groups.setdefault(port.kind, {})[name] = port
    return groups


def _or_use(kind: PortKind) -> str:
    """The models that say they read ports of this kind, for the end of a sentence."""
    models = cast("Iterator[type[Blueprint]]", iter(registry("model")))
    able = [model.kind for model in models if kind in model.reads]
    return f", or use model: {' or '.join(able)}" if able else ": no model here reads it"


def width_of(name: str, port: Port) -> int:
    """How many numbers a row of this output has."""
    match port:
        case Port(kind="scalar"):
            return 1
        case Port(kind="category", size=int(classes)) if classes > 0:
            return classes
        case Port(kind="vector", shape=(int(length),)):
            return length
    raise UsageError(
        f"output {name!r} is {port.in_words()}; this model gives a scalar, a category with at "
        "least one class, or a vector of fixed length. Leave the recipe's model out to get one "
        "that suits the task, or choose another target."
    )


def start_neutral(
    encoders: Sequence[Encoder],
    body: nn.Module,
    heads: Sequence[nn.Module],
    *,
    width: int | None = None,
) -> None:
    """Zero weights on reserved features, in the linear layers that read the joined features.

    Otherwise a value that is missing, or unseen, for the first time after training would move the
    answer by weights that are still as random as at the start. `width` is that of all features,
    where others follow those of the encoders.
    """
    reached, reserved = 0, []
    for encoder in encoders:
        reserved += [reached + feature for feature in encoder.reserved]
        reached += encoder.width
    layers = (layer for layer in body.modules() if isinstance(layer, nn.Linear))
    first = next(layers, None)
    readers = heads if first is None else [first]
    with torch.no_grad():
        for layer in readers:
            if layer.in_features == (width or reached):
                cast("Tensor", layer.weight)[..., reserved] = 0.0
