"""Contracts of the data engine: sources, splits, columns, samplers. Nothing here imports torch.

Raw data travels as Arrow record batches. Rows are numbered 0, 1, 2, ... in the order a source
scans them; a row number is the row's name everywhere: in splits, stores, reports and errors.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
import pyarrow as pa

from sonde.contracts.panels import Panel
from sonde.core.port import Port
from sonde.core.spec import Learned, Spec

if TYPE_CHECKING:
    import gymnasium

Raw = Any
"""A value as a caller writes it: a number, a text, a path, bytes, None."""

Row = dict[str, Raw]


class RowError(NamedTuple):
    """One value, or one whole line, that cannot be read.

    Attributes:
        row: position inside the chunk (from `encode`), row number (in a store), or line number.
        got: what came, shortened to what a message can hold.
        expected: what was expected, as it stands after the word "expected".
        place: the file and line, or the file's path, where there is one.
        harmless: true where nothing is lost, such as an empty line: listed, never counted.
    """

    row: int
    got: Raw
    expected: str
    place: str | None = None
    harmless: bool = False


class Ragged(NamedTuple):
    """Rows of differing length: row i is values[starts[i]:starts[i] + lengths[i]]."""

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True)
class Encoded:
    """What `Column.encode` makes of a chunk of N rows.

    Attributes:
        values: (N, ...) where dense, else all rows' steps one after another.
        starts, lengths: (N,) int64 where ragged; windows may overlap.
        present: (N,) bool where the column can be missing.
        errors: rows that cannot be read; their values are any legal filler.
    """

    values: np.ndarray
    starts: np.ndarray | None = None
    lengths: np.ndarray | None = None
    present: np.ndarray | None = None
    errors: Sequence[RowError] = ()


@dataclass(frozen=True)
class Guess:
    """A kind's claim on a field.

    Attributes:
        confidence: in [0, 1]; the largest claim wins.
        reason: in words, shown to the user.
        options: options the column should be made with.
        unsure: what a person has to say before the field can be read, such as which of two
            numbers is the month; it is left out until then.
    """

    confidence: float
    reason: str
    options: Mapping[str, Any] = field(default_factory=dict)
    unsure: str | None = None


class Strange(NamedTuple):
    """Rows of a chunk that no training row was like, in one respect.

    Attributes:
        rows: (n,) positions in the chunk.
        what: what is strange, as it stands after "12 of 400 rows".
        fate: what becomes of them, as it stands after a semicolon.
        examples: a few of the values, as texts.
    """

    rows: np.ndarray
    what: str
    fate: str
    examples: Sequence[str] = ()


class _Unseen:
    """What a column decodes the place for unseen values to."""

    def __repr__(self) -> str:
        return "UNSEEN"


UNSEEN = _Unseen()


class Column(Spec):
    """One modality: raw values in, tensors of one port kind out, and back.

    A plain column writes `port`, `fit`, `encode`, `decode` and, to be found without a recipe,
    `guess`. It never sees rows outside the training part in `fit`.
    """

    family: ClassVar[str] = "column"
    encoder_version: ClassVar[int] = 1
    """Raise it when `encode` changes what it writes: stored encodings are then made anew."""
    learns: ClassVar[bool] = True
    """False where `fit` needs no rows at all, so that no pass over the data is made for it."""
    tells_apart: ClassVar[bool] = False
    """True where values that no training row had have numbers of their own, from `size + 2` on of
    a category port: for targets alone."""

    name: Learned[str] = ""
    """The column's name in the recipe; set by `named` before anything else."""
    field: str | None = None
    """The raw field it reads, where that is not its own name."""
    shares: str | None = None
    """Columns that name one `shares` are fitted on the union of their values."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The raw fields it reads."""
        return (self.field or self.name,)

    def named(self, name: str) -> Self:
        """A copy that knows its name in the recipe."""
        return self.learn(name=name)

    @property
    def leans_on(self) -> tuple[str, ...]:
        """Columns it must know to read its own values, such as the text in which an answer lies."""
        return ()

    def beside(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows those it leans on; asked before anything is fitted, and again after."""
        return self

    @property
    @abstractmethod
    def port(self) -> Port:
        """What its tensors mean; the same whether it is input or target."""

    @abstractmethod
    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """A copy with learned fields filled from training rows only, streamed."""

    @abstractmethod
    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """A chunk as arrays: vectorised, a function of each row alone."""

    @abstractmethod
    def decode(self, arrays: np.ndarray | Ragged) -> list[Raw]:
        """Arrays back to raw values; `UNSEEN` where the place for unseen values is met."""

    def strange(self, rows: pa.RecordBatch, encoded: Encoded) -> Sequence[Strange]:
        """What a caller's chunk has that no training row had, beside what `encode` made of it.

        By default a value that is missing where none was; it must cost little beside `encode`.
        """
        if self.port.optional or encoded.present is None or encoded.present.all():
            return ()
        absent = np.flatnonzero(~encoded.present)
        return (Strange(absent, "have no value", "every training row had one"),)

    def detached(self, raw: pa.Array) -> pa.Array:
        """Raw values that point at no file any more: what a bundle may keep of them."""
        return raw

    def advice(self, errors: Sequence[RowError]) -> str:
        """What the user may do about rows that cannot be read."""
        return f"Fix them, or leave {self.name!r} out of the recipe's columns."

    def vectors(self) -> np.ndarray | None:
        """Of a sequence port with a size: (size, D) float32 a network may start its embedding with.

        NaN where nobody knows a word; None where there are none. Asked for when a network is built
        to learn, never when a bundle is opened, so it may read a file.
        """
        return None

    def panels(self, parts: Mapping[str, Encoded]) -> Sequence[Panel]:
        """What the report shows of it: by part ('train', ...), up to some thousand encoded rows."""
        return ()

    @property
    def class_counts(self) -> tuple[int, ...]:
        """How often each class stands in training rows, or pixels; () where nobody counted."""
        return ()

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """How sure this kind is that it should read the field; it may look at all rows."""
        return None

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """Raw values of this kind, for contract tests."""
        raise NotImplementedError(f"{cls.__name__} gives contract tests no sample")


@dataclass(frozen=True)
class Field:
    """A raw field of a source.

    Attributes:
        name: as it stands in the data.
        type: its Arrow type.
        kind: the column kind the source knows it to be, such as the classes that folders are.
    """

    name: str
    type: pa.DataType
    kind: str | None = None


class Source(Spec):
    """Where raw rows come from."""

    family: ClassVar[str] = "source"
    scan_version: ClassVar[int | None] = None
    """None where a scan costs little. Else a run scans once and keeps the rows in the cache; raise
    it when `scan` changes what it yields."""

    @property
    @abstractmethod
    def title(self) -> str:
        """A short name for runs and messages, such as the file's stem."""

    def describe(self) -> str:
        """How it was read, in a few words, such as '14 columns, comma, utf-8, header'."""
        count = len(self.fields())
        return "1 field" if count == 1 else f"{count:,} fields"

    @abstractmethod
    def fields(self) -> Sequence[Field]:
        """The raw fields. The reserved field `#part` is added where files already say the part.

        Raises:
            StorageError: a file is missing or cannot be read.
            DataError: it is not what the source reads.
        """

    @abstractmethod
    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows in a fixed order, in bounded memory, only the named fields.

        What cannot be read as a row is told to `on_error` and left out of the numbering.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the bytes behind it: equal data, equal fingerprint."""

    def plan(self, target: str | None = None) -> Mapping[str, Any]:
        """What a recipe says of such data, where its form alone tells what is to be learned.

        Args:
            target: the column that was asked for, where one was.

        Returns:
            `split`, `columns` and `task` as recipes write them, each as far as it is told; by
            default nothing.
        """
        return {}


class World(Source):
    """An environment: it cannot be scanned, it is acted in."""

    family: ClassVar[str] = "source"

    @abstractmethod
    def make(self, count: int, seed: int, *, render: bool = False) -> gymnasium.vector.VectorEnv:
        """`count` copies side by side, seeded; with `render` they draw their frames."""

    def fields(self) -> Sequence[Field]:
        """An environment has no rows."""
        return ()

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """An environment has no rows."""
        return iter(())


class Rows(Protocol):
    """What a split may look at."""

    @property
    def count(self) -> int:
        """The number of rows N."""

    def field(self, name: str) -> pa.ChunkedArray:
        """(N,) raw values of one field.

        Raises:
            UnknownColumn: there is no such field.
        """


@dataclass(frozen=True)
class Assignment:
    """Which rows are for what: row numbers, ascending, in no two parts at once."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray

    def part(self, name: str) -> np.ndarray:
        """(n,) int64 row numbers of 'train', 'valid' or 'test'."""
        assert name in ("train", "valid", "test"), name
        return getattr(self, name)

    def without(self, rows: np.ndarray) -> Assignment:
        """The same parts with some rows left out."""
        kept = (part[~np.isin(part, rows)] for part in (self.train, self.valid, self.test))
        return Assignment(*kept)


class Split(Spec):
    """Decides which rows are for training, validation and test, before anything is learned."""

    family: ClassVar[str] = "split"

    seed: int = 0
    """The split's own seed: repeats with other seeds judge the same rows."""

    @property
    def num_assignments(self) -> int:
        """How many assignments `folds` gives: more than one asks for cross-validation."""
        return 1

    @property
    def grouped_by(self) -> str | None:
        """The field whose equal values this split keeps in one part; None where it has none.

        Scores are then uncertain by group, not by row.
        """
        return None

    def groups_of(self, values: pa.Array) -> pa.Array:
        """The groups that values of that field say: the values, or the part of them that counts."""
        return values

    @property
    def pinned(self) -> bool:
        """Whether each row's part means something of its own: published, a time, a group.

        Copies of test rows are then left out of the other parts; else they change sides.
        """
        return False

    def completed(self, targets: Sequence[str]) -> Self:
        """A copy whose open questions are answered by the task's target fields."""
        return self

    @abstractmethod
    def folds(self, rows: Rows) -> Iterator[Assignment]:
        """One assignment for a plain split, k for k-fold.

        Raises:
            DataError: the rows cannot be split so, with what would work.
        """
