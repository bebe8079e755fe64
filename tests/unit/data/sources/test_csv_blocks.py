"""Blocks parsed side by side: the same rows, lines and errors as one line after another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as settle
from hypothesis import strategies as st

from sonde.contracts.data import RowError
from sonde.core.errors import DataError
from sonde.data.sources import _blocks, _csv
from sonde.data.sources._csv import Lines, read_lines
from sonde.data.sources._detect import Layout

MISSING = ("?", "", "é ", "-9")

_plain = st.text("ab?é \t\0", max_size=6)
_cells = _plain | st.builds('"{}"'.format, st.text('ab?é ,\n\r"', max_size=6))
_careful_cells = _plain | st.builds('"{}"'.format, st.sampled_from(["", "x", 'a""b', "-9", " ? "]))
_ends = st.sampled_from(["\n", "\r\n", "\n", "\r"])


def table(cells: st.SearchStrategy[str], ends: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A text of lines, most of which have two fields."""
    line = st.lists(cells, min_size=2, max_size=2) | st.lists(cells, max_size=3)
    ended = st.builds(lambda found, end: ",".join(found) + end, line, ends)
    return st.builds("".join, st.lists(ended, min_size=1, max_size=30))


def outcome(read: Lines, told: list[RowError]) -> Any:
    """Every row with its line and what was told, or the refusal."""
    try:
        rows = [(line, row) for batch, lines in read
                for line, row in zip(lines.tolist(), batch.to_pylist(), strict=True)]  # fmt: skip
    except DataError as error:
        return str(error)
    return rows, sorted(told, key=lambda error: error.row)


@settle(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    text=st.one_of(
        table(_cells, _ends),
        table(_careful_cells, st.just("\n")),
        st.text('a",\n\ufeff', max_size=60),
    ),
    head=st.sampled_from(["", "\ufeff"]),
    skip=st.sampled_from([0, 1, 2]),
    end=st.sampled_from(["", "\n", "\n\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)  # fmt: skip
def test_both_ways_of_reading_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, head: str, skip: int, end: str,
    encoding: str,
) -> None:  # fmt: skip
    assume(text.strip("\ufeff") and text.count("\n") >= skip)  # other files have no layout
    monkeypatch.setattr(_csv, "BLOCK", 64)
    path = tmp_path / "t.csv"
    path.write_bytes((head + text + end).encode(encoding))
    layout = Layout(("x", "y"), ",", '"', encoding, skip, 0, "\0" in text)
    careful: list[RowError] = []
    expected = outcome(_csv._read_with_care(str(path), layout, MISSING, careful.append), careful)
    if "longer than" in str(expected):
        return  # side by side a line may be twice as long
    told: list[RowError] = []
    assert outcome(read_lines(str(path), layout, MISSING, told.append), told) == expected


@pytest.mark.parametrize("quote", ["", '"'])
def test_blocks_are_read_side_by_side_where_quotes_close_in_their_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quote: str
) -> None:
    monkeypatch.setattr(_csv, "BLOCK", 1 << 10)
    lines = "".join(f"{quote}{row}{quote},x\n" if row % 100 else "1\n" for row in range(1, 2000))
    (tmp_path / "t.csv").write_text(lines)
    layout = Layout(("x", "y"), ",", '"', "utf-8")
    texts = [lines[start : start + 1000].encode() for start in range(0, len(lines), 1000)]
    blocks = list(_blocks.read_blocks(texts, layout, MISSING, 1000))
    assert len(blocks) > 10
    assert None not in blocks
    told: list[RowError] = []
    read = list(read_lines(str(tmp_path / "t.csv"), layout, MISSING, told.append))
    values = {line: row["x"] for batch, at in read
              for line, row in zip(at.tolist(), batch.to_pylist(), strict=True)}  # fmt: skip
    assert values == {row: str(row) for row in range(1, 2000) if row % 100}
    assert [error.row for error in told] == list(range(100, 2000, 100))


def test_a_value_of_several_lines_costs_no_row_and_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_csv, "BLOCK", 256)
    lines = "".join('"a\nb",1\n' if row == 50 else f"{row},1\n" for row in range(1, 100))
    (tmp_path / "t.csv").write_text(lines + "odd\n")
    layout = Layout(("x", "y"), ",", '"', "utf-8")
    told: list[RowError] = []
    read = list(read_lines(str(tmp_path / "t.csv"), layout, MISSING, told.append))
    values = [row["x"] for batch, _ in read for row in batch.to_pylist()]
    assert values == [("a\nb" if row == 50 else str(row)) for row in range(1, 100)]
    assert [error.row for error in told] == [101]
