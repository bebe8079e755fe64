"""A network with a narrow place: encode, draw where asked to, decode.

Kingma, Welling, "Auto-Encoding Variational Bayes", 2014, arXiv:1312.6114, section 2.4: a drawn code
is its mean plus its deviation times standard normal noise, so that gradients pass through it. The
noise comes with the batch; the network itself draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, tensor_of
from sonde.core.code import CODE, LOG_VARIANCE, NOISE
from sonde.nets.encoders._base import Encoder


class Joined(nn.Module):
    """Encoders side by side: a batch of B rows -> (B, width)."""

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.width = sum(encoder.width for encoder in encoders)

    def forward(self, batch: Batch) -> Tensor:
        """(B, width) float32."""
        return torch.cat([encoder(batch) for encoder in self.encoders], dim=1)


class Decoder(nn.Module):
    """A trunk, then a head for each output.

    Args:
        trunk: (B, W) -> (B, G).
        heads: by output, (B, G) -> (B, ...).
        flat: the outputs that are one number a row, whose heads give (B, 1).
    """

    def __init__(
        self, trunk: nn.Module, heads: Mapping[str, nn.Module], *, flat: frozenset[str]
    ) -> None:
        super().__init__()
        self.trunk = trunk
        # a list, because a column may have a name that a module cannot, such as "education.num"
        self.heads = nn.ModuleList(heads.values())
        self.outputs = tuple(heads)
        self.flat = flat

    def forward(self, code: Tensor) -> dict[str, Tensor]:
        """(B, W) -> by output: scalar (B,), category (B, classes), vector (B, D) or its grid."""
        hidden = self.trunk(code)
        raw = {name: head(hidden) for name, head in zip(self.outputs, self.heads, strict=True)}
        return {name: value[:, 0] if name in self.flat else value for name, value in raw.items()}


class Coded(nn.Module):
    """Encoder, code, decoder.

    Args:
        encoder: batch -> (B, G).
        code: (B, G) -> (B, K): the code, or the mean of what it is drawn from.
        decoder: (B, K + P) -> the outputs.
        log_variance: (B, G) -> (B, K), where a code may be drawn.
        conditions: batch -> (B, P): what is told to the decoder beside the code.
        says_code: whether the code is among the outputs.
    """

    def __init__(
        self,
        encoder: nn.Module,
        code: nn.Module,
        decoder: Decoder,
        *,
        log_variance: nn.Module | None = None,
        conditions: Joined | None = None,
        says_code: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.code, self.decoder = encoder, code, decoder
        self.log_variance, self.conditions = log_variance, conditions
        self.says_code = says_code

    def level(self, levels: Mapping[str, Tensor]) -> None:
        """Biases of the last layers become these (`contracts.model.Levelled`)."""
        for name, head in zip(self.decoder.outputs, self.decoder.heads, strict=True):
            if name in levels:
                last = [m for m in head.modules() if isinstance(m, nn.Conv2d | nn.Linear)][-1]
                assert last.bias is not None, "nothing normalises an output"
                with torch.no_grad():
                    last.bias.copy_(levels[name])

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """A batch of B rows, or codes with their conditions -> outputs, with the code if asked."""
        found: dict[str, Tensor] = {}
        if CODE in batch:
            code = tensor_of(batch, CODE)
        else:
            hidden = self.encoder(batch)
            code = self.code(hidden)
            if self.says_code:
                found[CODE] = code
            if self.log_variance is not None:
                found[LOG_VARIANCE] = self.log_variance(hidden)
                if NOISE in batch:
                    code = code + (found[LOG_VARIANCE] / 2).exp() * tensor_of(batch, NOISE)
        if self.conditions is not None:
            code = torch.cat([code, self.conditions(batch)], dim=1)
        found |= self.decoder(code)
        return found
