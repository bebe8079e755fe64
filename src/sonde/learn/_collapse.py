"""Collapse: the two ways in which networks that learn against each other stop learning.

The critic may win: it tells drawn from real so surely that its loss is flat, and what it says is of
little use to the generator (Arjovsky, Bottou, "Towards Principled Methods for Training Generative
Adversarial Networks", 2017, arXiv:1701.04862, section 2). And the generator may draw the same few
pictures whatever the noise (Goodfellow, "NIPS 2016 Tutorial", arXiv:1701.00160, section 5.1.1).
Neither ends a training: both are said, once each time they set in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sonde.contracts.learn import State, Stateful
from sonde.core.notice import say, tell
from sonde.tasks._manifolds import mean_distance

_MEMORY = 0.99
"""Of the running means: they look back about a hundred steps."""
_LOOK = 100
"""Steps between two looks, so that the device is not waited for at each."""
_SURE, _DOUBTS = 0.98, 0.9
"""Part of the rows from which on the critic has won, and below which it has not any more."""
_SAME = 1e-4
"""Deviation of scores below which all pictures look alike to the critic, as part of their size."""
_ALIKE = 0.3
"""Drawn pictures' mean distance from one another, as part of real ones', below which they are."""
_SETTLED = 300
"""Steps before which a generator has hardly begun."""


class Watch(Stateful):
    """Looks at every step's scores, and at drawn pictures where there is an evaluation."""

    def __init__(self, device: torch.device) -> None:
        self._steps = 0
        self._seen = torch.zeros(2, device=device)  # running means: sure, the same for all
        self._said: set[str] = set()

    def step(self, sure: Tensor, scores: Tensor) -> None:
        """One step of the critic.

        Args:
            sure: (N,) bool, rows that its loss asks nothing more of.
            scores: (N,) float32, of drawn and real rows.
        """
        spread = scores.std() / scores.abs().mean().clamp(min=1e-12)
        now = torch.stack([sure.float().mean(), (spread < _SAME).float()])
        self._seen.lerp_(now, 1 - _MEMORY)
        self._steps += 1
        if self._steps % _LOOK == 0 and self._steps >= _SETTLED:
            won, same = self._seen.tolist()
            self._tell("won", won > _SURE, won < _DOUBTS, _WON)
            self._tell("same", same > _SURE, same < _DOUBTS, _BLIND)

    def pictures(self, spreads: Spreads) -> None:
        """An evaluation's pictures; before some hundred steps nothing follows."""
        if self._steps < _SETTLED:
            return
        self._tell("alike", spreads.whole < _ALIKE, spreads.whole > 2 * _ALIKE, _COLLAPSED)
        for name, part in spreads.by_class.items():
            told = _COLLAPSED_IN.format(name=name)
            self._tell(f"alike {name}", part < _ALIKE, part > 2 * _ALIKE, told)

    def state(self) -> State:
        """The running means, and what has been said."""
        return {"steps": self._steps, "seen": self._seen, "said": sorted(self._said)}

    def restore(self, state: State) -> None:
        """Become what `state` was."""
        self._steps = state["steps"]
        self._seen = state["seen"].clone().to(self._seen.device)
        self._said = set(state["said"])

    def _tell(self, what: str, sets_in: bool, is_over: bool, message: str) -> None:
        """Say what has set in, and tell when it is over."""
        if sets_in and what not in self._said:
            self._said.add(what)
            say(f"after {self._steps:,} steps {message}")
        elif is_over and what in self._said:
            self._said.discard(what)
            tell(f"after {self._steps:,} steps this is over: {message.partition('.')[0]}")


class Spreads(NamedTuple):
    """How far drawn pictures lie from one another, as part of how far real ones do.

    Attributes:
        whole: of all pictures.
        by_class: of each class's, by its name.
    """

    whole: float
    by_class: Mapping[str, float]


def spreads(drawn: np.ndarray, real: np.ndarray, classes: Mapping[str, np.ndarray]) -> Spreads:
    """Mean pairwise distances of (N, D) drawn beside (N, D) real pictures.

    Args:
        drawn: flat pictures.
        real: flat pictures, of the same classes row by row.
        classes: by name, (N,) bool which rows are of a class; of two rows at least.
    """
    by_class = {
        name: _ratio(drawn[rows], real[rows]) for name, rows in classes.items() if rows.sum() > 1
    }
    return Spreads(_ratio(drawn, real), by_class)


def _ratio(drawn: np.ndarray, real: np.ndarray) -> float:
    """1 where real pictures are all the same, since nothing is missing then."""
    far = mean_distance(real)
    return mean_distance(drawn) / far if far > 0 else 1.0


_WON = (
    "the critic has won: for a hundred steps and more it has told drawn pictures from real ones "
    "almost without fail, so that neither network learns much. Take a smaller learning rate for "
    "critic_descent than for generator_descent, a smaller critic, spectral: true in it, or  loss: "
    "wasserstein."
)
_BLIND = (
    "the critic gives all pictures the same score, so that the generator learns nothing from it. "
    "Take a smaller learning rate for critic_descent, or another critic."
)
_COLLAPSED = (
    "drawn pictures are all alike: the generator has collapsed to few of them. Take smaller "
    "learning rates, a larger batch_size, more critic_steps, or  loss: wasserstein."
)
_COLLAPSED_IN = (
    "drawn pictures of {name!r} are all alike: the generator has collapsed to few of them. Take "
    "smaller learning rates, a larger batch_size, more critic_steps, or  loss: wasserstein."
)
