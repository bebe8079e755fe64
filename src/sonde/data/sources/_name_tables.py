"""The tables that may name pictures: CSV and TSV files, and every format of typed rows."""

from __future__ import annotations

from sonde.data.sources._row_files import RowFiles, formats
from sonde.data.sources.jsonl import Jsonl
from sonde.data.sources.table import Table

NameTable = Table | RowFiles

_PLAIN = (".csv", ".tsv", ".csv.gz", ".tsv.gz")


def name_table(path: str) -> NameTable:
    """The table at a path, read as its name says; JSON may also be anything else."""
    kind = next((kind for kind in formats() if path.lower().endswith(kind.suffixes)), None)
    if kind is None and path.lower().endswith((".json", ".json.gz")):
        kind = Jsonl
    return Table(path) if kind is None else kind(path)


def is_name_table(name: str) -> bool:
    """Whether a file is called as tables are."""
    return name.lower().endswith((*_PLAIN, *(s for kind in formats() for s in kind.suffixes)))
