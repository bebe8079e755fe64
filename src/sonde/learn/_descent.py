"""Descent: one optimizer and all around it.

Precision, backward, micro-batches, clipping, the guard against non-finite gradients, the schedule
and the average of weights. A learner with two networks that learn against each other has two.
Nothing else in this package calls `backward` or an optimizer's `step`.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from sonde.contracts.learn import Budget, Optimizer, Schedule, State, Stateful
from sonde.contracts.model import RATE
from sonde.contracts.task import Loss
from sonde.core import seed
from sonde.core.batch import Batch, count, part, tensor_of
from sonde.core.device import Precision, precision_for, resolve_precision
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import say, tell
from sonde.core.port import ROW
from sonde.core.spec import Spec
from sonde.core.work import Products
from sonde.learn._snapshots import SnapshotMean, Snapshots, measure_norms, places

_TINY = torch.finfo(torch.float32).tiny

_PATIENCE = 10
"""Steps in a row that may be skipped for a non-finite gradient before training stops."""


class DescentSettings(Spec):
    """How weights follow gradients: what a paradigm's recipe says about one descent."""

    optimizer: Optimizer = Field(default="adamw", validate_default=True)
    schedule: Schedule = Field(default="constant", validate_default=True)
    clip: float | None = Field(None, gt=0)
    """Largest norm of the whole gradient."""
    micro_batch: int | None = Field(None, ge=1)
    """Rows whose activations are held at once; the step is that of the whole batch."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    average: float | None = Field(None, gt=0, lt=1)
    """Decay of an exponential average of the weights, which is then what is judged and shipped."""
    snapshots: Snapshots | None = None
    """Late points of the training whose mean is what is judged and shipped."""
    l1: float = Field(0.0, ge=0)
    """Each step moves weights with two or more axes towards zero by learning_rate * l1, and leaves
    them there: the proximal step of an L1 penalty, apart from the gradient as AdamW's decay is.
    Parikh, Boyd, "Proximal Algorithms", 2014, section 6.5.2."""

    @model_validator(mode="after")
    def _one_average(self) -> Self:
        if self.average and self.snapshots:
            raise ValueError("average and snapshots are two ways to average weights; take one")
        if self.optimizer.ships and (self.average or self.snapshots or self.l1):
            raise ValueError(
                f"optimizer {self.optimizer.kind} averages the weights itself; "
                "leave out average, snapshots and l1"
            )
        return self


class Diverged(DataError):
    """Training met nothing but non-finite gradients."""


class Descent(Stateful):
    """Follows the gradient of a loss over the weights of one module."""

    def __init__(
        self,
        module: nn.Module,
        settings: DescentSettings,
        budget: Budget,
        *,
        steps_per_epoch: int | None = None,
        name: str = "main",
    ) -> None:
        """Prepare to train `module`, whose schedule spans `budget`."""
        self.name = name
        self.settings = settings
        self.module = module
        self._weights = [weight for weight in module.parameters() if weight.requires_grad]
        self._device = self._weights[0].device
        self.precision: Precision = "auto"
        self._decide(resolve_precision(settings.precision, self._device))
        self._optimizer = settings.optimizer.make(self._groups())
        self._steps = 0
        self._skipped_in_a_row = 0
        self._total_steps = budget.total_steps(steps_per_epoch)
        self._seconds, self._elapsed, self._since = budget.seconds, 0.0, time.monotonic()
        self._average = copy.deepcopy(module).requires_grad_(False) if settings.average else None
        self._followed = _pairs(self._average, module) if self._average is not None else ([], [])
        self._heard: dict[str, float] = {}
        self._means = copy.deepcopy(module).requires_grad_(False) if self._ships else None
        self._snapshots = self._snapshot_mean(steps_per_epoch)

    def minimize(self, loss: Callable[[Batch], Loss], batch: Batch) -> Tensor:
        """One step down the mean of `loss` over the batch.

        The batch goes through in micro-batches where asked for; their gradients' sums are divided
        once, by the weights of the whole batch, so the step is the same (BatchNorm aside).

        Args:
            loss: rows of the batch -> their losses; called once per micro-batch, with torch's
                generator reseeded for (descent, call, part) of the present place.
            batch: B rows; nested batches are cut alike.

        Returns:
            The mean loss, () float32, on the device.

        Raises:
            Diverged: the gradient was not finite for ten steps in a row.
        """
        for weight in self._weights:
            weight.grad = None
        rows = count(batch)
        size = self.settings.micro_batch or rows
        mean = self._whole(loss, batch) if size >= rows else self._parts(loss, batch, size)
        norm = self._norm()
        if math.isfinite(norm):
            self._step(norm)
            self._skipped_in_a_row = 0
        else:
            self._skip(batch)
        self._steps += 1
        if self._snapshots is not None:
            self._snapshots.see(self._steps)
        return mean

    def shipped(self) -> nn.Module:
        """The averaged weights where there are any, else the module itself."""
        if self._snapshots is not None:
            return self._snapshots.shipped()
        if self._means is not None:
            return self._optimizer_means(self._means)
        return self.module if self._average is None else self._average

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        factor = self.settings.schedule.factor(self._progress) * self._heard.get("factor", 1.0)
        return self.settings.optimizer.learning_rate * factor

    def heed(self, scores: Mapping[str, float], higher_is_better: Callable[[str], bool]) -> None:
        """The schedule hears how an evaluation went."""
        before = self._heard.get("factor", 1.0)
        self._heard = self.settings.schedule.heard(self._heard, scores, higher_is_better)
        if self._heard.get("factor", 1.0) != before:
            tell(f"{self.name}: learning rate {self.learning_rate:.3g} from step {self._steps} on")

    def refresh(
        self, forward: Callable[[nn.Module, Batch], object], batches: Iterable[Batch]
    ) -> None:
        """After the last step: what averaged weights cannot average is measured on these batches.

        Args:
            forward: passes a batch through the network it is given.
            batches: of the training rows; looked at only where they are needed.
        """
        if self._snapshots is not None:
            self._snapshots.refresh(forward, batches)
        if self._means is not None:
            shipped = self._optimizer_means(self._means)
            measure_norms(shipped, forward, batches)
            for kept, measured in zip(self.module.buffers(), shipped.buffers(), strict=True):
                kept.copy_(measured)

    def state(self) -> State:
        """Moments of the optimizer, the average, the counters."""
        held = self._optimizer.state_dict()["state"]
        average = None if self._average is None else dict(self._average.state_dict())
        return {
            "optimizer": {str(index): dict(moments) for index, moments in held.items()},
            "average": average,
            "snapshots": None if self._snapshots is None else self._snapshots.state(),
            "heard": dict(self._heard),
            "steps": self._steps,
            "skipped": self._skipped_in_a_row,
            "elapsed": self._elapsed_now(),
            "precision": self.precision,
        }

    def restore(self, state: State) -> None:
        """Become what `state` was."""
        whole = self._optimizer.state_dict()
        ordered = [w for group in self._optimizer.param_groups for w in group["params"]]
        whole["state"] = {
            int(index): {k: _like(ordered[int(index)], v) for k, v in moments.items()}
            for index, moments in state["optimizer"].items()
        }
        self._optimizer.load_state_dict(whole)
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        if self._snapshots is not None:
            self._snapshots.restore(state["snapshots"])
        self._heard = dict(state["heard"])
        if self.precision != state["precision"]:  # that of the processor on which the run began
            self._decide(state["precision"])
        self._steps, self._skipped_in_a_row = state["steps"], state["skipped"]
        self._elapsed, self._since = state["elapsed"], time.monotonic()

    def _decide(self, precision: Precision) -> None:
        """Take a precision and tell it; `auto` is decided, and told, with the first step."""
        self.precision = precision
        half = precision == "bfloat16"
        self._cast = torch.autocast(self._device.type, torch.bfloat16, enabled=half)
        total = sum(weight.numel() for weight in self._weights)
        if precision != "auto":
            tell(f"network    {self.name}, {total:,} weights, {precision} on {self._device}")

    def _groups(self) -> list[dict[str, Any]]:
        """Weights that decay; and biases and norms, with fewer than two axes, which do not.

        Each rate that weights ask for has groups of its own; where none decays, one in that order.
        """
        asked = self.settings.optimizer
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for factor in sorted({_rate(weight) for weight in self._weights}, reverse=True):
            for decays in (True, False):
                alike = [w for w in self._weights if (_rate(w), w.ndim >= 2) == (factor, decays)]
                if alike:
                    groups.setdefault((factor, decays and asked.weight_decay > 0), []).extend(alike)
        return [
            {
                "params": weights,
                "lr": asked.learning_rate * factor,
                "factor": factor,
                "weight_decay": asked.weight_decay if decays else 0.0,
            }
            for (factor, decays), weights in groups.items()
        ]

    def _whole(self, loss: Callable[[Batch], Loss], batch: Batch) -> Tensor:
        """The mean loss of a batch that goes through at once, with its gradients."""
        total, weight = self._summed(loss, batch, 0)
        weight = weight.clamp(min=_TINY)
        total.backward(1 / weight)  # type: ignore[no-untyped-call]
        return total.detach() / weight

    def _parts(self, loss: Callable[[Batch], Loss], batch: Batch, size: int) -> Tensor:
        """The same part by part: gradients of the sums add up, and are divided once."""
        zero = torch.zeros((), device=self._device)
        total, weight = zero, zero
        for index, start in enumerate(range(0, count(batch), size)):
            summed, weighed = self._summed(loss, part(batch, start, start + size), index)
            summed.backward()  # type: ignore[no-untyped-call]
            total, weight = total + summed.detach(), weight + weighed
        weight = weight.clamp(min=_TINY)
        if gradients := self._gradients():
            torch._foreach_div_(gradients, weight)
        return total / weight

    def _summed(
        self, loss: Callable[[Batch], Loss], batch: Batch, index: int
    ) -> tuple[Tensor, Tensor]:
        """() float32 each: the sum of the rows' losses and of what the rows count for."""
        seed.reseed(self.name, self._steps, index)
        if self.precision == "auto":  # the first time: in float32, and its products are counted
            with Products() as products:
                found = loss(batch)
            self._decide(precision_for(products.mean_work))
        else:
            with self._cast:
                found = loss(batch)
        return found.sums.float().sum(), found.weights.detach().float().sum()

    def _gradients(self) -> list[Tensor]:
        return [weight.grad for weight in self._weights if weight.grad is not None]

    def _norm(self) -> Tensor:
        """The norm of the whole gradient, () float32."""
        gradients = self._gradients()
        if not gradients:
            return torch.zeros((), device=self._device)
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        return norm

    def _step(self, norm: Tensor) -> None:
        if self.settings.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(self._weights, self.settings.clip, norm)
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate * group["factor"]
        self._optimizer.step()
        if self.settings.l1:
            self._shrink(self.learning_rate * self.settings.l1)
        if self._average is not None:
            self._follow()

    def _shrink(self, threshold: float) -> None:
        """Soft thresholding of matrices: towards zero by `threshold`, and not beyond."""
        matrices = [weight.detach() for weight in self._weights if weight.ndim >= 2]
        torch._foreach_sub_(matrices, [w.clamp(-threshold, threshold) for w in matrices])

    @property
    def _ships(self) -> str | None:
        return self.settings.optimizer.ships

    def _optimizer_means(self, network: nn.Module) -> nn.Module:
        """The network with the weights that the optimizer keeps for shipping."""
        network.load_state_dict(self.module.state_dict())
        with torch.no_grad():
            for kept, weight in zip(network.parameters(), self.module.parameters(), strict=True):
                if self._ships in self._optimizer.state.get(weight, ()):
                    kept.copy_(self._optimizer.state[weight][self._ships])
        return network

    def _snapshot_mean(self, steps_per_epoch: int | None) -> SnapshotMean | None:
        asked = self.settings.snapshots
        if asked is None:
            return None
        if self._total_steps is None:
            raise UsageError("snapshots need to know when the phase ends; give it epochs or steps")
        steps = places(asked, self.settings.schedule, self._total_steps, steps_per_epoch)
        return SnapshotMean(self.module, steps)

    def _follow(self) -> None:
        """Moves the average; early on it forgets faster, so as not to drag the start along."""
        decay = min(self.settings.average or 0.0, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            torch._foreach_lerp_(*self._followed, 1 - decay)

    def _skip(self, batch: Batch) -> None:
        """Leaves the weights alone and says which rows were at hand."""
        self._skipped_in_a_row += 1
        rows = tensor_of(batch, ROW).tolist() if ROW in batch else []
        say(f"non-finite gradient in {self.name}: step skipped", rows=rows[:64])
        if self._skipped_in_a_row >= _PATIENCE:
            raise Diverged(
                f"the gradient of {self.name} was not finite for {_PATIENCE} steps in a row at "
                f"learning rate {self.learning_rate:.3g}. Rows of the last one: {rows[:12]}. "
                "Take a smaller learning rate, clip: 1.0, or precision: float32."
            )

    @property
    def _progress(self) -> float:
        """How much of the budget is spent, in [0, 1]."""
        if self._total_steps is not None:
            return min(1.0, self._steps / self._total_steps)
        return min(1.0, self._elapsed_now() / (self._seconds or float("inf")))

    def _elapsed_now(self) -> float:
        return self._elapsed + time.monotonic() - self._since


def _pairs(average: nn.Module, module: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """What is averaged, and what it follows: weights, and running statistics of BatchNorm.

    Counters among the buffers stay as they were: they decide nothing once a network is trained.
    """
    both = zip(average.state_dict().values(), module.state_dict().values(), strict=True)
    followed = [(kept, now) for kept, now in both if kept.is_floating_point()]
    return [kept for kept, _ in followed], [now for _, now in followed]


def _like(weight: Tensor, moment: Any) -> Any:
    """A copy laid out in memory as its weight is: fused optimizers walk both side by side.

    A checkpoint keeps values, not strides; with channels-last weights and a contiguous moment the
    kernel would pair the wrong elements.
    """
    if not isinstance(moment, Tensor):
        return moment
    if moment.shape != weight.shape:
        return moment.clone()
    return torch.empty_like(weight, dtype=moment.dtype).copy_(moment)


def _rate(weight: Tensor) -> float:
    return float(getattr(weight, RATE, 1.0))
