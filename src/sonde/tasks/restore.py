"""Restore: pictures without noise, blur, holes, and with the pixels they lack.

    task: {kind: restore, target: image, damage: {gaussian: 0.1}}
    task: {kind: restore, target: clean, source: noisy}

Clean pictures are made worse while learning, anew each time (`damage`), or the data has both. The
network gives the clean picture, or with `residual` what is to be added to the one it is given
(Zhang, Zuo, Chen, Meng, Zhang, "Beyond a Gaussian Denoiser", 2017, arXiv:1608.03981, section
III-A). Answers are as large as the raw pictures: those larger than the network's are answered in
tiles, never shrunk, and so they are judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import Ask, Judged, Loss, Predictor, RawRows, SupervisedTask
from sonde.core.errors import DataError, UsageError
from sonde.core.port import Port, Ports
from sonde.core.spec import Spec
from sonde.data.columns.image import Image
from sonde.metrics.psnr import SQUARED, PeakSignalToNoise, squared_errors
from sonde.metrics.ssim import SIMILARITY, StructuralSimilarity, similarities
from sonde.tasks import _restored_judged, _restored_panels
from sonde.tasks._corruption import intensities
from sonde.tasks._damage import Damage, damaged, draw_of, enlarged
from sonde.tasks._target import bound_target
from sonde.tasks._tiles import Tiling, in_tiles, rows_of_tiles, whole

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sonde.core.batch import Batch

_GIVEN = "#given"
"""Key of the pictures that are to be restored, among the targets."""

_KNEE = 1e-3
"""Where the Charbonnier loss turns from a square into an absolute value."""


class Restore(SupervisedTask):
    """One target column of clean pictures; the network gives (B, C, H, W) values for it.

    `read` gives {"restored": (B, C, H, W) float32 intensities in [0, 1]}.
    """

    suggests: ClassVar[str | Mapping[str, Any]] = {"kind": "unet", "norm": "none"}
    learns_by: ClassVar[str | Mapping[str, Any]] = {
        "kind": "supervised",
        "optimizer": {"kind": "adamw", "learning_rate": 0.002},
        "schedule": "one-cycle",
        "batch_size": 16,  # of pictures: 64 photographs would not fit into memory
    }
    main_metric: ClassVar[str] = "psnr"

    class Options(Spec):
        """What a caller may choose."""

        flips: bool = False
        """Answer the mirror images too and give the mean: a little better, four times the work."""
        overlap: int | None = Field(None, ge=0)
        """Pixels at the border of a tile that are answered by its neighbour; by default an eighth
        of its shorter side. The more a network looks at around a pixel, the more it takes."""
        enlarge: int = Field(1, ge=1, le=16)
        """How many times larger a side is to be: pictures are enlarged first (bicubic), as a model
        that learned from `low_resolution` expects."""
        damage: bool = False
        """Whether pictures are clean and to be damaged first, as in training."""

    target: str
    """The column of clean pictures."""
    source: str | None = None
    """A column of worse ones of the same sizes, where the data has both."""
    damage: Damage | None = None
    """What makes clean pictures worse, where it does not."""
    residual: bool = True
    """Whether the network says what to add to a picture, instead of all of it."""
    objective: Literal["absolute", "squared", "charbonnier"] = "charbonnier"
    """What a pixel costs. charbonnier: the square root of the squared error and 0.001 squared, as
    Lai et al. 2017, arXiv:1710.01992, eq. 3: an absolute error with a gradient everywhere."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.source is None) == (self.damage is None):
            given = "both" if self.source else "neither"
            raise ValueError(
                f"got {given}, expected source (a column of worse pictures) or damage (what makes "
                "clean ones worse), such as damage: {gaussian: 0.1}"
            )
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.target!r}")
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        noise = Damage(gaussian=(0.05, 0.2))
        return [
            cls(target="label", damage=noise),
            cls(target="label", damage=Damage(low_resolution=2), residual=False),
            cls(target="label", damage=noise, objective="squared"),
            cls(target="label", damage=Damage(holes=0.2, hole_side=2), objective="absolute"),
        ]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn: the target or the source is no column.
            UsageError: one of them holds no pictures, they differ in size, or further pictures
                are inputs.
        """
        for name in (self.target, self._worse):
            bound_target(name, columns, "grid")
            if not isinstance(columns[name], Image):
                raise UsageError(
                    f"column {name!r} is of kind {columns[name].kind!r}, expected pictures. "
                    f"Declare  {name}: image"
                )
        bound = super().bind(columns)
        shape, given = (columns[name].port.shape for name in (self.target, self._worse))
        if shape[1:] != given[1:] or (self.residual and shape != given):
            raise UsageError(
                f"{self.target!r} is (channels, height, width) {shape} and {self._worse!r} {given}"
                f": expected the same. Give both columns one size and channels"
                f"{', or leave residual out' if shape[1:] == given[1:] else ''}."
            )
        others = [n for n, p in bound.inputs.items() if p.kind == "grid" and n != self._worse]
        if others:
            raise UsageError(
                f"column {others[0]!r} is a picture too, and restore reads one: {self._worse!r}. "
                "Leave it out of the recipe's columns."
            )
        return bound

    @property
    def targets(self) -> tuple[str, ...]:
        """The clean pictures, where they are a column of their own."""
        return () if self.source is None else (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Pictures."""
        return dict.fromkeys({self.target, self._worse}, "image")

    @property
    def outputs(self) -> Ports:
        """A value for each pixel and channel."""
        port = self.columns[self.target].port
        return {self.target: Port("grid", port.shape, frame=self._worse)}

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """Worse pictures and what is beside them; clean ones.

        Rows that are not learned from are damaged too, by the one draw that each row number has.
        """
        from sonde.core.batch import select, tensor_of

        inputs = select(batch, self.inputs)
        clean = tensor_of(batch, self.target)
        if self.damage is not None:
            inputs[self.target] = (
                self.damage.apply(clean, generator)
                if generator is not None
                else self._as_judged(clean, batch)
            )
        return inputs, {self.target: clean, _GIVEN: inputs[self._worse]}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """The mean cost of a row's values, of intensities in [0, 1]."""
        import torch

        from sonde.core.batch import tensor_of

        said = self._said(outputs, tensor_of(targets, _GIVEN))
        gap = said - intensities(tensor_of(targets, self.target))
        match self.objective:
            case "absolute":
                cost = gap.abs()
            case "squared":
                cost = gap.square()
            case "charbonnier":
                cost = (gap.square() + _KNEE**2).sqrt()
        sums = cost.flatten(1).mean(dim=1)
        return Loss(sums, torch.ones_like(sums))

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """Intensities; with `residual` of what is added to black, since only `predict` has more."""
        return {"restored": self._said(outputs, None).clamp(0, 1)}

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """Restored pictures."""
        from sonde.core.batch import tensor_of
        from sonde.tasks._flips import ALL_WAYS, over_flips

        assert isinstance(options, Restore.Options)

        def said(asked: Batch) -> Tensor:
            return self._said(model(asked), tensor_of(asked, self._worse))

        ways = ALL_WAYS if options.flips else ALL_WAYS[:1]
        return {"restored": over_flips(said, inputs, self.inputs, ways).clamp(0, 1)}

    def answer(self, arrays: Arrays) -> list[Row]:
        """The restored picture."""
        pixels = np.rint(arrays["restored"] * 255).astype(np.uint8)
        return [{self.target: picture} for picture in self.columns[self.target].decode(pixels)]

    def in_pieces(self, rows: pa.RecordBatch, options: Spec, ask: Ask) -> list[Row]:
        """Pictures as large as the raw ones, at full resolution, in tiles where they are larger."""
        assert isinstance(options, Restore.Options)
        given = self._given(rows, options)
        return [{self.target: each} for each in self.restored(given, rows, options, ask)]

    def pictured(self, answers: list[Row], rows: pa.RecordBatch) -> list[np.ndarray]:
        """Before and after, side by side."""
        given = whole(self._picture(self._worse), rows)
        return [
            _restored_panels.before_after(before, answer[self.target])
            for before, answer in zip(given, answers, strict=True)
        ]

    def noted(self, outputs: Mapping[str, Tensor], targets: Batch) -> tuple[Batch, Batch]:
        """How far each picture of the grid is from the clean one."""
        import torch

        from sonde.core.batch import tensor_of

        said = self._said(outputs, tensor_of(targets, _GIVEN)).clamp(0, 1)
        true = intensities(tensor_of(targets, self.target))
        pair = said.detach().cpu().numpy(), true.cpu().numpy()
        found = {SQUARED: squared_errors(*pair), SIMILARITY: similarities(*pair)}
        return {name: torch.from_numpy(values) for name, values in found.items()}, {}

    def metrics(self) -> Mapping[str, Metric]:
        """How far pictures are from the clean ones, and how much they look like them."""
        return {"psnr": PeakSignalToNoise(), "ssim": StructuralSimilarity()}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Raw pictures at full size, beside what a median filter makes of the worse ones."""
        return _restored_judged.judged(self, predictor, chunks)

    def panels(self, judged: Judged) -> list[Panel]:
        """Each picture before and after, in decibels."""
        return [_restored_panels.gains(judged)]

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """The worst pictures, usual ones and the best: before, after, and what is true."""
        chosen = _restored_panels.chosen(judged)
        if not len(chosen):
            return []
        rows = raw(np.sort(judged.rows[chosen]).tolist())
        numbered = rows.drop_columns(["#row"]) if "#row" in rows.schema.names else rows
        numbers = pa.array(np.sort(judged.rows[chosen]))
        found = _restored_judged.triples(self, predictor, numbered.append_column("#row", numbers))
        return [_restored_panels.sheet(judged, chosen, list(found))]

    def pairs(self, rows: pa.RecordBatch) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Each judged row's clean picture and the worse one, as large as they are.

        Raises:
            DataError: those of a row differ in size.
        """
        clean = whole(self._picture(self.target), rows)
        numbers = rows.column("#row").to_pylist()
        if self.damage is not None:
            yield from (
                (p, damaged(p, self.damage, n)) for p, n in zip(clean, numbers, strict=True)
            )
            return
        given = whole(self._picture(self._worse), rows)
        for number, picture, worse in zip(numbers, clean, given, strict=True):
            if picture.shape[:2] != worse.shape[:2]:
                sizes = (f"{each.shape[1]} x {each.shape[0]}" for each in (worse, picture))
                raise DataError(
                    f"row {number}: {self._worse!r} is {next(sizes)} pixels and {self.target!r} "
                    f"{next(sizes)}, expected one size. Scale the file, or take the row out."
                )
            yield picture, worse

    def restored(
        self,
        pictures: Iterable[np.ndarray],
        rows: pa.RecordBatch,
        options: Options,
        ask: Ask,
    ) -> Iterator[np.ndarray]:
        """Worse pictures (H, W) or (H, W, 3) restored, those of `rows` one after the other."""
        column = self._picture(self._worse)

        def answered(tiles: np.ndarray, owners: np.ndarray) -> Sequence[np.ndarray]:
            answers = ask(rows_of_tiles(rows, column, tiles, owners))
            return [answer[self.target] for answer in answers]

        return in_tiles(pictures, Tiling.of(column, options.overlap), answered)

    def _given(self, rows: pa.RecordBatch, options: Options) -> Iterator[np.ndarray]:
        """The pictures that are to be restored."""
        damage = self.damage if options.damage else None
        for number, picture in enumerate(whole(self._picture(self._worse), rows)):
            larger = enlarged(picture, options.enlarge)
            yield larger if damage is None else damaged(larger, damage, number)

    def _said(self, outputs: Mapping[str, Tensor], given: Tensor | None) -> Tensor:
        """(B, C, H, W) float32 intensities, not yet kept in [0, 1]."""
        said = outputs[self.target].float()
        return said + intensities(given) if self.residual and given is not None else said

    def _as_judged(self, clean: Tensor, batch: Batch) -> Tensor:
        """Clean pictures, each damaged by the draw of its row number; in a fixed order without."""
        import torch

        from sonde.core.batch import tensor_of
        from sonde.core.port import ROW

        assert self.damage is not None
        numbers = tensor_of(batch, ROW).tolist() if ROW in batch else range(len(clean))
        rows = [
            self.damage.apply(picture, draw_of(number))
            for picture, number in zip(clean.cpu()[:, None], numbers, strict=True)
        ]
        return torch.cat(rows).to(clean.device) if rows else clean

    def _picture(self, name: str) -> Image:
        column = self.columns[name]
        assert isinstance(column, Image)
        return column

    @property
    def _worse(self) -> str:
        """The column of the pictures that are given."""
        return self.source or self.target
