"""Early stopping: which evaluation was best, and when to give up hoping for a better one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from sonde.contracts.learn import State, Stop
from sonde.contracts.learner import Learner
from sonde.core.errors import UsageError, unknown


class Stopper:
    """Watches one score of a learner and keeps the state in which it was best."""

    def __init__(self, stop: Stop, learner: Learner) -> None:
        self.score = stop.score or learner.main_score
        self._patience = stop.patience
        self._learner = learner
        self.value: float | None = None
        self.loss = math.inf
        self.step = 0
        self.worse_in_a_row = 0
        self.best: State | None = None

    def see(self, scores: Mapping[str, float], step: int) -> None:
        """Take in an evaluation.

        Raises:
            UsageError: the watched score is not among them.
        """
        if self.score not in scores:
            raise UsageError(f"stop: {unknown('score', self.score, scores)}")
        value, loss = scores[self.score], scores.get("loss", math.inf)
        if self._better(value, loss):
            self.value, self.loss = value, loss
            self.step, self.worse_in_a_row = step, 0
            self.best = kept(self._learner.state())
        else:
            self.worse_in_a_row += 1

    @property
    def enough(self) -> bool:
        """Whether patience has run out."""
        return self.worse_in_a_row >= self._patience

    def state(self) -> State:
        """The counters; the best state is saved beside them."""
        return {
            "value": self.value,
            "loss": self.loss,
            "step": self.step,
            "worse": self.worse_in_a_row,
        }

    def restore(self, state: State, best: State | None) -> None:
        """Become what `state` was."""
        self.value, self.loss, self.step = state["value"], state["loss"], state["step"]
        self.worse_in_a_row, self.best = state["worse"], best

    def _better(self, value: float, loss: float) -> bool:
        """Of equal scores, which few validation rows often give, the smaller loss is better."""
        if math.isnan(value):
            return False
        if self.value is None:
            return True
        if value == self.value:
            return loss < self.loss
        up = self._learner.higher_is_better(self.score)
        return value > self.value if up else value < self.value


def kept(node: Any) -> Any:
    """A copy of a state that later steps cannot change."""
    if isinstance(node, Tensor):
        return node.detach().clone()
    if isinstance(node, Mapping):
        return {key: kept(item) for key, item in node.items()}
    return [kept(item) for item in node] if isinstance(node, list | tuple) else node
