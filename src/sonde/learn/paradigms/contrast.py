"""Contrast: two views of a row belong together, and apart from all other rows of the batch.

Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual
Representations" (SimCLR), 2020, arXiv:2002.05709, eq. 1; of table rows Bahri et al., "SCARF", 2022.
The recipe's `augment` makes the views; Adam in place of LARS, since batches are small here.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from sonde.contracts.learn import Context, Paradigm, Phase
from sonde.learn._views import ViewLearner, ViewSettings


class Contrast(ViewSettings, Paradigm):
    """Learns codes that are alike for views of one row and unlike for views of others."""

    temperature: float = Field(0.5, gt=0)
    """tau: the smaller, the more the most similar other rows count."""

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase."""
        yield self.compared(context, ContrastLearner)


class ContrastLearner(ViewLearner):
    """NT-Xent over all pairs of a batch."""

    settings: Contrast

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """(B,) nats."""
        return nt_xent(first, second, self.settings.temperature)


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """(B,) the mean of eq. 1 from either view to the other.

    Args:
        first: (B, D) projections of one view of each row.
        second: (B, D) projections of the other.
        temperature: of the cosines.
    """
    rows = len(first)
    points = normalize(torch.cat([first, second]), dim=1)
    logits = points @ points.T / temperature  # (2B, 2B)
    itself = torch.eye(2 * rows, dtype=torch.bool, device=points.device)
    logits = logits.masked_fill(itself, -torch.inf)
    partner = torch.arange(2 * rows, device=points.device).roll(rows)
    return cross_entropy(logits, partner, reduction="none").view(2, rows).mean(dim=0)
