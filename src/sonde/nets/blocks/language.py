"""A language model: which word follows, given all the words before it.

A causal stack over vectors of words. Scores are made of the same vectors where they are tied
(Press, Wolf, "Using the Output Embedding to Improve Language Models", 2017, arXiv:1608.05859), and
these are scaled as in Vaswani et al. 2017, arXiv:1706.03762, section 3.4.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from sonde.core.batch import Batch, Padded, tensor_of
from sonde.core.port import START, Port
from sonde.nets.blocks.dropout import Dropout
from sonde.nets.blocks.transformer import DecoderStack
from sonde.nets.encoders.sequence import Steps, at_least_one


class LanguageModel(nn.Module):
    """Words so far -> raw scores of the next one; `Incremental` and `Embeds`.

    Step by step it keeps at most `context` words in sight: from a longer text it takes the last
    half and reads that anew, as if a text began there. So each word costs about the same, however
    long the text becomes.

    Args:
        name: of the port, which is what is read and what is said.
        port: a sequence of words.
        stack: of steps of width E.
        dropout: of the steps' vectors, in [0, 1).
        tied: whether scores are made of the words' own vectors.
        context: words in sight while it writes, 2 or more.
    """

    def __init__(
        self,
        name: str,
        port: Port,
        stack: DecoderStack,
        *,
        dropout: float,
        tied: bool,
        context: int,
    ) -> None:
        super().__init__()
        assert port.size is not None, "words have a number"
        self.name, self.context = name, context
        width = stack.width
        self.steps = Steps({name: port}, width=width)
        nn.init.normal_(self._words.weight, std=width**-0.5)
        self.scale = width**0.5
        self.drop = Dropout(dropout)
        self.stack = stack
        own = None if tied else nn.Linear(width, port.size)
        bias = nn.Parameter(torch.zeros(port.size))
        self.heads: nn.Module = own or nn.ParameterDict({"bias": bias})

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """B rows of T words -> (B, T, size) raw scores of the word after each; T at least 1."""
        values, _ = at_least_one(self._padded(batch))
        return {self.name: self._scores(self.stack(self._vectors(values)))}

    def start(self, inputs: Batch) -> Batch:
        """The state after a text to go on with, which may be empty."""
        values, lengths = self._padded(inputs)
        state = self.stack.start(len(lengths))
        if values.shape[1]:
            _, state = self.stack.extend(state, self._vectors(values), lengths)
        return {"stack": state, "words": values.long(), "count": lengths}

    def next(self, state: Batch, tokens: Tensor) -> tuple[Tensor, Batch]:
        """(B,) words just said -> (B, size) raw scores of the next ones, and the state after."""
        words, count = tensor_of(state, "words"), tensor_of(state, "count")
        if words.shape[1] >= self.context:
            state = self.start({self.name: last_of(words, count, self.context // 2 - 1)})
            words, count = tensor_of(state, "words"), tensor_of(state, "count")
        stack = state["stack"]
        assert isinstance(stack, dict)
        decoded, stack = self.stack.next(stack, self._vectors(tokens[:, None])[:, 0])
        words = functional.pad(words, (0, 1)).scatter(1, count[:, None], tokens[:, None].long())
        return self._scores(decoded), {"stack": stack, "words": words, "count": count + 1}

    def begin(self, name: str, vectors: Tensor) -> None:
        """Start the words from (size, E) vectors, but where they are NaN."""
        self.steps.begin(name, vectors / self.scale)

    def _vectors(self, values: Tensor) -> Tensor:
        scaled: Tensor = self.drop(self.steps(self.name, values) * self.scale)
        return scaled

    def _scores(self, decoded: Tensor) -> Tensor:
        if isinstance(self.heads, nn.ParameterDict):
            return functional.linear(decoded, self._words.weight, self.heads["bias"])
        scores: Tensor = self.heads(decoded)
        return scores

    def _padded(self, batch: Batch) -> Padded:
        padded = batch[self.name]
        assert isinstance(padded, Padded), f"{self.name} is a sequence and must be padded"
        return padded

    @property
    def _words(self) -> nn.Embedding:
        return cast("nn.Embedding", self.steps.tables[0])


def last_of(words: Tensor, count: Tensor, most: int) -> Padded:
    """`START` and the last `most` words of each row.

    Args:
        words: (B, P) int64, of which a row's first `count` (B,) are real.
        count: (B,) int64.
        most: 0 or more.
    """
    lengths = count.clamp(max=most)
    places = (count - lengths)[:, None] + torch.arange(most, device=words.device)
    kept = words.gather(1, places.clamp(max=words.shape[1] - 1))
    return Padded(functional.pad(kept, (1, 0), value=START), lengths + 1)
