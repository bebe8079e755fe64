"""Prepare: from a recipe and raw rows to a split, fitted columns and a store.

The order is the promise: the split is made before anything is learned, columns are fitted on the
training rows alone, and rows that cannot be read are set aside by name, never filled in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sonde.contracts.data import Assignment, Column, Source, Split, World
from sonde.contracts.model import Blueprint
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Task
from sonde.core.errors import DataError, StorageError, UsageError
from sonde.core.port import PART, Port
from sonde.core.spec import split_arrays
from sonde.core.text import to_json, to_yaml
from sonde.data.inspect import Inspection, infer_columns, inspect_source
from sonde.data.source_rows import SourceRows
from sonde.data.sources._files import located
from sonde.data.splits.given import Given
from sonde.data.splits.group import Group
from sonde.data.splits.random import Random
from sonde.data.splits.stratified import Stratified
from sonde.data.store import Store, build_store, check_fields, fit_columns
from sonde.nets.models.convnet import Convnet
from sonde.nets.models.dense import Dense
from sonde.nets.models.rnn import Rnn
from sonde.nets.models.textcnn import Textcnn
from sonde.run.context import RunData
from sonde.run.directory import RunDirectory
from sonde.run.encoder_columns import as_the_encoder
from sonde.run.files import replace
from sonde.run.stored import columns_from
from sonde.run.weights import dump_arrays, load_arrays
from sonde.workflow.divide import divide, refuse_suspects

MOST_BAD = 0.01
"""Part of the rows that may be unreadable; above it a run refuses to start."""


@dataclass(frozen=True)
class Prepared:
    """Everything a run needs before its first step.

    Attributes:
        recipe: resolved: nothing is left to be guessed.
        data: parts, fitted columns, store.
        excluded: field -> why it is not among the columns.
        reasons: column -> why it has its kind, where that was inferred.
        suspect: the excluded ones that seem to give a target away; they were said already.
        bad_rows: how many rows were set aside as unreadable.
        unlabelled: how many rows were left out because their target is missing.
    """

    recipe: Recipe
    data: RunData
    excluded: dict[str, str]
    reasons: dict[str, str]
    suspect: frozenset[str] = frozenset()
    bad_rows: int = 0
    unlabelled: int = 0

    @property
    def source(self) -> Source:
        """Where the rows come from."""
        return self.data.source

    @property
    def parts(self) -> Assignment:
        """Row numbers of each part."""
        return self.data.parts

    @property
    def columns(self) -> Mapping[str, Column]:
        """Columns fitted on the training rows."""
        return self.data.columns


def prepare(
    recipe: Recipe, source: Source, directory: RunDirectory, fingerprint: str, fold: int | None = 0
) -> Prepared:
    """Resolve the recipe, split, fit, encode; what is decided is written into the run's folder.

    `fold` says which fold of the split; None trains on every row that is not for validation.

    Raises:
        UnknownColumn: a target or column the data does not have.
        DataError: the rows cannot be split, or too many cannot be read.
    """
    _refuse_missing(recipe.task.judges)
    rows = SourceRows(source)
    resolved, inspection = resolve(recipe, source)
    assert resolved.columns is not None
    parts, unlabelled = divide(resolved, rows, source, fold)
    if recipe.columns is not None and fold == 0:  # later folds would say the same, or nearly
        refuse_suspects(resolved, source, parts.train)
    columns = _fitted(resolved, source, parts, directory)
    store = build_store(source, columns, fingerprint)
    bad = _quarantine(rows, store, columns, directory)
    parts = parts.without(bad)
    _write_split(parts, rows.count, directory)
    replace(directory.recipe, to_yaml(resolved.dump()))
    findings = {f.field: f for f in inspection.findings} if inspection else {}
    return Prepared(
        recipe=resolved,
        data=RunData(columns, store, parts, source),
        excluded={n: f.excluded for n, f in findings.items() if f.excluded and n not in columns},
        reasons={n: f.reason for n, f in findings.items() if n in columns},
        suspect=frozenset(n for n, f in findings.items() if f.suspect and n not in columns),
        bad_rows=len(bad) + sum(not error.harmless for error in rows.errors),
        unlabelled=unlabelled,
    )


def _refuse_missing(judges: Sequence[str]) -> None:
    """Stop before training where a model that judging opens is not there.

    Raises:
        StorageError: one is not.
    """
    for path in judges:
        if not Path(located(path)).is_file():
            raise StorageError(
                f"judge_by: there is no {path}. Train that model first, or leave judge_by out."
            )


def resolve(recipe: Recipe, source: Source) -> tuple[Recipe, Inspection | None]:
    """The recipe with every open question answered, and what was seen of the data for that."""
    columns, inspection = _columns(recipe, source)
    columns = {name: column.unlearned().named(name) for name, column in columns.items()}
    columns = {name: column.beside(columns) for name, column in columns.items()}
    changes: dict[str, object] = {"columns": columns}
    if not _world(source):
        check_fields(source, (f for column in columns.values() for f in column.reads))
        targets = [f for name in recipe.task.targets for f in columns[name].reads]
        changes["split"] = (recipe.split or _split(recipe.task, columns, source)).completed(targets)
    if recipe.model is None:
        inputs = [c.port for n, c in columns.items() if n not in recipe.task.targets]
        suggested = recipe.task.suggests
        changes["model"] = Blueprint.parse(suggested) if suggested else _fitting(inputs)
    return recipe.model_copy(update=changes), inspection


def refuse_inputs(task: Task, columns: Mapping[str, Column]) -> None:
    """Refuse inputs whose new values have numbers beyond their classes: they are for targets alone.

    Raises:
        UsageError: naming the first.
    """
    for name, column in columns.items():
        if column.tells_apart and name not in task.targets:
            raise UsageError(
                f"column {name!r} is of kind {column.kind!r}, which a target can be and no input. "
                "Declare it as category, or leave it out."
            )


_BESIDE_TEXTS = (128, 128)
"""Hidden layers after a text's features where numbers and classes stand beside them."""


