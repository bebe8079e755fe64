"""Tables: every value as it stands in the file, every odd line told."""

from __future__ import annotations

import csv
import gzip
import io
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settle
from hypothesis import strategies as st

from sonde.contracts.data import RowError, Source
from sonde.core.errors import DataError, RecipeError, StorageError, UnknownColumn
from sonde.core.port import PART
from sonde.data.sources import _csv
from sonde.data.sources.table import Table

Rows = list[dict[str, str | None]]


def write(folder: Path, content: str | bytes, name: str = "t.csv") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read(table: Table, fields: list[str] | None = None) -> tuple[Rows, list[RowError]]:
    errors: list[RowError] = []
    batches = list(table.scan(fields, errors.append))
    return [row for batch in batches for row in batch.to_pylist()], errors


def test_values_are_texts_and_markers_are_null(tmp_path: Path) -> None:
    rows, errors = read(Table(write(tmp_path, "a,b,c\n1, x ,?\n2.50, ? ,NA\n,3,n/a\n")))
    assert rows == [
        {"a": "1", "b": " x ", "c": None},
        {"a": "2.50", "b": None, "c": None},
        {"a": None, "b": "3", "c": "n/a"},
    ]
    assert errors == []


def test_missing_markers_can_be_chosen(tmp_path: Path) -> None:
    rows, _ = read(Table(write(tmp_path, "a,b\n-9,?\n"), missing=["-9"]))
    assert rows == [{"a": None, "b": "?"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_any_encoding_gives_the_same_rows(tmp_path: Path, encoding: str, pack: type) -> None:
    table = Table(write(tmp_path, pack("größe,b\n1,é\n2,ü\n".encode(encoding))))
    assert read(table)[0] == [{"größe": "1", "b": "é"}, {"größe": "2", "b": "ü"}]
    assert encoding.removesuffix("-sig") in table.describe()


def test_a_late_byte_that_is_not_utf8_makes_the_file_latin_1(tmp_path: Path) -> None:
    content = b"a,b\n" + b"1,x\n" * 500_000 + b"2,caf\xe9\n"
    table = Table(write(tmp_path, content))
    assert table.describe() == "2 columns, comma, latin-1, header"
    last = list(table.scan(["b"]))[-1].column("b")[-1].as_py()
    assert last == "café"


def test_the_quotes_and_dashes_of_windows_are_read(tmp_path: Path) -> None:
    table = Table(write(tmp_path, "a,b\n1,“so” \N{EN DASH} 5 €\n".encode("cp1252")))
    assert read(table)[0] == [{"a": "1", "b": "“so” \N{EN DASH} 5 €"}]
    assert table.describe() == "2 columns, comma, cp1252, header"
    odd = Table(write(tmp_path, b"a,b\n1,\x81\xe9\n"))  # a byte that Windows-1252 has not
    assert "latin-1" in odd.describe()


def _opened(rows: int, at: set[int]) -> str:
    """A table of sentences, of which some begin with a quote that is never closed."""
    lines = [f"{'“' if n in at else ''}words of row {n}\t{n % 2}" for n in range(rows)]
    return "\n".join(["text\tlabel", *lines, ""]).replace("“", '"')


@pytest.mark.parametrize("at", [{5}, {5, 40}, {5, 40, 77}, {98, 99}])
def test_quotes_that_would_join_rows_between_tabs_are_letters(at: set[int], tmp_path: Path) -> None:
    rows, errors = read(Table(write(tmp_path, _opened(400, at).encode())))
    assert not errors and len(rows) == 400
    assert rows[5]["text"] == ('"' if 5 in at else "") + "words of row 5"


@pytest.mark.parametrize("at", [{9005, 9040}, {9998, 9999}])
def test_such_quotes_below_the_head_are_refused_with_their_line(
    at: set[int], tmp_path: Path
) -> None:
    path = write(tmp_path, _opened(10_000, at).encode())
    with pytest.raises(DataError, match=rf"line {min(at) + 2}: .* is opened and not closed before"):
        read(Table(path))
    assert len(read(Table(path, quote=""))[0]) == 10_000


def test_lines_in_quotes_between_tabs_are_one_value(tmp_path: Path) -> None:
    path = write(tmp_path, b'text\tlabel\n"two\nlines"\t1\n"tab\there"\t0\n')
    assert [row["text"] for row in read(Table(path))[0]] == ["two\nlines", "tab\there"]


def test_a_given_encoding_is_checked(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"byte 4 is not utf-8\. Give its `encoding`"):
        Table(write(tmp_path, b"a\n1\n\xe9\n"), encoding="utf-8").fields()


def test_odd_lines_are_told_with_their_line_and_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b\n1,"x\ny"\n3,4,5\n\n6,7\n8\n,\n"p\n\nq",2,3\n9,9\n\n')
    rows, errors = read(Table(path))
    assert rows == [{"a": "1", "b": "x\ny"}, {"a": "6", "b": "7"}, {"a": "9", "b": "9"}]
    told = {error.row: (error.got, error.expected) for error in errors}
    assert told == {
        4: ("3 fields: 3,4,5", "2 fields, as in the header"),
        5: ("an empty row", "some value"),
        7: ("1 field: 8", "2 fields, as in the header"),
        8: ("an empty row", "some value"),
        9: ('3 fields: "p\n\nq",2,3', "2 fields, as in the header"),
        13: ("an empty row", "some value"),
    }
    assert {error.place for error in errors} == {f"{path}, line {line}" for line in told}


def test_rows_are_numbered_alike_whatever_fields_are_asked_for(tmp_path: Path) -> None:
    table = Table(write(tmp_path, "a,b\n1,\n,\n,2\n"))
    assert read(table)[0] == [{"a": "1", "b": None}, {"a": None, "b": "2"}]
    assert read(table, ["b"])[0] == [{"b": None}, {"b": "2"}]
    assert read(table, ["b", "a"])[0] == [{"b": None, "a": "1"}, {"b": "2", "a": None}]


def test_a_nul_byte_costs_its_row_only(tmp_path: Path) -> None:
    rows, errors = read(Table(write(tmp_path, b"a,b\n1,x\0y\n2,z\n")))
    assert rows == [{"a": "2", "b": "z"}]
    assert [(error.row, error.expected) for error in errors] == [(2, "text without NUL bytes")]


@pytest.mark.parametrize(
    ("content", "line"),
    [('a,b\n1,2\n3,"x\n4,5\n', 3), ('a,b\n1,2\n3,4,"x\n4,5\n', 3), ('a,b\n"1\n",2\n3,"', 4)],
)
def test_an_unclosed_quote_is_refused_with_its_line(
    tmp_path: Path, content: str, line: int
) -> None:
    with pytest.raises(DataError, match=rf"t.csv, line {line}: a quote .* never closed"):
        read(Table(write(tmp_path, content)))


def test_an_unclosed_quote_does_not_eat_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_csv, "BLOCK", 1 << 20)
    path = write(tmp_path, 'a,b\n1,"x\n' + "2,3\n" * 1_000_000)
    with pytest.raises(DataError, match="a row is longer than 1 MiB"):
        read(Table(path))
    assert len(read(Table(path, quote=""))[0]) == 1_000_001


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty, expected a table"),
        (b"\n \n\n", "holds blank lines only"),
        (b"a,,b,\n1,2,3,4\n", "column 2, 4 of 4 has no name"),
        (b"a,b, a\n1,2,3\n", r"'a' stands more than once \(columns 1, 3\)"),
        (b"#part,b\nx,2\n", "'#part' is reserved"),
        (b"a,b\n1,2,3\n4,5,6\n", "the header names 2 columns, but the lines below have 3 fields"),
        (b"PK\x03\x04" + bytes(30), "a zip archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a picture"),
        (b"PAR1" + bytes(30), "a Parquet file"),
        (bytes(range(256)) * 20, "not a table"),
        (gzip.compress(b"a,b\n" + bytes(str(list(range(9999))), "ascii"))[:-200], "cut short"),
    ],
)
def test_what_is_no_table_is_refused_with_its_reason(
    tmp_path: Path, content: bytes, message: str
) -> None:
    table = Table(write(tmp_path, content))
    with pytest.raises(DataError, match=message):
        read(table)


