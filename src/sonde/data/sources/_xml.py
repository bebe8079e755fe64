"""XML that anybody may have written, read without what makes it dangerous.

A document type may define entities that grow to gigabytes ("a billion laughs"), or that name files
and addresses to be fetched. No annotation needs one, so the parser stops at it: nothing of it is
looked at, let alone expanded.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MOST_BYTES = 1 << 25
"""Of a document: 32 MiB."""

_DEEPEST = 32
"""Elements inside one another."""


class BadXml(ValueError):
    """What is no XML, or XML that is not read; the text says why."""


def parse_xml(data: bytes) -> Element:
    """The root of a document.

    Raises:
        BadXml: it is none, it has a document type, or it is larger or deeper than annotations are.
    """
    if len(data) > MOST_BYTES:
        raise BadXml(f"{len(data):,} bytes are more than {MOST_BYTES:,}")
    tree, parser = TreeBuilder(), expat.ParserCreate()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise BadXml(f"more than {_DEEPEST} elements inside one another")
        tree.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        tree.end(name)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the second: unknown encodings
        raise error if isinstance(error, BadXml) else BadXml(f"not XML: {error}") from None
    root: Element = tree.close()
    return root


def _refuse(name: str, *_: Any) -> None:
    raise BadXml(f"a document type {name[:40]!r}, which may define entities without end")
