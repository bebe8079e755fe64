"""Texts as characters: each code point is a step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from sonde.core.port import SEPARATOR, TOKENS, UNKNOWN
from sonde.data.columns._places import UNREADABLE, readable
from sonde.data.columns._unicode import code_points


class Characters:
    """The characters of training rows, each with its place.

    Args:
        characters: from place `TOKENS` on.
    """

    def __init__(self, characters: Sequence[str]) -> None:
        self._characters = characters
        codes = np.array([ord(character) for character in characters], np.uint32)
        self._order = np.argsort(codes)
        self._codes = codes[self._order]

    def encode(self, text: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) texts -> (M,) int64 places, and (N,) int64 lengths."""
        codes, lengths = code_points(text)
        if not len(self._codes):
            return np.full(len(codes), UNKNOWN), lengths
        near = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        known = self._codes[near] == codes
        return np.where(known, self._order[near] + TOKENS, UNKNOWN), lengths

    def decode(self, places: np.ndarray) -> str:
        """(n,) places -> the text, U+FFFD where a character is unknown."""
        named = {UNKNOWN: UNREADABLE, SEPARATOR: "\n"}
        return "".join(
            named.get(place) or self._characters[place - TOKENS]
            for place in readable(places).tolist()
        )

    def spans(self, text: str) -> np.ndarray:
        """(n, 2) int64: each character by itself."""
        at = np.arange(len(text))
        return np.stack([at, at + 1], axis=1)
