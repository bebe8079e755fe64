"""HTML whose text is always escaped: an element takes anything, and only `Markup` goes as it is."""

from __future__ import annotations

import html
from collections.abc import Iterable

_VOID = {"img", "meta", "br"}
_CONTROLS = {code: "\N{REPLACEMENT CHARACTER}" for code in range(32) if chr(code) not in "\t\n\r"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = object
"""Markup, any value to be escaped, or None for nothing."""


def escaped(value: object) -> Markup:
    """A value as text that no browser takes for markup."""
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(str(value).translate(_CONTROLS), quote=True))


def element(tag: str, *children: Child, **attributes: object) -> Markup:
    """One element; `class_` is class, `stroke_width` is stroke-width, None leaves one out."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{joined(children)}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """Children one after another."""
    return Markup("".join(escaped(child) for child in children if child is not None))


def table(
    header: Iterable[Child],
    rows: Iterable[Iterable[Child]],
    *,
    class_: str = "",
    tall: bool = False,
) -> Markup:
    """A table that scrolls by itself where it is wider than the page; first cells are headers.

    Where it is `tall` it scrolls downwards as well, below headers that stay.
    """
    head = element("tr", *(element("th", cell, scope="col") for cell in header))
    body = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    inner = element(
        "table", element("thead", head), element("tbody", *body), class_=class_ or "words"
    )
    return scrolling(inner, tall=tall)


def scrolling(inner: Markup, *, tall: bool = False) -> Markup:
    """A box that scrolls by itself, by keyboard too; shadows show where there is more."""
    class_, label = ("scroll tall", "scrolls") if tall else ("scroll", "scrolls sideways")
    return element("div", inner, class_=class_, tabindex="0", role="region", aria_label=label)


def folded(summary: str, *content: Child) -> Markup:
    """What is long and seldom read, behind one line that opens it."""
    return element("details", element("summary", summary), *content)
