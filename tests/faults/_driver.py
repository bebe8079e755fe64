"""The process that runs are started from: it has imported everything, and forks a child for each.

    python _driver.py SOCKET

A child is a process of its own, with its own end, and starts in no time. An order is a message of
JSON on the socket, with the child's standard input, output and error beside it; the answer is its
number. `{"wait": number}` is answered with its exit code, negative for the signal that ended it.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from _kill import Calls, Plan, saved_steps, watch_operations
from _recipes import RUNS
from torch import Tensor

from sonde.app import cli
from sonde.app.output import complain
from sonde.contracts.learn import Phase
from sonde.core.errors import SondeError
from sonde.learn._descent import Descent
from sonde.run.loop import Callback
from sonde.workflow.fit import fit

_FIRST_USED = ("sklearn.ensemble", "sklearn.linear_model", "torch._dynamo")
"""What a run imports on its way: a second or more each."""

_GUARD = 300
"""Seconds after which a child that hangs is ended, so that its test fails."""


class Watch(Callback):
    """Prints, for every step, what it left behind; begins to count calls where the plan says."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self.calls = Calls(plan)
        self._saved, ended = saved_steps(folder)
        self._began = False
        if plan.after_step == 0 or ended:
            self._begin()

    def on_phase_start(self, phase: Phase) -> None:
        self._learner: Any = phase.learner
        if self._saved >= self._plan.after_step:
            self._begin()

    def on_step(self, step: int, logs: Mapping[str, Tensor]) -> None:
        descents = [each for each in vars(self._learner).values() if isinstance(each, Descent)]
        seen = {
            "step": step,
            "loss": float(logs["loss"]).hex(),
            "rate": " ".join(descent.learning_rate.hex() for descent in descents),
            "average": digest(self._learner.shipped().state_dict()),
            "everything": digest(self._learner.state()),
        }
        print(json.dumps(seen | {"calls": self.calls.count}), flush=True)
        if step >= self._plan.after_step:
            self._begin()

    def _begin(self) -> None:
        if not self._began and (self._plan.calls or self._plan.counted):
            self.calls.begin()
        self._began = True


def digest(state: Any) -> str:
    """A hash of every tensor in a state, in order."""
    found = hashlib.sha256()
    for tensor in _tensors(state):
        found.update(tensor.detach().contiguous().numpy().tobytes())
    return found.hexdigest()[:20]


def _tensors(node: Any) -> Iterator[Tensor]:
    if isinstance(node, Tensor):
        yield node
    elif isinstance(node, Mapping):
        for key in sorted(node):
            yield from _tensors(node[key])


def train(recipe: str, folder: Path, plan: Plan) -> None:
    """A run of `RUNS`, or of a recipe in a file."""
    if recipe in RUNS:
        plain, data = RUNS[recipe].recipe(), RUNS[recipe].data(folder.parent)
    else:
        plain, data = recipe, None
    begun = watch_operations(plan)
    watch = Watch(plan, folder)
    fit(plain, data, run_dir=folder, callbacks=[watch])
    sys.setprofile(None)
    print(json.dumps({"calls": watch.calls.count, "operations": begun}), flush=True)


def command_line(arguments: list[str], plan: Plan) -> int:
    """`sonde ...`, as its entry point runs it."""
    Calls(plan).begin()
    return cli.run(arguments)


def child(order: dict[str, Any], streams: list[int]) -> int:
    """What a forked process does; its exit code."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin = os.fdopen(0)
    signal.alarm(_GUARD)
    os.environ["SONDE_CACHE"] = order["cache"]
    plan = Plan(**order["plan"])
    if "command" in order:
        return command_line(order["command"], plan)
    try:
        train(order["recipe"], Path(order["folder"]), plan)
    except SondeError as error:
        return complain(error, as_json=False)
    return 0


def serve(link: socket.socket) -> None:
    """Take orders until the other side is gone."""
    while True:
        message, streams, _, _ = socket.recv_fds(link, 1 << 16, 3)
        if not message:
            return
        order = json.loads(message)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            link.send(str(os.waitstatus_to_exitcode(status)).encode())
            continue
        number = os.fork()
        if number == 0:
            code = 70
            try:
                link.close()
                code = child(order, streams)
            except BaseException:  # nothing may come back into this loop
                traceback.print_exc()
            finally:
                os._exit(code)
        for stream in streams:
            os.close(stream)
        link.send(str(number).encode())


if __name__ == "__main__":
    torch.set_num_threads(1)
    for module in _FIRST_USED:
        import_module(module)
    serve(socket.socket(fileno=int(sys.argv[1])))
