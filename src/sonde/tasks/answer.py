"""Answer: find the part of a text that answers a question, or say that there is none.

The network says of each step of the context how likely an answer starts and ends there, and of the
row whether there is an answer at all. The loss of the span is that of Seo et al. 2017
(arXiv:1611.01603, eq. 5), over all steps of a context at once, however long it is (Clark, Gardner,
"Simple and Effective Multi-Paragraph Reading Comprehension", 2018, arXiv:1710.10723, section 3.3,
shows why parts of a context must not be normalised apart). That there is no answer is learned
beside it, and the probability from which one is given is settled on validation rows (as Rajpurkar,
Jia, Liang 2018, arXiv:1806.03822, section 5.1, do).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Column, Raw, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Baseline,
    Judged,
    Loss,
    Predictor,
    RawRows,
    SupervisedTask,
    stack,
)
from sonde.core.errors import UnknownColumn, UsageError, listed, unknown
from sonde.core.notice import tell
from sonde.core.port import PRESENT, Port, Ports, is_reserved
from sonde.core.spec import Learned, Spec
from sonde.metrics.answer_f1 import AnswerF1
from sonde.metrics.exact_match import ExactMatch
from sonde.metrics.roc_auc import RocAuc
from sonde.tasks import _answer_panels
from sonde.tasks._answer_rows import judged_alone, judged_together, no_answer, true_texts
from sonde.tasks._spans import Answers, Places, best_cut, best_spans, covered
from sonde.tasks._target import bound_target, shortest

if TYPE_CHECKING:
    from torch import Tensor

    from sonde.core.batch import Batch

_GUESSED = 0.5
"""Probability from which an answer is given while nothing is settled."""


class Answer(SupervisedTask):
    """The target is a column of spans; the text they lie in is an input, a question another.

    `read` gives {"span": (B, 2) int64 first and last step of the likeliest answer, "score": (B,)
    float32 its probability among all spans, "probability": (B, 2) float32 that there is no answer
    and that there is one, "says": (B,) int64, 1 where one is given}.
    """

    suggests: ClassVar[str] = "reader"
    settles: ClassVar[bool] = True
    main_metric: ClassVar[str] = "f1"

    class Options(Spec):
        """What a caller may choose."""

        always: bool = False
        """Give the likeliest answer even where none is likelier."""

    target: str
    longest: int = Field(30, ge=1)
    """Most steps, such as words, of an answer."""
    answerability: float = Field(1.0, gt=0)
    """What an error about whether there is an answer counts for, beside the span's."""
    together: str | None = None
    """A raw field: rows with the same value are one question, asked of several people. It is
    judged once, has an answer if one of them found any, and the nearest of their answers counts."""
    cut: Learned[float | None] = None
    """An answer is given from this probability on that there is one, in [0, 1]."""
    cut_score: Learned[float | None] = None
    """Mean F1, in words, of the validation rows at `cut`."""

    @classmethod
    def examples(cls) -> list[Self]:
        """The target is whatever column a test has."""
        return [cls(target="label"), cls(target="label", longest=3, answerability=0.5)]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UsageError: the target is no column of spans, or not in a text that is among the inputs.
        """
        bound_target(self.target, columns, "vector")
        target = columns[self.target]
        if not isinstance(target, Answers):
            raise UsageError(
                f"target {self.target!r} is a column of kind {target.kind!r}, expected span. "
                f"Declare  {self.target}: {{kind: span, start: ..., within: ...}}"
            )
        missing = [name for name in target.leans_on if name not in columns]
        if missing:
            raise UsageError(f"column {self.target!r} lies in {listed(missing)}, which is no input")
        return super().bind(columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of spans."""
        return (self.target,)

    def target_columns(self) -> Mapping[str, str]:
        """Answers are spans."""
        return {self.target: "span"}

    @property
    def outputs(self) -> Ports:
        """A logit of each step to be the first and the last, and one of there being an answer."""
        steps = Port("vector", (None,), frame=self._context)
        return {"start": steps, "end": steps, "answerable": Port("scalar")}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Half the cross entropies of start and end, where there is an answer; that there is one.

        All are in nats; rows of which no answer is known count for nothing.
        """
        import torch
        from torch.nn import functional

        from sonde.core.batch import tensor_of

        spans = tensor_of(targets, self.target).long()  # (B, 2)
        there = spans[:, 0] >= 0
        sums = torch.zeros_like(outputs["answerable"])
        for place, name in enumerate(("start", "end")):
            step = spans[:, place].clamp(0, outputs[name].shape[1] - 1)
            error = functional.cross_entropy(outputs[name], step, reduction="none")
            sums = sums + torch.where(there, error / 2, 0.0)
        doubt = functional.binary_cross_entropy_with_logits(
            outputs["answerable"], there.float(), reduction="none"
        )
        weights = torch.ones_like(sums)
        if PRESENT + self.target in targets:
            weights = tensor_of(targets, PRESENT + self.target).float()
        return Loss((sums + self.answerability * doubt) * weights, weights)

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The likeliest span, and whether it is given."""
        import torch

        start, end = (outputs[name].float().log_softmax(dim=1) for name in ("start", "end"))
        spans, score = best_spans(start, end, self.longest)
        there = outputs["answerable"].float().sigmoid()
        cut = _GUESSED if self.cut is None else self.cut
        says = torch.ones_like(there) if _always(options) else there >= cut
        probability = torch.stack([1 - there, there], dim=1)
        said: Batch = {"span": spans, "score": score.exp(), "says": says.long()}
        return said | {"probability": probability}

    def settle(self, outputs: Arrays, targets: Arrays) -> Self:
        """The probability from which giving an answer serves best on validation rows."""
        import torch

        raw = {name: torch.from_numpy(np.asarray(values)) for name, values in outputs.items()}
        read = {n: np.asarray(v) for n, v in self.read(raw, self.Options()).items()}
        known = self.known(targets)
        predicted = {name: array[known] for name, array in self.predicted(read).items()}
        truth = self.truth({name: array[known] for name, array in targets.items()})
        answerable = truth["index"] == 1
        f1 = AnswerF1(rows="answerable").of_rows(predicted, truth)
        found = best_cut(predicted["probability"][:, 1], f1, answerable)
        tell(
            f"threshold  an answer is given from probability {found.cut:.3f} on: f1 "
            f"{found.score:.4g} on {len(f1):,} validation rows, {answerable.mean():.0%} of them "
            "with an answer",
            threshold=found.cut,
        )
        return self.learn(cut=found.cut, cut_score=found.score).bind(self.columns)

    def answer(self, arrays: Arrays) -> list[Row]:
        """First and last step of the answer or None, its score, the probability of there being one.

        `completed` puts the words in the place of the steps.
        """
        given = arrays["says"].astype(bool)
        pairs = arrays["span"].tolist()
        scores, sure = shortest(arrays["score"]), shortest(arrays["probability"][:, 1])
        return [
            {self.target: pair if says else None, "score": score, "answerable": probability}
            for pair, says, score, probability in zip(pairs, given, scores, sure, strict=True)
        ]

    def completed(self, answers: list[Row], rows: pa.RecordBatch) -> list[Row]:
        """The answer as it stands in the context, and the character where it starts there."""
        contexts = self._contexts(rows)
        places = self._offsets(contexts)
        return [
            answer | _cut_out(answer[self.target], context, offsets, self.target)
            for answer, context, offsets in zip(answers, contexts, places, strict=True)
        ]

    def predicted(self, arrays: Arrays) -> Arrays:
        """Steps stand for words: the same step is the same word."""
        return {**arrays, "words": covered(arrays["span"])}

    def truth(self, targets: Arrays) -> Arrays:
        """{"words": (N, 1, W) int64 steps of the answer, "index": (N,) 1 where there is one}."""
        spans = targets[self.target]
        return {"words": covered(spans)[:, None], "index": (spans[:, 0] >= 0).astype(np.int64)}

    def metrics(self) -> Mapping[str, Metric]:
        """Over all rows, where no answer may be right; over those that have an answer."""
        return {
            "f1": AnswerF1(),
            "exact match": ExactMatch(),
            "auc": RocAuc(),
            "f1 (answerable)": AnswerF1(rows="answerable"),
            "exact match (answerable)": ExactMatch(rows="answerable"),
        }

    def baselines(self) -> Mapping[str, Baseline]:
        """To every question: there is no answer."""
        return {"no answer": no_answer}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Words cut out of the raw contexts, beside all answers that the data holds."""
        target = cast("Answers", self.columns[self.target])
        predicted, truth, groups, rows = [], [], [], []
        for chunk in chunks:
            arrays = predictor.arrays(chunk)
            contexts = self._contexts(chunk)
            predicted.append(judged_alone(arrays, contexts, self._offsets(contexts)))
            truth.append(true_texts(target.texts(chunk)))
            rows.append(chunk.column("#row").to_numpy())
            if self.together is not None:
                groups += _field(chunk, self.together)
        judged = Judged(stack(predicted), stack(truth), np.concatenate(rows))
        return judged_together(judged, groups) if self.together is not None else judged

    def panels(self, judged: Judged) -> list[Panel]:
        """How good answers are by the length of the context."""
        return [_answer_panels.by_length(judged)]

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """The surest mistakes, with what was said and what is true marked in the context."""
        worst = _answer_panels.surest_mistakes(judged)
        if not worst:
            return []
        rows = raw(sorted(worst)).take(pa.array(np.argsort(np.argsort(worst))))
        arrays = predictor.arrays(rows)
        contexts = self._contexts(rows)
        target = cast("Answers", self.columns[self.target])
        questions = [name for name in self.inputs if name != self._context]
        asked = [self.columns[name].reads[0] for name in questions]
        return [
            _answer_panels.mistakes(
                {name: rows.column(name).to_pylist() for name in asked},
                contexts,
                self._offsets(contexts),
                arrays,
                list(zip(target.texts(rows), target.places(rows), strict=True)),
            )
        ]

    @property
    def _context(self) -> str | None:
        """The text column that the spans lie in."""
        return next(iter(self.columns[self.target].leans_on), None)

    def _contexts(self, rows: pa.RecordBatch) -> list[str]:
        """(N,) raw texts; empty where there is none."""
        assert self._context is not None, "rows are judged by what stands in a context"
        values = rows.column(self.columns[self._context].reads[0])
        return [text or "" for text in values.to_pylist()]

    def _offsets(self, contexts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where the steps of each context stand in it."""
        return cast("Places", self.columns[self._context or ""]).offsets(contexts)


def _always(options: Spec) -> bool:
    return isinstance(options, Answer.Options) and options.always


def _field(rows: pa.RecordBatch, name: str) -> list[Raw]:
    """The raw values of a field.

    Raises:
        UnknownColumn: there is no such field.
    """
    if name not in rows.schema.names:
        known = [field for field in rows.schema.names if not is_reserved(field)]
        raise UnknownColumn(f"task, together: {unknown('field', name, known)}")
    values: list[Raw] = rows.column(name).to_pylist()
    return values


def _cut_out(
    steps: Sequence[int] | None, context: str, offsets: Sequence[tuple[int, int]], name: str
) -> Row:
    """The text from the first to the last step, and the character it starts at."""
    if steps is None or not offsets:
        return {name: None, "start": None}
    start, end = offsets[steps[0]][0], offsets[steps[1]][1]
    return {name: context[start:end], "start": start}
