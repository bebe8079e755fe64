"""Devices: where tensors live, in which precision, with how many threads."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Literal

import torch

from sonde.core.errors import UsageError

Precision = Literal["auto", "float32", "bfloat16"]

_WORTH_CASTING = 4e6
"""Multiply-adds of a product from which bfloat16 pays: below, casts cost more than it saves.

The work of a product decides, not the number of weights: a small convolution may gain where a
larger dense layer does not. Measured on a core with avx512_bf16; elsewhere the line may differ.
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


def resolve_precision(precision: Precision, device: torch.device) -> Precision:
    """What can be said before anything is computed: `auto` stays where bfloat16 might pay.

    It follows the processor's features, never a stopwatch, so the same run decides the same
    everywhere the features are the same; the answer is written into the run.
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
    return "auto" if able else "float32"


def precision_for(mean_work: float) -> Precision:
    """What `auto` means for a network whose products have so many multiply-adds on average."""
    return "bfloat16" if mean_work >= _WORTH_CASTING else "float32"


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory: otherwise every activation costs a page fault per page."""
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # musl has no mallopt, and needs none
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
