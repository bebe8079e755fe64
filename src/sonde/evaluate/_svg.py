"""Charts as inline SVG: no script, no font, colours from the page's style sheet."""

from __future__ import annotations

import numpy as np

from sonde.contracts.panels import Curves
from sonde.evaluate._axes import Axis, axis, tick_text
from sonde.evaluate._html import Markup, element, joined

_WIDTH, _HEIGHT = 420, 270
_TOP, _RIGHT, _BOTTOM = 12, 22, 46
_LETTER = 8.4
"""Pixels a character of a tick takes at most: on a phone they are drawn larger."""
_MARKED = 40
"""Lines of at most so many points show each of them."""
_COLOURS = 5
_MARK, _LONE_MARK = 2.6, 5.0
"""Radius of a point in pixels; of one alone, which no line leads to."""

Series = dict[str, tuple[np.ndarray, np.ndarray]]


def chart(curves: Curves) -> Markup:
    """Lines and points over two axes; what is not finite is not drawn."""
    series: Series = {}
    for name, (x, y) in curves.series.items():
        drawn = np.isfinite(x) & np.isfinite(y)
        series[name] = np.asarray(x, np.float64)[drawn], np.asarray(y, np.float64)[drawn]
    x_axis, y_axis = _axes(series, curves.diagonal)
    drawing = [_grid(x_axis, y_axis), _titles(curves, x_axis)]
    if curves.diagonal:
        drawing.append(_diagonal(x_axis, y_axis))
    for place, (name, (x, y)) in enumerate(series.items()):
        draw = _points if name in curves.points else _line
        drawing.append(draw(x, y, x_axis, y_axis, f"s{place % _COLOURS}"))
    return element(
        "svg", *drawing, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=curves.title
    )


def standalone(curves: Curves) -> str:
    """A chart as an SVG file of its own, with colours of its own."""
    style = (
        "<style>svg{background:#fff;font:11px sans-serif}path,polyline,line{fill:none;"
        "stroke:#567}circle{fill:#c40}</style>"
    )
    head, close, body = str(chart(curves)).partition(">")
    whole = f'{head} xmlns="http://www.w3.org/2000/svg" width="840" height="540"{close}'
    return whole + style + body


def legend(names: list[str]) -> Markup:
    """Which colour is what; nothing where there is one series alone."""
    if len(names) < 2:
        return Markup("")
    items = [
        element("li", element("i", class_=f"s{place % _COLOURS}"), name)
        for place, name in enumerate(names)
    ]
    return element("ul", *items, class_="legend")


def _axes(series: Series, diagonal: bool) -> tuple[Axis, Axis]:
    """Axes that hold every series; with a diagonal both hold the same values."""
    xs = np.concatenate([np.empty(0), *(x for x, _ in series.values())])
    ys = np.concatenate([np.empty(0), *(y for _, y in series.values())])
    if diagonal:
        xs = ys = np.concatenate([xs, ys])
    y_axis = axis(ys, _HEIGHT - _BOTTOM, _TOP)
    left = 28 + _LETTER * max(len(tick_text(tick)) for tick in y_axis.ticks)
    return axis(xs, left, _WIDTH - _RIGHT), y_axis


def _grid(x_axis: Axis, y_axis: Axis) -> Markup:
    lines: list[Markup] = []
    floor = y_axis.start
    for tick in y_axis.ticks:
        y = short(y_axis.place(tick))
        lines.append(element("path", d=f"M{short(x_axis.start)} {y}H{x_axis.end}", class_="grid"))
        lines.append(text_at(tick_text(tick), x_axis.start - 5, float(y) + 3.5, "end"))
    every = -(-len(x_axis.ticks) // 7)
    for tick in x_axis.ticks[::every]:
        x = short(x_axis.place(tick))
        lines.append(element("path", d=f"M{x} {floor}v4", class_="tick"))
        lines.append(text_at(tick_text(tick), float(x), floor + 18, "middle"))
    return joined(lines)


def _titles(curves: Curves, x_axis: Axis) -> Markup:
    middle = (x_axis.start + x_axis.end) / 2
    height = (_HEIGHT - _BOTTOM + _TOP) / 2
    across = text_at(curves.x_title, middle, _HEIGHT - 6, "middle", class_="title")
    return joined([across, turned_at(curves.y_title, 13, height, "middle", class_="title")])


def _diagonal(x_axis: Axis, y_axis: Axis) -> Markup:
    low, high = max(x_axis.low, y_axis.low), min(x_axis.high, y_axis.high)
    ends = np.array([low, high])
    path = _path(x_axis.place(ends), y_axis.place(ends), "L")
    return element("path", d=path, class_="diagonal")


def _line(x: np.ndarray, y: np.ndarray, x_axis: Axis, y_axis: Axis, colour: str) -> Markup:
    across, up = x_axis.place(x), y_axis.place(y)
    radius = _LONE_MARK if len(x) == 1 else _MARK
    marks = [
        element("circle", element("title", f"{a:.4g}, {b:.4g}"), cx=short(h), cy=short(v), r=radius)
        for a, b, h, v in zip(x, y, across, up, strict=True)
        if len(x) <= _MARKED
    ]
    line = element("path", d=_path(across, up, "L")) if len(x) else None
    return element("g", line, *marks, class_=f"line {colour}")


def _points(x: np.ndarray, y: np.ndarray, x_axis: Axis, y_axis: Axis, colour: str) -> Markup:
    """All points as one path of strokes without length, whose round ends are dots."""
    across, up = x_axis.place(x), y_axis.place(y)
    dots = "".join(f"M{short(h)} {short(v)}h0" for h, v in zip(across, up, strict=True))
    return element("path", d=dots, class_=f"points {colour}")


def _path(across: np.ndarray, up: np.ndarray, join: str) -> str:
    return "M" + join.join(f"{short(h)} {short(v)}" for h, v in zip(across, up, strict=True))


def text_at(text: str, x: float, y: float, anchor: str, *, class_: str | None = None) -> Markup:
    """Text whose `anchor` (start, middle, end) stands at a pixel."""
    return element("text", text, x=short(x), y=short(y), text_anchor=anchor, class_=class_)


def turned_at(text: str, x: float, y: float, anchor: str, *, class_: str | None = None) -> Markup:
    """The same, read from below upwards."""
    upright = text_at(text, 0, 0, anchor, class_=class_)
    return element("g", upright, transform=f"translate({short(x)} {short(y)}) rotate(-90)")


def short(pixels: float | np.ndarray) -> str:
    """Pixels as an attribute, to a tenth."""
    return f"{float(pixels):.1f}"
