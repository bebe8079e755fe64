"""How a file's form is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from sonde.core.errors import DataError
from sonde.data.sources._detect import Dialect, find_delimiter, find_layout, find_quote, has_header

MISSING = frozenset(("", "?"))


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("1,5;2,5\n3,5;4,5\n", ";"),
        ("a\tb\nx, y\tz\nu\tv, w\n", "\t"),
        ("name,genres\nAvatar,Action|Sci-Fi\nUp,Drama\n", ","),
        ('a,b\n"1;2;3",4\n"5;6",7\n', ","),
        ("one column\nof words\n", ","),
        ("", ","),
    ],
)
def test_the_delimiter_is_the_one_lines_agree_on(head: str, delimiter: str) -> None:
    assert find_delimiter(head, '"') == delimiter


@pytest.mark.parametrize(
    ("head", "quote"), [("a,b\n'x, y',2\n", "'"), ("a\nit's, 'so'\n", '"'), ("'a',\"b\"\n", '"')]
)
def test_the_quote_encloses_fields(head: str, quote: str) -> None:
    assert find_quote(head) == quote


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([["age", "sex"], ["29", "f"]], True),
        ([["39", "State-gov"], ["50", "Private"]], False),
        ([["?", "f"], ["3", "m"]], True),
        ([["?", "f"], ["3", "f"]], False),
        ([["+", "S10"], ["+", "AMPC"]], False),
        ([["class", "sequence"], ["N", "ACGT"]], True),
        ([["a", "a"], ["x", "y"]], False),
        ([["a", ""], ["x", "y"]], False),
        ([["a", "b"]], True),
        ([["1", "b"]], False),
        ([["price"], ["?"], ["-1.5e3"], [".5"]], True),
        ([["", "text"], ["0", "hello"], ["1", "there"]], True),
        ([["v1", "v2", ""], ["ham", "Ok", ""], ["spam", "Win", ""], ["ham", "or", "so"]], True),
        ([["v1", ""], ["ham", "Ok"], ["spam", "Win"]], False),
        ([["Smith", "", "Bath"], ["Jones", "", "York"], ["Brown", "Al", "Ely"]], False),
        ([["Go.", "Va !"], ["Hi.", "Salut !"], ["Run!", "Cours !"]], False),
        ([["How was it?", "who"], ["Fine.", "Al"], ["Too long.", "Bo"]], True),
    ],
)
def test_a_header_is_told_from_the_values_below(lines: list[list[str]], expected: bool) -> None:
    assert has_header(lines, MISSING) is expected


def test_options_stand_above_what_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("1,2\n3,4\n")
    assert find_layout(str(path), Dialect()).names == ("c1", "c2")
    assert find_layout(str(path), Dialect(names=("x", "y"))).skip == 0
    assert find_layout(str(path), Dialect(header=True)).names == ("1", "2")
    renamed = find_layout(str(path), Dialect(header=True, names=("x", "y")))
    assert (renamed.names, renamed.skip) == (("x", "y"), 1)
    assert find_layout(str(path), Dialect(delimiter=";")).names == ("c1",)


def test_a_file_that_belongs_to_another_is_read_by_its_names(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("2019,2020\n1,2\n")
    assert find_layout(str(path), Dialect()).skip == 0
    assert find_layout(str(path), Dialect(), like=("2019", "2020")).skip == 1


def test_blank_lines_above_the_header_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("\n\na,b\n1,2\n")
    assert find_layout(str(path), Dialect()).skip == 3


def test_columns_that_need_no_name_are_called_by_their_place(tmp_path: Path) -> None:
    """As pandas writes its index, and as commas at each line's end make one more column."""
    path = tmp_path / "t.csv"
    path.write_text(",x,label,\n0,1.5,a,\n1,2.5,b,\n2,0.5,a,note\n")
    assert find_layout(str(path), Dialect()).names == ("c1", "x", "label", "c4")
    path.write_text(",c1\n0,1.5\n1,2.5\n")
    with pytest.raises(DataError, match="'c1' stands more than once"):
        find_layout(str(path), Dialect())
    path.write_text(",x\n5,1.5\n3,2.5\n")
    with pytest.raises(DataError, match="column 1 of 2 has no name"):
        find_layout(str(path), Dialect())
