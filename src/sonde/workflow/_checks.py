"""The single checks of `debug`: each tries one thing and says what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from sonde.contracts.learn import Budget
from sonde.contracts.task import SupervisedTask
from sonde.core.batch import Batch, part
from sonde.core.errors import counted, listed
from sonde.core.port import Ports
from sonde.learn._descent import Descent, DescentSettings, Diverged
from sonde.workflow._trial import Attempt, Trial

_SMALL = 16
"""Rows of the batch that is to be overfitted."""
_NUMBERS = 2**22
"""Free answers that the least loss is looked for with at most: some half a minute of descent."""
_FAR = 10.0
"""Deviations beyond which an input drowns the others."""
_LARGE_STEP, _SMALL_STEP = 0.1, 1e-6
"""Size of a step beside the weights it moves; about 1e-3 is usual."""


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: of the check.
        ok: whether all is well.
        said: what was measured.
        advice: what to do, where it is not.
    """

    name: str
    ok: bool
    said: str
    advice: str = ""

    def __str__(self) -> str:
        line = f"{'ok' if self.ok else 'LOOK':5}{self.name:17}{self.said}"
        return f"{line}\n{'':22}-> {self.advice}" if self.advice else line


def inputs(made: Trial) -> Finding:
    """No input dwarfs the others or says nothing."""
    attempt = made.attempt(budget=Budget(steps=1))
    batch, _ = attempt.task.arrange(next(attempt.batches()), False, None)
    values = {n: v.float() for n, v in batch.items() if isinstance(v, Tensor) and n[0] != "#"}
    scalars = {n: v for n, v in values.items() if attempt.task.inputs[n].kind == "scalar"}
    far = [n for n, v in scalars.items() if v.abs().max() > _FAR]
    constant = [n for n, v in values.items() if len(v) > 1 and bool((v == v[:1]).all())]
    if far:
        return Finding(
            "inputs",
            False,
            f"{listed(far)}: values over {_FAR:g} deviations away",
            "look at those rows, or take scale: log or quantile for the column",
        )
    if constant:
        return Finding(
            "inputs",
            False,
            f"{listed(constant)}: the same in a whole batch",
            "leave such columns out, unless they vary elsewhere",
        )
    return Finding("inputs", True, f"{len(values):,} inputs of like scale")


def first_loss(made: Trial) -> Finding:
    """Before the first step a network knows nothing, and its loss should say just that.

    Outputs of zero are the measure: ln K for K classes, 1 for a standardised number. A network that
    begins with what is common, as detectors do, has less.
    """
    attempt = made.attempt(budget=Budget(steps=1))
    batch = next(attempt.batches())
    found = _loss(attempt, batch, attempt.network)
    expected = _loss(attempt, batch, _Free(attempt.task.outputs, 1))
    said = f"{found:.3g}; outputs of zero have {expected:.3g}"
    if found - expected <= 0.35 * abs(expected) + 0.1:
        return Finding("first loss", True, said)
    return Finding(
        "first loss",
        False,
        said,
        "the first outputs are far from zero: are inputs normalised, is the last layer "
        "initialised small?",
    )


