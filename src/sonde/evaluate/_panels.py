"""Each kind of panel as HTML."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np

from sonde.contracts.data import Raw
from sonde.contracts.panels import Curves, Heatmap, Panel, Rowlist, Sheet, Table, Texts
from sonde.core.picture import file_of
from sonde.evaluate._html import Markup, element, folded, joined, scrolling, table
from sonde.evaluate._matrix import matrix_picture, row_parts
from sonde.evaluate._svg import chart, legend
from sonde.evaluate._texts import texts_list
from sonde.evaluate.contents import ShownRow

_FIELDS_AT_ONCE = 6
_CARDS_AT_ONCE = 4
_ROWS_AT_ONCE = 20
"""Rows of a table that is shown in full height."""
_CLASSES_ON_A_PHONE, _CLASSES_ON_A_PAGE = 6, 12
"""Classes of a matrix whose numbers can be read without scrolling."""
_HALF_A_PAGE, _A_PHONE = 56, 28
"""Characters that fit beside one another in a panel of half the page's width, and on a phone."""
_SENTENCE = 40
"""Characters above which a cell is taken for words to be read, not for a number."""
_LONGEST = 200
"""Characters of a raw value that are shown."""

_LEAST_WIDTH, _HALF_IN_PIXELS = 96, 460
"""Pixels that a small picture is enlarged to, and that half of the page's width has."""

ShownRows = Mapping[int, ShownRow]


def panel(shown: Panel, rows: ShownRows) -> Markup:
    """A panel as a figure; `rows` has the raw rows that a `Rowlist` names."""
    match shown:  # a closed set: a new kind of panel is an edit here, and mypy finds the place
        case Curves():
            return curves_figure(shown)
        case Table():
            return _table(shown)
        case Heatmap():
            return _heatmap(shown)
        case Rowlist():
            return _rowlist(shown, rows)
        case Sheet():
            return _sheet(shown)
        case Texts():
            return figure(shown.title, texts_list(shown), note=shown.note, wide=True)


def _table(shown: Table) -> Markup:
    """Numbers stand below one another; sentences are broken and get the width of the page."""
    if not shown.rows:
        return figure(shown.title, note=shown.note)
    wordy = any(len(cell) > _SENTENCE for row in shown.rows for cell in row[1:])
    tall = len(shown.rows) > _ROWS_AT_ONCE
    body = table(shown.header, shown.rows, class_="" if wordy else "numbers", tall=tall)
    return figure(shown.title, body, note=shown.note, wide=wordy or _letters(shown) > _HALF_A_PAGE)


def _letters(shown: Table) -> int:
    """Characters of the longest cell of every column together, each with a gap."""
    columns = zip(shown.header, *shown.rows, strict=False)
    return sum(max(map(len, column)) + 2 for column in columns)


def curves_figure(shown: Curves) -> Markup:
    """A chart with its legend."""
    return figure(shown.title, legend(list(shown.series)), chart(shown), note=shown.note)


def _heatmap(shown: Heatmap) -> Markup:
    """Numbers where they fit; of many classes a picture, which a phone gets of some already."""
    classes = len(shown.column_labels)
    if not classes or classes <= _CLASSES_ON_A_PHONE:
        return figure(shown.title, *_counts(shown), note=shown.note)
    shades = "The stronger a shade, the larger the part of its row."
    drawn = [matrix_picture(shown), element("p", shades, class_="quiet")]
    if classes > _CLASSES_ON_A_PAGE:
        return figure(shown.title, *drawn, note=shown.note)
    numbers = element("div", *_counts(shown), class_="on-pages")
    picture = element("div", *drawn, class_="on-phones")
    wide = _across(shown) > _HALF_A_PAGE
    return figure(shown.title, numbers, picture, note=shown.note, wide=wide)


def _across(shown: Heatmap) -> int:
    """Characters that the counts and their labels take beside one another, with their gaps."""
    greatest = shown.values.max(axis=0).tolist()
    columns = zip(shown.column_labels, greatest, strict=True)
    widths = [max(3, len(label), len(f"{count:,}")) + 3 for label, count in columns]
    return max(map(len, shown.row_labels)) + sum(widths)