def test_a_path_without_a_readable_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    for name in ("absent.csv", "loop", "pipe", "", "nul\0"):
        with pytest.raises(StorageError):
            Table(str(tmp_path / name)).fields()
        with pytest.raises(StorageError):
            Table(str(tmp_path / name)).fingerprint()


def test_a_scan_may_be_left_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_csv, "BLOCK", 1 << 10)
    scan = Table(write(tmp_path, "a,b\n" + "1,2\n" * 10_000)).scan()
    assert next(scan).num_rows < 1000
    scan.close()  # type: ignore[attr-defined]  # a generator
    assert list(scan) == []


def test_a_header_alone_has_fields_and_no_rows(tmp_path: Path) -> None:
    table = Table(write(tmp_path, "a,b"))
    assert [field.name for field in table.fields()] == ["a", "b"]
    assert read(table) == ([], [])


def test_separate_files_are_parts(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, "a,b\n1,2\n", "train.csv"),
        write(tmp_path, "b;a\n3;4\n5;6\n", "valid.csv"),
        write(tmp_path, "a\tb\nx\ty\n", "test.csv"),
    ]
    table = Table(paths[0], valid=paths[1], test=paths[2])
    assert [field.name for field in table.fields()] == ["a", "b", PART]
    assert read(table)[0] == [
        {"a": "1", "b": "2", PART: "train"},
        {"a": "4", "b": "3", PART: "valid"},
        {"a": "6", "b": "5", PART: "valid"},
        {"a": "x", "b": "y", PART: "test"},
    ]
    assert {row[PART] for row in read(table, [PART])[0]} == {"train", "valid", "test"}


def test_parts_with_other_columns_are_refused(tmp_path: Path) -> None:
    train = write(tmp_path, "a,b,c\n1,2,3\n", "train.csv")
    test = write(tmp_path, "a,d,c\n1,2,3\n", "test.csv")
    with pytest.raises(DataError, match="it lacks b and adds d"):
        Table(train, test=test).fields()


