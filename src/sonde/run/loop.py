"""The loop: phases in order, steps in order, saved so that it can be cut anywhere.

It knows learners, batches and budgets, and nothing of tasks or paradigms. Step k of a phase is a
function of the state after step k - 1 and of (seed, phase, k), so a run that is killed and resumed
ends with the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sonde.contracts.learn import Batches, Paradigm, Phase, State
from sonde.contracts.learner import Learner
from sonde.contracts.recipe import Checkpointing
from sonde.core import seed
from sonde.core.batch import Batch, to_device
from sonde.core.errors import Interrupted
from sonde.core.picture import png
from sonde.run.checkpoint import Checkpoint, Checkpoints, Position, resume_point
from sonde.run.context import RunContext
from sonde.run.directory import RunDirectory
from sonde.run.files import replace
from sonde.run.progress import Pulse, Reporter
from sonde.run.signals import StopRequest
from sonde.run.stopping import Stopper


class Callback:
    """Observes a run and may ask it to stop; it never alters a batch or a loss."""

    def on_phase_start(self, phase: Phase) -> None:
        """A phase begins."""

    def on_step(self, step: int, logs: Mapping[str, Tensor]) -> bool | None:
        """A step was done; True asks to stop after it."""

    def on_epoch(self, step: int, scores: Mapping[str, float]) -> bool | None:
        """An evaluation was done; True asks to stop after it."""

    def on_phase_end(self, phase: Phase) -> None:
        """A phase has ended."""


@dataclass
class _Progress:
    """Where the present phase stands: everything beside the learner that a checkpoint holds."""

    phase: Phase
    index: int
    before: int
    step: int = 0
    elapsed: float = 0.0
    ended: bool = False
    stopper: Stopper | None = None
    loss: Tensor | None = None
    since: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Time spent in this phase, over all attempts."""
        return self.elapsed + time.monotonic() - self.since


