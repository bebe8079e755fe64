"""What networks of agents have beside others': observations in one scale, and a dueling head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of

_MOST = 10.0
"""Standard deviations beyond which an observation is taken for one so far out."""


class RunningNorm(nn.Module):
    """(B, D) float32 -> (B, D) with mean 0 and deviation 1 over all that was met so far.

    It changes by `meet` alone, never by a forward pass. Mean and variance of what came before and
    of what comes are joined as in Chan, Golub, LeVeque, "Updating formulae and a pairwise
    algorithm for computing sample variances", 1979, equation 2.1.

    Args:
        width: D.
    """

    mean: Tensor
    variance: Tensor
    met: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))
        self.register_buffer("met", torch.zeros((), dtype=torch.int64))

    def forward(self, values: Tensor) -> Tensor:
        """Centred and scaled, kept within ten deviations."""
        return ((values - self.mean) / (self.variance + 1e-8).sqrt()).clamp(-_MOST, _MOST)

    @torch.no_grad()
    def meet(self, values: Tensor) -> None:
        """Take in (B, D) observations."""
        new, before = values.double(), float(self.met)
        rows = len(new)
        total = before + rows
        mean, variance = self.mean.double(), self.variance.double() if before else 0.0
        gap = new.mean(dim=0) - mean
        spread = variance * before + new.var(dim=0, unbiased=False) * rows
        spread = spread + gap.square() * (before * rows / total)
        self.mean.copy_(mean + gap * (rows / total))
        self.variance.copy_(spread / total)
        self.met += rows


class AgentNetwork(nn.Module):
    """A network behind norms of its vectors, with dueling heads for its categories if asked for.

    Dueling: the value of a state and the advantage of each choice are learned apart, and
    Q = V + A - mean(A) (Wang and others, "Dueling network architectures for deep reinforcement
    learning", 2016, arXiv:1511.06581, equation 9).

    Args:
        network: Batch -> raw outputs; for a dueling output `name` also a scalar `name value`.
        norms: by input.
        dueling: outputs that are dueling.
    """

    def __init__(
        self, network: nn.Module, norms: dict[str, RunningNorm], dueling: Sequence[str]
    ) -> None:
        super().__init__()
        self.network = network
        self.names = tuple(norms)
        self.norms = nn.ModuleList(norms.values())  # a list: an input may have any name
        self.dueling = tuple(dueling)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Raw outputs, as the inner network's but for what is dueling."""
        scaled = dict(batch)
        for name, norm in zip(self.names, self.norms, strict=True):
            scaled[name] = norm(tensor_of(batch, name))
        outputs: dict[str, Tensor] = dict(self.network(scaled))
        for name in self.dueling:
            advantage, value = outputs[name], outputs.pop(value_of(name))
            outputs[name] = value[..., None] + advantage - advantage.mean(dim=-1, keepdim=True)
        return outputs

    def meet(self, batch: Batch) -> None:
        """Take in the observations of a batch."""
        for name, norm in zip(self.names, self.norms, strict=True):
            assert isinstance(norm, RunningNorm)
            norm.meet(tensor_of(batch, name))


def value_of(name: str) -> str:
    """The name of a dueling output's value."""
    return f"{name} value"
