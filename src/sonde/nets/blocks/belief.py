"""Sigmoid layers, each of which is also one half of a restricted Boltzmann machine.

Upwards they are an ordinary network; downwards they generate. Hinton, Osindero, Teh, "A fast
learning algorithm for deep belief nets", 2006: the top two layers are an undirected machine, and
every layer below it is driven by the one above. Their top machine also reads the label; ours does
not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from sonde.nets.blocks.boltzmann import Boltzmann


class BeliefLayer(nn.Linear):
    """A linear layer that remembers how to go down again.

    The visible biases and what kind each visible unit is of take no part in the way up, so they
    are buffers: saved and sealed, and not trained by what descends on the network.
    """

    visible_bias: Tensor
    gaussian: Tensor

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        # four times the width for tanh: Glorot, Bengio 2010, eq. 16, and its slope at zero
        bound = 4 * math.sqrt(6 / (in_features + out_features))
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.zeros_(self.bias)
        self.register_buffer("visible_bias", torch.zeros(in_features))
        self.register_buffer("gaussian", torch.zeros(in_features, dtype=torch.bool))

    def machine(self) -> Boltzmann:
        """A Boltzmann machine with copies of this layer's weights."""
        machine = Boltzmann(self.in_features, self.out_features, gaussian=self.gaussian)
        machine.to(self.weight.device)
        with torch.no_grad():
            machine.weight.copy_(self.weight)
            machine.hidden_bias.copy_(self.bias)
            machine.visible_bias.copy_(self.visible_bias)
        return machine

    def take(self, machine: Boltzmann) -> None:
        """The weights of a machine of this layer's size."""
        with torch.no_grad():
            self.weight.copy_(machine.weight)
            self.bias.copy_(machine.hidden_bias)
            self.visible_bias.copy_(machine.visible_bias)


class BeliefStack(nn.Sequential):
    """Belief layers one on another: (B, in_features) float -> (B, widths[-1]) in (0, 1)."""

    def __init__(self, in_features: int, widths: Sequence[int]) -> None:
        pairs = pairwise([in_features, *widths])
        super().__init__(*(BeliefLayer(narrow, wide) for narrow, wide in pairs))

    @property
    def layers(self) -> list[BeliefLayer]:
        """First to last."""
        return [cast("BeliefLayer", layer) for layer in self]

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_features) -> (B, widths[-1])."""
        return self.activations(features, len(self))

    def activations(self, features: Tensor, count: int) -> Tensor:
        """What the first `count` layers make of the features; the features where it is 0."""
        for layer in self.layers[:count]:
            features = layer(features).sigmoid()
        return features

    @torch.no_grad()
    def sample(
        self, count: int, steps: int, generator: torch.Generator, *, start: Tensor | None = None
    ) -> Tensor:
        """Draws from the generative model.

        The top machine is sampled for `steps` full steps of Gibbs sampling, then each layer below
        is drawn once, given the one above (sections 2 and 7 of the paper). At the bottom binary
        units are given as probabilities, Gaussian ones are drawn.

        Args:
            count: how many, N.
            steps: at least 1; hundreds, before they forget where they began.
            generator: of all draws, on the weights' device.
            start: (N, in_features) to begin with what these rows activate, instead of at random.

        Returns:
            (N, in_features) float32.
        """
        state = None if start is None else torch.bernoulli(self(start), generator=generator)
        return dream([layer.machine() for layer in self.layers], count, steps, generator, state)


def dream(
    machines: Sequence[Boltzmann],
    count: int,
    steps: int,
    generator: torch.Generator,
    state: Tensor | None = None,
) -> Tensor:
    """(N, V) what a stack of machines, bottom to top, generates: see `BeliefStack.sample`.

    `state` (N, H) of 0 and 1 is where the top one begins; without it at random.
    """
    top = machines[-1]
    if state is None:
        half = torch.full((count, len(top.hidden_bias)), 0.5, device=generator.device)
        state = torch.bernoulli(half, generator=generator)
    _, state = top.gibbs(state, steps, generator)
    for machine in reversed(machines[1:]):
        state = machine.sample_visible(state, generator)
    return machines[0].sample_visible(state, generator, smooth=True)
