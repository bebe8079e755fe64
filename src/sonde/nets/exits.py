"""A network with a way out after each stage, so that an easy row costs less than a hard one.

All exits learn together, with equal weights: Huang, Chen, Li, Wu, van der Maaten, Weinberger,
"Multi-Scale Dense Networks for Resource Efficient Image Classification", 2018, arXiv:1703.09844,
section 4. A row leaves where an exit is sure enough; validation rows decide how sure that is.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sonde.contracts.model import Worth
from sonde.contracts.panels import Panel
from sonde.core.batch import Batch, count, part, tensor_of
from sonde.core.notice import say, tell
from sonde.core.work import Products
from sonde.nets import leaving, leaving_told
from sonde.nets.blocks.exits import Exit, Features, Outputs, Stage, sure
from sonde.nets.encoders._base import Encoder
from sonde.nets.encoders.grid import as_float

_AT_ONCE = 256
"""Rows that go through together where exits are settled."""


class Exits(nn.Module):
    """M exits, and what was settled of them."""

    thresholds: Tensor
    """(M - 1,) float32: a row leaves where its log-odds reach it; `leaving.NEVER`, where none
    shall, as long as nothing is settled."""
    works: Tensor
    """(2, M) int64: multiply-adds of a row in each stage, and in each exit; 0 until settled."""
    left: Tensor
    """(M,) int64: how many validation rows left at each exit."""
    part_scores: Tensor
    """(M,) float32: the score of those rows; `leaving.UNKNOWN` where there is none."""
    curve: Tensor
    """(leaving.POINTS, 2) float32: millions of multiply-adds a row, and score, of validation rows;
    the last two points are the way to the end and what was settled."""

    def __init__(self, exits: Sequence[Exit]) -> None:
        super().__init__()
        self.exits = nn.ModuleList(exits)
        number = len(exits)
        self.register_buffer("thresholds", torch.full((number - 1,), leaving.NEVER))
        self.register_buffer("works", torch.zeros(2, number, dtype=torch.int64))
        self.register_buffer("left", torch.zeros(number, dtype=torch.int64))
        self.register_buffer("part_scores", torch.full((number,), leaving.UNKNOWN))
        self.register_buffer("curve", torch.zeros(leaving.POINTS, 2))

    def __getitem__(self, number: int) -> nn.Module:
        return self.exits[number]

    def keep(self, found: leaving.Settled, works: Tensor) -> None:
        """Take over what was settled."""
        self.works.copy_(works)
        for name, value in vars(found).items():
            getattr(self, name).copy_(value)

    def settled(self) -> leaving.Settled:
        """What was taken over."""
        return leaving.Settled(self.thresholds, self.left, self.part_scores, self.curve)


class ExitNetwork(nn.Module):
    """M stages with an exit after each.

    In training every exit answers for itself, with outputs of B * M rows; else a row is answered
    by the first exit that is sure of it, and no later stage sees it. As long as nothing is settled
    all rows go to the end.

    Args:
        pictures: names of the inputs that are pictures.
        others: encoders of those that are not.
        stages: the first to the last.
        exits: as many; the last is the end.
        limit: what settling may lose.
    """

    def __init__(
        self,
        pictures: Sequence[str],
        others: Sequence[Encoder],
        stages: Sequence[Stage],
        exits: Sequence[Exit],
        limit: leaving.Limit,
    ) -> None:
        super().__init__()
        self.pictures = tuple(pictures)
        self.others = nn.ModuleList(others)
        self.stages = nn.ModuleList(stages)
        self.heads = Exits(exits)  # by this name, since they are no part of an encoder
        self.limit = limit

    def forward(self, batch: Batch) -> Outputs:
        """B rows -> by output (B * M, K) logits in training, row by row; else (B, K)."""
        features = self._begun(batch)
        if self.training:
            each = self._through(features)
            return {name: torch.stack([o[name] for o in each], 1).flatten(0, 1) for name in each[0]}
        if torch.compiler.is_compiling():  # in a graph all rows go all the way: equal answers
            each = self._through(features)
            return picked(stacked(each), leaving.exits_of(_sure_of(each), self.heads.thresholds))
        return self._leaving(features)

    @torch.inference_mode(False)  # in it products cannot be counted
    @torch.no_grad()
    def settle(self, inputs: Batch, score: Worth) -> None:
        """The thresholds for the least computation that loses no more of the score than allowed.

        Args:
            inputs: N validation rows.
            score: greater is better.
        """
        each = self.eval()._answers(inputs)
        works = self._counted(part(inputs, 0, 1))
        outputs = stacked(each)

        def scored(exits: Tensor, rows: Tensor | None = None) -> float:
            found = picked(outputs, exits)
            return score(found if rows is None else {n: v[rows] for n, v in found.items()}, rows)

        found = leaving.settle(_sure_of(each), works, scored, self.limit)
        self.heads.keep(found, works)
        (tell if found.leaves else say)(leaving_told.sentence(found, self.limit))

    def panels(self) -> list[Panel]:
        """The exits, and what score is to be had for how much computation."""
        works = self.heads.works
        return leaving_told.panels(self.heads.settled(), works) if works.any() else []

    def _begun(self, batch: Batch) -> Features:
        """What is known before the first stage."""
        pictures = [as_float(tensor_of(batch, name)) for name in self.pictures]
        grids = tuple(grid.to(memory_format=torch.channels_last) for grid in pictures)
        read = [encoder(batch) for encoder in self.others]
        others = torch.cat(read, dim=1) if read else grids[0].new_zeros(grids[0].shape[0], 0)
        return Features(grids, others)

    def _through(self, features: Features) -> list[Outputs]:
        """What each of the M exits answers to all rows."""
        each = []
        for number, stage in enumerate(self.stages):
            features = stage(features)
            each.append(self.heads[number](features))
        return each

    def _leaving(self, features: Features) -> Outputs:
        """Each row's answer by the first exit that is sure; what nobody needs is not computed."""
        rows = torch.arange(features.others.shape[0], device=features.others.device)
        answered: list[Outputs] = []
        order: list[Tensor] = []
        for number, threshold in enumerate([*self.heads.thresholds.tolist(), None]):
            features = self.stages[number](features)
            if threshold == leaving.NEVER:
                continue
            outputs = self.heads[number](features)
            leaves = rows >= 0 if threshold is None else sure(outputs) >= threshold
            answered.append({name: value[leaves] for name, value in outputs.items()})
            order.append(rows[leaves])
            if leaves.all():
                break
            if leaves.any():
                stay = leaves.logical_not().nonzero()[:, 0]
                rows, features = rows[stay], features.of(stay)
        back = torch.cat(order).argsort()
        return {name: torch.cat([o[name] for o in answered])[back] for name in answered[0]}

    def _answers(self, inputs: Batch) -> list[Outputs]:
        """What each exit answers to N rows, few at once, so that little memory is held."""
        chunks = [
            self._through(self._begun(part(inputs, start, start + _AT_ONCE)))
            for start in range(0, count(inputs), _AT_ONCE)
        ]
        return [
            {name: torch.cat([outputs[name] for outputs in each]) for name in each[0]}
            for each in zip(*chunks, strict=True)
        ]

    def _counted(self, row: Batch) -> Tensor:
        """(2, M) int64 multiply-adds of one row, in each stage and in each exit."""
        features, works = self._begun(row), []
        for number, stage in enumerate(self.stages):
            with Products() as in_stage:
                features = stage(features)
            with Products() as in_exit:
                self.heads[number](features)
            works.append((in_stage.work, in_exit.work))
        return torch.tensor(works).T


def stacked(each: Sequence[Outputs]) -> Outputs:
    """What M exits answer to B rows, as (M, B, K)."""
    return {name: torch.stack([outputs[name] for outputs in each]) for name in each[0]}


def picked(outputs: Outputs, exits: Tensor) -> Outputs:
    """Each row's answer by its own exit: (M, B, K) and exits (B,), counted from 0 -> (B, K)."""
    rows = torch.arange(exits.shape[0], device=exits.device)
    return {name: value[exits, rows] for name, value in outputs.items()}


def _sure_of(each: Sequence[Outputs]) -> Tensor:
    """(M - 1, B): how sure each exit but the last is of each row."""
    return torch.stack([sure(outputs) for outputs in each])[:-1]
