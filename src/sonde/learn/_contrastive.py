"""Contrastive divergence: how a restricted Boltzmann machine learns.

Hinton, "Training products of experts by minimizing contrastive divergence", 2002 (CD-k);
Tieleman, "Training restricted Boltzmann machines using approximations to the likelihood gradient",
2008 (persistent CD). The update is the gradient of the free energy of the data minus that of what
the machine dreams, where the dream counts as given; so a `Descent` can follow it like any loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from sonde.contracts.learn import Batches, Budget, Context, Optimizer, Schedule
from sonde.contracts.learner import Learner
from sonde.contracts.sampler import Sampler
from sonde.contracts.task import Loss, SupervisedTask
from sonde.core import seed
from sonde.core.batch import Batch, tensor_of, to_device
from sonde.core.device import Precision
from sonde.core.errors import DataError
from sonde.core.port import ROW
from sonde.learn._descent import Descent, DescentSettings
from sonde.learn._dreams import dreams, filters
from sonde.nets.assemble import Assembled
from sonde.nets.blocks.belief import BeliefLayer
from sonde.nets.blocks.boltzmann import Boltzmann
from sonde.nets.visible import belief_stack, visible_units

_ROWS = 2000
"""How many rows of each part a monitoring score looks at."""
_SLACK = 1e-4
"""How far beyond [0, 1] rounding may take a probability."""

_DEFAULT = {"weight_decay": 2e-4}
"""Section 10 of Hinton's practical guide: between 0.01 and 0.00001."""


