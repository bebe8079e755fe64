"""The report: one self-contained page that tells what was done and how far it can be trusted.

It works without network and without script, in light and dark, on paper and on a phone; whatever
comes from data is escaped.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from sonde.core.errors import StorageError
from sonde.evaluate import _sections
from sonde.evaluate._html import Markup, element, joined
from sonde.evaluate.contents import Report

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Even if a label slipped through unescaped, the browser would load and run nothing."""


def write_report(path: str | Path, report: Report) -> None:
    """Write the page; a file of that name is replaced in one go.

    Raises:
        StorageError: the place cannot be written.
    """
    place = Path(path)
    unfinished = place.with_name(place.name + ".part")
    try:
        unfinished.write_text(page(report), encoding="utf-8", errors="replace")
        unfinished.replace(place)
    except OSError as error:
        raise StorageError(f"{place}: cannot be written: {error.strerror}") from None


def page(report: Report) -> str:
    """The whole page as HTML."""
    style = files("sonde.evaluate").joinpath("report.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", f"{report.title} - Sonde report"),
        element("style", Markup(style)),
    )
    sections = [
        _sections.scores(report.outcome),
        *_sections.findings(report),
        _sections.judgement(report.outcome),
        _sections.learning(report),
        _sections.data_card(report.data),
        _sections.provenance(report.provenance),
    ]
    body = element("body", _sections.header(report), element("main", *sections))
    return "<!doctype html>\n" + element("html", joined([head, body]), lang="en") + "\n"