class Loop:
    """Runs the phases of a paradigm in a run's folder."""

    def __init__(
        self,
        directory: RunDirectory,
        context: RunContext,
        saving: Checkpointing,
        reporter: Reporter,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self._context = context
        self._saving = saving
        self._reporter = reporter
        self._callbacks = callbacks
        self._journal = directory.journal
        self._pictures = directory.pictures
        self._checkpoints = Checkpoints(directory.checkpoints, keep=saving.keep)
        self._pulse = Pulse()
        self._saved = time.monotonic()

    def train(self, paradigm: Paradigm) -> Learner:
        """Every phase, from where the run stands; the last one's learner.

        Raises:
            Interrupted: asked to stop; everything is saved.
            DataError: there are checkpoints, and none is whole.
        """
        self._checkpoints.sweep()
        done = self._points()
        learner, total = None, 0
        with StopRequest() as request:
            for index, phase in enumerate(paradigm.phases(self._context)):
                at = _Progress(phase, index, total)
                at.stopper = Stopper(phase.stop, phase.learner) if phase.stop else None
                phase.learner.to(self._context.device)
                if index in done:
                    self._restore(at, done[index])
                if not at.ended:
                    self._run(at, request)
                learner, total = phase.learner, total + at.step
        assert learner is not None, f"paradigm {paradigm.kind} has no phase"
        return learner

    def _points(self) -> dict[int, Checkpoint]:
        """Where each phase that has begun is to be taken up again."""
        found, passed = self._checkpoints.valid()
        for name in passed:
            self._notice(f"checkpoint {name} is damaged: passed over, an older one is used")
        points = {point.position.phase: point for point in resume_point(found)}
        if points:
            last = max(points.values(), key=lambda point: point.position.total)
            self._journal.event("resumed", **vars(last.position))
            self._reporter.tell(f"resumed    {last.position.name}, step {last.position.step}")
        return points

    def _run(self, at: _Progress, request: StopRequest) -> None:
        phase = at.phase
        for callback in self._callbacks:
            callback.on_phase_start(phase)
        total = phase.budget.total_steps(phase.batches.steps_per_epoch)
        self._reporter.start(phase.name, total, at.step)
        try:
            self._steps(at, total, request)
            self._show(at, total)
        finally:
            self._journal.flush()
            self._reporter.end()
        if at.stopper and at.stopper.best is not None:
            phase.learner.restore(at.stopper.best)
            kept = (
                f"best {at.stopper.score} {at.stopper.value:.4g}, weights of step {at.stopper.step}"
            )
            self._journal.event("kept", phase=phase.name, step=at.stopper.step)
            self._reporter.tell(f"stopped    after step {at.step}; {kept} kept")
        phase.learner.finish(self._once_more(phase))
        at.ended = True
        self._save(at)
        self._journal.event("phase", phase=phase.name, step=at.step, seconds=at.seconds())
        for callback in self._callbacks:
            callback.on_phase_end(phase)

    def _steps(self, at: _Progress, total: int | None, request: StopRequest) -> None:
        """Steps until the budget is spent, patience is out, or somebody asks to stop."""
        phase, place = at.phase, (self._context.seed, at.phase.name)
        phase.batches.seek(at.step)
        seed.begin(*place, at.step)
        source = iter(phase.batches)
        limit = phase.budget.seconds or float("inf")
        while (total is None or at.step < total) and at.seconds() < limit and not _over(at):
            seed.begin(*place, at.step)
            batch = to_device(next(source), self._context.device)
            logs = phase.learner.step(batch)
            at.step += 1
            stop = [callback.on_step(at.before + at.step, logs) for callback in self._callbacks]
            self._log(at, logs, total)
            if _evaluation_due(phase, at.step, total):
                stop += self._evaluate(at)
            if request.asked:
                self._interrupt(at, request.reason)
            if any(stop):
                return
            if self._save_due(at.step) and at.step != total:
                self._save(at)

    def _once_more(self, phase: Phase) -> Iterator[Batch]:
        """Every training batch of a phase that has epochs, made when it is asked for."""
        if phase.batches.steps_per_epoch is not None:
            for step, batch in enumerate(_once(phase.batches, self._context.device)):
                seed.begin(self._context.seed, phase.name, "finish", step)
                yield batch

    def _evaluate(self, at: _Progress) -> list[bool | None]:
        phase = at.phase
        seed.begin(self._context.seed, phase.name, at.step, "evaluate")
        batches = _once(phase.valid, self._context.device) if phase.valid else ()
        scores = phase.learner.evaluate(batches)
        self._journal.event("epoch", phase=phase.name, step=at.step, **scores)
        phase.learner.heed(scores)
        self._picture(at)
        if at.stopper:
            at.stopper.see(scores, at.step)
        self._reporter.scores(_scores_line(at, scores))
        return [callback.on_epoch(at.before + at.step, scores) for callback in self._callbacks]

    def _picture(self, at: _Progress) -> None:
        """What the learner shows, a file each: `generator-0001200-samples.png`."""
        seed.begin(self._context.seed, at.phase.name, at.step, "shown")
        for name, picture in at.phase.learner.shown().items():
            written = name.replace("-", "_").replace("/", "_")  # the step stands between dashes
            place = self._pictures / f"{at.phase.name}-{at.step:07d}-{written}.png"
            replace(place, png(picture))

    def _log(self, at: _Progress, logs: Mapping[str, Tensor], total: int | None) -> None:
        self._journal.step(at.step, at.phase.name, logs)
        at.loss = logs.get("loss")
        if self._pulse.due():
            self._show(at, total)

    def _show(self, at: _Progress, total: int | None) -> None:
        loss = None if at.loss is None else float(at.loss)
        self._reporter.step(at.step, _place(at, total), loss)

    def _interrupt(self, at: _Progress, reason: str) -> None:
        self._save(at)
        self._journal.event("interrupted", phase=at.phase.name, step=at.step, reason=reason)
        raise Interrupted(
            f"stopped by {reason} after step {at.step}; everything is saved. "
            "Give the same command again to go on."
        )

    def _save_due(self, step: int) -> bool:
        if self._saving.steps and step % self._saving.steps == 0:
            return True
        return time.monotonic() - self._saved >= self._saving.seconds

    def _save(self, at: _Progress) -> None:
        """Everything that step `at.step + 1` depends on."""
        self._journal.flush()
        learner = at.phase.learner.state()
        state: State = {
            "weights": learner.pop("weights"),
            "optimizer": learner,
            "batches": at.phase.batches.state(),
            "best": at.stopper.best if at.stopper and not at.ended else None,
            "loop": {
                "elapsed": at.seconds(),
                "stopper": at.stopper.state() if at.stopper else None,
                "threads": torch.get_num_threads(),
            },
        }
        total = at.before + at.step
        position = Position(at.index, at.phase.name, at.step, total, at.ended)
        self._checkpoints.save(position, state)
        self._saved = time.monotonic()

    def _restore(self, at: _Progress, point: Checkpoint) -> None:
        state = point.load()
        at.phase.learner.restore({"weights": state["weights"], **state["optimizer"]})
        at.phase.batches.restore(state["batches"])
        at.step, at.ended = point.position.step, point.position.finished
        at.elapsed, at.since = state["loop"]["elapsed"], time.monotonic()
        if at.stopper:
            at.stopper.restore(state["loop"]["stopper"], state["best"])

    def _notice(self, message: str) -> None:
        self._journal.event("notice", message=message)
        self._reporter.say(message)


def _place(at: _Progress, total: int | None) -> str:
    """`epoch 14/50`, or `step 300` where there are no epochs."""
    steps = at.phase.batches.steps_per_epoch
    if not steps:
        return f"step {at.step}"
    of = f"/{-(-total // steps)}" if total else ""
    return f"epoch {-(-at.step // steps)}{of}"


def _scores_line(at: _Progress, scores: Mapping[str, float]) -> str:
    """`valid auc 0.874 (best 0.879, step 1100)`: the score that is watched, or the main one."""
    name = at.stopper.score if at.stopper else at.phase.learner.main_score
    if name not in scores:
        return ""
    line = f"valid {name} {scores[name]:.4g}"
    if at.stopper is None or at.stopper.value is None:
        return line
    return f"{line} (best {at.stopper.value:.4g}, step {at.stopper.step})"


def _over(at: _Progress) -> bool:
    return bool(at.stopper and at.stopper.enough)


def _evaluation_due(phase: Phase, step: int, total: int | None) -> bool:
    """At the end of every epoch, or every so many steps, and at the end of the phase."""
    if phase.valid is None and phase.evaluate_every is None:
        return False
    every = phase.evaluate_every or phase.batches.steps_per_epoch
    return step == total or bool(every and step % every == 0)


def _once(batches: Batches, device: torch.device) -> Iterable[Batch]:
    """One pass over validation batches, on the device."""
    batches.seek(0)
    steps = batches.steps_per_epoch
    assert steps is not None, "validation batches have epochs"
    source: Iterator[Batch] = iter(batches)
    for _ in range(steps):
        yield to_device(next(source), device)