class Contrastive(DescentSettings):
    """How each machine is trained; the defaults follow Hinton's practical guide, 2010.

    The guide raises momentum from 0.5 to 0.9 after a few epochs (section 9); here the learning
    rate rises at the start instead, which holds back the same first steps. Then it falls in a
    straight line, as Tieleman's does: persistent chains cannot keep up with weights that go on
    changing fast, and the likelihood swings. Precision is float32, because what is followed is a
    small difference between large statistics.
    """

    optimizer: Optimizer = Field(
        default={**_DEFAULT, "kind": "momentum", "learning_rate": 0.05}, validate_default=True
    )
    schedule: Schedule = Field(default={"kind": "polynomial", "warmup": 0.1}, validate_default=True)
    precision: Precision = "float32"
    budget: Budget = Budget(epochs=10)
    """Of each machine."""
    batch_size: int = Field(100, ge=1)
    sampler: Sampler = Field(default="shuffle", validate_default=True)
    steps: int = Field(1, ge=1)
    """Steps of Gibbs sampling between the data and what is held against it: the k of CD-k."""
    persistent: bool = False
    """Whether the samples go on from step to step instead of starting at the data: persistent CD.
    As many chains as a batch has rows; the optimizer is then sgd, with a rate of 0.1, unless one is
    given: momentum carries the weights away from under the chains, and the likelihood swings."""
    gaussian_rate: float = Field(0.1, gt=0)
    """The learning rate of a machine with Gaussian visible units, as a part of the others': there
    is no bound to how far such a unit can be driven (section 13.2 of the guide)."""

    @model_validator(mode="before")
    @classmethod
    def _calm_where_persistent(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("persistent") and "optimizer" not in given:
            return {**given, "optimizer": {**_DEFAULT, "kind": "sgd", "learning_rate": 0.1}}
        return given


class ContrastiveLearner(Learner):
    """One machine on top of layers that no longer change.

    Args:
        network: the whole belief net; when the phase ends, its layer `index` takes what was
            learned.
        index: which layer this machine is.
        machine: started.
        descent: over the machine.
        settings: how it is trained.
        context: the run's.
    """

    chains: Tensor

    def __init__(
        self,
        network: Assembled,
        index: int,
        machine: Boltzmann,
        descent: Descent,
        settings: Contrastive,
        context: Context,
    ) -> None:
        super().__init__()
        self.network, self.index, self.machine = network, index, machine
        self.descent, self.settings, self.context = descent, settings, context
        self.reference: Batches | None = None
        """Training rows that free energies of validation rows are compared with."""
        rows = settings.batch_size if settings.persistent else 0
        self.register_buffer("chains", torch.zeros(rows, len(machine.hidden_bias)))

    @property
    def layer(self) -> BeliefLayer:
        """The layer that this machine trains."""
        return belief_stack(self.network).layers[self.index]

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """What the machine dreams rises in energy, what it is shown falls."""
        draw = seed.generator("gibbs", self.context.device)
        with torch.no_grad():
            data = visible_rows(self.context, self.network, self.index, batch, training=True)
            dream = self._dreamt(data, draw)
            error = (data - dream).square().mean()
        both: Batch = {"data": data, "dream": dream}
        if ROW in batch:
            both[ROW] = batch[ROW]
        difference = self.descent.minimize(self._loss, both)
        if self.settings.persistent:  # a chain is nobody's reconstruction
            return {"free_energy_difference": difference}
        return {"loss": error, "free_energy_difference": difference}

    @torch.no_grad()
    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Of validation rows, up to 2,000 of them.

        `reconstruction_error`: mean square over visible units of one step up and down without
        draws. `pseudo_likelihood`: nats a row, over binary visible units, where there are any; a
        unit drawn for each row stands for all of them, and probabilities are rounded.
        `free_energy_gap`: how much higher their free energy is than that of as many training rows;
        it rises when the machine overfits (section 6 of the guide).
        """
        machine = self._shipped_machine()
        rows = self._rows(batches)
        rebuilt = machine.visible_means(machine.hidden_means(rows))
        scores = {"reconstruction_error": float((rows - rebuilt).square().mean())}
        binary = (~machine.gaussian).nonzero()[:, 0]
        if len(binary):
            draw = seed.generator("pseudo-likelihood", rows.device)
            rounded = torch.where(machine.gaussian, rows, (rows >= 0.5).float())
            rounded = rounded.repeat(-(-_ROWS // len(rows)), 1)  # of few rows several units each
            drawn = torch.randint(len(binary), (len(rounded),), generator=draw, device=rows.device)
            chances = machine.log_conditional(rounded, binary[drawn])
            scores["pseudo_likelihood"] = float(chances.mean()) * len(binary)
        if self.reference is not None:
            known = self._rows(_once(self.reference, self.context.device))
            mean = float(machine.free_energy(known).mean())
            scores["free_energy_gap"] = float(machine.free_energy(rows).mean()) - mean
        return scores

    def shown(self) -> Mapping[str, np.ndarray]:
        """Of pictures: what the machine dreams, through the layers below, and its first filters."""
        below = [layer.machine() for layer in belief_stack(self.network).layers[: self.index]]
        machine, ports = self._shipped_machine(), self.context.task.inputs
        found = dreams([*below, machine], ports, seed.generator("dreams", self.context.device))
        return found if below else found | filters(machine, ports)

    def higher_is_better(self, score: str) -> bool:
        """Only likelihoods rise."""
        return score == "pseudo_likelihood"

    @property
    def main_score(self) -> str:
        """The one that every machine has."""
        return "reconstruction_error"

    def finish(self, batches: Iterable[Batch]) -> None:
        """The layer takes what its machine has learned."""
        self.layer.take(self._shipped_machine())

    def shipped(self) -> Assembled:
        """The network, whose layers up to this one are trained once the phase has ended."""
        return self.network

    def _shipped_machine(self) -> Boltzmann:
        machine = self.descent.shipped()
        assert isinstance(machine, Boltzmann)
        return machine

    def _dreamt(self, data: Tensor, draw: torch.Generator) -> Tensor:
        """(B, V): what is held against the data (B, V)."""
        if not self.settings.persistent:
            return self.machine.reconstructed(data, self.settings.steps, draw)
        visible, hidden = self.machine.gibbs(self.chains, self.settings.steps, draw)
        self.chains.copy_(hidden)
        # the last batch of an epoch may be smaller, or larger by one row
        return visible[torch.arange(len(data), device=data.device) % len(visible)]

    def _loss(self, both: Batch) -> Loss:
        """The difference of free energies, row by row; its gradient is the CD update."""
        data, dream = tensor_of(both, "data"), tensor_of(both, "dream")
        # one product for both, so that rounding treats them alike
        energy = self.machine.free_energy(torch.cat([data, dream]))
        known, dreamt = energy.tensor_split(2)
        return Loss(known - dreamt, torch.ones_like(known))

    def _rows(self, batches: Iterable[Batch]) -> Tensor:
        """(N, V): what this machine sees of the first rows, up to 2,000."""
        parts: list[Tensor] = []
        for batch in batches:
            parts.append(visible_rows(self.context, self.network, self.index, batch))
            if sum(map(len, parts)) >= _ROWS:
                break
        return torch.cat(parts)[:_ROWS]


def contrastive_learner(
    network: Assembled, index: int, settings: Contrastive, context: Context, batches: Batches
) -> ContrastiveLearner:
    """A learner at its first step, for one layer of a belief net whose lower layers are trained."""
    layer = belief_stack(network).layers[index]
    machine = layer.machine()
    mean, constant = _statistics(network, index, context)
    # not from the present place: a run that is resumed gets here without having been there
    draw = torch.Generator(device=context.device)
    draw.manual_seed(seed.key(context.seed, "boltzmann machine", index))
    machine.start(mean, constant, draw)
    if bool(machine.gaussian.any()):
        rate = settings.optimizer.learning_rate * settings.gaussian_rate
        calmer = settings.optimizer.model_copy(update={"learning_rate": rate})
        settings = settings.model_copy(update={"optimizer": calmer})
    descent = Descent(
        machine,
        settings,
        settings.budget,
        steps_per_epoch=batches.steps_per_epoch,
        name=f"layer {index + 1}",
    )
    return ContrastiveLearner(network, index, machine, descent, settings, context)


def visible_rows(
    context: Context, network: Assembled, index: int, batch: Batch, *, training: bool = False
) -> Tensor:
    """(B, V) float32: what the machine of layer `index` sees of a batch, changed as in training.

    Raises:
        DataError: binary visible units are given what is no probability.
    """
    task = context.task
    assert isinstance(task, SupervisedTask)
    draw = seed.generator("arrange", context.device) if training else None
    inputs, _ = task.arrange(context.augment(batch) if training else batch, training, draw)
    units = visible_units(network, inputs)
    stack = belief_stack(network)
    if index:
        return stack.activations(units, index)
    binary = torch.where(stack.layers[0].gaussian, 0.0, units)
    least, most = float(binary.min()), float(binary.max())
    if least < -_SLACK or most > 1 + _SLACK:
        raise DataError(
            f"got pictures with values from {least:.3g} to {most:.3g}, expected [0, 1]: a belief "
            "net takes brightness for a probability. Give its column no other scale."
        )
    return units


@torch.no_grad()
def _statistics(network: Assembled, index: int, context: Context) -> tuple[Tensor, Tensor]:
    """(V,) float32, the mean of each visible unit; (V,) bool, whether it is the same in all rows.

    Means of binary units are kept off 0 and 1 as by two rows more, one of each kind.
    """
    total, rows = torch.zeros((), dtype=torch.float64), 0
    least, most = torch.tensor(torch.inf), torch.tensor(-torch.inf)
    for batch in _once(context.batches("train", 1024), context.device):
        units = visible_rows(context, network, index, batch).cpu()
        total, rows = total + units.double().sum(dim=0), rows + len(units)
        least, most = least.minimum(units.amin(dim=0)), most.maximum(units.amax(dim=0))
    gaussian = belief_stack(network).layers[index].gaussian.cpu()
    mean = torch.where(gaussian, total / rows, (total + 1) / (rows + 2))
    return mean.float().to(context.device), (least == most).to(context.device)


def _once(batches: Batches, device: torch.device) -> Iterable[Batch]:
    """One epoch from the first batch on, the same each time."""
    batches.seek(0)
    steps = batches.steps_per_epoch
    assert steps is not None, "stored rows have epochs"
    return (to_device(batch, device) for batch in islice(batches, steps))
