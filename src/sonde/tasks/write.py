"""Write: say how a text goes on, word by word; a language model.

What goes in and what is asked for are one text: the words so far, and the next one. The loss is the
nats of the true next word (Bengio, Ducharme, Vincent, Jauvin, "A Neural Probabilistic Language
Model", 2003, section 2), so a row counts for its words. Words are what the text column's steps are:
words, pieces of words, or characters.

A model answers without rows: `--count 4 --seed 1 --prompt "ROMEO:"` writes texts, and equal seeds
write equal ones. To rows it says how many nats they cost it, or with `--give text` how they go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from sonde.contracts.data import Column, Encoded, Ragged, Row
from sonde.contracts.metric import Arrays, Metric
from sonde.contracts.model import Incremental
from sonde.contracts.panels import Panel
from sonde.contracts.task import Baseline, Judged, Loss, Predictor, SupervisedTask
from sonde.core.errors import UnknownColumn, UsageError, listed, unknown
from sonde.core.notice import say, tell
from sonde.core.port import END, PAD, PRESENT, ROW, START, UNKNOWN, Ports
from sonde.core.spec import Spec
from sonde.tasks import _written_metrics as _scores
from sonde.tasks._counted import Counted
from sonde.tasks._sampling import Choice, chances_of, go_on
from sonde.tasks._written import judged_texts

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from sonde.core.batch import Batch, Padded

_AT_ONCE = 64


_UNKNOWN = "\ufffd"
"""What a column answers for a step it has no word for."""


class Write(SupervisedTask):
    """Write texts like those of one column.

    To rows `predict` gives {"nats", "words", "unknown": (B,)}; what is written is {"said": (B, T)
    words, zeros beyond the end, "length": (B,)}.
    """

    class Options(Choice):
        """What a caller may choose."""

        give: Literal["nats", "each", "text"] = "nats"
        """Of rows: what each costs, what each of its words costs, or how it goes on."""
        prompt: str = ""
        """What texts that are drawn without rows begin with."""
        count: int = Field(4, ge=1, le=100_000)
        """Texts to draw where no rows are given."""
        seed: int = Field(0, ge=0, lt=2**63)
        """Of what is drawn: text number n of a seed is the same, however many there are."""

    suggests: ClassVar[str] = "decoder"
    main_metric: ClassVar[str] = "nats"

    text: str | None = None
    """The column of texts; None where there is only one."""
    ends: bool = True
    """Whether it learns where a text ends. Leave it out (false) where rows are pieces of one text:
    their ends mean nothing."""

    @classmethod
    def examples(cls) -> list[Self]:
        """Texts that end, and pieces that do not."""
        return [cls(text="text"), cls(text="text", ends=False)]

    def bind(self, columns: Mapping[str, Column]) -> Self:
        """A copy that knows its fitted columns.

        Raises:
            UnknownColumn: the named text is no column.
            UsageError: it is no text, or there is none, or several are.
        """
        bound = super().bind(columns)
        others = [name for name in columns if name != bound.written]
        if others:
            tell(f"not used: {listed(others)}; the task write reads {bound.written!r} alone")
        return bound

    @property
    def written(self) -> str:
        """The column of texts.

        Raises:
            UnknownColumn: the named text is no column.
            UsageError: it is no text, or there is none, or several are.
        """
        words = [n for n, p in self._ports.items() if p.kind == "sequence" and p.size is not None]
        if self.text is None and len(words) == 1:
            return words[0]
        if self.text is None:
            hint = f"Say  text: {words[0]}" if words else f"Columns: {listed(self._ports)}"
            raise UsageError(f"there are {len(words)} columns of texts, and one is written. {hint}")
        if self.text not in self._ports:
            raise UnknownColumn(unknown("column", self.text, self._ports))
        if self.text not in words:
            raise UsageError(
                f"text: column {self.text!r} is of kind {self.columns[self.text].kind!r}, expected "
                "a text. Declare it as text, or name another column."
            )
        return self.text

    def target_columns(self) -> Mapping[str, str]:
        """The text, though it is no target: every row that has one teaches."""
        return {} if self.text is None else {self.text: "text"}

    @property
    def inputs(self) -> Ports:
        """The text."""
        return {self.written: self._ports[self.written]}

    @property
    def outputs(self) -> Ports:
        """Scores of each next word."""
        return self.inputs

    @property
    def draws(self) -> bool:
        """It needs no rows."""
        return True

    def arrange(
        self, batch: Batch, training: bool, generator: torch.Generator | None
    ) -> tuple[Batch, Batch]:
        """`START` and the words; beside them the words (B, T), and what counts, (B, T) float32."""
        import torch
        from torch.nn.functional import pad

        from sonde.core.batch import Padded

        texts = _texts(batch, self.written)
        words, lengths = texts.values.long(), texts.lengths
        before = pad(words, (1, 0), value=START)
        if self.ends:
            asked = pad(words, (0, 1), value=PAD).scatter(1, lengths[:, None], END)
            real = lengths + 1
        else:
            cut = max(1, words.shape[1])  # a batch of empty texts has a step all the same
            before = before[:, :cut]
            asked, real = pad(words, (0, cut - words.shape[1])), lengths
        counts = (torch.arange(asked.shape[1], device=asked.device) < real[:, None]).float()
        mark = PRESENT + self.written
        if mark in batch:  # a text that is missing is no empty one
            counts = counts * _plain(batch, mark)[:, None]
        inputs: Batch = {self.written: Padded(before, real.clamp(min=1))}
        return inputs, {"words": asked, "counts": counts}

    def loss(self, outputs: Mapping[str, Tensor], targets: Batch) -> Loss:
        """Nats of a row's words, and how many these are."""
        counts = _plain(targets, "counts")
        return Loss(self._nats(outputs, targets).sum(dim=1), counts.sum(dim=1))

    def read(self, outputs: Mapping[str, Tensor], options: Spec) -> Batch:
        """The likeliest word at every place, (B, T): what greedy writing would say there."""
        import torch

        scores = outputs[self.written].float()
        said = scores.argmax(dim=2)
        return {"said": said, "length": torch.full_like(said[:, 0], said.shape[1])}

    def noted(self, outputs: Mapping[str, Tensor], targets: Batch) -> tuple[Batch, Batch]:
        """Each row's sums: nats, words, and how many of them are unknown."""
        counts = _plain(targets, "counts")
        unknown_ones = counts * (_plain(targets, "words") == UNKNOWN)
        nats = self._nats(outputs, targets)
        sums = {"nats": nats, "words": counts, "unknown": unknown_ones}
        return {name: each.double().sum(dim=1) for name, each in sums.items()}, {}

    def watched(self) -> Mapping[str, Metric]:
        """What needs no raw text."""
        return {"nats": _scores.Nats(), "perplexity": _scores.Perplexity()}

    def metrics(self) -> Mapping[str, Metric]:
        """Per word, then per character."""
        return {**self.watched(), "bits per character": _scores.BitsPerCharacter()}

    def predict(self, model: nn.Module, inputs: Batch, options: Spec) -> Batch:
        """What rows cost, or how they go on; without rows, texts from nothing but the prompt."""
        assert isinstance(options, Write.Options)
        if not inputs:
            return self._drawn(model, options)
        if options.give == "text":
            texts = _texts(inputs, self.written)
            first = int(_plain(inputs, ROW)[0]) if ROW in inputs and len(texts.lengths) else 0
            return self._continued(model, texts, first, options)
        given, targets = self.arrange(inputs, False, None)
        outputs = model(given)
        sums = self.noted(outputs, targets)[0]
        if options.give == "nats":
            return sums
        return sums | {"each": self._nats(outputs, targets), "asked": _plain(targets, "words")}

    def answer(self, arrays: Arrays) -> list[Row]:
        """Texts as they go on, or what each costs."""
        if "said" in arrays:
            written = self._decoded(arrays["said"], arrays["length"])
            return [{self.written: text} for text in written]
        perplexity = _scores.Perplexity().combine(np.stack([arrays["nats"], arrays["words"]], 1))
        return [
            {"nats": float(nats), "tokens": int(tokens), "perplexity": float(each)}
            for nats, tokens, each in zip(arrays["nats"], arrays["words"], perplexity, strict=True)
        ]

    def text_baselines(self) -> Mapping[str, Baseline]:
        """How often words came after the few before them."""
        rival = Counted(self.columns[self.written], self.ends)
        return {f"{rival.highest}-grams": rival}

    def judge(self, predictor: Predictor, chunks: Iterable[pa.RecordBatch], seed: int) -> Judged:
        """What test texts cost, and panels: texts it writes, and where it was surprised."""
        return judged_texts(self, predictor, chunks, seed)

    def panels(self, judged: Judged) -> list[Panel]:
        """What `judge` met."""
        return list(judged.shown)

    def _nats(self, outputs: Mapping[str, Tensor], targets: Batch) -> Tensor:
        """(B, T) float32, -ln of the true word's probability; 0 where nothing is asked."""
        from torch.nn.functional import cross_entropy

        scores, words = outputs[self.written].float(), _plain(targets, "words")
        each = cross_entropy(scores.flatten(0, 1), words.flatten(), reduction="none")
        return each.view(words.shape) * _plain(targets, "counts")

    def _drawn(self, model: nn.Module, options: Write.Options) -> Batch:
        """Texts that nobody gave rows for."""
        import torch
        from torch.nn.functional import pad

        device = next(model.parameters()).device
        parts = []
        for first in range(0, options.count, _AT_ONCE):
            prompt = self._prompts(options.prompt, min(_AT_ONCE, options.count - first), device)
            parts.append(self._continued(model, prompt, first, options))
        longest = max(_plain(part, "said").shape[1] for part in parts)
        said = [
            pad(words, (0, longest - words.shape[1]))
            for words in (_plain(p, "said") for p in parts)
        ]
        lengths = [_plain(part, "length") for part in parts]
        return {"said": torch.cat(said), "length": torch.cat(lengths)}

    def _prompts(self, prompt: str, count: int, device: torch.device) -> Padded:
        """The same beginning so many times.

        Raises:
            UsageError: the text column joins several fields, so that no one text begins it.
        """
        from sonde.core.batch import Padded, mapped
        from sonde.data.batches import batch_of

        column = self.columns[self.written]
        if prompt and len(column.reads) > 1:
            raise UsageError(
                f"prompt: {self.written!r} is made of {listed(column.reads)}. Give rows with these "
                "fields, and  --give text"
            )
        rows = pa.RecordBatch.from_pydict({name: [prompt] * count for name in column.reads})
        made = column.encode(rows)
        _tell_unknown(prompt, column, made)
        encoded = batch_of({self.written: made})
        texts = mapped(encoded, lambda tensor: tensor.to(device))[self.written]
        assert isinstance(texts, Padded)
        return texts

    def _continued(
        self, model: nn.Module, texts: Padded, first: int, options: Write.Options
    ) -> Batch:
        """Texts (B, T), numbered from `first` on, and what is written after each.

        Raises:
            UsageError: the model cannot write word by word.
        """
        import torch

        from sonde.core.batch import Padded

        if not isinstance(model, Incremental):
            raise UsageError("this model cannot write word by word. Take model: decoder")
        words, lengths = texts.values.long(), texts.lengths
        begun = torch.cat([torch.full_like(lengths, START)[:, None], words], dim=1)
        last = begun.gather(1, lengths[:, None])[:, 0]
        state = model.start({self.written: Padded(begun[:, : begun.shape[1] - 1], lengths)})
        chance = chances_of(options.seed, range(first, first + len(words)), options.longest)
        said, more = go_on(model, state, last, options, ends=self.ends, chance=chance)
        room = int((lengths + more).max()) if len(lengths) else 0
        whole = words.new_zeros((len(words), max(room, words.shape[1] + said.shape[1])))
        whole[:, : words.shape[1]] = words
        places = lengths[:, None] + torch.arange(said.shape[1], device=said.device)
        whole = whole.scatter(1, places, said)
        return {"said": whole[:, :room], "length": lengths + more}

    def _decoded(self, words: np.ndarray, lengths: np.ndarray) -> list[str]:
        """(B, T) words of (B,) lengths as texts."""
        kept = np.arange(words.shape[1]) < lengths[:, None]
        starts = np.cumsum(lengths) - lengths
        return self.columns[self.written].decode(Ragged(words[kept], starts, lengths))


def _texts(batch: Batch, name: str) -> Padded:
    from sonde.core.batch import Padded

    texts = batch[name]
    assert isinstance(texts, Padded), f"{name} is a sequence and must be padded"
    return texts


def _plain(batch: Batch, name: str) -> Tensor:
    from sonde.core.batch import tensor_of

    return tensor_of(batch, name)


def _tell_unknown(prompt: str, column: Column, encoded: Encoded) -> None:
    """Say where a prompt is not read as it stands."""
    values, starts, lengths = encoded.values, encoded.starts, encoded.lengths
    assert starts is not None and lengths is not None, "texts are ragged"
    (read,) = column.decode(Ragged(values, starts[:1], lengths[:1]))
    if (unknown := read.count(_UNKNOWN) - prompt.count(_UNKNOWN)) > 0:
        say(f"prompt: {unknown:,} of what it is made of stood in no training text; it is read as "
            f"{read!r:.200}")  # fmt: skip
