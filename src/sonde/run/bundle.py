"""The bundle: one sealed file that answers raw rows, with the evidence that it works.

It holds the fitted columns, the bound and settled task, the network and golden rows: rows of the
validation part with the answers they got when it was sealed. They are answered again at every load.
Nothing in the file is code: JSON, safetensors, names from closed registries.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn

from sonde.contracts.data import Column, Encoded, Row, RowError
from sonde.contracts.metric import Arrays, Score
from sonde.contracts.model import Blueprint
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Task, stack
from sonde.core import seed
from sonde.core.batch import Batch, as_arrays, count, mapped
from sonde.core.code import CODE, code_port
from sonde.core.errors import DamagedBundle, DataError, UsageError, listed
from sonde.core.port import ROW
from sonde.core.spec import Plain, Spec, split_arrays
from sonde.core.text import finite, to_json
from sonde.data.batches import batch_of
from sonde.data.pieces import pieces
from sonde.data.rows import as_rows, from_jsonable, to_jsonable
from sonde.data.sources._files import located
from sonde.data.strange import StrangeRows
from sonde.run.archive import read_archive, write_archive
from sonde.run.golden import Golden, to_jsonable_answers
from sonde.run.stored import columns_from, require, scores_from
from sonde.run.weights import dump_arrays, dump_tensors, layout_of

BATCH = 256
"""Rows answered at once, unless a caller says otherwise."""

_AT_ONCE = 2**22
"""Pixels that go through a network at once, padding counted; one row at least."""

_GOLDEN_VALUES = 2**18
"""Numbers that golden rows are answered with at most: a few megabytes; one row at least."""


@dataclass(frozen=True)
class Bundle:
    """A trained model as it ships.

    Attributes:
        recipe: the resolved recipe it came from, as plain data.
        task: bound and settled.
        columns: fitted.
        network: in float32, ready to answer.
        scores: what it scored on the test part, by name.
        facts: versions, times, fingerprints.
    """

    recipe: Mapping[str, Plain]
    task: Task
    columns: Mapping[str, Column]
    network: nn.Module
    golden: Golden = field(default_factory=Golden)
    scores: Mapping[str, Score] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Such as `Bundle(classification by dense, 9,986 weights; accuracy 0.926 [0.815, 1])`."""
        weights = sum(each.numel() for each in self.network.parameters())
        by = str(self.recipe["model"]["kind"])
        name = self.task.main_metric
        scored = f"; {name} {self.scores[name]}" if name in self.scores else ""
        return f"Bundle({self.task.kind} by {by}, {weights:,} weights{scored})"

    @classmethod
    def make(
        cls, recipe: Recipe, task: Task, columns: Mapping[str, Column], network: nn.Module
    ) -> Self:
        """A bundle of what training left, rebuilt as a load would rebuild it."""
        assert recipe.model is not None, "a resolved recipe has a model"
        weights = {n: t.detach().float().cpu() if t.is_floating_point() else t.detach().cpu()
                   for n, t in network.state_dict().items()}  # fmt: skip
        bare = _bare(recipe.model, task)
        return cls(recipe.dump(), task, columns, _dressed(bare, copy.deepcopy(weights)))

    @classmethod
    def load(cls, path: str | Path, *, device: str = "cpu") -> Self:
        """Open, verify, rebuild, and answer the golden rows again.

        Raises:
            StorageError: there is no such file.
            DamagedBundle: it is not what was sealed, does not answer as it did, or needs a plug-in
                that is not installed.
        """
        archive = read_archive(path)
        with_arrays = archive.arrays("columns.safetensors")
        try:
            stored, plain = archive.json("recipe.json"), archive.json("columns.json")
            asked, model = archive.json("task.json"), stored["recipe"]["model"]
            parts = [("task", asked), ("model", model), *(("column", c) for c in plain.values())]
            for family, part in parts:
                require(family, part["kind"], archive.path)
            columns = columns_from(plain, with_arrays)
            task = Task.parse(asked).bind(columns)
            bare = _bare(Blueprint.parse(model), task)
            scores = scores_from(archive.json("scores.json"))
        except DamagedBundle:
            raise
        except (UsageError, DataError, KeyError, TypeError, AttributeError) as error:
            raise archive.damaged(f"it says what cannot be: {error}") from None
        weights = archive.tensors("weights.safetensors", layout_of(bare.state_dict()))
        network = _dressed(bare, weights).to(device)
        golden = Golden.of(archive)
        made = cls(stored["recipe"], task, columns, network, golden, scores, stored["facts"])
        difference = made.check_golden()
        if difference is not None:
            raise archive.damaged(difference)
        return made

    def save(self, path: str | Path) -> None:
        """Seal it at `path`, all at once.

        Raises:
            StorageError: it cannot be written.
        """
        plain, arrays = split_arrays({n: c.dump(learned=True) for n, c in self.columns.items()})
        weights = {name: tensor.cpu() for name, tensor in self.network.state_dict().items()}
        members = {
            "recipe.json": {"recipe": self.recipe, "facts": self.facts},
            "task.json": self.task.dump(learned=True),
            "columns.json": plain,
            "scores.json": {name: vars(score) for name, score in self.scores.items()},
            "golden.json": self.golden.plain(),
        }
        content = {name: to_json(finite(data)).encode() for name, data in members.items()}
        content["columns.safetensors"] = dump_arrays(arrays)
        content["weights.safetensors"] = dump_tensors(weights)
        write_archive(path, content)

    def predict(self, rows: Any = None, *, batch_size: int = BATCH, **options: Any) -> list[Row]:
        """Answers to raw rows; what no training row was like is counted and said, once a column.

        Args:
            rows: a list of mappings, one mapping, a pandas or polars or Arrow table; None for a
                task that draws, or is given nothing.
            batch_size: rows answered at once.
            options: what the task lets a caller choose.

        Returns:
            One mapping per row; `missing` names fields of the row that were not given.

        Raises:
            DataError: a value cannot be read; names row and column.
            UsageError: an unknown field or option, no rows for a task that needs them, or some for
                a task that is given none.
        """
        parts = self.predicting(rows, batch_size=batch_size, **options)
        return [answer for _, answers in parts for answer in answers]

    def predicting(
        self,
        rows: Any = None,
        *,
        batch_size: int = BATCH,
        unread: Callable[[RowError], None] | None = None,
        **options: Any,
    ) -> Iterator[tuple[pa.RecordBatch | None, list[Row]]]:
        """What `predict` gives, a batch at a time beside its raw rows.

        So memory is bounded where answers are pictures. `unread` is told of rows that cannot be
        read, counted from 0, before the batch comes that lacks them; without it they are refused.
        """
        chosen = self._chosen(options)
        if rows is None:
            self._refuse_no_rows()
            yield None, self.task.answer(self._answered({}, chosen))
            return
        if not self.task.given:
            choice = listed(self.task.Options.model_fields, 30)
            raise UsageError(
                f"a model of the task {self.task.kind!r} is given no rows, got some. It lets you "
                f"choose: {choice or 'nothing'}"
            )
        known = self.facts.get("fields", ())
        table, missing = as_rows(rows, self.task.given, known=known)
        strange = StrangeRows(self.columns)
        batch_size = max(batch_size, table.num_rows) if self.task.compares else batch_size
        for start in range(0, table.num_rows, batch_size):
            chunk, encoded = self._readable(table.slice(start, batch_size), start, unread)
            if not chunk.num_rows:
                continue
            strange.add(chunk, encoded)
            answers = self.task.in_pieces(chunk, chosen, partial(self._asked, options=chosen))
            if answers is None:
                answered = self.task.answer(self._answered(encoded, chosen, start))
                answers = self.task.completed(answered, chunk)
            yield chunk, [a | {"missing": missing} for a in answers] if missing else answers
        strange.tell()

    def _asked(self, rows: pa.RecordBatch, options: Spec) -> list[Row]:
        """Answers, not yet completed, to rows that a task makes of those it is given."""
        return self.task.answer(self.arrays(rows, options))

    def _refuse_no_rows(self) -> None:
        """Stop where nothing was given to a task that cannot do without.

        Raises:
            UsageError: naming the fields of a row.
        """
        if not self.task.draws:
            raise UsageError(
                f"which rows? A model of the task {self.task.kind!r} draws none of its own. Give "
                f"rows with: {listed(self.task.given, 30)}"
            )

    def _chosen(self, options: Mapping[str, Any]) -> Spec:
        """What a caller chose of what the task lets one choose.

        Raises:
            UsageError: an option the task does not have, or a value it cannot take.
        """
        known = self.task.Options.model_fields
        for name, value in options.items():
            if name not in known:
                choice = f"lets you choose {listed(known, 30)}" if known else "has no options"
                raise UsageError(
                    f"unknown option {name!r} (got {value!r}): when it answers, a model of the "
                    f"task {self.task.kind!r} {choice}. All else was settled in training, by the "
                    f"recipe's  task: {to_json(self.task.dump())}  To change it, train again."
                )
        return self.task.Options.parse(options, where="options")

    def arrays(self, rows: pa.RecordBatch | None, options: Spec | None = None) -> Arrays:
        """What the task's `predict` gives for raw rows, as NumPy; for None what it draws.

        Raises:
            DataError: a value cannot be read.
        """
        encoded = {} if rows is None else self._encoded(rows)
        return self._answered(encoded, options or self.task.Options())

    def features(self, rows: pa.RecordBatch) -> np.ndarray:
        """(N, G) float32: what the heads read of these raw rows, the last hidden layer.

        Raises:
            UsageError: the model has no such layer.
        """
        codes = []
        with torch.no_grad():
            for piece in pieces(self._encoded(rows), _AT_ONCE):
                code: Tensor = self._encoder(self._batch(piece))[CODE]
                codes.append(code.flatten(1).float().cpu().numpy())
        return np.concatenate(codes)

    @cached_property
    def _encoder(self) -> nn.Module:
        with torch.device("meta"):
            blueprint = Blueprint.parse(self.recipe["model"])
            encoder = blueprint.build(self.task.inputs, {CODE: code_port(None)})
        held = self.network.state_dict()
        return _dressed(encoder, {name: held[name] for name in encoder.state_dict()})

    def beside(self, path: str) -> Self:
        """Another sealed model, on the same device.

        Raises:
            StorageError, DamagedBundle: as `load` does.
        """
        return self.load(located(path), device=str(self._device))

    def _readable(
        self, rows: pa.RecordBatch, first: int, unread: Callable[[RowError], None] | None
    ) -> tuple[pa.RecordBatch, dict[str, Encoded]]:
        """The rows, numbered from `first` on, that can be read, and what columns make of them.

        Raises:
            DataError: one cannot be read, and nobody is to be told.
        """
        encoded = self._looked_at(rows)
        wrong = {error.row: error for part in encoded.values() for error in part.errors}
        if unread is None or self.task.compares or not wrong:
            return rows, _sound(encoded, first)
        for row in sorted(wrong):
            unread(wrong[row]._replace(row=first + row))
        kept = rows.take(pa.array(np.setdiff1d(np.arange(rows.num_rows), list(wrong))))
        return kept, self._encoded(kept)

    def _encoded(self, rows: pa.RecordBatch) -> dict[str, Encoded]:
        """What the input columns make of raw rows.

        Raises:
            DataError: a value cannot be read.
        """
        return _sound(self._looked_at(rows))

    def _looked_at(self, rows: pa.RecordBatch) -> dict[str, Encoded]:
        """The same, with what is wrong."""
        known = (name for name in self.task.inputs if name in self.columns)
        return {name: self.columns[name].encode(rows) for name in known}

    def _answered(self, encoded: Mapping[str, Encoded], options: Spec, first: int = 0) -> Arrays:
        """What the task's `predict` gives for encoded rows, numbered from `first` on."""
        seed.begin("predict")  # a task that draws does so from its own seed option
        answers = []
        with torch.no_grad():  # not inference mode: a task may adapt, and then needs gradients
            for piece in [encoded] if self.task.compares else pieces(encoded, _AT_ONCE):
                inputs = self._batch(piece)
                if inputs:
                    inputs[ROW] = torch.arange(first, first + count(inputs), device=self._device)
                    first += count(inputs)
                answers.append(as_arrays(self.task.predict(self.network, inputs, options)))
        return stack(answers) if len(answers) > 1 else answers[0]

    @property
    def _device(self) -> torch.device:
        return next((weight.device for weight in self.network.parameters()), torch.device("cpu"))

    def _batch(self, encoded: Mapping[str, Encoded]) -> Batch:
        device = self._device
        return mapped(batch_of(encoded), lambda tensor: tensor.to(device))

    def with_golden(self, rows: pa.RecordBatch) -> Self:
        """A copy that carries these rows and its answers to them."""
        plain = to_jsonable(rows) if self.task.given else []
        arrays = dict(self._golden_arrays(plain))
        values = sum(array.size for array in arrays.values())
        if plain and values > _GOLDEN_VALUES:
            plain = plain[: max(1, len(plain) * _GOLDEN_VALUES // values)]
            arrays = dict(self._golden_arrays(plain))
        answers = to_jsonable_answers(self.task.answer(arrays)) if arrays else []
        return replace(self, golden=Golden(plain, dict(self.task.evidence(arrays)), answers))

    def settled(self, task: Task) -> Self:
        """A copy whose task has decided what validation rows decide."""
        return replace(self, task=task)

    def scored(self, scores: Mapping[str, Score]) -> Self:
        """A copy with what it scored on the test part."""
        return replace(self, scores=scores)

    def stated(self, facts: Mapping[str, Any]) -> Self:
        """A copy with what is worth knowing of how it was made."""
        return replace(self, facts=facts)

    def check_golden(self) -> str | None:
        """What differs when the golden rows are answered again, or None."""
        if not self.golden.arrays:
            return None
        now = self.task.evidence(self._golden_arrays(self.golden.rows))
        return self.golden.difference(now)

    def _golden_arrays(self, rows: Sequence[Row]) -> Arrays:
        if not self.task.given:
            return self._answered({}, self.task.Options())
        return stack([self.arrays(from_jsonable(rows))]) if rows else {}


def _sound(encoded: dict[str, Encoded], above: int = 0) -> dict[str, Encoded]:
    """The same, of rows that so many stand above.

    Raises:
        DataError: a value cannot be read; names the first, and how many there are.
    """
    for name, part in encoded.items():
        if part.errors:
            first = part.errors[0]
            others = len(part.errors) - 1
            more = f" ({others:,} more like this)" if others else ""
            raise DataError(
                f"column {name!r}, row {above + first.row}: got {first.got!r}, expected "
                f"{first.expected}{more}"
            )
    return encoded


def _bare(blueprint: Blueprint, task: Task) -> nn.Module:
    """The network without memory behind its weights: whatever a file claims costs nothing yet."""
    with torch.device("meta"):
        return blueprint.build(task.inputs, task.outputs)


def _dressed(bare: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """The network with these weights, ready to answer."""
    bare.load_state_dict(dict(weights), strict=True, assign=True)
    network: nn.Module = bare.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)
