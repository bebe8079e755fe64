"""Texts as HTML: passages below one another, with marked stretches shaded by their strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sonde.contracts.panels import Passage, Span, Texts
from sonde.evaluate._html import Child, Markup, element, folded, joined

_ITEMS_AT_ONCE = 6
_LONGEST, _BEFORE = 1200, 200
"""Characters of a passage that are shown, and of them before the first mark."""
_BREAKS = {ord(c): " " for c in "\r\t\v\f\x85\u2028\u2029"}  # one for one: offsets stay


def texts_list(shown: Texts) -> Markup:
    """The items in their order, many of them folded."""
    remarks = [*shown.remarks, *[""] * len(shown.items)]
    items = [_item(item, remarks[at]) for at, item in enumerate(shown.items)]
    if not items:
        return element("p", "No text.")
    first, rest = items[:_ITEMS_AT_ONCE], items[_ITEMS_AT_ONCE:]
    more = folded(f"{len(rest)} more", element("ol", *rest, class_="texts")) if rest else None
    return joined([element("ol", *first, class_="texts"), more])


def _item(passages: Sequence[Passage], remark: str) -> Markup:
    above = element("p", remark, class_="remark") if remark else None
    return element("li", above, *map(_passage, passages))


def _passage(passage: Passage) -> Markup:
    """A paragraph in the direction of its own script."""
    name = element("small", passage.name) if passage.name else None
    text = element("p", *_pieces(passage), dir="auto")
    return element("div", name, text, class_="passage")


def _pieces(passage: Passage) -> Iterator[Child]:
    """The text as pieces, marked or plain, cut where it is too long to be read."""
    text = passage.text.translate(_BREAKS)
    if not text.strip():
        yield element("i", "empty")
        return
    spans = sorted(span for span in passage.spans if span.start < span.end)
    reached = max(0, spans[0].start - _BEFORE) if spans and len(text) > _LONGEST else 0
    last = min(len(text), reached + _LONGEST)
    yield "... " if reached else ""
    for span in spans:
        start, end = max(span.start, reached), min(span.end, last)  # no two marks overlap
        if start >= end:
            continue
        yield text[reached:start]
        yield _mark(text[start:end], span)
        reached = end
    yield text[reached:last]
    yield " ..." if last < len(text) else ""


def _mark(text: str, span: Span) -> Markup:
    percent = round(100 * min(1.0, abs(span.strength)))
    class_ = "against" if span.strength < 0 else None
    label = element("sub", span.label) if span.label else None
    return element("mark", text, label, class_=class_, style=f"--strength:{percent}%")
