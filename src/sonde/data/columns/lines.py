"""Lines in pictures: lanes, cracks, outlines, points of a face.

    image: {kind: image, size: [288, 512]}
    lines: {kind: lines, points: 16}
    face: {kind: lines, fixed: true}

What is stored lies in the picture's grid, so that augmentation moves both as one. A line is drawn
by as many points as every other, equally far apart along it, or by the very points of the data, in
their order, where each means something of its own (`fixed`). A picture without lines is a row like
any other; null means that nobody knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Encoded, Guess, Ragged, RowError
from sonde.core.errors import DataError, listed
from sonde.core.port import Port
from sonde.core.spec import Learned
from sonde.data.columns._levels import ordered
from sonde.data.columns._placing import Placing
from sonde.data.columns._polylines import LABEL, POINTS, Line, in_equal_steps, is_lines, lines_in
from sonde.data.columns._text import Text, not_readable, plain
from sonde.data.columns._within import InPicture

_BOX = 2  # points whose numbers would be taken for a box


class Lines(InPicture):
    """Some lines in a picture, with a class where the data gives them labels.

    Rows with a line of fewer than two points, wholly beside its picture or of no known class cannot
    be read. Parts of a line may lie beyond the border.
    """

    points: int = Field(16, ge=3, le=1024)
    """Points that each line gets; one that has just so many keeps them."""
    fixed: bool = False
    """Whether the points of the data stay as they are, landmarks in one order: training rows say
    how many, and every line has as many."""
    classes: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """The labels in their order; None takes those of training rows, by letter."""
    count: Learned[int] = 0
    """Points of a line."""
    names: Learned[tuple[str, ...]] = ()
    """The classes; none where no training line has a label."""
    counts: Learned[tuple[int, ...]] = ()
    """Training lines of each class."""
    optional: Learned[bool] = True
    """Whether it was not known of some training row what it holds."""

    @property
    def port(self) -> Port:
        """A set of points x, y in the picture's frame, and a class behind them where there are."""
        known = len(self.names) or None
        shape = (2 * self.count + (known is not None),)
        return Port("set", shape, known, frame=self.within, optional=self.optional)

    @property
    def class_counts(self) -> tuple[int, ...]:
        """Training lines of each class."""
        return self.counts

    def fit(self, chunks: Iterable[pa.RecordBatch]) -> Self:
        """Classes, and how many points there are where they are fixed.

        Raises:
            DataError: no training row has a line, some have labels and some none, or fixed points
                are not equally many.
        """
        labels: Counter[str | None] = Counter()
        sizes: Counter[int] = Counter()
        optional = False
        for chunk in chunks:
            for lines in lines_in(self._raw(chunk)):
                optional |= lines is None
                some = lines if isinstance(lines, list) else []
                labels.update(line.label for line in some)
                sizes.update(len(line.points) for line in some)
        if not labels:
            raise DataError(
                f"column {self.name!r}: not one training row has a line that can be read. Check "
                "the annotations."
            )
        if len(labels) > 1 and labels[None]:
            raise DataError(
                f"column {self.name!r}: {labels[None]:,} of {labels.total():,} training lines have "
                "no label, and the others do. Give all of them one, or none."
            )
        named = {label: often for label, often in labels.items() if label is not None}
        names = self.classes or ordered(named)
        counts = tuple(named.get(name, 0) for name in names)
        count = self._fixed_count(sizes) if self.fixed else self.points
        return self.learn(count=count, names=names, counts=counts, optional=optional)

    def encode(self, rows: pa.RecordBatch) -> Encoded:
        """Lines in the grids of their pictures.

        Returns:
            values (M, 2 P) or (M, 2 P + 1) float32, x and y in pixels of the grid, then the class,
            with starts and lengths (N,) int64, and present (N,) bool; a line that is none is a row
            error.
        """
        placing = self.placing(rows)
        values: list[np.ndarray] = []
        errors: list[RowError] = []
        lengths = np.zeros(rows.num_rows, np.int64)
        present = np.ones(rows.num_rows, bool)
        for row, lines in enumerate(lines_in(self._raw(rows))):
            if isinstance(lines, list):
                lines = self._error(row, lines, placing) or lines
            if isinstance(lines, RowError):
                errors.append(lines)
            elif lines is None:
                present[row] = False
            else:
                lengths[row] = len(lines)
                values += [self._numbers(row, line, placing) for line in lines]
        width = self.port.shape[0]
        assert width is not None, "lines have a number of points"
        flat = np.array(values, np.float32).reshape(-1, width)
        return Encoded(flat, np.cumsum(lengths) - lengths, lengths, present, errors)

    def decode(self, arrays: np.ndarray | Ragged) -> list[list[dict[str, Any]]]:
        """Back to lines as raw rows hold them, in pixels of the grid."""
        rows = list(arrays) if isinstance(arrays, np.ndarray) else _parted(arrays)
        return [[self._line(numbers) for numbers in row] for row in rows]

    def whole(self, rows: pa.RecordBatch) -> Iterator[list[Line] | None]:
        """The lines of each raw picture in its own pixels; None where nobody knows them."""
        for lines in lines_in(self._raw(rows)):
            yield lines if isinstance(lines, list) else None

    def advice(self, errors: Sequence[RowError]) -> str:
        """To mend them, or to say which classes there are."""
        return (
            "Mend these annotations; where a label stands in no training row, say which there are: "
            f"{self.name}: {{kind: lines, classes: [...]}}"
        )

    @classmethod
    def guess(cls, sample: pa.Array) -> Guess | None:
        """Claims lists of things that have points."""
        if not is_lines(sample.type) or pa.types.is_null(sample.type.value_type):
            return None
        return Guess(0.95, f"{len(plain(sample).flatten()):,} lines")

    @classmethod
    def examples(cls) -> list[Self]:
        """Found; few points and given classes; as they are."""
        return [cls(), cls(points=3, classes=("kerb", "lane", "wire")), cls(fixed=True)]

    @classmethod
    def sample(cls, rows: int, seed: int) -> pa.Array:
        """No line to three of two labels, five points each; some rows unknown."""
        rng = np.random.default_rng(seed)

        def drawn() -> dict[str, Any]:
            label = ("lane", "kerb")[rng.integers(2)]
            return {LABEL: label, POINTS: rng.uniform(0, 40, (5, 2)).tolist()}

        pictures = [
            None if row % 9 == 8 else [drawn() for _ in range(rng.integers(0, 4))]
            for row in range(rows)
        ]
        line_type = pa.struct([(LABEL, pa.string()), (POINTS, pa.list_(pa.list_(pa.float64())))])
        return pa.array(pictures, pa.list_(line_type))

    def _raw(self, rows: pa.RecordBatch) -> pa.Array:
        """The field.

        Raises:
            DataError: it holds no lines at all.
        """
        raw = plain(rows.column(self.field or self.name))
        if not is_lines(raw.type) and raw.null_count < len(raw):
            raise not_readable(raw, self.name, "lists of lines, each with its points [[x, y], ...] "
                               "and, where there are classes, a label")  # fmt: skip
        return raw

    def _fixed_count(self, sizes: Counter[int]) -> int:
        if len(sizes) > 1:
            held = listed(f"{size} ({often:,} lines)" for size, often in sorted(sizes.items()))
            raise DataError(
                f"column {self.name!r}: fixed points must be equally many, got {held}. Mend the "
                "annotations, or leave `fixed` out."
            )
        (count,) = sizes
        if count in (0, _BOX):
            raise DataError(
                f"column {self.name!r}: got lines of {count} points, expected one or at least "
                "three. Two corners are a box: declare  kind: boxes"
            )
        return count

    def _error(self, row: int, lines: list[Line], placing: Placing | None) -> RowError | None:
        """What makes one of a row's lines none."""
        for line in lines:
            what = f"a line {line.label!r}" if line.label else "a line"
            if self.names and line.label not in self.names:
                return RowError(row, what, f"one of {listed(self.names)}")
            held = len(line.points)
            if self.fixed and held != self.count:
                return RowError(row, f"{what} of {held} points", f"{self.count}, as all others")
            if held < 2 and not self.fixed:
                return RowError(row, f"{what} of {held} points", "at least two")
            if placing is not None and placing.sizes[row].all():
                height, width = placing.sizes[row].tolist()
                low, high = line.points.min(axis=0), line.points.max(axis=0)
                if (high < 0).any() or low[0] > width or low[1] > height:
                    got = f"{what} from {_shown(low)} to {_shown(high)}"
                    return RowError(row, got, f"one in its picture of {width} x {height} pixels")
        return None

    def _numbers(self, row: int, line: Line, placing: Placing | None) -> np.ndarray:
        """(2 P,) or (2 P + 1,) float64."""
        points = line.points if placing is None else placing.into(row, line.points)
        points = points if self.fixed else in_equal_steps(points, self.count)
        behind = [self.names.index(line.label)] if self.names and line.label is not None else []
        return np.concatenate([points.ravel(), behind])

    def _line(self, numbers: np.ndarray) -> dict[str, Any]:
        """One line as raw rows hold it."""
        points = numbers[: 2 * self.count].reshape(-1, 2).tolist()
        return {LABEL: self.names[int(numbers[-1])] if self.names else None, POINTS: points}


def _parted(arrays: Ragged) -> list[np.ndarray]:
    ends = arrays.starts + arrays.lengths
    return [arrays.values[start:end] for start, end in zip(arrays.starts, ends, strict=True)]


def _shown(point: np.ndarray) -> str:
    return f"({point[0]:.6g}, {point[1]:.6g})"