def _fitting(inputs: Sequence[Port]) -> Blueprint:
    """A network that reads all of these.

    Texts: kernels over words learn in a minute what recurrent layers learn in several, and err as
    little on sentences (Kim 2014, table 2); steps of numbers: a state that remembers, since what
    matters may be far apart and in no one place.
    """
    sequences = [port for port in inputs if port.kind == "sequence"]
    if any(port.size is not None for port in sequences):
        return Textcnn() if len(sequences) == len(inputs) else Textcnn(dense=_BESIDE_TEXTS)
    if sequences:
        return Rnn(cell="gru", bidirectional=True, pooling="max")
    return Convnet(padding="same") if any(port.kind == "grid" for port in inputs) else Dense()


def _columns(recipe: Recipe, source: Source) -> tuple[dict[str, Column], Inspection | None]:
    """The recipe's columns, with what it does not name inferred: targets, pictures others lie in.

    Without columns in the recipe all of them are.
    """
    wanted = recipe.task.target_columns()
    named = dict(recipe.columns or {})
    if _world(source):
        return named, None
    open_targets = {name: kind for name, kind in wanted.items() if name not in named}
    known = {field.name for field in source.fields()}
    leaned_on = {name for column in named.values() for name in column.leans_on if name in known}
    if recipe.columns is not None and not open_targets and leaned_on <= named.keys():
        return named, None
    check_fields(source, open_targets)
    inspection = inspect_source(source).beside(open_targets, recipe.accept)
    read = open_targets.keys() - set(recipe.task.targets)
    inferred = infer_columns(inspection, open_targets, recipe.accept, read=read)
    if recipe.columns is None:
        return inferred, inspection
    pictures = sorted((leaned_on - named.keys()) & inferred.keys())
    return named | {name: inferred[name] for name in (*open_targets, *pictures)}, inspection


def _world(source: Source) -> bool:
    return isinstance(source, World)


def _split(task: Task, columns: Mapping[str, Column], source: Source) -> Split:
    """A part the files give, else groups kept whole for the task, else by class, else at random."""
    whole = task.kept_whole and columns[task.kept_whole].reads[0]
    classes = [n for n in task.targets if columns[n].port.kind == "category"]
    by = columns[classes[0]].reads[0] if classes else None
    if any(f.name == PART for f in source.fields()):
        return Given(groups=whole) if whole else Given(stratify=by)
    if whole:
        return Group(by=whole)
    return Stratified(by=by) if by else Random()