def _counts(shown: Heatmap) -> tuple[Markup, Markup]:
    """What the axes are, and the counts, each row shaded by its own sum."""
    shades = np.rint(100 * row_parts(shown.values)).astype(int)
    axes = f"{shown.row_title} \N{DOWNWARDS ARROW}   {shown.column_title} \N{RIGHTWARDS ARROW}"
    head = [element("td")]
    head += [element("th", label, scope="col") for label in shown.column_labels]
    body = []
    for label, counts, shade in zip(shown.row_labels, shown.values, shades, strict=True):
        cells = [
            element("td", f"{count:,}" if count else "", style=f"--shade:{percent}%")
            for count, percent in zip(counts.tolist(), shade.tolist(), strict=True)
        ]
        body.append(element("tr", element("th", label, scope="row"), *cells))
    room = _A_PHONE if len(shown.column_labels) <= _CLASSES_ON_A_PHONE else 2 * _HALF_A_PAGE
    upright = sum(len(label) + 2 for label in shown.column_labels) > room
    inner = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *body),
        class_="heat upright" if upright else "heat",
    )
    return element("p", axes, class_="quiet"), scrolling(inner)


def _rowlist(shown: Rowlist, rows: ShownRows) -> Markup:
    cards = [
        _card(number, remark, rows.get(number, ShownRow({})))
        for number, remark in zip(shown.rows, shown.remarks, strict=True)
    ]
    first, rest = cards[:_CARDS_AT_ONCE], cards[_CARDS_AT_ONCE:]
    body = element("ol", *first, class_="cards") if cards else element("p", "No such row.")
    more = folded(f"{len(rest)} more rows", element("ol", *rest, class_="cards")) if rest else None
    return figure(shown.title, joined([body, more]), note=shown.note, wide=True)


def _sheet(shown: Sheet) -> Markup:
    """Pictures in a line that is broken where the page ends, each with its words below."""
    words = [*shown.remarks, *[""] * len(shown.pictures)]
    cells = [
        element("li", picture(drawn, words[at] or shown.title), words[at] or None)
        for at, drawn in enumerate(shown.pictures)
    ]
    body = element("ol", *cells, class_="sheet") if cells else element("p", "No picture.")
    across = sum(map(_enlarged, shown.pictures))
    return figure(shown.title, body, note=shown.note, wide=across > _HALF_IN_PIXELS)


def picture(drawn: np.ndarray, name: str) -> Markup:
    """A picture or a film, small ones enlarged in whole pixels."""
    suffix, content = file_of(drawn)
    return element(
        "img",
        src=f"data:image/{suffix[1:]};base64,{base64.b64encode(content).decode()}",
        alt=name,
        width=str(_enlarged(drawn)),
    )


def _enlarged(drawn: np.ndarray) -> int:
    """Its width on the page, in pixels."""
    width = int(drawn.shape[-1] if drawn.ndim == 2 else drawn.shape[-2])
    return width * max(1, _LEAST_WIDTH // width)


def figure(title: str, *content: Markup, note: str = "", wide: bool = False) -> Markup:
    """A titled box with a note below."""
    below = element("figcaption", note) if note else None
    return element("figure", element("h3", title), *content, below, class_="wide" if wide else None)


def _card(number: int, remark: str, row: ShownRow) -> Markup:
    pictures = [
        element("img", src=f"data:image/png;base64,{base64.b64encode(png).decode()}", alt=name)
        for name, png in row.pictures.items()
    ]
    fields = [(n, v) for n, v in row.fields.items() if n not in row.pictures]
    more = fields[_FIELDS_AT_ONCE:]
    rest = folded(f"{len(more)} more", _fields(more)) if more else None
    return element(
        "li",
        *pictures,
        element("p", remark, class_="remark"),
        _fields(fields[:_FIELDS_AT_ONCE]),
        rest,
        element("p", f"row {number:,}", class_="quiet"),
    )


def _fields(fields: list[tuple[str, Raw]]) -> Markup | None:
    if not fields:
        return None
    pairs = [joined([element("dt", name), element("dd", _value(value))]) for name, value in fields]
    return element("dl", *pairs)


def _value(value: Raw) -> Markup | str:
    """A raw value, shortened."""
    if value is None:
        return element("i", "missing")
    text = f"{len(value):,} bytes" if isinstance(value, bytes) else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
