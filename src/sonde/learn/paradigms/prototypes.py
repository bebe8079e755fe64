"""Prototypical networks: a space in which the mean of a few examples stands for their class.

Snell, Swersky, Zemel, "Prototypical Networks for Few-shot Learning", 2017, arXiv:1703.05175,
algorithm 1. As there, training may have more ways than judgement, which makes it harder and helps.
A step may have several episodes; there it has one.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field
from torch import Tensor, nn

from sonde.contracts.learn import Context, Paradigm, Phase
from sonde.core.batch import Batch, mapped
from sonde.data.samplers.episodic import Episodic
from sonde.learn.paradigms._episodes import EpisodeLearner, EpisodeSettings
from sonde.tasks._few_shot import distance_logits


class Prototypes(EpisodeSettings, Paradigm):
    """Queries come near the mean of their class's examples, and far from the others'."""

    ways: int | None = Field(None, ge=2)
    """Classes of a training episode; None is as the task is judged."""

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase."""
        task = self.few_shot(context, adapts=False)
        sampler = self.sampler(task, **({} if self.ways is None else {"ways": self.ways}))
        yield self.phase(context, task, sampler, PrototypeLearner)


class PrototypeLearner(EpisodeLearner):
    """Answers by the nearest class mean."""

    def logits(self, network: nn.Module, episodes: Batch, sampler: Episodic) -> Tensor:
        """All rows of all episodes go through the network at once: eq. 1 and 2."""
        flat = mapped(episodes, lambda tensor: tensor.flatten(0, 2))
        embedded = network(flat)[self.task.output].float()  # (E * P * K, D)
        per_class = sampler.shots + sampler.queries
        apart = embedded.unflatten(0, (-1, sampler.ways, per_class))  # (E, P, K, D)
        means = apart[:, :, : sampler.shots].mean(dim=2)
        return distance_logits(apart[:, :, sampler.shots :].flatten(1, 2), means)
