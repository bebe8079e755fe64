"""Stacks of attention over sequences: an encoder, and a decoder that says a row step by step.

Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, figure 1; normalised before
each part and once at the end (Xiong et al. 2020, arXiv:2002.04745), with gated feed-forward layers
(Shazeer 2020, arXiv:2002.05202, eq. 6). What a decoder has computed for the steps it has seen is
kept in its state, so that the next step costs one step and not the whole row again.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.nets.blocks.attention import (
    CrossAttention,
    GatedFeedForward,
    SelfAttention,
    TransformerBlock,
)
from sonde.nets.blocks.dropout import Dropout
from sonde.nets.blocks.positions import PLACES, LearnedPlaces, Positions, turns


class Places(nn.Module):
    """What a stack is told of where its steps stand: vectors added to them, or angles.

    Args:
        kind: rotary, or learned for so many places.
        width: of a step, E.
        heads: of attention; rotary positions need an even width of each.
    """

    def __init__(self, kind: Positions, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        count = PLACES if kind == "learned" else kind
        self.learned = None if count == "rotary" else LearnedPlaces(int(count), width)

    def forward(self, steps: Tensor, places: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, T, E) at places (T,) or (B, T) -> the steps, and angles for `SelfAttention`."""
        if self.learned is not None:
            return self.learned(steps, places), None
        angles = turns(places, self.head_width)[..., None, None, :]
        return steps, angles.repeat_interleave(2, dim=-3).repeat_interleave(self.heads, dim=-2)


class EncoderStack(nn.Module):
    """Blocks in which every step looks at every real step of its row.

    Args:
        width: of a step, E; a multiple of twice the heads.
        layers: how many blocks.
        heads: of attention.
        dropout: of hidden features and of what each part adds, in [0, 1).
        positions: rotary, or learned for so many places.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        *,
        dropout: float = 0.0,
        positions: Positions = "rotary",
    ) -> None:
        super().__init__()
        self.places = Places(positions, width, heads)
        self.blocks = nn.ModuleList(
            TransformerBlock(width, heads, hidden(width), dropout=dropout, residual_dropout=dropout)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, E) steps of rows of (B,) int64 lengths, 1 or more -> (B, T, E).

        What stands beyond a row's end changes nothing before it, and means nothing itself.
        """
        count = steps.shape[1]
        steps, angles = self.places(steps, torch.arange(count, device=steps.device))
        seen = real(lengths, count)[:, None, None]
        for block in self.blocks:
            steps = block(steps, seen, angles)
        encoded: Tensor = self.norm(steps)
        return encoded


class WithFirst(nn.Module):
    """Puts a learned step before the others and gives what became of it.

    Args:
        stack: (B, T + 1, E) steps and (B,) lengths -> (B, T + 1, E).
        width: of a step, E.
    """

    def __init__(self, stack: nn.Module, width: int) -> None:
        super().__init__()
        bound = width**-0.5
        self.first = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        self.stack = stack

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, E) and (B,) int64 lengths, 1 or more -> (B, E)."""
        first = self.first.to(steps.dtype).expand(steps.shape[0], 1, -1)
        became: Tensor = self.stack(torch.cat([first, steps], dim=1), lengths + 1)[:, 0]
        return became


class Widened(nn.Module):
    """A tower over steps of another width, which a linear layer brings to it.

    Args:
        step: width of a step as it comes.
        width: of a step as the tower reads it.
        tower: (B, T, width) steps and (B,) lengths -> (B, F).
    """

    def __init__(self, step: int, width: int, tower: nn.Module) -> None:
        super().__init__()
        self.widen = nn.Linear(step, width)
        self.tower = tower

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, step) and (B,) int64 lengths, 1 or more -> (B, F)."""
        read: Tensor = self.tower(self.widen(steps), lengths)
        return read


