"""Generate: pictures like those of one column, drawn from noise, of a class if one is told.

A model answers without rows: `--count 64 --seed 1` draws, and equal seeds draw equal pictures. With
`condition` the generator and its critic are told a column of classes (Mirza, Osindero, "Conditional
Generative Adversarial Nets", 2014, arXiv:1411.1784); rows that give that column are then answered
with a picture each.

How lifelike pictures are is a question about features, and features are somebody's: `judge` names a
classifier, a `model.sonde` that reads such pictures, and its last hidden layer gives them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from pydantic import BeforeValidator, Field

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Judged,
    Predictor,
    Task,
)
from sonde.core.code import NOISE
from sonde.core.errors import (
    DataError,
    UnknownColumn,
    UsageError,
    listed,
    unknown,
)
from sonde.core.notice import tell
from sonde.core.port import ROW, Port, Ports
from sonde.core.spec import Spec
from sonde.data.columns.image import Image
from sonde.tasks import _generated_metrics as _scores
from sonde.tasks import _generated_panels
from sonde.tasks._frechet import Frechet
from sonde.tasks._generated_rows import beside, judged_by, real_rows
from sonde.tasks._noise import noise

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sonde.core.batch import Batch

_AT_ONCE = 256
_BRIGHTEST = 255
_WITHOUT = (
    "drawn pictures are compared by pixels alone: Fréchet distance, precision and recall need a "
    "classifier, named as  judge_by: path/to/model.sonde  in the recipe's task"
)


def _several(value: Any) -> Any:
    """`3,7` from the command line, numbers from Python."""
    value = value.split(",") if isinstance(value, str) else value
    return [str(part).strip() for part in value] if isinstance(value, list | tuple) else value


class Generate(Task):
    """Draw pictures like those of the data.

    `read` gives {"picture": (B, C, H, W) float32 in [0, 1]}; `predict` adds {"class": (B,)} where
    there is a condition.
    """

    class Options(Spec):
        """What a caller may choose."""

        count: int = Field(16, ge=1, le=1_000_000)
        """Pictures to draw where no rows are given."""
        seed: int = Field(0, ge=0, lt=2**63)
        """Of the noise: the same seed draws the same pictures, however many."""
        classes: Annotated[tuple[str, ...], BeforeValidator(_several)] = ()
        """Classes to draw, in turns, such as 3,7; all of them where none is named."""

    suggests: ClassVar[str] = "dcgan"
    learns_by: ClassVar[str] = "adversarial"

    picture: str | None = None
    """The column of pictures; None where there is only one."""
    condition: str | None = None
    """A column of classes that is told to the generator and to its critic."""
    noise: int = Field(64, ge=1, le=65536)
    """Numbers a picture is made of."""
    judge_by: str | None = Field(None, min_length=1)
    """A `model.sonde` that sorts such pictures into classes. In the features of its last hidden
    layer drawn pictures are compared with real ones: Fréchet distance, precision, recall."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Without and with a condition."""
        return [cls(), cls(condition="label", noise=8)]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn: the picture or the condition is no column.
            UsageError: a column is not what it is named for, or for nothing at all; pictures are
                of different sizes.
        """
        for name in filter(None, (self.picture, self.condition)):
            if name not in columns:
                raise UnknownColumn(unknown("column", name, columns))
        bound = super().bind(columns)
        drawn = bound.drawn
        others = [name for name in columns if name not in (drawn, self.condition)]
        if others:
            raise UsageError(
                f"a model of the task generate draws {drawn!r}, and nothing becomes of "
                f"{listed(others)}. Leave them out of the recipe's columns"
                + (f", or say  condition: {others[0]}" if self.condition is None else "")
            )
        if columns[drawn].port.kind != "grid":
            raise UsageError(
                f"picture: column {drawn!r} is of kind {columns[drawn].kind!r}, expected pictures. "
                f"Declare it as image, or name another: {listed(columns)}"
            )
        if self.condition is not None and columns[self.condition].port.kind != "category":
            raise UsageError(
                f"condition: column {self.condition!r} is of kind {columns[self.condition].kind!r},"
                f" expected classes. Declare it as category, or name another: {listed(columns)}"
            )
        _refuse_sizes(drawn, columns[drawn])
        return bound

    @property
    def drawn(self) -> str:
        """The column of pictures.

        Raises:
            UsageError: there is not one column of pictures.
        """
        grids = [name for name, port in self._ports.items() if port.kind == "grid"]
        if self.picture is not None:
            return self.picture
        if len(grids) != 1:
            raise UsageError(
                f"there are {len(grids)} columns of pictures, and one is to be drawn. "
                + (f"Say  picture: {grids[0]}" if grids else f"Columns: {listed(self._ports)}")
            )
        return grids[0]

    def target_columns(self) -> Mapping[str, str]:
        """The condition, whose whole numbers are classes too, though it is no target."""
        return {self.condition: "category"} if self.condition is not None else {}

    @property
    def inputs(self) -> Ports:
        """Noise, and the condition."""
        made = {NOISE: Port("vector", (self.noise,), optional=False)}
        return made | ({} if self.condition is None else {self.condition: self._told})

    @property
    def outputs(self) -> Ports:
        """The picture."""
        return {self.drawn: self._ports[self.drawn]}

    @property
    def judges(self) -> tuple[str, ...]:
        """The named classifier."""
        return (self.judge_by,) if self.judge_by is not None else ()

    @property
    def draws(self) -> bool:
        """It needs no rows."""
        return True

    @property
    def classes(self) -> list[str]:
        """The condition's classes as a reader sees them; [] without one."""
        if self.condition is None:
            return []
        known = np.arange(self._told.classes)
        return [str(name) for name in self.columns[self.condition].decode(known)]

    def tones(self, outputs: Mapping[str, Tensor]) -> Tensor:
        """(B, C, H, W) float32 in [-1, 1]: what a critic is shown of raw outputs."""
        return outputs[self.drawn].float().tanh()

    def real_tones(self, batch: Batch) -> Tensor:
        """(B, C, H, W) float32 in [-1, 1]: what a critic is shown of real rows."""
        from sonde.core.batch import tensor_of

        grid = tensor_of(batch, self.drawn)
        light = grid.float() if grid.is_floating_point() else grid / _BRIGHTEST
        return light * 2 - 1

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """Intensities: (1 + tanh) / 2 of what the network gives."""
        return {"picture": (self.tones(outputs) + 1) / 2}

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """A picture for each row given; without rows, as many as are asked for.

        Raises:
            UsageError: a class is asked for that there is none of.
            DataError: a row's condition is missing, or no class of the training rows.
        """
        import torch

        from sonde.core.batch import tensor_of

        assert isinstance(options, Generate.Options)
        device = next(model.parameters()).device
        if not inputs:
            return self._many(model, options, device)
        assert self.condition is not None, "a task that is given rows has a condition"
        told = tensor_of(inputs, self.condition).long()
        strange = (told >= self._told.classes).nonzero()[:, 0]
        if len(strange):
            raise DataError(
                f"row {int(strange[0])}: {self.condition!r} is missing, or no class that was "
                f"trained on. Pictures can be drawn of: {listed(self.classes)}"
            )
        first = int(tensor_of(inputs, ROW)[0]) if ROW in inputs else 0
        drawn = noise(options.seed, first, len(told), self.noise)
        return self._pictures(model, torch.from_numpy(drawn).to(device), told, options)

    def answer(self, arrays: Arrays) -> list[Row]:
        """The picture as an array of its column's kind, and its class."""
        pictures = self.columns[self.drawn].decode(as_pixels(arrays["picture"]))
        if self.condition is None:
            return [{self.drawn: picture} for picture in pictures]
        labels = self.columns[self.condition].decode(arrays["class"])
        return [
            {self.drawn: picture, self.condition: label}
            for picture, label in zip(pictures, labels, strict=True)
        ]

    @property
    def main_metric(self) -> str:  # type: ignore[override]  # it follows the options
        """The Fréchet distance, where a classifier is named."""
        return next(iter(self.metrics()))

    def metrics(self) -> Mapping[str, Metric]:
        """By the named classifier, then by pixels."""
        found: dict[str, Metric] = {}
        if self.judge_by is not None:
            found = {"frechet": Frechet(), "precision": _scores.Precision()}
            found["recall"] = _scores.Recall()
            if self.condition is not None:
                found["agreement"] = _scores.Agreement()
        pixels = {
            "nearest drawn": _scores.NearestDrawn(),
            "nearest real": _scores.NearestReal(),
        }
        return {**found, **pixels}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """As many drawn pictures as there are real rows, of the same classes, up to 10,000.

        Raises:
            DataError: there are no rows to compare with.
            UsageError: the named classifier does not read pictures alone.
        """
        real = real_rows(self, chunks)
        if self.judge_by is None:
            tell(_WITHOUT)
        parts = []
        for start in range(0, len(real.rows), _AT_ONCE):
            some = real.given.slice(start, _AT_ONCE)
            options = self.Options(seed=_key(seed, start), count=some.num_rows)
            found = predictor.arrays(some if self.condition else some.slice(0, 0), options)
            parts.append(as_pixels(found["picture"]))
        judged = beside(np.concatenate(parts), real)
        return judged if self.judge_by is None else judged_by(self, predictor, judged)

    def panels(self, judged: Judged) -> list[Panel]:
        """Drawn pictures by class, real ones beside them, the most alike."""
        return _generated_panels.panels(self, judged)

    def _many(self, model: nn.Module, options: Generate.Options, device: torch.device) -> Batch:
        """Pictures that nobody gave rows for; classes go round."""
        import torch

        wanted = self._wanted(options)
        parts: list[Batch] = []
        for first in range(0, options.count, _AT_ONCE):
            count = min(_AT_ONCE, options.count - first)
            drawn = torch.from_numpy(noise(options.seed, first, count, self.noise)).to(device)
            turns = (torch.arange(first, first + count) % max(1, len(wanted))).tolist()
            told = torch.tensor([wanted[turn] for turn in turns] if wanted else [], device=device)
            parts.append(self._pictures(model, drawn, told.long(), options))
        names = list(parts[0])
        return {name: torch.cat([_plain(part, name) for part in parts]) for name in names}

    def _wanted(self, options: Generate.Options) -> list[int]:
        """Indices of the classes to go round through.

        Raises:
            UsageError: there is none of such a name, or no condition at all.
        """
        if options.classes and self.condition is None:
            raise UsageError(
                "classes: this model was trained without a condition and knows no classes. Train "
                "with  condition: label  in the recipe's task to choose among them."
            )
        known = self.classes
        for name in options.classes:
            if name not in known:
                raise UsageError(f"classes: {unknown(f'class of {self.condition!r}', name, known)}")
        return [known.index(name) for name in options.classes] or list(range(len(known)))

    def _pictures(self, model: nn.Module, drawn: Tensor, told: Tensor, options: Spec) -> Batch:
        inputs: Batch = {NOISE: drawn}
        if self.condition is None:
            return self.read(model(inputs), options)
        inputs[self.condition] = told
        return self.read(model(inputs), options) | {"class": told}

    @property
    def _told(self) -> Port:
        assert self.condition is not None
        return self._ports[self.condition]


def as_pixels(pictures: np.ndarray) -> np.ndarray:
    """Intensities in [0, 1] as uint8."""
    pixels: np.ndarray = np.rint(pictures * _BRIGHTEST).astype(np.uint8)
    return pixels


def _plain(part: Batch, name: str) -> Tensor:
    from sonde.core.batch import tensor_of

    return tensor_of(part, name)


def _key(seed: int, start: int) -> int:
    from sonde.core.seed import key  # it imports torch

    return key(seed, "judge", start)


def _refuse_sizes(name: str, column: Column) -> None:
    """Pictures of different sizes are stretched to one only where somebody says so.

    Raises:
        UsageError: nobody did.
    """
    if isinstance(column, Image) and column.size is None and not column.even:
        height, width = column.port.shape[1:]
        raise UsageError(
            f"column {name!r}: its pictures are of different sizes, and a generator draws one. "
            f"Say which, and how they are to fit:  columns: {{{name}: {{kind: image, size: "
            f"[{height}, {width}], resize: crop}}}}"
        )
