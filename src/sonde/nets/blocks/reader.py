"""A reader: every step of a context, seen beside a question.

A small net to be trained from nothing on some thousand questions. From Chen, Fisch, Weston, Bordes,
"Reading Wikipedia to Answer Open-Domain Questions", 2017, arXiv:1704.00051, section 3.2, it takes
what a step is told of the question before anything is encoded: whether it stands in it, and the
question's words aligned to it; from Seo, Kembhavi, Farhadi, Hajishirzi, "Bidirectional Attention
Flow for Machine Comprehension", 2017, arXiv:1611.01603, section 2 (4), how what was read is mixed
with the question. Other than there, steps are encoded by gated convolutions (Dauphin et al. 2017,
arXiv:1612.08083), which read a context of any length at once, and each word has a weight, learned,
for how much it tells that it stands in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from sonde.core.batch import Batch, Padded
from sonde.core.port import TOKENS, Ports
from sonde.nets.assemble import width_of
from sonde.nets.blocks.dropout import Dropout
from sonde.nets.encoders.sequence import Steps, at_least_one

OUTSIDE = -1e4
"""Logit of a step beyond a row's end: no probability is left for it, and sums stay finite."""

_NEAR, _AROUND = 11, 21
"""Steps around each in which matches are averaged, and in which the greatest is sought."""

_MATCHES, _FOUND = 4, 4
"""Numbers that tell of a step's matches, and of those of a whole row."""

_AT_ONCE = 1 << 15
"""Steps of contexts read at once when nothing is learned, so that memory stays bounded."""

_SPREAD = 0.3
"""Deviation of the words' vectors at the start: several such lie side by side in a step."""


class GatedStack(nn.Module):
    """Gated convolutions over steps, each normalised before and added to what it read.

    Args:
        width: of a step that comes in.
        hidden: H, of a step that goes out.
        layers: how many convolutions.
        kernel_size: steps that one reads; odd.
        dropout: probability in [0, 1).

    Attributes:
        out_features: H.
    """

    def __init__(
        self, width: int, hidden: int, *, layers: int, kernel_size: int, dropout: float
    ) -> None:
        super().__init__()
        self.out_features = hidden
        self.narrow = nn.Linear(width, hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(layers))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(hidden, 2 * hidden, kernel_size, padding=kernel_size // 2)
            for _ in range(layers)
        )
        self.dropout = Dropout(dropout)

    def forward(self, steps: Tensor, inside: Tensor) -> Tensor:
        """(B, T, width) and (B, T) bool, true where a step is real -> (B, T, H)."""
        states: Tensor = self.narrow(steps)
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            read = self.dropout(norm(states)) * inside[..., None]
            mixed = convolution(read.transpose(1, 2)).transpose(1, 2)
            states = states + functional.glu(mixed, dim=-1)
        return states


