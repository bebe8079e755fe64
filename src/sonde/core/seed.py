"""Randomness as a function of (seed, phase, step, call, part), never of history.

The loop says where it is with `begin`; whatever is drawn after that, here or in torch's global
generator, follows from that place alone. So a run that is killed and resumed at step k draws at
step k what the undisturbed run drew. This module alone touches global randomness.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar

import numpy as np
import torch

_place: ContextVar[tuple[int | str, ...]] = ContextVar("place", default=(0,))


def key(*place: int | str) -> int:
    """A number in [0, 2**63) that any change of any part of `place` changes wholly."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in place)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def begin(*place: int | str) -> None:
    """Say where the work is, usually (seed, phase, step), and reseed torch for it."""
    _place.set(place)
    _seed_torch(key(*place))


def reseed(*rest: int | str) -> None:
    """Reseed torch for a piece of the present place: (call, part) inside a step."""
    _seed_torch(key(*_place.get(), *rest))


def generator(purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own for one purpose at the present place, such as 'augment'."""
    made = torch.Generator(device=device)
    made.manual_seed(key(*_place.get(), purpose))
    return made


def numpy_rng(*place: int | str) -> np.random.Generator:
    """A NumPy generator (Philox, counter based) for a place named in full."""
    return np.random.Generator(np.random.Philox(key(*place)))


def _seed_torch(number: int) -> None:
    """As `torch.manual_seed`, which takes 90 microseconds, several times in every step."""
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(number)
