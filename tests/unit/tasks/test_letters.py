"""Words in pictures are written in letters that the font has."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.core.notice import listening
from sonde.tasks import _letters
from sonde.tasks._letters import lettered
from sonde.tasks._paint import with_key


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without fonts: only Pillow's own."""
    monkeypatch.setattr(_letters, "_FONTS", ("no-such-font.ttf",))
    _letters._font.cache_clear()
    yield
    _letters._font.cache_clear()


def heard(names: list[str]) -> tuple[list[str], list[str]]:
    """The names as they are written, and what was told."""
    told: list[str] = []
    with listening(lambda message, *_: told.append(message)):
        _, written = lettered(names, 14)
    return written, told


def test_ascii_needs_no_font_of_the_machine() -> None:
    from PIL import ImageFont

    font, written = lettered(["a cat 0.93", "dog"], 14)
    assert written == ["a cat 0.93", "dog"]
    assert font.getname() == ImageFont.load_default(14).getname()


@pytest.mark.usefixtures("alone")
def test_letters_that_no_font_has_are_told_and_replaced() -> None:
    written, told = heard(["Tür", "红绿灯", "élan"])
    assert written == ["Tur", "???", "elan"]
    assert len(told) == 1
    assert "has é ü 灯 红 绿, which" in told[0]


def test_different_names_look_different_whatever_the_font() -> None:
    """Without letters for them all names would be the same row of empty boxes."""
    picture, tint = np.zeros((64, 64, 3), np.uint8), np.array([[200, 30, 30]], np.uint8)
    with_umlaut, other = (with_key(picture, [name], tint) for name in ("Grün", "Grïn"))
    assert with_umlaut.shape != other.shape or (with_umlaut != other).any()


def test_a_font_is_taken_that_has_the_letters() -> None:
    written, told = heard(["Grün", "Жёлтый"])
    font, _ = lettered(["Grün", "Жёлтый"], 14)
    has = all(_letters._has(font, letter) for letter in "üЖёлтый")
    assert has == (written == ["Grün", "Жёлтый"])
    assert has != bool(told)
