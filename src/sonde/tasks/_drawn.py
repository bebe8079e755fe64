"""Codes that are drawn: rows made of them, and the bound that several draws give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sonde.contracts.metric import Arrays
from sonde.core.code import CODE, LOG_VARIANCE
from sonde.core.errors import UsageError
from sonde.core.notice import tell
from sonde.core.port import Ports
from sonde.core.seed import numpy_rng
from sonde.tasks._mixture import Mixture
from sonde.tasks._rebuilt import Part, divergence, sum_over

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sonde.core.batch import Batch


def bound(
    model: nn.Module,
    parts: Sequence[Part],
    batches: tuple[Batch, Batch],
    outputs: Mapping[str, Tensor],
    draws: int,
    seed: int,
) -> Tensor:
    """(B,) the mean over drawn codes of what a row's log likelihood is at least, in nats.

    Kingma, Welling 2014, eq. 10, with L = `draws`.

    Args:
        model: the network.
        parts: what is rebuilt.
        batches: what the network was given, of which the conditions are told again; and the
            clean columns by place.
        outputs: what it gave, with the code's mean and log variance.
        draws: how many codes.
        seed: of the draws.
    """
    from sonde.core.batch import tensor_of

    inputs, clean = batches
    mean, log_variance = outputs[CODE].float(), outputs[LOG_VARIANCE].float()
    rebuilt = {part.name for part in parts}
    told: Batch = {name: inputs[name] for name in inputs if name not in rebuilt}
    known = [tensor_of(clean, f"{part.place}:#known") for part in parts]
    draw = fixed(seed, mean.device)
    total = 0 * mean[:, 0]
    for _ in range(draws):
        code = mean + (log_variance / 2).exp() * normal(tuple(mean.shape), draw)
        made = model({**told, CODE: code})
        costs = [
            part.nats(part.loss(made[part.name], tensor_of(clean, f"{part.place}:true")))
            for part in parts
        ]
        total = total + sum_over(costs, known)
    return -(total / draws + divergence(mean, log_variance))


def settled(outputs: Arrays, components: int) -> Mixture:
    """The mixture that codes of validation rows are distributed like.

    Args:
        outputs: what the network gave: (N, W) codes; where they are drawn, their mean and log
            variance, of which one draw each is taken.
        components: how many there are to be.
    """
    codes = outputs[CODE].reshape(len(outputs[CODE]), -1)
    if LOG_VARIANCE in outputs:
        noise = numpy_rng("codes of validation rows").standard_normal(codes.shape)
        codes = codes + np.exp(outputs[LOG_VARIANCE] / 2) * noise
    found = Mixture.of(codes, components, seed=0)
    tell(f"codes      {len(found.shares)} normal distributions, fitted to those of {len(codes):,} "
         "validation rows, are what rows are drawn from")  # fmt: skip
    return found


def prior(
    conditions: Ports, width: int, count: int, draw: torch.Generator, codes: Mixture | None
) -> Batch:
    """`count` codes from N(0, 1) or a mixture, and conditions that go round through their classes.

    Raises:
        UsageError: a condition has no classes to go through.
    """
    import torch

    drawn = normal((count, width), draw) if codes is None else codes.draw(count, draw)
    batch: Batch = {CODE: drawn}
    for name, port in conditions.items():
        if port.kind != "category":
            raise UsageError(
                f"rows cannot be drawn without their condition {name!r}: only classes can be gone "
                f"through, and it is a {port.kind}."
            )
        batch[name] = torch.arange(count, device=draw.device) % port.classes
    return batch


def fixed(seed: int, device: torch.device) -> torch.Generator:
    """A generator from a seed that somebody has said, not from a place in training."""
    import torch

    return torch.Generator(device=device).manual_seed(seed)


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Standard normal numbers on the generator's device."""
    import torch

    return torch.randn(shape, generator=generator, device=generator.device)