class DecoderStack(nn.Module):
    """Blocks in which a step looks at itself, the steps before it, and a memory if there is one.

    Whole rows go through `forward`; step by step, `start` gives a state, `next` takes a step
    and `extend` several at once. A state is a batch whose tensors have the row as first axis.

    Args:
        width: of a step and of a step of the memory, E; a multiple of twice the heads.
        layers: how many blocks.
        heads: of attention.
        memory: whether blocks look at another sequence too, such as an encoder's steps.
        dropout: of hidden features and of what each part adds, in [0, 1).
        positions: rotary, or learned for so many places.
    """

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        *,
        memory: bool = False,
        dropout: float = 0.0,
        positions: Positions = "rotary",
    ) -> None:
        super().__init__()
        self.width, self.heads = width, heads
        self.places = Places(positions, width, heads)
        self.blocks = nn.ModuleList(
            DecoderBlock(width, heads, memory=memory, dropout=dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, steps: Tensor, memory: Tensor | None = None, memory_lengths: Tensor | None = None
    ) -> Tensor:
        """(B, T, E) steps, beside a (B, S, E) memory of (B,) lengths, 1 or more -> (B, T, E).

        No step looks at a later one, so what stands beyond a row's end needs no lengths.
        """
        count = steps.shape[1]
        steps, angles = self.places(steps, torch.arange(count, device=steps.device))
        real_memory = _real_memory(memory, memory_lengths)
        for block in self._blocks():
            steps = block(steps, block.remembered(memory), real_memory, angles)
        decoded: Tensor = self.norm(steps)
        return decoded

    def start(
        self,
        rows: int,
        memory: Tensor | None = None,
        memory_lengths: Tensor | None = None,
    ) -> Batch:
        """The state of so many rows before their first step.

        Args:
            rows: B.
            memory: (B, S, E), where the stack has one.
            memory_lengths: (B,) int64, 1 or more.
        """
        weight = self.norm.weight
        none = weight.new_empty(rows, self.heads, 0, self.places.head_width)
        state: Batch = {
            "place": torch.zeros(rows, dtype=torch.int64, device=weight.device),
            "seen": torch.empty(rows, 0, dtype=torch.bool, device=weight.device),
        }
        if memory is not None and memory_lengths is not None:
            state["memory"] = real(memory_lengths, memory.shape[1])
        for layer, block in enumerate(self._blocks()):
            kept: Batch = {"key": none, "value": none}
            if memory is not None:
                key, value = cast("tuple[Tensor, Tensor]", block.remembered(memory))
                kept |= {"memory key": key, "memory value": value}
            state[str(layer)] = kept
        return state

    def next(self, state: Batch, step: Tensor) -> tuple[Tensor, Batch]:
        """(B, E), the next step of every row -> (B, E), and the state after it."""
        decoded, after = self.extend(state, step[:, None])
        return decoded[:, 0], after

    def extend(
        self, state: Batch, steps: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Batch]:
        """The next steps of every row, such as a text to go on with.

        Args:
            state: of B rows.
            steps: (B, T, E).
            lengths: (B,) int64, how many of them are real; None: all.

        Returns:
            (B, T, E), and the state after them.
        """
        rows, count = steps.shape[:2]
        place, before = tensor_of(state, "place"), tensor_of(state, "seen")
        new = torch.full_like(place, count) if lengths is None else lengths
        later = torch.arange(count, device=steps.device)
        steps, angles = self.places(steps, place[:, None] + later)
        own = real(new, count)
        causal = (later[None] <= later[:, None]) & own[:, None]  # (B, T, T)
        seen = torch.cat([before[:, None].expand(rows, count, -1), causal], dim=2)[:, None]
        after: Batch = {"place": place + new, "seen": torch.cat([before, own], dim=1)}
        memory = tensor_of(state, "memory")[:, None, None] if "memory" in state else None
        if memory is not None:
            after["memory"] = tensor_of(state, "memory")
        for layer, block in enumerate(self._blocks()):
            kept = state[str(layer)]
            assert isinstance(kept, dict)
            steps, after[str(layer)] = block.extend(steps, kept, seen, memory, angles)
        return self.norm(steps), after

    def looked(self, steps: Tensor, memory: Tensor, memory_lengths: Tensor) -> Tensor:
        """(B, T, S) in [0, 1]: where in its memory each step looks, a mean of blocks and heads."""
        count = steps.shape[1]
        steps, angles = self.places(steps, torch.arange(count, device=steps.device))
        real_memory = real(memory_lengths, memory.shape[1])[:, None, None]
        found = []
        for block in self._blocks():
            found.append(block.looked(steps, memory, real_memory, angles).mean(dim=1))
            steps = block(steps, block.remembered(memory), real_memory, angles)
        return torch.stack(found).mean(dim=0)

    def _blocks(self) -> list[DecoderBlock]:
        return cast("list[DecoderBlock]", list(self.blocks))


class DecoderBlock(nn.Module):
    """Attention to earlier steps, then to a memory if there is one, then a feed-forward layer.

    Args:
        width: of a step, E.
        heads: of attention.
        memory: whether there is one.
        dropout: of hidden features and of what each part adds, in [0, 1).
    """

    def __init__(self, width: int, heads: int, *, memory: bool, dropout: float) -> None:
        super().__init__()
        self.attend_norm = nn.LayerNorm(width)
        self.attend = SelfAttention(width, heads)
        self.consult_norm = nn.LayerNorm(width) if memory else None
        self.consult = CrossAttention(width, heads) if memory else None
        self.think = nn.Sequential(
            nn.LayerNorm(width), GatedFeedForward(width, hidden(width), dropout=dropout)
        )
        self.drop = Dropout(dropout)

    def remembered(self, memory: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """(B, S, E) -> what `forward` asks of it, for all steps."""
        if self.consult is None or memory is None:
            return None
        return self.consult.remembered(memory)

    def forward(
        self,
        steps: Tensor,
        remembered: tuple[Tensor, Tensor] | None,
        real_memory: Tensor | None,
        angles: Tensor | None,
    ) -> Tensor:
        """Whole rows: (B, T, E) -> (B, T, E)."""
        attended = self.attend(self.attend_norm(steps), causal=True, turns=angles)
        return self._after(steps + self.drop(attended), remembered, real_memory)

    def extend(
        self,
        steps: Tensor,
        kept: Batch,
        seen: Tensor,
        real_memory: Tensor | None,
        angles: Tensor | None,
    ) -> tuple[Tensor, Batch]:
        """The next T steps after P kept ones: (B, T, E) -> (B, T, E), and what is kept now.

        Args:
            steps: (B, T, E).
            kept: keys and values (B, heads, P, E / heads) of earlier steps, and of the memory.
            seen: (B, 1, T, P + T) bool.
            real_memory: (B, 1, 1, S) bool, where there is one.
            angles: of rotary positions.
        """
        query, key, value = self.attend.parts(self.attend_norm(steps), angles)
        key = torch.cat([tensor_of(kept, "key"), key], dim=2)
        value = torch.cat([tensor_of(kept, "value"), value], dim=2)
        steps = steps + self.drop(self.attend.mix(query, key, value, seen))
        remembered = None
        if "memory key" in kept:
            remembered = (tensor_of(kept, "memory key"), tensor_of(kept, "memory value"))
        return self._after(steps, remembered, real_memory), {**kept, "key": key, "value": value}

    def looked(
        self, steps: Tensor, memory: Tensor, real_memory: Tensor, angles: Tensor | None
    ) -> Tensor:
        """(B, heads, T, S): where the steps (B, T, E) look in the memory (B, S, E)."""
        assert self.consult is not None and self.consult_norm is not None, "there is no memory"
        steps = steps + self.attend(self.attend_norm(steps), causal=True, turns=angles)
        key = self.consult.remembered(memory)[0]
        return self.consult.weights(self.consult_norm(steps), key, real_memory)

    def _after(
        self,
        steps: Tensor,
        remembered: tuple[Tensor, Tensor] | None,
        real_memory: Tensor | None,
    ) -> Tensor:
        """What follows attention to the row itself."""
        if self.consult is not None and self.consult_norm is not None:
            assert remembered is not None and real_memory is not None, "a memory was promised"
            consulted = self.consult(self.consult_norm(steps), *remembered, real_memory)
            steps = steps + self.drop(consulted)
        thought: Tensor = steps + self.drop(self.think(steps))
        return thought


def hidden(width: int) -> int:
    """The width of a feed-forward layer: gates count double, so 8/3 is as much as 4 without."""
    return max(1, width * 8 // 3)


def real(lengths: Tensor, count: int) -> Tensor:
    """(B, T) bool: which of T steps of rows of (B,) lengths are real."""
    return torch.arange(count, device=lengths.device) < lengths[:, None]


def _real_memory(memory: Tensor | None, lengths: Tensor | None) -> Tensor | None:
    if memory is None or lengths is None:
        return None
    return real(lengths, memory.shape[1])[:, None, None]