def one_batch(made: Trial, steps: int) -> Finding:
    """A network that cannot learn a few rows by heart will not learn many.

    The measure is what answers of its own for each row come to: that is as good as it gets. Where
    much is asked of a row, such as every box in a picture, a quarter of the rows is tried for four
    times as long before anything is said.
    """
    few = min(_SMALL, _affordable(made.attempt(budget=Budget(steps=steps)).task))
    name, told = f"{_SMALL} rows", []
    for rows, most in ((few, steps), (max(1, few // 4), 4 * steps)):
        try:
            learned, said = _by_heart(made, rows, most)
        except Diverged as error:
            return Finding(name, False, str(error), "take a tenth of the learning rate")
        told.append(said)
        if learned:
            return Finding(name, True, "; ".join(told))
    return Finding(
        name,
        False,
        "; ".join(told),
        "they are not learned by heart: take another learning rate (sonde train "
        "--find-learning-rate), a larger model, or less regularisation; where much is asked of a "
        "row, such as many boxes, it may only need longer",
    )


def _by_heart(made: Trial, count: int, steps: int) -> tuple[bool, str]:
    """Whether so many rows are learned in so many steps, and what was measured.

    Raises:
        Diverged: the loss is no number any more.
    """
    attempt = made.attempt(budget=Budget(steps=steps))
    rows = part(next(attempt.batches()), 0, count)
    before = _loss(attempt, rows, attempt.network)
    losses = list(attempt.train(steps, only=rows))
    best = _best_loss(attempt.task, rows)
    after = sum(losses[-10:]) / len(losses[-10:])
    whose = "" if count == _SMALL else f"{counted(count, 'row')}: "
    return after - best < 0.3 * (before - best), (
        f"{whose}loss from {before:.3g} to {after:.3g} in {steps} steps; {best:.3g} is the best "
        "there is"
    )


def dead_units(made: Trial, steps: int) -> Finding:
    """Units behind a ReLU that are zero for every row of a batch learn nothing any more."""
    attempt = made.attempt(budget=Budget(steps=steps))
    for _ in attempt.train(min(steps, 20)):
        pass
    dead: dict[str, float] = {}

    def look(name: str, output: Tensor) -> None:
        dead[name] = float(
            (output.flatten(2).amax(2) if output.ndim > 2 else output)
            .amax(dim=0)
            .le(0)
            .float()
            .mean()
        )

    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: look(name, output))
        for name, layer in attempt.network.named_modules()
        if isinstance(layer, nn.ReLU)
    ]
    _loss(attempt, next(attempt.batches()), attempt.network)
    for hook in hooks:
        hook.remove()
    if not dead:
        return Finding("dead units", True, "the network has no ReLU layers")
    worst = max(dead, key=lambda name: dead[name])
    said = f"at most {dead[worst]:.0%} of a layer ({worst})"
    if dead[worst] <= 0.5:
        return Finding("dead units", True, said)
    return Finding(
        "dead units",
        False,
        said,
        "take a smaller learning rate, batch normalisation, or another activation",
    )


def step_sizes(made: Trial, steps: int) -> Finding:
    """How far a step moves each layer's weights, as part of their size."""
    attempt = made.attempt(budget=Budget(steps=steps))
    matrices = {n: w for n, w in attempt.network.named_parameters() if w.ndim >= 2}
    shares: dict[str, list[float]] = {name: [] for name in matrices}
    before = {name: weight.detach().clone() for name, weight in matrices.items()}
    for _ in attempt.train(min(steps, 20)):
        for name, weight in matrices.items():
            size = float(before[name].norm())
            if size:  # a layer that starts at zero moves infinitely far at first
                shares[name].append(float((weight.detach() - before[name]).norm()) / size)
            before[name] = weight.detach().clone()
    middle = {n: sorted(each)[len(each) // 2] for n, each in shares.items() if each}
    if not middle:
        return Finding("steps", True, "no weights with two axes")
    low, high = min(middle, key=lambda n: middle[n]), max(middle, key=lambda n: middle[n])
    said = f"{middle[low]:.1e} ({low}) to {middle[high]:.1e} ({high}) of the weights"
    if middle[high] > _LARGE_STEP:
        return Finding("steps", False, said, "steps are too large: take a tenth of the rate")
    if middle[low] < _SMALL_STEP:
        return Finding(
            "steps",
            False,
            said,
            "a layer hardly moves: its gradient vanishes, or the rate is too small",
        )
    return Finding("steps", True, said)


def varying_answers(made: Trial, steps: int) -> Finding:
    """After a short training rows are answered differently, and better than with a constant."""
    attempt = made.attempt(budget=Budget(steps=steps))
    losses = list(attempt.train(steps))
    batch = part(next(attempt.batches()), 0, _affordable(attempt.task))
    best = _best_loss(attempt.task, batch, constant=True)
    after = _loss(attempt, batch, attempt.network)
    outputs = _outputs(attempt, batch, attempt.network)
    varies = any(bool((value - value[:1]).abs().max() > 1e-4) for value in outputs.values())
    said = f"loss {after:.3g} after {len(losses)} steps; one answer for all rows has {best:.3g}"
    if varies and after < best - 0.02 * abs(best):
        return Finding("answers", True, said)
    if not varies:
        return Finding(
            "answers",
            False,
            f"all rows are answered alike; {said}",
            "nothing of the inputs reaches the outputs: look at units and steps",
        )
    return Finding(
        "answers",
        False,
        said,
        "do the inputs say anything about the target? Are rows and labels in the same order?",
    )


class _Free(nn.Module):
    """Answers that no input decides: one for all rows, or one for each."""

    def __init__(self, outputs: Ports, rows: int) -> None:
        super().__init__()
        self.values = nn.ParameterList(
            torch.zeros(rows, *_shape(outputs, name)) for name in outputs
        )
        self.names = tuple(outputs)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return dict(zip(self.names, self.values, strict=True))


def _shape(outputs: Ports, name: str) -> tuple[int, ...]:
    port = outputs[name]
    if port.kind == "grid" and port.size is not None:  # logits for each pixel of a mask
        return (port.size, *(side or 1 for side in port.shape[1:]))
    return (port.classes,) if port.kind == "category" else tuple(size or 1 for size in port.shape)


def _affordable(task: SupervisedTask) -> int:
    """Rows whose answers are few enough to be found freely, two at least."""
    numbers = sum(prod(_shape(task.outputs, name)) for name in task.outputs)
    return max(2, _NUMBERS // max(1, numbers))


def _best_loss(task: SupervisedTask, batch: Batch, *, constant: bool = False) -> float:
    """The least loss of free answers: one for each row, or one for all of them."""
    inputs, targets = task.arrange(batch, False, None)
    rows = len(next(v for v in inputs.values() if isinstance(v, Tensor)))
    free = _Free(task.outputs, 1 if constant else rows)
    plain = {"optimizer": {"kind": "adam", "learning_rate": 0.1}, "precision": "float32"}
    settings = DescentSettings.parse(plain | {"schedule": "cosine"})
    descent = Descent(free, settings, Budget(steps=300), name="free answers")
    loss = 0.0
    for _ in range(300):
        loss = float(
            descent.minimize(
                lambda b: task.loss(
                    {n: v.expand(rows, *v.shape[1:]) for n, v in free(b).items()}, targets
                ),
                inputs,
            )
        )
    return loss


@torch.no_grad()
def _outputs(attempt: Attempt, batch: Batch, network: nn.Module) -> Mapping[str, Tensor]:
    network.eval()
    inputs, _ = attempt.task.arrange(batch, False, None)
    found = {name: value.float() for name, value in network(inputs).items()}
    network.train()
    return found


@torch.no_grad()
def _loss(attempt: Attempt, batch: Batch, network: nn.Module) -> float:
    """The mean loss of a batch."""
    _, targets = attempt.task.arrange(batch, False, None)
    rows = len(next(v for v in targets.values() if isinstance(v, Tensor)))
    outputs = _outputs(attempt, batch, network)
    spread = {n: v.expand(rows, *v.shape[1:]) if len(v) == 1 else v for n, v in outputs.items()}
    sums, weights = attempt.task.loss(spread, targets)
    return float(sums.sum() / weights.sum().clamp(min=1e-12))
