"""Greedy layer-wise pre-training: phase 2 begins with the weights of phase 1.

Bengio, Lamblin, Popovici, Larochelle, "Greedy Layer-Wise Training of Deep Networks", 2006: the
first layer learns to reconstruct its input, then the whole network learns the task.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sonde import Batch, Budget, Dense, Descent, Learner, Loss, Phase, Port, Supervised
from sonde.contracts.learn import Context
from sonde.core.batch import select


class Layerwise(Supervised):
    """Reconstruct, then learn."""

    pretrain: Budget = Budget(epochs=2)

    def phases(self, context: Context) -> Iterator[Phase]:
        task, model = context.task, context.model
        assert isinstance(model, Dense), "this plug-in pre-trains dense networks"
        numbers = {n: port for n, port in task.inputs.items() if port.kind == "scalar"}
        goal = {"rebuilt": Port("vector", (len(numbers),))}
        batches = context.batches("train", self.batch_size, sampler=self.sampler)
        first = context.build(model.model_copy(update={"hidden": model.hidden[:1]}),
                              task.inputs, goal)  # fmt: skip
        descent = Descent(
            first, self, self.pretrain, steps_per_epoch=batches.steps_per_epoch, name="pretrain"
        )
        learner = _Rebuild(first, descent, tuple(task.inputs), tuple(numbers))
        yield Phase("pretrain", learner, batches, self.pretrain)
        for phase in super().phases(context):
            begin = dict(first.state_dict())
            network = phase.learner.network
            shared = {
                name: begin[name]
                for name, weight in network.state_dict().items()
                if name in begin and begin[name].shape == weight.shape
            }
            assert shared, "the two networks share no layer"
            network.load_state_dict(shared, strict=False)
            yield phase


class _Rebuild(Learner):
    def __init__(
        self, network: nn.Module, descent: Descent, inputs: tuple[str, ...], goal: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.network, self.descent = network, descent
        self.inputs, self.goal = inputs, goal

    def step(self, batch: Batch) -> dict[str, Tensor]:
        self.network.train()
        return {"loss": self.descent.minimize(self._loss, select(batch, self.inputs))}

    def _loss(self, batch: Batch) -> Loss:
        goal = torch.stack([batch[name] for name in self.goal], dim=1)
        gaps = (self.network(batch)["rebuilt"].float() - goal).square().mean(dim=1)
        return Loss(gaps, torch.ones_like(gaps))

    def shipped(self) -> nn.Module:
        return self.descent.shipped()
