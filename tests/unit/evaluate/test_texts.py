"""Texts in the report: marks at their characters, whatever stands in a text escaped."""

from __future__ import annotations

import re

from sonde.contracts.panels import Passage, Span, Texts
from sonde.evaluate._panels import panel


def _html(*passages: Passage, remark: str = "") -> str:
    return panel(Texts("T", [passages], [remark]), {})


def _plain(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


def test_marks_stand_at_their_characters_with_sign_and_strength() -> None:
    spans = [Span(12, 16, -0.5), Span(0, 4, 1.0, "PER")]
    html = _html(Passage("Anna dances well", spans, "said"), remark="wrong")
    assert '<mark style="--strength:100%">Anna<sub>PER</sub></mark> dances ' in html
    assert '<mark class="against" style="--strength:50%">well</mark>' in html
    assert "<small>said</small>" in html
    assert '<p class="remark">wrong</p>' in html


def test_overlapping_marks_and_marks_beyond_the_end_lose_no_letter() -> None:
    html = _html(Passage("abcdef", [Span(0, 4), Span(2, 5), Span(3, 4), Span(5, 99), Span(8, 9)]))
    assert "abcdef" in _plain(html)
    assert re.findall(r"<mark[^>]*>(\w+)", html) == ["abcd", "e", "f"]


def test_a_text_is_no_markup() -> None:
    evil = '<script>alert(1)</script>"&\x00'
    html = _html(Passage(evil, [Span(0, 8)], "<b>"), remark="<i>")
    assert "<script" not in html
    assert "&lt;script" in html.replace("</mark>", "")
    assert "<small>&lt;b&gt;</small>" in html
    assert "\x00" not in html


def test_a_long_text_is_cut_around_its_marks() -> None:
    text = "a " * 4000 + "here" + " b" * 4000
    html = _html(Passage(text, [Span(8000, 8004)]))
    assert "<mark" in html
    assert len(_plain(html)) < 1500
    assert _plain(html).count("...") == 2


def test_every_passage_takes_the_direction_of_its_script_and_may_be_empty() -> None:
    html = _html(Passage("שלום"), Passage(" "))
    assert html.count('dir="auto"') == 2
    assert "<i>empty</i>" in html
    assert "No text" in panel(Texts("T", []), {})


def test_many_items_are_folded() -> None:
    html = panel(Texts("T", [[Passage(f"text {n}")] for n in range(9)]), {})
    assert "<summary>3 more</summary>" in html