def test_an_unknown_field_names_the_nearest(tmp_path: Path) -> None:
    table = Table(write(tmp_path, "price,rooms\n1,2\n"))
    with pytest.raises(
        UnknownColumn, match=r"no column 'prise'. Did you mean 'price'. Columns: price, rooms"
    ):
        read(table, ["prise"])


def test_the_fingerprint_follows_bytes_and_reading_but_not_the_place(tmp_path: Path) -> None:
    first = Table(write(tmp_path, "a,b\n1,2\n", "x.csv")).fingerprint()
    assert Table(write(tmp_path, "a,b\n1,2\n", "y.csv")).fingerprint() == first
    assert Table(write(tmp_path, "a,b\n1,3\n", "z.csv")).fingerprint() != first
    assert Table(write(tmp_path, "a,b\n1,2\n"), header=False).fingerprint() != first


@pytest.mark.parametrize(
    ("name", "title"),
    [("a.csv", "a"), ("b.data.gz", "b"), ("c.v2.csv", "c.v2"), (".csv", ".csv"), ("d", "d")],
)
def test_the_title_is_the_bare_name(name: str, title: str) -> None:
    assert Table(f"some/where/{name}").title == title


def test_options_that_cannot_be_meant_are_refused() -> None:
    for option in ({"delimiter": "ab"}, {"quote": "xx"}, {"encoding": "hex"}, {"heder": True}):
        with pytest.raises(RecipeError, match=next(iter(option))):
            Source.parse({"kind": "table", "path": "x.csv", **option})
    assert Table("x").dump() == Source.parse({"kind": "table", "path": "x"}).dump()


_cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=12)


@settle(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    rows=st.lists(st.lists(_cells, min_size=1, max_size=4), max_size=40),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
)
def test_every_row_is_read_as_written_or_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[list[str]], delimiter: str,
    encoding: str,
) -> None:  # fmt: skip
    """Against Python's csv writer, with blocks so small that rows straddle them."""
    monkeypatch.setattr(_csv, "BLOCK", 1 << 10)
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["a", "b"])
    kept: list[dict[str, str | None]] = []
    told: dict[int, str] = {}
    for row in rows:
        line = written.getvalue().count("\n") + 1
        writer.writerow(row)
        values = [None if cell.strip() in ("", "?") else cell for cell in row]
        if len(row) != 2:
            told[line] = "2 fields, as in the header"
        elif values == [None, None]:
            told[line] = "some value"
        else:
            kept.append(dict(zip(("a", "b"), values, strict=True)))
    path = write(tmp_path, written.getvalue().encode(encoding))
    table = Table(
        path, header=True, delimiter=delimiter, quote='"', encoding=encoding, missing=["?", ""]
    )
    if not any(len(row) == 2 and any(map(str.strip, row)) for row in rows):
        return  # then the header is what is wrong, which another test holds to
    got, errors = read(table)
    assert got == kept
    assert {error.row: error.expected for error in errors} == told


@pytest.mark.parametrize(
    ("path", "rows", "form"),
    [
        ("adult/adult.data.gz", 32561, "15 columns, comma, utf-8, no header"),
        ("california-housing/housing.csv.gz", 20640, "10 columns, comma, utf-8, header"),
        ("breast-cancer-wdbc/wdbc.data.gz", 569, "32 columns, comma, utf-8, no header"),
        ("titanic/titanic3.csv.gz", 1309, "14 columns, comma, utf-8, header"),
        ("insurance-fraud/insurance_claims.csv.gz", 1000, "44 columns, comma, utf-8, header"),
        ("imdb-5000-movies/movie_metadata.csv.gz", 5043, "28 columns, comma, utf-8, header"),
        ("video-game-sales/vgsales.csv.gz", 16598, "11 columns, comma, utf-8, header"),
        ("bike-sharing/hour.csv.gz", 17379, "17 columns, comma, utf-8, header"),
        ("credit-card-default/UCI_Credit_Card.csv.gz", 30000, "25 columns, comma, utf-8, header"),
        ("wine-quality/winequality-white.csv.gz", 4898, "12 columns, semicolon, utf-8, header"),
        ("german-credit/german.data.gz", 1000, "21 columns, comma, utf-8, no header"),
        ("promoters/promoters.data.gz", 106, "3 columns, comma, utf-8, no header"),
        ("ecg-ucr/ECG200_TRAIN.tsv.gz", 100, "97 columns, tab, utf-8, no header"),
        ("movielens-100k/u.item.gz", 1682, "24 columns, bar, latin-1, header"),
    ],
)
def test_real_tables_are_read_whole(shared_data: Path, path: str, rows: int, form: str) -> None:
    table = Table(str(shared_data / path))
    errors: list[RowError] = []
    assert sum(batch.num_rows for batch in table.scan([], errors.append)) in (0, rows)
    assert len(read(table)[0]) == rows
    assert table.describe() == form
    assert {error.expected for error in errors} <= {"some value"}
