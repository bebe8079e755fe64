"""Restricted Boltzmann machines: binary hidden units over binary and Gaussian visible ones.

Smolensky 1986; Hinton, "Training products of experts by minimizing contrastive divergence", 2002;
Hinton, "A practical guide to training restricted Boltzmann machines", 2010. With W (hidden,
visible), b and c the biases of visible and hidden units, the energy is

    E(v, h) = sum over Gaussian i of (v_i - b_i)^2 / 2 - sum over binary i of b_i v_i - c h - h W v

Gaussian units have variance 1, as standardised numbers do (section 13.2 of the guide). Every draw
comes from a generator that is given.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Boltzmann(nn.Module):
    """One machine.

    Args:
        visible: number of visible units, V.
        hidden: number of hidden units, H.
        gaussian: (V,) bool, which visible units are numbers; None where all are binary.
    """

    gaussian: Tensor

    def __init__(self, visible: int, hidden: int, *, gaussian: Tensor | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(hidden, visible))
        self.hidden_bias = nn.Parameter(torch.zeros(hidden))
        self.visible_bias = nn.Parameter(torch.zeros(visible))
        mask = torch.zeros(visible, dtype=torch.bool) if gaussian is None else gaussian.clone()
        self.register_buffer("gaussian", mask)
        self._binary = not bool(mask.any())  # spares a choice unit by unit

    def start(self, mean: Tensor, constant: Tensor, generator: torch.Generator) -> None:
        """Small random weights, and visible biases that already give each unit its mean.

        The guide, section 8.1. Units that no training row moves have zero weights: what was never
        seen to vary changes nothing until it is learned.

        Args:
            mean: (V,) of the training rows; of binary units in (0, 1).
            constant: (V,) bool, units that are the same in all of them.
            generator: of the weights, normal with a deviation of 0.01.
        """
        with torch.no_grad():
            self.weight.normal_(0.0, 0.01, generator=generator)
            self.weight[:, constant] = 0.0
            self.visible_bias.copy_(torch.where(self.gaussian, mean, mean.logit()))

    def free_energy(self, visible: Tensor) -> Tensor:
        """(B, V) -> (B,) float32: -log of the sum over all h of exp(-E(v, h)), in nats."""
        raw = functional.linear(visible, self.weight, self.hidden_bias).float()
        return self._field(visible) - functional.softplus(raw).sum(dim=1)

    def hidden_means(self, visible: Tensor) -> Tensor:
        """(B, V) -> (B, H): the probability that a hidden unit is on."""
        return functional.linear(visible, self.weight, self.hidden_bias).sigmoid()

    def visible_means(self, hidden: Tensor) -> Tensor:
        """(B, H) -> (B, V): the probability of a binary unit, the mean of a Gaussian one."""
        raw = functional.linear(hidden, self.weight.t(), self.visible_bias)
        return raw.sigmoid() if self._binary else torch.where(self.gaussian, raw, raw.sigmoid())

    def sample_hidden(self, visible: Tensor, generator: torch.Generator) -> Tensor:
        """(B, V) -> (B, H) of 0 and 1."""
        return torch.bernoulli(self.hidden_means(visible), generator=generator)

    def sample_visible(
        self, hidden: Tensor, generator: torch.Generator, *, smooth: bool = False
    ) -> Tensor:
        """(B, H) -> (B, V): 0 and 1 for binary units, numbers for Gaussian ones.

        Args:
            hidden: the states to be driven by.
            generator: of the draws.
            smooth: whether binary units give their probability instead, which has less noise.
                Gaussian ones are always drawn: a machine that never saw their noise in what it
                dreams would explain it by weights.
        """
        means = self.visible_means(hidden)
        if self._binary:
            return means if smooth else torch.bernoulli(means, generator=generator)
        noise = torch.randn(means.shape, generator=generator, device=means.device)
        chances = means.clamp(0.0, 1.0)  # a Gaussian unit's mean is none, and is not used as one
        binary = chances if smooth else torch.bernoulli(chances, generator=generator)
        return torch.where(self.gaussian, means + noise, binary)

    def gibbs(
        self, hidden: Tensor, steps: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Visible and hidden states after so many full steps of Gibbs sampling from `hidden`."""
        for _ in range(steps):
            visible = self.sample_visible(hidden, generator)
            hidden = self.sample_hidden(visible, generator)
        return visible, hidden

    def reconstructed(self, visible: Tensor, steps: int, generator: torch.Generator) -> Tensor:
        """(B, V) -> (B, V): what contrastive divergence holds against the data, CD-k.

        Hidden states are drawn, and so are visible ones but the last, whose binary units stay
        probabilities: sections 3.1 to 3.4 of the guide.
        """
        hidden = self.sample_hidden(visible, generator)
        if steps > 1:
            _, hidden = self.gibbs(hidden, steps - 1, generator)
        return self.sample_visible(hidden, generator, smooth=True)

    def log_conditional(self, visible: Tensor, unit: Tensor) -> Tensor:
        """(B,) log p(v_i | the others) of one binary unit i a row, given as `unit` (B,) int64.

        The mean over all units, times their number, is the pseudo-likelihood (Besag 1975).
        """
        raw = functional.linear(visible, self.weight, self.hidden_bias)
        own = visible.gather(1, unit[:, None])
        change = 1 - 2 * own  # (B, 1), what flips it
        flipped = raw + change * self.weight.t()[unit]
        more = functional.softplus(flipped).sum(dim=1) - functional.softplus(raw).sum(dim=1)
        return functional.logsigmoid(-more - change[:, 0] * self.visible_bias[unit])

    def _field(self, visible: Tensor) -> Tensor:
        """(B,) float32, the part of the energy that hidden units have nothing to do with."""
        if self._binary:
            return -(visible @ self.visible_bias).float()
        square = (visible - self.visible_bias).square() / 2
        return torch.where(self.gaussian, square, -visible * self.visible_bias).float().sum(dim=1)
