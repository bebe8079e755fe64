"""Verify: are two pictures of one person, and who of those we know is it?

    sonde predict model.sonde a.pgm b.pgm              each beside the most like of the others
    sonde predict model.sonde a.pgm --gallery people/  the best match, or nobody
    sonde predict model.sonde people/ --gallery people/ --embedding --output known.jsonl
                                                       enrolled: a gallery that needs no pictures

A network maps a row to a direction (the model `embedder`), learned as a classification of the
training identities with a margin between them (`_margins.py`); then two rows are as alike as the
cosine of their directions. It is judged on all pairs of test rows, best of people that were never
trained on. From which similarity a pair is taken for one person, pairs of validation rows decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from sonde.contracts.data import Column, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.panels import Panel
from sonde.contracts.task import (
    Baseline,
    Judged,
    Loss,
    Predictor,
    RawRows,
    SupervisedTask,
    Task,
    encode_all,
)
from sonde.core.code import code_port
from sonde.core.errors import DataError, UsageError
from sonde.core.notice import say, tell
from sonde.core.port import MISSING, Port, Ports
from sonde.core.spec import Learned, Spec
from sonde.metrics._pairs import pairs_of, unit
from sonde.metrics.equal_error import EqualError
from sonde.metrics.identification import Identification, first_of_each
from sonde.metrics.pair_auc import PairAuc
from sonde.metrics.true_accept import TrueAccept
from sonde.tasks import _identities, _threshold, _verify_panels, _verify_pictures
from sonde.tasks._gallery import EMBEDDING, gallery_of
from sonde.tasks._margins import Form, with_margin
from sonde.tasks._target import bound_target, shortest

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sonde.core.batch import Batch

_AT_ONCE = 256

_FEW = 20
_DOUBT = "; so few people say little of others: keep more, or choose by --threshold when you ask"
"""Said of a threshold that fewer people settled."""

_OWN = ("nearest", "similarity", "same", EMBEDDING)


class Verify(SupervisedTask):
    """One target column of identities; those of other parts need not be those of training.

    `read` gives {"embedding": (B, K) float32 of length 1}.
    """

    suggests: ClassVar[str] = "embedder"
    learns_by: ClassVar[str | Mapping[str, Any]] = {
        "kind": "supervised",
        "optimizer": {"kind": "adamw", "learning_rate": 0.002, "weight_decay": 0.05},
        "schedule": "one-cycle",
        "budget": {"epochs": 60},
        "batch_size": 32,
    }
    settles: ClassVar[bool] = True
    compares: ClassVar[bool] = True
    main_metric: ClassVar[str] = "equal error rate"

    class Options(Spec):
        """What a caller may choose."""

        gallery: Any = None
        """People who are known: a folder with a sub-folder of pictures for each, a table, or rows;
        instead of a picture a row may have the field `embedding`. Without it the rows of one call
        are compared with one another."""
        embedding: bool = False
        """Whether answers hold the row's direction too, to be kept for a gallery."""
        threshold: float | None = Field(None, ge=-1, le=1)
        """The similarity from which two rows are taken for one person; None is the settled one."""

    target: str
    margin: float = Field(0.2, ge=0, lt=1.5)
    """By what a class must be nearer than it is: of the cosine, or radians of the angle."""
    margin_of: Form = "cosine"
    """Whether the margin is taken off the cosine (CosFace) or added to the angle (ArcFace)."""
    scale: float = Field(16.0, gt=0)
    """What cosines are multiplied with in the loss: the larger, the less rows count that are right
    already."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Part of the truth that is spread evenly over all training identities."""
    false_accept: float | None = Field(None, gt=0, lt=1)
    """Part of the pairs of different people that may be accepted, for which the threshold is
    settled; None is where as many pairs of one person are refused. Against a gallery of many
    there are as many chances to be accepted falsely."""
    enrolled: int = Field(1, ge=1)
    """First rows of each person that judging takes for the gallery of identification."""
    cut: Learned[float | None] = None
    """The similarity from which a pair is accepted, in [-1, 1]."""
    cut_score: Learned[float | None] = None
    """Equal error rate of the validation rows."""

    @model_validator(mode="after")
    def _named_apart(self) -> Self:
        if self.target in _OWN:
            raise ValueError(
                f"got the target {self.target!r}, a name that answers have for something else; "
                "expected another. Rename the column"
            )
        return self

    @classmethod
    def examples(cls) -> list[Self]:
        """Both margins; none."""
        return [
            cls(target="label"),
            cls(target="label", margin=0.3, margin_of="angle", scale=8.0),
            cls(target="label", margin=0.0, label_smoothing=0.1, false_accept=0.01),
        ]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            DataError: the training rows are of one person, or of nobody.
            UsageError: the target does not tell people apart whom it was not fitted on.
        """
        port = bound_target(self.target, columns, "category")
        column = columns[self.target]
        if not column.tells_apart:
            raise UsageError(
                f"target {self.target!r} is a column of kind {column.kind!r}, to which all new "
                f"people are alike, expected identity. Declare  {self.target}: identity"
            )
        if port.classes < 2:
            raise DataError(
                f"column {self.target!r} has {port.classes} identities among the training rows, "
                "expected two or more. Take another target, another split, or more rows."
            )
        return super().bind(columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """The column of identities."""
        return (self.target,)

    @property
    def kept_whole(self) -> str:
        """People stay in one part: a verification is for those whom nobody trained on."""
        return self.target

    def target_columns(self) -> Mapping[str, str]:
        """Classes that go on where training rows end."""
        return {self.target: "identity"}

    @property
    def outputs(self) -> Ports:
        """The direction of a row, and its cosine with that of each training identity."""
        return {EMBEDDING: code_port(None), self.target: Port("category", size=self._classes)}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Cross entropy (natural log) over scaled cosines, a margin off the row's own."""
        from sonde.core.batch import tensor_of
        from sonde.tasks._class_losses import class_loss

        index = tensor_of(targets, self.target).long()
        cosines = outputs[self.target].float()
        less = with_margin(cosines, index, margin=self.margin, form=self.margin_of)
        return class_loss(self.scale * less, index, smoothing=self.label_smoothing)

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The direction, (B, K) float32."""
        return {EMBEDDING: outputs[EMBEDDING].float()}

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """Directions, and with a gallery whom each row is most like.

        Raises:
            DataError: the gallery cannot be read, or shows nobody.
        """
        import torch

        from sonde.tasks._few_shot import as_letters

        assert isinstance(options, Verify.Options)
        found: Batch = {EMBEDDING: self._directions(model, inputs)}
        directions = found[EMBEDDING]
        assert isinstance(directions, torch.Tensor)
        rows = directions.new_ones(len(directions))
        if options.embedding:
            found["kept"] = rows
        if options.threshold is not None:
            found["cut"] = rows.double() * options.threshold
        gallery = gallery_of(options.gallery, self, partial(self._directions, model))
        if gallery is not None:
            if gallery.directions.shape[1] != directions.shape[1]:
                raise UsageError(
                    f"the gallery's embeddings have {gallery.directions.shape[1]} numbers, and "
                    f"this model's {directions.shape[1]}. Make them with this model."
                )
            found["similarity"], person = gallery.most_like(directions)
            found["said"] = as_letters([gallery.names[at] for at in person.tolist()])
        return found

    def answer(self, arrays: Arrays) -> list[Row]:
        """What a row is most like, how much, and whether that is taken for the same person.

        The target's name stands for the person, None where nobody of the gallery is like enough.
        """
        directions = arrays[EMBEDDING]
        if "said" in arrays:
            names: Sequence[Any] = ["".join(map(chr, r[r > 0])) for r in arrays["said"]]
            similarity = arrays["similarity"]
        else:
            names, similarity = _most_like(directions)
        cut = float(arrays["cut"][0]) if "cut" in arrays and len(directions) else self.cut
        same = [None if cut is None or n is None else bool(s >= cut)
                for n, s in zip(names, similarity, strict=True)]  # fmt: skip
        answers: list[Row] = [
            {
                self.target: name if "said" in arrays and is_same else None,
                "nearest": name,
                "similarity": alike if name is not None else None,
                "same": is_same,
            }
            for name, alike, is_same in zip(names, shortest(similarity), same, strict=True)
        ]
        if "kept" in arrays:
            for answer, direction in zip(answers, directions, strict=True):
                answer[EMBEDDING] = shortest(direction)
        return answers

    def completed(self, answers: list[Row], rows: pa.RecordBatch) -> list[Row]:
        """Files that were compared with one another go by their names."""
        if len(answers) == 1 and answers[0]["nearest"] is None and EMBEDDING not in answers[0]:
            say("one row alone is compared with nothing: give another, or a gallery")
        return _verify_pictures.named(answers, rows, self.given)

    def pictured(self, answers: list[Row], rows: pa.RecordBatch) -> list[np.ndarray]:
        """Each picture beside the one it is most like, or under the name that it was given."""
        return _verify_pictures.pictured(answers, rows, self.columns, self.inputs)

    def known(self, targets: Arrays) -> np.ndarray:
        """(N,) bool: it is said who it is, be it somebody new."""
        return np.not_equal(targets[self.target], self._classes + MISSING)

    def truth(self, targets: Arrays) -> Arrays:
        """{"identity": (N,) int64}."""
        return {"identity": targets[self.target].astype(np.int64)}

    def settle(self, outputs: Arrays, targets: Arrays) -> Self:
        """The similarity that divides pairs of validation rows."""
        known = self.known(targets)
        who = self.truth(targets)["identity"][known]
        pairs = pairs_of(np.asarray(outputs[EMBEDDING])[known], who)
        found = _threshold.settled(pairs, self.false_accept)
        if found is None:
            say(
                f"threshold: {len(who):,} validation rows of {len(np.unique(who)):,} people make "
                "no pairs of one person, or none of two, so nothing is settled; keep whole "
                f"people for validation:  split: {{kind: group, by: {self.target}}}"
            )
            return self
        people = len(np.unique(who))
        tell(
            f"threshold  one person from similarity {found.cut:.3f} on: {found.false_accept:.2%} "
            f"accepted and {1 - found.true_accept:.2%} refused falsely of {len(pairs.genuine):,} "
            f"pairs of {people:,} people kept for validation{_DOUBT if people < _FEW else ''}",
            threshold=found.cut,
        )
        return self.learn(cut=found.cut, cut_score=found.equal_error).bind(self.columns)

    def metrics(self) -> Mapping[str, Metric]:
        """Over all pairs of rows, then over rows that are looked up among the first of each."""
        return {
            "equal error rate": EqualError(),
            "true accept at 1 %": TrueAccept(at=0.01),
            "true accept at 0.1 %": TrueAccept(at=0.001),
            "auc": PairAuc(),
            "identification": Identification(enrolled=self.enrolled),
        }

    def baselines(self) -> Mapping[str, Baseline]:
        """Linear discriminants of the training identities; the values themselves."""
        linear = partial(_identities.discriminants, target=self.target, classes=self._classes)
        return {"linear discriminants": linear, "raw values": _identities.raw_values}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """Directions of all rows; the rows of one person hang together.

        Raises:
            DataError: there are no rows, or some do not say whose they are.
        """
        embedding, who, rows = [], [], []
        for chunk in chunks:
            targets = encode_all(self.columns, self.targets, chunk)
            if not self.known(targets).all():
                raise DataError(
                    f"{int((~self.known(targets)).sum()):,} rows have no {self.target!r} and "
                    "cannot be judged. Fill it in, or leave those rows out."
                )
            embedding.append(predictor.arrays(chunk)[EMBEDDING])
            who.append(self.truth(targets)["identity"])
            rows.append(chunk.column("#row").to_numpy())
        if not rows:
            raise DataError("pairs are judged, and there are no rows. Give the split a test part.")
        identity, number = np.concatenate(who), np.concatenate(rows)
        self._say_whom(identity)
        first = first_of_each(identity, self.enrolled)
        truth = {"identity": identity, "row": number, "enrolled": first}
        people = np.unique(identity, return_inverse=True)[1]
        return Judged({EMBEDDING: np.concatenate(embedding)}, truth, number, people)

    def pooled(self, folds: Sequence[tuple[Task, Judged]]) -> tuple[Task, Judged]:
        """All folds together; each fold's directions are of a space of their own."""
        task, judged = super().pooled(folds)
        space = np.repeat(np.arange(len(folds)), [len(each.rows) for _, each in folds])
        who = np.stack([judged.truth["identity"], space])
        people = np.unique(who, axis=1, return_inverse=True)[1]
        truth = {**judged.truth, "identity": people}
        return task, Judged({**judged.predicted, "space": space}, truth, judged.rows, people)

    def panels(self, judged: Judged) -> list[Panel]:
        """True accepts by false ones, how alike pairs are, what thresholds do."""
        space = judged.predicted.get("space")
        pairs = pairs_of(judged.predicted[EMBEDDING], judged.truth["identity"], space)
        return _verify_panels.panels(pairs, self.cut)

    def close_ups(self, predictor: Predictor, judged: Judged, raw: RawRows) -> list[Panel]:
        """The hardest pairs, as pictures."""
        pairs = pairs_of(judged.predicted[EMBEDDING], judged.truth["identity"])
        return _verify_pictures.hardest(pairs, judged.rows, raw, self.columns, self.inputs)

    def _directions(self, model: nn.Module, inputs: Batch) -> Tensor:
        """(B, K) float32 of length 1, some rows at a time, on the model's device."""
        import torch

        from sonde.core.batch import count, mapped, part

        device = next(model.parameters()).device
        inputs = mapped(inputs, lambda tensor: tensor.to(device))
        found = [
            model(part(inputs, start, start + _AT_ONCE))[EMBEDDING].float()
            for start in range(0, max(1, count(inputs)), _AT_ONCE)
        ]
        return torch.cat(found)

    def _say_whom(self, identity: np.ndarray) -> None:
        """What a reader of the scores must know of the people they are about."""
        people, often = np.unique(identity, return_counts=True)
        trained = int((people < self._classes).sum())
        if trained:
            what = "all" if trained == len(people) else f"{trained:,} of"
            say(
                f"{what} {len(people):,} people of the test rows were trained on: scores say how "
                "well new pictures of known people are told apart, not new people. Keep whole "
                f"people apart:  split: {{kind: group, by: {self.target}}}"
            )
        alone = int((often == 1).sum())
        if alone:
            say(
                f"{alone:,} of {len(people):,} people of the test rows have one picture: it is "
                "compared with others' alone, and never looked up"
            )

    @property
    def _classes(self) -> int:
        return self.columns[self.target].port.classes


def _most_like(directions: np.ndarray) -> tuple[list[int | None], np.ndarray]:
    """Of each of N rows the most like other row, and how alike they are: (N,) float32."""
    names: list[int | None] = [None] * len(directions)
    similarity = np.full(len(directions), np.nan, np.float32)
    if len(directions) < 2:
        return names, similarity
    unit_rows = unit(directions)
    for start in range(0, len(directions), _AT_ONCE):
        alike = unit_rows[start : start + _AT_ONCE] @ unit_rows.T
        own = np.arange(len(alike))
        alike[own, start + own] = -np.inf
        best = alike.argmax(axis=1)
        names[start : start + len(best)] = best.tolist()
        similarity[start : start + len(best)] = alike[own, best]
    return names, similarity
