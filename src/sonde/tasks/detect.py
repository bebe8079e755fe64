"""Detect: find every object of some classes in a picture, with its borders.

The network answers in cells of several levels (`core/cells.py`), each a grid port whose size
follows from the picture's and from the task's strides: so any network that gives such grids can be
taught, and exported. `_cells.py` says what cells mean, `_assigned.py` which of them learn which
object. That several boxes mean one object is found out in NumPy, where answers are made. From which
score on a box is given, validation rows settle: the greatest F1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Ask,
    Judged,
    Loss,
    Predictor,
    RawRows,
    SupervisedTask,
    Task,
    stack,
)
from sonde.core.cells import PLACE
from sonde.core.errors import UsageError
from sonde.core.notice import tell
from sonde.core.port import PRESENT, Port, Ports
from sonde.core.spec import Learned, Spec
from sonde.data.columns.image import Image
from sonde.metrics.box_f1 import BoxF1
from sonde.metrics.count_error import CountError
from sonde.metrics.mean_ap import MeanAp, reference_tool
from sonde.tasks import _box_panels
from sonde.tasks._box_rows import (
    Boxed,
    answers_of,
    arrays_of,
    few_at_once,
    moved_back,
    of_classes,
    true_boxes,
)
from sonde.tasks._box_tiles import boxes_in_tiles
from sonde.tasks._found import best_cut, bounded, packed, suppressed
from sonde.tasks._target import bound_target
from sonde.tasks._tiles import whole

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sonde.core.batch import Batch

_GUESSED = 0.3
"""Score from which a box is given while nothing is settled."""


class Detect(SupervisedTask):
    """The target is a column of boxes; the picture they lie in is the only input.

    `read` gives {"boxes": (B, M, 4) float32 x0, y0, x1, y1 in pixels of the grid, "class": (B, M)
    int64, "score": (B, M) float32, "cut": (B,) float32}: the M likeliest, in the order of cells.
    """

    suggests: ClassVar[str] = "detector"
    learns_by: ClassVar[str | Mapping[str, Any]] = {
        "kind": "supervised",
        "optimizer": {"kind": "adamw", "learning_rate": 0.002, "weight_decay": 0.05},
        "schedule": "one-cycle",
        "average": 0.99,
        "budget": {"epochs": 30},
        "batch_size": 4,  # of pictures: each has objects enough for a step
    }
    main_metric: ClassVar[str] = "map@50"

    class Options(Spec):
        """What a caller may choose."""

        score: float | None = Field(None, ge=0, le=1)
        """Give boxes from this score on, instead of what validation rows settled."""
        flips: bool = False
        """Look at the picture's mirror image, left for right, too: what either shows is given."""
        tiles: bool = False
        """Cut pictures larger than the network's into tiles that overlap, at full resolution,
        instead of making them smaller: where what is looked for is as large as in training."""
        overlap: int | None = Field(None, ge=0)
        """Pixels at each border of a tile that its neighbour sees too; by default an eighth of its
        shorter side. What is larger than twice that may be found in parts."""

    target: str = "boxes"
    strides: tuple[int, ...] = Field((8, 16, 32), min_length=1, max_length=8)
    """Sides of the cells of each level in pixels, each twice the one before; objects of four
    strides are what a level begins with."""
    borders: float = Field(2.0, gt=0)
    """What an error about the borders of an object counts for, beside one about its class."""
    overlap: float = Field(0.6, gt=0, lt=1)
    """Two boxes of a class that overlap more are taken for the same object."""
    candidates: int = Field(300, ge=1, le=10_000)
    """Boxes of a picture that are looked at, the likeliest."""
    score: float | None = Field(None, ge=0, le=1)
    """Boxes are given from this score on; None settles it on validation rows."""
    cut: Learned[float | None] = None
    """What was settled."""
    cut_f1: Learned[float | None] = None
    """F1 of the validation rows there, at overlaps of a half."""

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [cls(target="label", strides=(4, 8)), cls(target="label", strides=(4,), score=0.4)]

    @model_validator(mode="after")
    def _doubles(self) -> Self:
        steps = self.strides
        if steps[0] < 1 or any(2 * fine != coarse for fine, coarse in pairwise(steps)):
            raise ValueError(f"strides: got {list(steps)}, expected such as [8, 16, 32]")
        return self

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UsageError: the target is no column of boxes with classes, or its picture is no input.
        """
        bound_target(self.target, columns, "set")
        target = columns[self.target]
        if not isinstance(target, Boxed):
            raise UsageError(
                f"target {self.target!r} is a column of kind {target.kind!r}, expected boxes. "
                f"Declare  {self.target}: {{kind: boxes, within: image}}"
            )
        if target.within not in columns:
            raise UsageError(
                f"column {self.target!r} lies in {target.within!r}, which is no input. Declare  "
                f"{target.within}: {{kind: image}}"
            )
        return super().bind(columns)

    @property
    def settles(self) -> bool:  # type: ignore[override]  # it follows the options
        """The score from which boxes are given."""
        return self.score is None

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of boxes."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Objects are boxes."""
        return {self.target: "boxes"}

    @property
    def outputs(self) -> Ports:
        """For each level a grid of cells: K logits, and four numbers of the place."""
        height, width = self._size
        channels = len(self._boxed.names) + PLACE
        return {
            name: Port("grid", (channels, -(-height // stride), -(-width // stride)))
            for name, stride in self._levels.items()
        }

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """Boxes as (B, T, 6), cut at the picture's borders; those whose middle lies out are out.

        Raises:
            MissingPackage: what judges boxes is not installed, said before anything is learned.
        """
        from sonde.core.batch import Padded, tensor_of
        from sonde.tasks._cells import in_picture

        if training:
            reference_tool()
        inputs, targets = super().arrange(batch, training, generator)
        boxes = targets[self.target]
        if isinstance(boxes, Padded):
            size = tensor_of(batch, self._boxed.within).shape[-2:]
            targets[self.target] = in_picture(boxes.values, boxes.mask(), size)
        return inputs, targets

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Errors of all cells of a row; it counts for as many as it has objects, at least 1."""
        from sonde.core.batch import tensor_of
        from sonde.tasks._assigned import errors
        from sonde.tasks._cells import said

        truth = tensor_of(targets, self.target)
        sums = errors(said(outputs, self._levels), truth, place=self.borders)
        weights = truth[..., 5].sum(dim=1).clamp(min=1)
        if PRESENT + self.target in targets:
            known = tensor_of(targets, PRESENT + self.target).float()
            sums, weights = sums * known, weights * known
        return Loss(sums, weights)

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The likeliest boxes, many of which may say the same."""
        import torch

        from sonde.tasks._cells import said

        found = said(outputs, self._levels)
        rows, _, classes = found.logits.shape
        likely = found.logits.sigmoid().flatten(1)  # (B, A * K)
        best = likely.topk(min(self.candidates, likely.shape[1])).indices.sort(dim=1).values
        cells = (best // classes)[..., None].expand(-1, -1, 4)
        asked = options.score if isinstance(options, Detect.Options) else None
        cut = self._cut if asked is None else asked
        return {
            "boxes": found.boxes.gather(1, cells),
            "class": best % classes,
            "score": likely.gather(1, best),
            "cut": torch.full((rows,), cut, device=best.device),
        }

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """As `read`, over the mirror image too where a caller wants that."""
        from sonde.core.batch import tensor_of
        from sonde.tasks._cells import beside_mirrored

        assert isinstance(options, Detect.Options)
        found = self.read(model(inputs), options)
        if not options.flips:
            return found
        name = self._boxed.within
        mirrored = {**inputs, name: tensor_of(inputs, name).flip(3)}
        return beside_mirrored(found, self.read(model(mirrored), options), self._size[1])

    def in_pieces(self, rows: pa.RecordBatch, options: Spec, ask: Ask) -> list[Row] | None:
        """Boxes put together from those of tiles, where a caller wants that."""
        assert isinstance(options, Detect.Options)
        if not options.tiles:
            return None
        names, target = self._boxed.names, self.target

        def asked(tiles: pa.RecordBatch) -> np.ndarray:
            return arrays_of(ask(tiles), names, target)

        joined = boxes_in_tiles(rows, self._picture, options.overlap, asked, self.overlap)
        return [answers_of(boxes[None], names, target)[0] for boxes in joined]

    def settle(self, outputs: Arrays, targets: Arrays) -> Self:
        """The score from which giving boxes serves best on validation rows."""
        import torch

        raw = {name: torch.from_numpy(np.asarray(values)) for name, values in outputs.items()}
        read = self.read(raw, self.Options())
        known = self.known(targets)
        predicted = self.predicted({name: np.asarray(v)[known] for name, v in read.items()})
        found = best_cut(predicted, self.truth({n: a[known] for n, a in targets.items()}))
        tell(
            f"threshold  a box is given from score {found.score:.3f} on: f1 {found.f1:.4g} on "
            f"{int(known.sum()):,} validation rows",
            threshold=found.score,
        )
        return self.learn(cut=found.score, cut_f1=found.f1).bind(self.columns)

    def answer(self, arrays: Arrays) -> list[Row]:
        """The boxes of each row by falling score, in pixels of the grid.

        `completed` gives them in pixels of the raw picture.
        """
        found = bounded(suppressed(arrays, self.overlap), self._sizes(len(arrays["score"])))
        given = found[..., 5] >= np.maximum(arrays["cut"][:, None], np.finfo(np.float32).tiny)
        return answers_of(packed(found, given), self._boxed.names, self.target)

    def completed(self, answers: list[Row], rows: pa.RecordBatch) -> list[Row]:
        """Boxes in pixels of the raw pictures, cut at their borders."""
        lying = self._boxed.placing(rows)
        assert lying is not None, "rows that were answered have their pictures"
        names = self._boxed.names
        boxes = moved_back(arrays_of(answers, names, self.target), lying)
        return [
            answer | boxed
            for answer, boxed in zip(
                answers, answers_of(bounded(boxes, lying.sizes), names, self.target), strict=True
            )
        ]

    def pictured(self, answers: list[Row], rows: pa.RecordBatch) -> list[np.ndarray]:
        """What was found, drawn over each raw picture."""
        names = self._boxed.names
        boxes = arrays_of(answers, names, self.target)
        return [
            _box_panels.drawn(picture, found, names)
            for picture, found in zip(whole(self._picture, rows), boxes, strict=True)
        ]

    def predicted(self, arrays: Arrays) -> Arrays:
        """{"found": (N, M, 6)} all boxes that are no doubles, {"cut": (N,)} as it was read."""
        found = suppressed(arrays, self.overlap)
        return {"found": bounded(found, self._sizes(len(found))), "cut": arrays["cut"]}

    def truth(self, targets: Arrays) -> Arrays:
        """{"boxes": (N, T, 6)} in pixels of the grid."""
        from sonde.core.batch import LENGTHS

        boxes = np.asarray(targets[self.target])
        if LENGTHS + self.target in targets:  # as the column encodes them
            there = np.arange(boxes.shape[1]) < targets[LENGTHS + self.target][:, None]
            boxes = np.concatenate([boxes, there[..., None]], axis=-1) * there[..., None]
        return {"boxes": boxes}

    def metrics(self) -> Mapping[str, Metric]:
        """Over all scores, then of the boxes that are given."""
        classes = max(1, len(self._boxed.names)) if self.columns else 1
        return {**self.watched(), "f1": BoxF1(), "count error": CountError(classes=classes)}

    def watched(self) -> Mapping[str, Metric]:
        """What does not hang on a score that is settled at the end."""
        return {"map@50": MeanAp(threshold=0.5), "map": MeanAp()}

    def noted(self, outputs: Mapping[str, Tensor], targets: Batch) -> tuple[Batch, Batch]:
        """Candidates beside the boxes, of which validation rows have as many as they have."""
        return self.read(outputs, self.Options()), targets

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """In pixels of the raw pictures, beside all objects that the data holds."""
        predicted, truth, rows = [], [], []
        for chunk in few_at_once(chunks):
            arrays = predictor.arrays(chunk)
            found = suppressed(arrays, self.overlap)
            lying = self._boxed.placing(chunk)
            assert lying is not None, "rows that are judged have their pictures"
            boxes = bounded(moved_back(found, lying), lying.sizes)
            predicted.append({"found": boxes, "cut": arrays["cut"]})
            truth.append({"boxes": true_boxes([*self._boxed.objects(chunk)])})
            rows.append(chunk.column("#row").to_numpy())
        return Judged(stack(predicted), stack(truth), np.concatenate(rows))

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """All folds by the classes that any of them knows."""
        known = [cast("Boxed", task.columns[self.target]).names for task, _ in folds]
        union = tuple(dict.fromkeys(name for names in known for name in names))
        alike = [
            (task, of_classes(judged, names, union))
            for names, (task, judged) in zip(known, folds, strict=True)
        ]
        task, judged = super().pooled(alike)
        column = self.columns[self.target].learn(names=union, counts=())
        return task.bind({**self.columns, self.target: column}), judged

    def panels(self, judged: Judged) -> list[Panel]:
        """Each class by itself, and how precise boxes are as more of them are given."""
        names = self._boxed.names
        return [
            _box_panels.by_class(judged, names),
            _box_panels.curves(judged, names),
        ]

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """The best, middling and worst pictures, what is there beside what was found."""
        places = _box_panels.best_to_worst(judged)
        numbers = judged.rows[places]
        rows = raw(sorted(numbers.tolist())).take(pa.array(np.argsort(np.argsort(numbers))))
        pictures = whole(self._picture, rows)
        return [_box_panels.sheet(pictures, judged, places, self._boxed.names)]

    @property
    def _boxed(self) -> Boxed:
        return cast("Boxed", self.columns[self.target])

    @property
    def _picture(self) -> Image:
        return cast("Image", self.columns[self._boxed.within])

    @property
    def _levels(self) -> dict[str, int]:
        """Output -> stride in pixels, the finest first."""
        return {f"cells {stride}": stride for stride in self.strides}

    @property
    def _size(self) -> tuple[int, int]:
        """Height and width of the picture's grid."""
        _, height, width = self._ports[self._boxed.within].shape
        assert height is not None and width is not None, "grids of pictures are of one size"
        return height, width

    def _sizes(self, rows: int) -> np.ndarray:
        return np.tile(self._size, (rows, 1))

    @property
    def _cut(self) -> float:
        """The score from which a box is given."""
        if self.score is not None:
            return self.score
        return _GUESSED if self.cut is None else self.cut
