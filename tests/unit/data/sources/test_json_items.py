"""Lists of JSON objects: every item in its place, wherever the file is cut in blocks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, UsageError
from sonde.data.guess import guess_source
from sonde.data.sources import _within
from sonde.data.sources._json_items import before_items, items
from sonde.data.sources.jsonl import Jsonl

ROWS: list[dict[str, Any]] = [
    {"text": "a, [b] \\"},
    {"text": 'say "no"', "of": {"city": "Bath"}},
    {"text": "{"},
]


def read(path: Path, tell: Any = None) -> list[dict[str, Any]]:
    return [row for batch in guess_source(str(path)).scan(None, tell) for row in batch.to_pylist()]


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("around", [False, True])
def test_rows_may_stand_in_one_list(
    indent: int | None, around: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {"version": "1.0", "rows": ROWS, "licence": None} if around else ROWS
    path = written(tmp_path / "rows.json", "\ufeff" + json.dumps(whole, indent=indent))
    source = guess_source(str(path))
    assert isinstance(source, Jsonl)
    expected = [{"text": row["text"], "of.city": ("Bath" if "of" in row else None)} for row in ROWS]
    assert read(path) == expected
    monkeypatch.setattr(_within, "CHUNK", 60)  # as little as tells the form
    assert read(path) == expected


_values = st.recursive(
    st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
)


@given(st.lists(st.dictionaries(st.text(), _values)), st.integers(1, 9), st.sampled_from([None, 1]))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_list_is_cut_into_its_items(
    rows: list[dict[str, Any]], size: int, indent: int | None
) -> None:
    data = json.dumps(rows, indent=indent, ensure_ascii=False).encode()
    begin = before_items("a.json", data)
    assert begin is not None
    rest = data[len(begin) :]
    blocks = (rest[at : at + size] for at in range(0, len(rest), size))
    cut = [item for item in items("a.json", begin, blocks, 1 << 20) if item.strip()]
    assert [json.loads(item) for item in cut] == rows


def test_items_that_are_no_objects_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '[{"a": 1}, 5, {"a": nope}, {"a": 2},]')
    told: list[RowError] = []
    assert read(path, told.append) == [{"a": 1}, {"a": 2}]
    assert [(str(error.place).rpartition(", ")[2], error.harmless) for error in told] == [
        ("item 2", False),
        ("item 3", False),
        ("item 5", True),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}, {"a": "x', "which does not end"),
        ('[{"a": 1}}, {"a": 2}]', "which does not end"),
        ('[{"a": 1}] [{"a": 2}]', r"'\[\{\"a\": 2\}\]' behind the list"),
        ('{"train": [{"a": 1}], "test": [{"a": 2}]}', 'got \'"test": .* behind the list of rows'),
        ('[{"a": 1}, {"a": [1]}]', "'a' holds whole in item 1, list of numbers in item 2"),
        ('{"a": {"0": 1, "1": 2}, "b": {"0": 3, "1": 4}}', r"as pandas writes columns; .*to_json"),
    ],
)
def test_what_is_no_list_of_rows_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read(written(tmp_path / "a.json", text))


def test_lines_are_lines_whatever_they_begin_with(tmp_path: Path) -> None:
    lines = "".join(f'{{"n": {n}, "a": "b"}}\n' for n in range(3))
    assert len(read(written(tmp_path / "a.json", lines))) == 3
    nested = '{"a": [{"b": 1}]}\n{"a": [{"b": 2}, {}]}\n'
    for name in ("a.json", "a.jsonl"):
        assert read(written(tmp_path / name, nested)) == [{"a": [{}]}, {"a": [{}, {}]}]
    mixed = '{"a": ["x", 3.0, null]}\n{"a": [true, false]}\n{"a": [2.5]}\n'
    texts = [["x", "3", None], ["true", "false"], ["2.5"]]
    assert read(written(tmp_path / "a.jsonl", mixed)) == [{"a": row} for row in texts]
    with pytest.raises(UsageError, match="neither a recipe"):
        read(written(tmp_path / "a.json", '{\n "a": 1\n}\n'))
