"""Devices: where tensors live, in which precision, with how many threads."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Literal

import torch

from sonde.core.errors import UsageError

Precision = Literal["auto", "float32", "bfloat16"]

_WORTH_CASTING = 50_000
"""Weights below which float32 is taken: casts cost more than bfloat16 products save.

A rough line. Per weight a convolution works more than a dense layer: on two cores with avx512_bf16
and batches of 64, dense nets of 72,000 weights took 1.25 times as long as in float32, of 274,000
weights 0.79 times.
"""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def resolve_device(name: str = "auto") -> torch.device:
    """The device `name` means; `auto` is a CUDA device where there is one.

    Raises:
        UsageError: the named device is not on this machine.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"unknown device {name!r}. Known: auto, cpu, cuda, cuda:0, ...") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"device {name!r} was asked for, but torch {torch.__version__} sees no "
                         "CUDA device here. Use device: cpu, or auto.")  # fmt: skip
    return device


def resolve_precision(
    precision: Precision, device: torch.device, weights: int
) -> Literal["float32", "bfloat16"]:
    """What `auto` means: bfloat16 where the processor multiplies it and the network is worth it.

    It follows features and sizes, never a stopwatch, so the same run decides the same everywhere
    the features are the same; the answer is written into the run.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported()
    else:
        features: dict[str, bool] = getattr(
            torch.cpu, "get_capabilities", dict
        )()  # since torch 2.11
        able = bool(features.get("avx512_bf16") or features.get("amx_bf16"))
    return "bfloat16" if able and weights >= _WORTH_CASTING else "float32"


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory: otherwise every activation costs a page fault per page."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # musl has no mallopt, and needs none
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
