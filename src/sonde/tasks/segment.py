"""Segmentation: a class for each pixel of a picture.

    task: {kind: segment, target: mask}

The network gives logits for each pixel of the grid; an answer is a mask as large as the raw
picture, in the values or colours that the data's own masks have, and so it is judged. Scores are
made of counts that each picture keeps, so that intervals and comparisons cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, PrivateAttr, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Ask,
    Baseline,
    Judged,
    Loss,
    Predictor,
    RawRows,
    SupervisedTask,
    Task,
)
from sonde.core.errors import UsageError, unknown
from sonde.core.port import Port, Ports
from sonde.core.spec import Spec
from sonde.data.columns.image import Image
from sonde.data.columns.mask import Mask
from sonde.metrics.boundary_f1 import BoundaryF1
from sonde.metrics.dice import Dice
from sonde.metrics.iou import Iou
from sonde.metrics.pixel_accuracy import PixelAccuracy
from sonde.metrics.pixel_error import PixelError
from sonde.tasks import _mask_counts, _mask_losses, _mask_panels
from sonde.tasks._full_size import full_size, means_of_squares
from sonde.tasks._mask_target import bound_masks
from sonde.tasks._tiles import masks_in_tiles

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sonde.core.batch import Batch

_FEW = 16
"""Classes of which each has a score of its own among the metrics; the report has all in a table."""

_AT_ONCE = 1 << 21
"""Pixels of grids that a network is asked for at once, so that answers take bounded memory."""

_SQUARE = 16
"""Side, in pixels, of the squares whose mean confidence proves a sealed model."""


class Segment(SupervisedTask):
    """One target column of masks; the network gives (B, K, H, W) logits for it.

    `read` gives {"index": (B, H, W) uint8, the likeliest class and 1, as masks have it,
    "confidence": (B, H, W) float32, its probability}.
    """

    suggests: ClassVar[str] = "unet"
    learns_by: ClassVar[str | Mapping[str, Any]] = {
        "kind": "supervised",
        "optimizer": {"kind": "adamw", "learning_rate": 0.002},
        "schedule": "one-cycle",
        "budget": {"epochs": 60},
        "batch_size": 4,  # of pictures: 64 of them would not fit into memory
    }
    main_metric: ClassVar[str] = "mean iou"

    class Options(Spec):
        """What a caller may choose."""

        flips: bool = False
        """Answer the picture's mirror image, left for right, too and give the mean of both."""
        tiles: bool = False
        """Cut pictures larger than the network's into tiles that overlap, at full resolution,
        instead of making them smaller: where what is looked for is as large as in training."""
        overlap: int | None = Field(None, ge=0)
        """Pixels at the border of a tile that are answered by its neighbour; by default an eighth
        of its shorter side."""

    target: str = "mask"
    cross_entropy: float = Field(1.0, ge=0)
    """What the mean cross entropy of pixels counts for."""
    dice: float = Field(1.0, ge=0)
    """What 1 less the soft Dice of the classes of a picture counts for: it helps small ones."""
    class_weights: (
        Literal["inverse", "root", "log"] | dict[str, Annotated[float, Field(ge=0)]] | None
    ) = None
    """What a pixel of each class counts for in the cross entropy. inverse: all classes alike,
    however few their pixels; root: half way there; log: as ENet; or by name, unnamed ones 1."""
    flips: Literal["none", "sideways", "all"] = "none"
    """Answer mirror images of a picture too and give the mean, also when judged: left for right;
    or above for below as well, where no direction means anything. Two and four times the work."""
    boundary: float | None = Field(None, gt=0)
    """Judge outlines too: pixels of the raw picture by which they may be off."""

    _weights: tuple[float, ...] = PrivateAttr(())

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
        if not self.cross_entropy and not self.dice:
            raise ValueError("got cross_entropy 0 and dice 0, expected one of them above 0")
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [
            cls(),
            cls(dice=0.0, class_weights="log"),
            cls(cross_entropy=0.0, boundary=2, flips="all"),
        ]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn: the target is no column.
            UsageError: it holds no masks, its pictures are no input, it has a name that answers
                need, or weights name a class it does not have.
            DataError: training masks have fewer than two classes.
        """
        column = bound_masks(self.target, columns)
        bound = super().bind(columns)
        bound._weights = bound._weighed(column)
        return bound

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of masks."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Masks."""
        return {self.target: "mask"}

    @property
    def outputs(self) -> Ports:
        """A logit for each class of each pixel."""
        port = self._column.port
        return {self.target: Port("grid", port.shape, port.size, frame=port.frame)}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Cross entropy (natural log) and Dice; void pixels count for nothing."""
        from sonde.core.batch import tensor_of

        return _mask_losses.mask_loss(
            outputs[self.target].float(),
            tensor_of(targets, self.target),
            cross_entropy=self.cross_entropy,
            dice=self.dice,
            weights=self._weights,
        )

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The likeliest class of each pixel and its probability."""
        return _likeliest(outputs[self.target].float().softmax(dim=1))

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """As `read`, over mirror images too where the recipe or a caller wants that."""
        from sonde.tasks._flips import ALL_WAYS, SIDEWAYS, over_flips

        assert isinstance(options, Segment.Options)

        def said(asked: Batch) -> Tensor:
            probability: Tensor = model(asked)[self.target].float().softmax(dim=1)
            return probability

        ways = {"none": SIDEWAYS[:1], "sideways": SIDEWAYS, "all": ALL_WAYS}[self.flips]
        if options.flips and self.flips == "none":
            ways = SIDEWAYS
        return _likeliest(over_flips(said, inputs, self.inputs, ways))

    def answer(self, arrays: Arrays) -> list[Row]:
        """A mask of the grid's size in the data's own values, and how sure each pixel is.

        `completed` makes it as large as the picture.
        """
        masks = self._column.decode(np.asarray(arrays["index"])[:, None])
        return [
            {self.target: mask, "confidence": confidence}
            for mask, confidence in zip(masks, arrays["confidence"], strict=True)
        ]

    def completed(self, answers: list[Row], rows: pa.RecordBatch) -> list[Row]:
        """The mask, large as the raw picture, as files hold it, and its pixels' mean confidence."""
        placing = self._picture.placing(rows)
        nothing = int(self._column.decode(np.zeros((1, 1, 1, 1), np.uint8))[0][0, 0])
        return [
            answer
            | {
                self.target: self._column.as_filed(
                    full_size(
                        answer[self.target], answer["confidence"], placing, row, outside=nothing
                    )
                ),
                "confidence": round(float(answer["confidence"].mean()), 4),
            }
            for row, answer in enumerate(answers)
        ]

    def evidence(self, arrays: Arrays) -> Arrays:
        """Means of the confidence over squares: single pixels are decided by a hair."""
        return {"confidence": means_of_squares(np.asarray(arrays["confidence"]), _SQUARE)}

    def in_pieces(self, rows: pa.RecordBatch, options: Spec, ask: Ask) -> list[Row] | None:
        """Masks put together from those of tiles, where a caller wants that."""
        assert isinstance(options, Segment.Options)
        if not options.tiles:
            return None
        answers = masks_in_tiles(rows, self._picture, options.overlap, ask, self.target)
        return [
            answer | {self.target: self._column.as_filed(answer[self.target])} for answer in answers
        ]

    def pictured(self, answers: list[Row], rows: pa.RecordBatch) -> list[np.ndarray]:
        """Each picture beside itself with its classes in colours."""
        places = np.zeros(256, np.uint8)
        places[list(self._column.values)] = np.arange(1, len(self._names) + 1)
        masks = [places[self._column.from_filed(answer[self.target])] for answer in answers]
        return _mask_panels.painted(list(self._picture.whole(rows)), masks, self._names)

    def noted(self, outputs: Mapping[str, Tensor], targets: Batch) -> tuple[Batch, Batch]:
        """Counts of the grid's pixels."""
        import torch

        from sonde.core.batch import tensor_of

        index, mask = outputs[self.target].argmax(dim=1) + 1, tensor_of(targets, self.target)
        counts = _mask_counts.batch_counts(index, mask, len(self._names)).cpu().numpy()
        said, pixels = _mask_counts.as_parts(counts)
        return {"said": torch.from_numpy(said)}, {"pixels": torch.from_numpy(pixels)}

    def metrics(self) -> Mapping[str, Metric]:
        """Over classes, over pixels, of each class, of outlines."""
        found: dict[str, Metric] = {
            "mean iou": Iou(),
            "mean dice": Dice(),
            "pixel accuracy": PixelAccuracy(),
            "pixel error": PixelError(),
        }
        if self.boundary is not None:
            found["boundary f1"] = BoundaryF1()
        if len(self._names) <= _FEW:
            found |= {f"iou ({name})": Iou(of=at) for at, name in enumerate(self._names)}
        return found

    def watched(self) -> Mapping[str, Metric]:
        """Those over all classes, of the grid's pixels; outlines are of raw pictures."""
        named = ("mean iou", "mean dice", "pixel accuracy", "pixel error")
        return {name: metric for name, metric in self.metrics().items() if name in named}

    def baselines(self) -> Mapping[str, Baseline]:
        """The commonest class everywhere."""
        rival = partial(_mask_counts.commonest, target=self.target, classes=len(self._names))
        return {"commonest class": rival}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Masks as large as raw pictures beside the raw truth."""
        counts, more, rows = [], [], []
        for chunk in chunks:
            for start in range(0, len(chunk), self._rows_at_once):
                some = chunk.slice(start, self._rows_at_once)
                for said, true in self.beside_truth(predictor, some):
                    counts.append(_mask_counts.confusion_of(said, true, len(self._names)))
                    more.append(self.beyond_pixels(said, true))
            rows.append(chunk.column("#row").to_numpy())
        said, pixels = _mask_counts.as_parts(np.array(counts))
        predicted, truth = (
            {name: np.stack([own[name] for own in side]) for name in side[0]}
            for side in zip(*more, strict=True)
        )
        predicted["said"], truth["pixels"] = said, pixels
        return Judged(predicted, truth, np.concatenate(rows))

    def beyond_pixels(self, said: np.ndarray, true: np.ndarray) -> tuple[Arrays, Arrays]:
        """What else of a raw picture is judged, as a row of arrays each; override to judge more.

        Args:
            said: (H, W) uint8, class and 1.
            true: (H, W) uint8, class and 1, 0 for void.
        """
        if self.boundary is None:
            return {}, {}
        answer, truth = _mask_counts.edges_of(said, true, len(self._names), self.boundary)
        return {"edges": answer}, {"edges": truth}

    def beside_truth(
        self, predictor: Predictor, rows: pa.RecordBatch
    ) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        """What is said and what is true of each raw picture: (H, W) uint8 each, class and 1."""
        arrays, placing = predictor.arrays(rows), self._picture.placing(rows)
        for row, true in enumerate(self._column.whole(rows)):
            said = full_size(arrays["index"][row], arrays["confidence"][row], placing, row)
            yield said, np.zeros_like(said) if true is None else true

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """All folds together.

        Raises:
            UsageError: a fold's training masks lack a class that another's have.
        """
        for task, _ in folds:
            assert isinstance(task, Segment), "folds have one task"
            if task._names != self._names:
                raise UsageError(
                    f"column {self.target!r}: the folds know different classes. Name them all, "
                    f"{self.target}: {{kind: mask, classes: [...]}}"
                )
        return super().pooled(folds)

    def panels(self, judged: Judged) -> list[Panel]:
        """Each class's scores, and which is taken for which."""
        return _mask_panels.panels(judged, self._names)

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """The worst pictures and usual ones, with the truth and the answer beside them."""
        at = _mask_panels.chosen(judged)
        if not at:
            return []
        places = sorted(at, key=lambda place: int(judged.rows[place]))
        shown = raw([int(judged.rows[place]) for place in places])
        pictures = list(self._picture.whole(shown))
        masks = [
            pair
            for row in range(len(shown))
            for pair in self.beside_truth(predictor, shown.slice(row, 1))
        ]
        return [_mask_panels.sheet(judged, at, places, pictures, masks, self._names)]

    @property
    def _column(self) -> Mask:
        column = self.columns[self.target]
        assert isinstance(column, Mask)
        return column

    @property
    def _picture(self) -> Image:
        picture = self.columns[self._column.within]
        assert isinstance(picture, Image)
        return picture

    @property
    def _names(self) -> tuple[str, ...]:
        return self._column.names

    @property
    def _rows_at_once(self) -> int:
        _, height, width = self._column.port.shape
        return max(1, _AT_ONCE // max(1, (height or 1) * (width or 1)))

    def _weighed(self, column: Mask) -> tuple[float, ...]:
        """(K,) what a pixel of each class weighs, () where all are alike.

        Raises:
            UsageError: a weight names no class.
        """
        if self.class_weights is None:
            return ()
        if isinstance(self.class_weights, str):
            return _mask_losses.weighed(column.class_counts, self.class_weights)
        for name in self.class_weights:
            if name not in column.names:
                raise UsageError(f"class_weights: {unknown('class', name, column.names)}")
        return tuple(self.class_weights.get(name, 1.0) for name in column.names)


def _likeliest(probability: Tensor) -> Batch:
    """(B, K, H, W) -> each pixel's class and 1, as masks have it, and its probability."""
    import torch

    confidence, index = probability.max(dim=1)
    return {"index": (index + 1).to(torch.uint8), "confidence": confidence}
