"""Seconds of a core that an epoch of the textbook's LSTM classifier takes, beside plain PyTorch.

    python -m bench.text                15 rounds
    python -m bench.text --rounds 5     fewer

Every round is one epoch of `examples/trec-lstm.yaml`, as a run makes it with its journal, then one
of each peer in the same process: a loop by hand over the same words, in memory as tensors, with
Adam in one kernel. Peers differ in what the fastest choice depends on: rows packed or padded,
float32 or bfloat16, and shuffled, as torch does it, or in batches of like length, which torch has
no sampler for: those peers are lent ours, planned outside their time. Validation is in none. One
thread works, and its own time is taken, so that neighbours on the machine disturb little.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from bench._row import ROOT
from sonde.contracts.learn import Phase
from sonde.contracts.sampler import StoreIndex
from sonde.core import seed
from sonde.core.batch import Batch, Padded, tensor_of
from sonde.core.text import from_yaml, read_text
from sonde.data.samplers.shuffle import Shuffle
from sonde.run.loop import Callback
from sonde.workflow.fit import as_recipe, fit

RECIPE = ROOT / "examples" / "trec-lstm.yaml"
BATCH, EMBEDDING, HIDDEN, RATE = 128, 100, 64, 0.001
"""As the recipe says."""
_WARM = 2
"""Rounds before those that count."""


class Net(nn.Module):
    """Embedding, LSTM, a linear layer over its last state."""

    def __init__(self, words: int, classes: int, *, packed: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, EMBEDDING, padding_idx=0)
        self.lstm = nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, classes)
        self.packed = packed

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """(B, T) and (B,) int64 -> (B, classes)."""
        steps = self.embedding(words)
        if self.packed:
            rows = pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
            last = self.lstm(rows)[1][0][0]
        else:
            last = self.lstm(steps)[0][torch.arange(len(lengths)), lengths - 1]
        scores: Tensor = self.head(last)
        return scores


class Peer:
    """A training loop by hand.

    Args:
        rows: (N, T) int64 words, (N,) int64 lengths and (N,) int64 classes.
        packed: whether rows are packed.
        half: whether products are in bfloat16.
        alike: whether rows of a batch are of like length, as our sampler plans them.
    """

    def __init__(
        self, rows: tuple[Tensor, Tensor, Tensor], *, packed: bool, half: bool, alike: bool
    ) -> None:
        self.words, self.lengths, self.classes = rows
        torch.manual_seed(0)
        sizes = int(self.words.max()) + 1, int(self.classes.max()) + 1
        self.net = Net(*sizes, packed=packed)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=RATE, fused=True)
        self.half = half
        self.alike = alike
        self.name = (
            f"{'packed' if packed else 'padded'}, {'bfloat16' if half else 'float32'}, "
            f"{'like lengths' if alike else 'shuffled'}"
        )
        self.epochs = 0

    def epoch(self) -> float:
        """Train for one epoch; the seconds it took."""
        batches = self._planned() if self.alike else self._shuffled()
        self.epochs += 1
        begun = time.process_time()
        for rows in batches:
            self._step(rows)
        return time.process_time() - begun

    def _planned(self) -> list[Tensor]:
        """(B,) int64 rows of each batch, as our sampler plans an epoch."""
        every = np.arange(len(self.words))
        index = StoreIndex(every, lambda _: every, self.lengths.numpy())
        plan = Shuffle().plan(index, BATCH, self.epochs, seed.numpy_rng(0, "peer", self.epochs))
        return [torch.from_numpy(plan[place]) for place in range(len(plan))]

    def _shuffled(self) -> list[Tensor]:
        """(B,) int64 rows of each batch of an epoch in any order."""
        order = seed.numpy_rng(0, "peer", self.epochs).permutation(len(self.words))
        return list(torch.from_numpy(order).split(BATCH))

    def _step(self, rows: Tensor) -> None:
        lengths = self.lengths[rows]
        words = self.words[rows, : int(lengths.max())]
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            scores = self.net(words, lengths)
        loss = functional.cross_entropy(scores.float(), self.classes[rows])
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


class Rounds(Callback):
    """Times each epoch of a run, and an epoch of every peer after it."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.seconds: list[dict[str, float]] = []
        self.peers: list[Peer] = []
        self._took = 0.0

    def on_phase_start(self, phase: Phase) -> None:
        """Give the peers the rows of the run."""
        steps = phase.batches.steps_per_epoch
        assert steps is not None
        self._steps = steps
        batches = iter(phase.batches)
        rows = _together([next(batches) for _ in range(steps)])
        self.peers = [
            Peer(rows, packed=packed, half=half, alike=alike)
            for alike, half, packed in itertools.product((False, True), repeat=3)
        ]
        self._since = time.process_time()

    def on_step(self, step: int, logs: Mapping[str, Tensor]) -> None:
        """Stop the clock after an epoch's last step."""
        if step % self._steps == 0:
            self._took = time.process_time() - self._since

    def on_epoch(self, step: int, scores: Mapping[str, float]) -> bool:
        """An epoch of every peer; the clock starts anew."""
        self.seconds.append({"sonde": self._took} | {p.name: p.epoch() for p in self.peers})
        self._since = time.process_time()
        return len(self.seconds) >= _WARM + self.rounds


def _together(batches: Sequence[Batch]) -> tuple[Tensor, Tensor, Tensor]:
    """All rows of an epoch: (N, T) words, (N,) lengths, (N,) classes, int64."""
    texts = [batch["text"] for batch in batches]
    padded = [text for text in texts if isinstance(text, Padded)]
    longest = max(text.values.shape[1] for text in padded)
    words = [functional.pad(text.values, (0, longest - text.values.shape[1])) for text in padded]
    lengths = torch.cat([text.lengths for text in padded])
    classes = torch.cat([tensor_of(batch, "label") for batch in batches])
    return torch.cat(words).long(), lengths.clamp(min=1), classes.long()


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.text", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args(argv)
    torch.set_num_threads(1)
    rounds = Rounds(asked.rounds)
    plain = from_yaml(read_text(str(RECIPE)), where=str(RECIPE))
    plain["paradigm"]["budget"] = {"epochs": _WARM + asked.rounds}
    with tempfile.TemporaryDirectory() as folder:
        fit(
            as_recipe(plain),
            run_dir=f"{folder}/run",
            callbacks=[rounds],
            judge=False,
            audit=False,
        )
    _print(rounds.seconds[_WARM:])
    return 0


def _print(seconds: Sequence[Mapping[str, float]]) -> None:
    """The median of each, and of its ratio to ours in the same round."""
    print(f"{len(seconds)} rounds, seconds of an epoch (median) and how many times ours")
    for name in seconds[0]:
        took = statistics.median(each[name] for each in seconds)
        ratio = statistics.median(each[name] / each["sonde"] for each in seconds)
        print(f"  {name:32} {took:7.3f} s   {ratio:.2f}")


if __name__ == "__main__":
    raise SystemExit(main())