class Matches(nn.Module):
    """How far the words of a context are those of the question.

    Args:
        size: number of words of both.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weights = nn.Embedding(size, 1)
        nn.init.zeros_(self.weights.weight)

    def forward(self, context: Tensor, question: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) and (B, S) words -> (B, T, 4) of each step, and (B, 4) of the row.

        A step: whether its word stands in the question, the word's weight, and the weights
        around it. A row: the greatest weight met and the greatest crowd of them, how many steps
        match, and the share of the question's weight that is met.
        """
        same = (context[:, :, None] == question[:, None]) & (context >= TOKENS)[:, :, None]
        weight = functional.softplus(self.weights(question)[..., 0])
        weight = weight * (question >= TOKENS)  # (B, S)
        exact = same.any(dim=2).float()
        weighed = (same * weight[:, None]).amax(dim=2)
        near = functional.avg_pool1d(weighed[:, None], _NEAR, 1, _NEAR // 2)[:, 0]
        around = functional.max_pool1d(weighed[:, None], _AROUND, 1, _AROUND // 2)[:, 0]
        met = (same.any(dim=1) * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1e-3)
        row = [weighed.amax(dim=1), near.amax(dim=1), exact.sum(dim=1).log1p(), met]
        return torch.stack([exact, weighed, near, around], dim=2), torch.stack(row, dim=1)


class Reader(nn.Module):
    """Reads a context with a question in mind; says something of each step, and of the row.

    Args:
        ports: of the question and of the context, of one alphabet, in this order.
        outputs: those whose frame is the context have a number for each of its steps.
        stack: from the width of what comes in, what reads the steps of a text.
        embedding: E, of a word's vector.
        dropout: probability in [0, 1).

    Raises:
        UsageError: an output cannot be said of a row.
    """

    def __init__(
        self,
        ports: Ports,
        outputs: Ports,
        *,
        stack: Callable[[int], GatedStack],
        embedding: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.question, self.context = ports
        self.of_steps = tuple(n for n, port in outputs.items() if port.frame == self.context)
        self.of_rows = tuple(n for n in outputs if n not in self.of_steps)
        self.flat = frozenset(n for n in self.of_rows if outputs[n].kind == "scalar")
        self.steps = Steps(ports, width=embedding)
        with torch.no_grad():
            for weight in self.steps.parameters():
                weight.mul_(_SPREAD)
        self.matches = Matches(next(iter(ports.values())).size or 0)
        self.align = nn.Linear(embedding, embedding)
        self.dropout = Dropout(dropout)
        self.read_question = stack(embedding)
        self.read_context = stack(2 * embedding + _MATCHES)
        hidden = self.read_context.out_features
        self.weigh_question = nn.Linear(hidden, 1)
        self.mix = nn.Linear(4 * hidden, hidden)
        self.weigh_context = nn.Linear(hidden, 1)
        told = 3 * hidden + _FOUND + len(self.of_steps) + 1
        self.sum_up = nn.Linear(told, hidden) if self.of_rows else None
        heads = [nn.Linear(hidden, 1) for _ in self.of_steps]
        heads += [nn.Linear(hidden, width_of(name, outputs[name])) for name in self.of_rows]
        # a list, because a column may have a name that a module cannot, such as "education.num"
        self.heads = nn.ModuleList(heads)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """B rows -> of steps (B, T) logits, `OUTSIDE` beyond a row's end; of rows (B, O) or (B,).

        Outside training long contexts are read some rows at a time.
        """
        question, context = (_padded(batch, name) for name in (self.question, self.context))
        if self.training or torch.compiler.is_exporting():
            return self._read(question, context)
        rows, longest = context.values.shape
        at_once = max(1, _AT_ONCE // longest)
        read = [
            self._read(*(_some(each, first, first + at_once) for each in (question, context)))
            for first in range(0, rows, at_once)
        ]
        return {
            name: torch.cat(
                [_widened(part[name], longest) if name in self.of_steps else part[name]
                 for part in read]
            )
            for name in (*self.of_steps, *self.of_rows)
        }  # fmt: skip

    def _read(self, question: Padded, context: Padded) -> dict[str, Tensor]:
        asked, inside = question.mask(), context.mask()
        of_steps, of_row = self.matches(context.values, question.values)
        words = self.dropout(self.steps(self.question, question.values))  # (B, S, E)
        steps = self.dropout(self.steps(self.context, context.values))  # (B, T, E)
        told = torch.cat([steps, self._aligned(steps, words, asked), of_steps], dim=2)
        states = self.read_context(told, inside)  # (B, T, H)
        about = self.read_question(words, asked)  # (B, S, H)
        whole = _weighed(about, self.weigh_question(about), asked)  # (B, H)
        seen = _attended(states, about, about, asked)
        beside = [states, seen, states * seen, states * whole[:, None]]
        mixed = self.dropout(torch.relu(self.mix(torch.cat(beside, dim=2))))  # (B, T, H)
        found = {
            name: head(mixed)[..., 0].float().masked_fill(~inside, OUTSIDE)
            for name, head in zip(self.of_steps, self.heads, strict=False)
        }
        if self.sum_up is None:
            return found
        most = mixed.masked_fill(~inside[..., None], OUTSIDE).amax(dim=1)
        weighed = _weighed(mixed, self.weigh_context(mixed), inside)
        length = context.lengths.float().log()
        # how far the steps stand out: the mean of their exponentials
        evidence = [found[name].logsumexp(dim=1) - length for name in self.of_steps]
        numbers = torch.stack([*evidence, length], dim=1)
        row = torch.cat([weighed, most, whole, of_row, numbers], dim=1)
        row = self.dropout(torch.relu(self.sum_up(row)))
        for name, head in zip(self.of_rows, self.heads[len(self.of_steps) :], strict=True):
            value = head(row).float()
            found[name] = value[:, 0] if name in self.flat else value
        return found

    def _aligned(self, steps: Tensor, words: Tensor, asked: Tensor) -> Tensor:
        """(B, T, E): the question's words as each step sees them, Chen et al.'s f_align."""
        keys, queries = (torch.relu(self.align(each)) for each in (words, steps))
        return _attended(queries, keys, words, asked)


def _attended(queries: Tensor, keys: Tensor, values: Tensor, inside: Tensor) -> Tensor:
    """(B, T, D), (B, S, D), (B, S, E) and (B, S) bool -> (B, T, E): for each query, a mean."""
    scores = queries @ keys.transpose(1, 2) / math.sqrt(keys.shape[2])
    return scores.masked_fill(~inside[:, None], OUTSIDE).softmax(dim=2) @ values


def _weighed(states: Tensor, scores: Tensor, inside: Tensor) -> Tensor:
    """(B, T, H), (B, T, 1) and (B, T) bool -> (B, H)."""
    weights = scores.masked_fill(~inside[..., None], OUTSIDE).softmax(dim=1)
    return (weights * states).sum(dim=1)


def _padded(batch: Batch, name: str) -> Padded:
    """The steps of a port, at least one of them in each row."""
    padded = batch[name]
    assert isinstance(padded, Padded), f"{name} is a sequence and must be padded"
    values, lengths = at_least_one(padded)
    return Padded(values.long(), lengths.clamp(min=1))


def _some(padded: Padded, first: int, stop: int) -> Padded:
    """Rows `first` to `stop`, no wider than their longest."""
    lengths = padded.lengths[first:stop]
    return Padded(padded.values[first:stop, : int(lengths.max())], lengths)


def _widened(logits: Tensor, steps: int) -> Tensor:
    return functional.pad(logits, (0, steps - logits.shape[1]), value=OUTSIDE)
