"""The contract of learners: one verb, `step`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping

import numpy as np
from torch import Tensor, nn

from sonde.contracts.learn import State, Stateful
from sonde.core.batch import Batch


class Learner(nn.Module):
    """Networks that learn from batches.

    Attributes that are modules are saved as weights, attributes that are `Stateful` (such as a
    `Descent`) are saved beside them; counters of its own a learner adds in `state` and `restore`.
    """

    @abstractmethod
    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Learn from one batch; what is worth logging comes back as scalars on the device."""

    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Scores over a whole validation part; {} where there is nothing to say."""
        return {}

    def higher_is_better(self, score: str) -> bool:
        """Whether a larger value of a score from `evaluate` is better."""
        return score != "loss"

    @property
    def main_score(self) -> str:
        """The score early stopping watches unless told otherwise."""
        return "loss"

    def shown(self) -> Mapping[str, np.ndarray]:
        """Pictures worth a look after an evaluation, by name: (H, W) or (H, W, 3) uint8."""
        return {}

    def heed(self, scores: Mapping[str, float]) -> None:
        """The loop has evaluated; every stateful attribute may react, before anything is saved."""
        for value in vars(self).values():
            if isinstance(value, Stateful):
                value.heed(scores, self.higher_is_better)

    def finish(self, batches: Iterable[Batch]) -> None:
        """The phase's steps are done; what is changed now belongs to its end, and to a resume.

        `batches` are all training batches once more; who does not look at them pays nothing.
        """

    @abstractmethod
    def shipped(self) -> nn.Module:
        """What is judged and sealed: averaged weights where there are any, in float32."""

    def state(self) -> State:
        """Weights and the state of every stateful attribute."""
        parts = {n: value.state() for n, value in vars(self).items() if isinstance(value, Stateful)}
        return {"weights": dict(self.state_dict()), "parts": parts}

    def restore(self, state: State) -> None:
        """Become what `state` was."""
        self.load_state_dict(state["weights"])
        for name, inner in state["parts"].items():
            getattr(self, name).restore(inner)
