"""Translate: read a text and say another, such as the same in another language.

While it learns, the network is given the true words before each word (teacher forcing); when it
answers, its own, by beam search. It is judged on texts as a reader sees them: BLEU and chrF against
the references as they stand in the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import Baseline, Judged, Loss, Predictor, SupervisedTask
from sonde.core.errors import UnknownColumn, UsageError, unknown
from sonde.core.port import Port, Ports
from sonde.core.said import SAID
from sonde.core.spec import Spec
from sonde.metrics.bleu import Bleu, Words
from sonde.metrics.chrf import Chrf
from sonde.tasks import _teaching, _translations
from sonde.tasks._memory import NAME, translation_memory

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sonde.core.batch import Batch, Padded

_MORE = 10
"""Words an answer may have beside those the source allows: short texts may need them."""


class Translate(SupervisedTask):
    """From a text to a text.

    `read` and `predict` give {"words": (B, T), "lengths": (B,)}; a search also {"log prob": (B,)}
    and, where asked for, {"best ...": the same of the n best} and {"attention": (B, T + 1, S)}.
    """

    suggests: ClassVar[str] = "seq2seq"
    main_metric: ClassVar[str] = "bleu"

    class Options(Spec):
        """What a caller may choose; what is left open is as the recipe says."""

        beam: int | None = Field(None, ge=1, le=100)
        """Beginnings kept while searching; 1 takes the likeliest word each time."""
        length_penalty: float | None = Field(None, ge=0)
        """Above 0 longer answers are taken sooner."""
        longest: float | None = Field(None, gt=0)
        """Words of an answer at most, as a multiple of the source's words, and 10 more."""
        give: Literal["text", "attention"] = "text"
        """The answer alone, or also which words of the source each of its words looked at."""
        best: int = Field(1, ge=1, le=100)
        """How many answers, the best first; no more than the beam."""

        @model_validator(mode="after")
        def _wide_enough(self) -> Self:
            if self.beam is not None and self.best > self.beam:
                raise ValueError(f"got best {self.best} of a beam of {self.beam}; widen the beam")
            return self

    source: str
    """The column that is read."""
    target: str
    """The column that is to be said."""
    smoothing: float = Field(0.1, ge=0, lt=1)
    """Part of what is asked for that goes to all words alike, in the loss."""
    beam: int = Field(5, ge=1, le=100)
    """Beginnings kept while searching, when it is judged too."""
    length_penalty: float = Field(0.6, ge=0)
    """The power of an answer's length that its log probability is divided by."""
    longest: float = Field(2.0, gt=0)
    """Words of an answer at most, as a multiple of the source's words, and 10 more."""
    words: Words = "13a"
    """What BLEU takes for a word: `zh` for Chinese, `char` for scripts without spaces."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Plain, and greedy without smoothing."""
        return [
            cls(source="input", target="output"),
            cls(source="input", target="output", smoothing=0.0, beam=1, words="char"),
        ]

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}; name two columns")
        return self

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn: source or target is no column.
            UsageError: one of them is no text.
        """
        for name in (self.source, self.target):
            if name not in columns:
                raise UnknownColumn(unknown("column", name, columns))
            port = columns[name].port
            if port.kind != "sequence" or port.size is None:
                raise UsageError(
                    f"column {name!r} is of kind {columns[name].kind!r}, and translate needs texts "
                    f"on both sides. Declare it as  {name}: text"
                )
        return super().bind(columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """The one target."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Texts; the source too, which short or repeated ones would else be taken for classes."""
        return {self.source: "text", self.target: "text"}

    @property
    def inputs(self) -> Ports:
        """The source; and what was said before, which no caller gives."""
        if self.target not in self._ports:
            return {}
        return {self.source: self._ports[self.source], SAID: self._said}

    @property
    def outputs(self) -> Ports:
        """Raw logits of the next word, at every place."""
        return {self.target: self._said}

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """The source and the true words before each word; the words."""
        from sonde.core.batch import Padded, select

        words = batch[self.target]
        assert isinstance(words, Padded), f"{self.target} is a text and must be padded"
        said, asked = _teaching.taught(words)
        inputs = select(batch, [self.source])
        inputs[SAID] = said
        return inputs, {self.target: asked}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Cross entropy with smoothing, in nats; a row counts for its words."""
        return _teaching.smoothed_loss(
            outputs[self.target], _asked(targets, self.target), self.smoothing
        )

    def watched(self) -> Mapping[str, Metric]:
        """Under teacher forcing, which needs no search."""
        return _teaching.metrics()

    def noted(self, outputs: Mapping[str, Tensor], targets: Batch) -> tuple[Batch, Batch]:
        """Each row's sums."""
        return _teaching.noted(outputs[self.target], _asked(targets, self.target)), {}

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The likeliest word at each place, up to the end."""
        from sonde.tasks._search import sayable, until_end

        words = sayable(outputs[self.target]).argmax(dim=-1)
        return {"words": words, "lengths": until_end(words)}

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """The best answers of a beam search.

        Raises:
            UsageError: the network says nothing word by word.
        """
        import torch

        from sonde.contracts.model import Incremental
        from sonde.core.batch import Padded
        from sonde.tasks._search import search

        assert isinstance(options, Translate.Options)
        if not isinstance(model, Incremental):
            raise UsageError("this network cannot say a text word by word. Take model: seq2seq")
        read = inputs[self.source]
        assert isinstance(read, Padded), f"{self.source} is a text and must be padded"
        most = self.longest if options.longest is None else options.longest
        longest = torch.where(read.lengths > 0, (read.lengths * most).long() + _MORE, 0)
        power = self.length_penalty if options.length_penalty is None else options.length_penalty
        beam = max(options.beam or self.beam, options.best)
        found = search(model, inputs, longest, beam=beam, length_penalty=power)
        batch: Batch = {
            "words": found.words[:, 0],
            "lengths": found.lengths[:, 0],
            "log prob": found.log_probs[:, 0],
        }
        if options.best > 1:
            kept = {name: part[:, : options.best] for name, part in found._asdict().items()}
            names = {"words": "best words", "lengths": "best lengths", "log_probs": "best log prob"}
            batch |= {named: kept[name] for name, named in names.items()}
        if options.give == "attention":
            batch |= _translations.looked(model, inputs, self.source, batch)
        return batch

    def answer(self, arrays: Arrays) -> list[Row]:
        """The text by the target's name; what else was asked for beside it."""
        texts = self._texts(arrays["words"], arrays["lengths"])
        rows: list[Row] = [{self.target: text} for text in texts]
        if "log prob" in arrays:
            for row, log_prob in zip(rows, arrays["log prob"], strict=True):
                row["log_prob"] = float(log_prob)
        if "best words" in arrays:
            _translations.add_best(rows, arrays, self._texts)
        if "attention" in arrays:
            sides = (self.columns[self.source], self.columns[self.target])
            for row, seen in zip(rows, _translations.attention_of(arrays, *sides), strict=True):
                row["attention"] = seen
        return rows

    def metrics(self) -> Mapping[str, Metric]:
        """Of texts: BLEU and chrF over all rows."""
        return {"bleu": Bleu(), "chrf": Chrf()}

    def baselines(self) -> Mapping[str, Baseline]:
        """What was said of the training source most like this one."""
        size = self.columns[self.source].port.size
        assert size is not None, "a text has an alphabet"
        rival = partial(translation_memory, source=self.source, target=self.target, size=size)
        return {NAME: rival}

    def beside(self, said: Arrays, raw: Callable[[], pa.RecordBatch]) -> Arrays:
        """Its n-grams that the references have too."""
        return _translations.counts(self, self._texts(said["words"], said["lengths"]), raw())[0]

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Texts as a caller gets them beside the raw references; short sources first, for speed."""
        return _translations.judge(self, predictor, chunks)

    def panels(self, judged: Judged) -> list[Panel]:
        """Samples, where it looked, and how the scores hang on the source's length."""
        return [*_translations.by_length(judged), *judged.shown]

    def _texts(self, words: np.ndarray, lengths: np.ndarray) -> list[str]:
        """(N, T) words and (N,) lengths -> N texts."""
        return _translations.texts(self.columns[self.target], words, lengths)

    @property
    def _said(self) -> Port:
        """The target's words; sharing vectors with the source where that has its alphabet."""
        port = self._ports[self.target]
        return replace(port, optional=False, alphabet=port.alphabet or f"#{self.target}")


def _asked(targets: Batch, name: str) -> Padded:
    from sonde.core.batch import Padded

    words = targets[name]
    assert isinstance(words, Padded), f"{name} is a text and must be padded"
    return words