def _fitted(
    recipe: Recipe, source: Source, parts: Assignment, directory: RunDirectory
) -> dict[str, Column]:
    """Columns as this run fitted them before, else fitted now and written down."""
    if directory.columns.exists() and directory.column_arrays.exists():
        plain = json.loads(directory.columns.read_text(encoding="utf-8"))
        arrays = load_arrays(memoryview(directory.column_arrays.read_bytes()))
        return columns_from(plain, arrays)
    assert recipe.columns is not None and recipe.model is not None, "a resolved recipe has both"
    fitted = fit_columns(source, recipe.columns, parts.train)
    fitted = as_the_encoder(recipe.model.encoder, fitted, recipe.task.targets)
    fitted = {name: column.beside(fitted) for name, column in fitted.items()}
    plain, arrays = split_arrays({name: c.dump(learned=True) for name, c in fitted.items()})
    replace(directory.column_arrays, dump_arrays(arrays))
    replace(directory.columns, to_json(plain))
    return fitted


def _quarantine(
    rows: SourceRows, store: Store, columns: Mapping[str, Column], directory: RunDirectory
) -> np.ndarray:
    """(n,) rows that cannot be read, written down one by one.

    Raises:
        DataError: they are more than one in a hundred.
    """
    lines = [{"place": e.place, "row": e.row, "got": str(e.got)[:200], "expected": e.expected}
             for e in rows.errors]  # fmt: skip
    for name, stored in store.items():
        lines += [{"column": name, "row": e.row, "got": str(e.got)[:200], "expected": e.expected,
                   "place": e.place} for e in stored.errors]  # fmt: skip
    replace(directory.quarantine, "".join(to_json(line) + "\n" for line in lines))
    bad = np.unique([e.row for stored in store.values() for e in stored.errors]).astype(np.int64)
    unread = sum(not error.harmless for error in rows.errors)
    total = rows.count + unread
    if len(bad) + unread > MOST_BAD * max(1, total):
        raise DataError(_too_many_bad(rows, store, columns, total, directory.quarantine))
    return bad


def _too_many_bad(
    rows: SourceRows, store: Store, columns: Mapping[str, Column], total: int, path: Path
) -> str:
    worst = max(store, key=lambda name: len(store[name].errors), default="")
    errors = store[worst].errors if worst else ()
    unread = [error for error in rows.errors if not error.harmless]
    if len(errors) < len(unread):
        first, count, advice = unread[0], len(unread), "Fix them, or remove them."
        where = first.place or f"{rows.source.title}, line {first.row}"
    else:
        first, count, advice = errors[0], len(errors), columns[worst].advice(errors)
        where = f"column {worst!r}, row {first.row}"
    return (
        f"{where}: got {first.got!r}, expected {first.expected} "
        f"({count:,} of {total:,} rows are like this, {count / total:.1%}; at most {MOST_BAD:.0%} "
        f"may be). All of them are listed in {path}.\n       {advice}"
    )


def _write_split(parts: Assignment, count: int, directory: RunDirectory) -> None:
    names = ["left out", "train", "valid", "test"]
    codes = np.zeros(count, np.int8)
    for code, part in enumerate(names[1:], start=1):
        codes[parts.part(part)] = code
    words = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names))
    table = pa.table({"row": np.arange(count), "part": words})
    sink = pa.BufferOutputStream()
    packed = {"row": "DELTA_BINARY_PACKED"}  # counting takes next to no room so
    pq.write_table(table, sink, use_dictionary=["part"], column_encoding=packed)
    replace(directory.split, sink.getvalue().to_pybytes())


def raw_rows(source: Source, rows: np.ndarray, most: int) -> Iterator[pa.RecordBatch]:
    """The raw rows with these numbers (ascending), at most `most` at once, with `#row`."""
    first = 0
    for chunk in source.scan(None):
        start, stop = np.searchsorted(rows, (first, first + chunk.num_rows))
        for at in range(start, stop, most):
            numbers = rows[at : min(stop, at + most)]
            picked = chunk.take(pa.array(numbers - first))
            yield picked.append_column("#row", pa.array(numbers))
        first += chunk.num_rows
