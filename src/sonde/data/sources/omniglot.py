"""Omniglot as published: pictures of handwritten characters, and the twenty one-shot runs.

Lake, Salakhutdinov, Tenenbaum, "Human-level concept learning through probabilistic program
induction", 2015, Science 350. A background set holds alphabet/character/drawing.png, 20 drawings of
each character. `all_runs.zip` holds twenty runs: in each, 20 characters of one alphabet are shown
once (training/) and a second drawing of each (test/) is to be recognised; class_labels.txt pairs
them. The runs' alphabets stand in no background set.

Archives are read as they are; folders that were unpacked from them are read too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import NamedTuple, Self

import pyarrow as pa
from pydantic import Field, field_validator

from sonde.contracts.data import Field as RawField
from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, UsageError, listed
from sonde.core.port import PART
from sonde.data.sources._fields import select
from sonde.data.sources._files import join
from sonde.data.sources._shelf import Shelf, shelf_at, spans
from sonde.data.sources._within import open_within

_LABELS = "class_labels.txt"


class _Drawing(NamedTuple):
    """A picture and what is known of it."""

    name: str
    label: str
    alphabet: str
    run: str | None = None
    role: str | None = None


class Omniglot(Source):
    """Drawings with character and alphabet; with `runs`, those are the test part."""

    backgrounds: tuple[str, ...] = Field(min_length=1)
    """Sets of characters to learn from: archives or folders. A drawing in two of them counts
    once."""
    runs: str | None = None
    """The one-shot runs: their rows have `run`, and `role` support or query. The characters of a
    run are of one alphabet that is not named: it is called as the run."""

    @field_validator("backgrounds", mode="before")
    @classmethod
    def _one_is_enough(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @classmethod
    def examples(cls) -> list[Self]:
        """None: without its files there is nothing a contract test can read."""
        return []

    @property
    def title(self) -> str:
        """Omniglot, whatever the archives are called."""
        return "omniglot"

    def describe(self) -> str:
        """Such as '136 characters of 5 alphabets, 20 runs'."""
        drawings = [d for _, held in self._held for d in held]
        known = [d for d in drawings if d.run is None]
        characters, alphabets = {d.label for d in known}, {d.alphabet for d in known}
        runs = {d.run for d in drawings} - {None}
        said = f"{len(characters)} characters of {len(alphabets)} alphabets"
        return f"{said}, {len(runs)} runs" if runs else said

    def fields(self) -> Sequence[RawField]:
        """`image`, `label`, `alphabet`; with runs also `run`, `role` and `#part`."""
        texts = ["run", "role", PART] if self.runs is not None else []
        return [
            RawField("image", self._held[0][0].type, "image"),
            RawField("label", pa.string(), "category"),
            RawField("alphabet", pa.string(), "category"),
            *(RawField(name, pa.string()) for name in texts),
        ]

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The background sets as they are listed, by path; then the runs, by number."""
        wanted = select(self.title, [field.name for field in self.fields()], fields)
        for shelf, drawings in self._held:
            sizes = [shelf.size(d.name) for d in drawings] if "image" in wanted else None
            with shelf.reader() as fetch:
                for rows in spans(len(drawings), sizes):
                    some = drawings[rows]
                    pictures = fetch([d.name for d in some]) if sizes is not None else None
                    yield _batch(some, pictures, wanted)

    def fingerprint(self) -> str:
        """SHA-256 over the archives, or every drawing's name and bytes."""
        digest = hashlib.sha256()
        for shelf, drawings in self._held:
            digest.update(f"{len(drawings)}\0{drawings[0].run is not None}\0".encode())
            shelf.feed([d.name for d in drawings], digest)
        return digest.hexdigest()

    @cached_property
    def _held(self) -> list[tuple[Shelf, list[_Drawing]]]:
        """Each archive with its drawings.

        Raises:
            StorageError: one is missing or cannot be read.
            DataError: one does not hold what it should.
            UsageError: some are packed and some are not.
        """
        shelves = [shelf_at(path) for path in self.backgrounds]
        met: set[str] = set()
        held = []
        for shelf in shelves:
            fresh = [d for d in _background(shelf) if d.name not in met]
            met |= {d.name for d in fresh}
            if fresh:
                held.append((shelf, fresh))
        if self.runs is not None:
            runs = shelf_at(self.runs)
            held.append((runs, _runs(runs)))
        if len({shelf.type for shelf, _ in held}) > 1:
            raise UsageError(
                "omniglot: some sets lie in folders and others in archives. Unpack all, or none."
            )
        return held


def _background(shelf: Shelf) -> list[_Drawing]:
    """alphabet/character/drawing.png, sorted."""
    found = []
    for alphabet in shelf.listing("")[0]:
        characters, loose = shelf.listing(alphabet)
        for character in [] if _LABELS in loose else characters:
            folder = join(alphabet, character)
            found += [
                _Drawing(join(folder, name), folder, alphabet)
                for name in shelf.listing(folder)[1]
                if name.endswith(".png")
            ]
    if not found:
        raise DataError(
            f"{shelf.path}: holds no alphabet/character/drawing.png, expected a background set of "
            f"Omniglot. It holds: {listed(shelf.listing('')[0])}"
        )
    return found


def _runs(shelf: Shelf) -> list[_Drawing]:
    """The drawings of each run, first those that are shown."""
    found: list[_Drawing] = []
    for run in shelf.listing("")[0]:
        if not shelf.holds(join(run, _LABELS)):
            continue
        pairs = _pairs(shelf, run)
        shown = sorted(set(pairs.values()))
        found += [_Drawing(n, _character(run, n), run, run, "support") for n in shown]
        found += [_Drawing(n, _character(run, of), run, run, "query") for n, of in pairs.items()]
    if not found:
        raise DataError(
            f"{shelf.path}: holds no run with a {_LABELS}, expected the one-shot runs of Omniglot "
            f"(all_runs.zip). It holds: {listed(shelf.listing('')[0])}"
        )
    return found


def _pairs(shelf: Shelf, run: str) -> dict[str, str]:
    """Drawing to recognise -> the drawing of its character that is shown."""
    path = shelf.place(join(run, _LABELS))
    with open_within(path) as file:
        lines = file.read().decode("utf-8", "replace").splitlines()
    pairs: dict[str, str] = {}
    for number, line in enumerate(filter(None, lines), start=1):
        names = line.split()
        if len(names) != 2 or not all(shelf.holds(name) for name in names):
            raise DataError(
                f"{path}, line {number}: got {line!r:.80}, expected two drawings of the archive, "
                "the one to recognise and the one that is shown. Fetch it again."
            )
        pairs[names[0]] = names[1]
    return pairs


def _character(run: str, shown: str) -> str:
    """Such as run01/class08."""
    return join(run, PurePath(shown).stem)


def _batch(
    drawings: Sequence[_Drawing], pictures: pa.Array | None, wanted: Sequence[str]
) -> pa.RecordBatch:
    parts = ["train" if d.run is None else "test" for d in drawings]
    columns = {
        "image": pictures,
        "label": pa.array([d.label for d in drawings], pa.string()),
        "alphabet": pa.array([d.alphabet for d in drawings], pa.string()),
        "run": pa.array([d.run for d in drawings], pa.string()),
        "role": pa.array([d.role for d in drawings], pa.string()),
        PART: pa.array(parts, pa.string()),
    }
    return pa.RecordBatch.from_pydict({name: columns[name] for name in wanted})
