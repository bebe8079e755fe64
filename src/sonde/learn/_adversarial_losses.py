"""What a critic and a generator lose by the scores of drawn and of real pictures.

`standard`: Goodfellow et al., "Generative Adversarial Nets", 2014, arXiv:1406.2661, eq. 1, and for
the generator the non-saturating form of section 3. `hinge`: Lim, Ye, "Geometric GAN", 2017,
arXiv:1705.02894, eq. 5 and 6; Miyato et al. 2018, arXiv:1802.05957, eq. 16 and 17. `wasserstein`:
Arjovsky, Chintala, Bottou, "Wasserstein GAN", 2017, arXiv:1701.07875, with the gradient penalty of
Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, "Improved Training of Wasserstein GANs", 2017,
arXiv:1704.00028, eq. 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

Kind = Literal["standard", "wasserstein", "hinge"]

_SURE = 3.0
"""Logit from which on a critic is as good as certain: a probability of 0.95."""


def of_critic(kind: Kind, real: Tensor, drawn: Tensor) -> Tensor:
    """(N,) what each pair of a real and a drawn picture costs the critic, from their scores."""
    if kind == "hinge":
        return relu(1 - real) + relu(1 + drawn)
    if kind == "wasserstein":
        return drawn - real
    return softplus(-real) + softplus(drawn)


def of_generator(kind: Kind, drawn: Tensor) -> Tensor:
    """(N,) what each drawn picture costs the generator, from its score."""
    return softplus(-drawn) if kind == "standard" else -drawn


def sure(kind: Kind, real: Tensor, drawn: Tensor) -> Tensor:
    """(2 N,) bool: rows that the critic's loss asks nothing, or next to nothing, more of.

    There is no such thing in `wasserstein`, whose loss is never flat.
    """
    if kind == "wasserstein":
        return torch.zeros(2 * len(real), dtype=torch.bool, device=real.device)
    margin = 1.0 if kind == "hinge" else _SURE
    return torch.cat([real >= margin, drawn <= -margin])


def gradient_penalty(
    score: Callable[[Tensor], Tensor], real: Tensor, drawn: Tensor, share: Tensor
) -> Tensor:
    """(N,) how far the score's slope is from 1 between a real and a drawn picture, squared.

    Args:
        score: (N, C, H, W) pictures -> (N,) scores, each of its own row alone.
        real: (N, C, H, W).
        drawn: (N, C, H, W).
        share: (N,) in [0, 1], how much of the real picture there is in between.
    """
    share = share.reshape(-1, *[1] * (real.dim() - 1))
    between = (share * real + (1 - share) * drawn).detach().requires_grad_(True)
    (slope,) = torch.autograd.grad(score(between).sum(), between, create_graph=True)
    return (slope.flatten(1).square().sum(dim=1).add(1e-12).sqrt() - 1).square()
