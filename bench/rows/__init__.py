"""The numbers Sonde has to reach, in the order in which the page of results shows them."""

from __future__ import annotations

from bench.rows import pictures, tables, text, vision, ways

ROWS = (*tables.ROWS, *pictures.ROWS, *ways.ROWS, *text.ROWS, *vision.ROWS)
