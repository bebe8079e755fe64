"""The ledger: one line of JSON for each finished training, only ever added to.

A training is known by its row, its seed, a hash of the recipe and a hash of that part of Sonde's
code which the training imported, so an entry is never mistaken for one of another recipe or of
other code, and a training that is already there need not be done again.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bench._row import Row, example
from sonde.contracts.recipe import Recipe
from sonde.core.text import from_yaml, read_text, to_json


class Key(NamedTuple):
    """What an entry's numbers depend on, beside the seed."""

    row: str
    recipe: str
    code: str


@dataclass(frozen=True)
class Entry:
    """One finished training.

    Attributes:
        score, low, high: the test score and its 95 % interval, as the task gives them.
        rows: test rows judged.
        closed_form: the score of the closed form on the same rows, where the row asks for it.
        training_seconds: steps and validation, over all attempts.
        seconds: the whole process, with reading, rivals, report.
        peak_bytes: largest resident memory of the process.
        resumed: whether it went on with an earlier attempt, so that `seconds` is not the whole.
        machine: cores, threads, processor features, versions.
        modules: the files of the package that the training imported.
        work: multiply-adds a judged row took; None where they were not counted.
        gains: another's name -> score -> how much better this one is on the same rows, whichever
            direction better is, then the low and the high end of the paired 95 % interval.
        also: other test scores that the row asks for.
    """

    row: str
    recipe: str
    code: str
    seed: int
    score: float
    low: float | None
    high: float | None
    rows: int
    closed_form: float | None
    training_seconds: float
    seconds: float
    peak_bytes: int
    resumed: bool
    finished: str
    machine: dict[str, Any]
    modules: list[str] | None = None
    work: float | None = None
    gains: dict[str, dict[str, list[float | None]]] | None = None
    also: dict[str, float] | None = None

    @property
    def key(self) -> Key:
        """What its numbers depend on, beside the seed."""
        return Key(self.row, self.recipe, self.code)


class Ledger:
    """Entries in the order in which they were finished."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Entry]:
        """Every whole line; half a line at the end, left by a kill, is no entry."""
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").split("\n")
        for line in lines[:-1]:
            if line:
                yield Entry(**json.loads(line))

    def append(self, entry: Entry) -> None:
        """Add an entry that is on the disk when this returns.

        Raises:
            ValueError: there is one with this key and seed.
        """
        if self.has(entry.key, entry.seed):
            raise ValueError(f"{entry.key} has an entry for seed {entry.seed}")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._drop_half_line()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def has(self, key: Key, seed: int) -> bool:
        """Whether this training is done."""
        return any(entry.key == key and entry.seed == seed for entry in self)

    def newest(self, row: str) -> list[Entry]:
        """The last entry of each seed, by seed, of the recipe that the row's last one has.

        Code changes between long trainings: the page says where seeds are of more than one version.
        """
        of_row = [entry for entry in self if entry.row == row]
        last = {entry.seed: entry for entry in of_row if entry.recipe == of_row[-1].recipe}
        return sorted(last.values(), key=lambda entry: entry.seed)

    def _drop_half_line(self) -> None:
        if not self.path.exists():
            return
        written = self.path.read_bytes()
        whole = written.rfind(b"\n") + 1
        if whole < len(written):
            os.truncate(self.path, whole)


def present_key(row: Row, ledger: Ledger, package: Path) -> Key:
    """The key an entry made now would have; the seed of the recipe is no part of it.

    Which code counts is known from the row's last entry. A file that did not exist then comes in
    only through another that has changed, or as a new kind in a registry.
    """
    modules = [entry.modules for entry in ledger if entry.row == row.name]
    code = code_hash(package, modules[-1] if modules else None)
    return recipe_key(row, code)


def recipe_key(row: Row, code: str) -> Key:
    """The key of a row's present recipe, and those of the runs it needs, beside a hash of code."""
    own, *others = (_identity(path) for path in (row.recipe, *map(example, row.needs.values())))
    whole = hashlib.sha256("".join([own, *others]).encode()).hexdigest() if others else own
    return Key(row.name, whole[:16], code)


def _identity(path: Path) -> str:
    """A hash of what a recipe says; what it leaves open is the code's to answer for."""
    plain = from_yaml(read_text(path), where=str(path))
    Recipe.parse(plain, where=str(path))
    return said(plain)


def said(plain: Mapping[str, Any]) -> str:
    """A hash of a recipe as it is written, whatever options there are besides."""
    asked = {name: value for name, value in plain.items() if name != "seed"}
    return hashlib.sha256(to_json(asked).encode()).hexdigest()


def code_hash(package: Path, modules: Iterable[str] | None = None) -> str:
    """A hash of a package's Python code, names and contents, without comments and docstrings.

    Args:
        package: its folder.
        modules: the files that count, relative to it; all where None.
    """
    digest = hashlib.sha256()
    names = (path.relative_to(package).as_posix() for path in package.rglob("*.py"))
    for name in sorted(names if modules is None else modules):
        path = package / name
        content = _without_words(path.read_text(encoding="utf-8")) if path.exists() else "gone"
        digest.update(f"{name}\0{len(content)}\0{content}".encode())
    return digest.hexdigest()[:16]


@cache
def _without_words(code: str) -> str:
    """The code as it is compiled: comments, docstrings and layout decide no number."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [part for part in body if not _is_text(part)]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
