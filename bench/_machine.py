"""What a number was measured on: processor, threads, versions; no names of hosts or folders."""

from __future__ import annotations

import os
import platform
from typing import Any

_TOLD = ("avx2", "avx512", "avx512_bf16", "amx_bf16")
"""Features that decide which kernels torch takes."""


def machine() -> dict[str, Any]:
    """Cores, threads, processor features and versions, as plain data."""
    import torch

    found: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # since torch 2.11
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "features": [name for name in _TOLD if found.get(name)],
        "kernels": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def in_words(facts: dict[str, Any]) -> str:
    """The same on one line."""
    features = ", ".join(facts["features"]) or "no vector features known"
    return (
        f"{facts['processor']}, cores: {facts['cores']}, threads: {facts['threads']}, {features} "
        f"(torch's kernels: {facts['kernels']}), Python {facts['python']}, torch {facts['torch']}"
    )
