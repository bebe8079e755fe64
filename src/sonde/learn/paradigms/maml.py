"""Model-agnostic meta-learning: first weights from which a few steps down are enough.

Finn, Abbeel, Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", 2017,
arXiv:1703.03400, algorithm 2. There batch normalisation takes the statistics of whatever is asked
together, so that an answer depends on the other questions; here a network that carries statistics
of its training rows is refused instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from sonde.contracts.learn import Context, Paradigm, Phase
from sonde.core.batch import Batch, count, mapped
from sonde.core.errors import UsageError
from sonde.data.samplers.episodic import Episodic
from sonde.learn.paradigms._episodes import EpisodeLearner, EpisodeSettings
from sonde.tasks._few_shot import Descend, adapted, adapted_logits


class Maml(EpisodeSettings, Paradigm):
    """Descends the loss of the queries after the task's own steps down that of the examples."""

    order: Literal["second", "first"] = "second"
    """Whether the inner gradients are differentiated too; first takes them for constants (section
    5.2), in less time and memory."""
    steps: int | None = Field(None, ge=1)
    """Inner steps in training; None is as the task answers. An answer after more steps than were
    practised may be better, or overshoot: validation episodes show it."""
    precision: Literal["float32"] = "float32"
    """Second derivatives ask for more digits than bfloat16 has."""

    def phases(self, context: Context) -> Iterator[Phase]:
        """One phase."""
        task = self.few_shot(context, adapts=True)
        made = self.phase(context, task, self.sampler(task), MamlLearner)
        _check_stateless(made.learner)
        yield made


class MamlLearner(EpisodeLearner):
    """Answers after some steps down the loss of the examples, each episode for itself."""

    def logits(self, network: nn.Module, episodes: Batch, sampler: Episodic) -> Tensor:
        """Episode by episode: eq. 1 inside, its answers outside."""
        descend = self._descend(training=network.training)
        shots, device = sampler.shots, next(network.parameters()).device
        ways = torch.arange(sampler.ways, device=device).repeat_interleave(shots)
        found = []
        for at in range(count(episodes)):
            one = mapped(episodes, itemgetter(at))  # (P, K, ...)
            support = mapped(one, lambda tensor: tensor[:, :shots].flatten(0, 1))
            queries = mapped(one, lambda tensor: tensor[:, shots:].flatten(0, 1))
            output = self.task.output
            found.append(adapted_logits(network, output, support, ways, queries, descend))
        return torch.stack(found)

    def _descend(self, *, training: bool) -> Descend:
        """The inner steps: those of training, or those that the task answers after."""
        assert self.task.adapt is not None and isinstance(self.settings, Maml)
        own = self.settings.steps if training else None
        return partial(
            adapted,
            rate=self.task.adapt.learning_rate,
            steps=own or self.task.adapt.steps,
            second_order=self.settings.order == "second",
        )


def _check_stateless(network: nn.Module) -> None:
    """Nothing in a network that adapts may carry statistics of its training rows.

    Raises:
        UsageError: naming the layer.
    """
    for name, layer in network.named_modules():
        if getattr(layer, "track_running_stats", False):
            raise UsageError(
                f"maml adapts to a handful of rows, and layer {name} ({type(layer).__name__}) "
                "keeps statistics of all training rows. Take a model without batch normalisation, "
                "such as {kind: convnet, norm: null}"
            )
