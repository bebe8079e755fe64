from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pytest
from tests.chunks import Chunks

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, RecipeError, UnknownColumn
from sonde.core.notice import SondeWarning
from sonde.core.text import to_json
from sonde.data.inspect import Inspection, infer_columns, inspect_source
from sonde.data.likely import likely_targets
from sonde.data.show import as_json, render


class Damaged(Chunks):
    """One line of it cannot be read."""

    size: int = 100

    def scan(
        self,
        fields: Sequence[str] | None = None,
        on_error: Callable[[RowError], None] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        assert on_error is not None
        on_error(RowError(7, "a,b,c", "2 fields", "held.csv, line 7"))
        return super().scan(fields, on_error)


def looked_at(rows_at_most: int = 200_000, **columns: object) -> Inspection:
    return inspect_source(Damaged(table=pa.table(columns)), rows_at_most=rows_at_most)


ROWS = 300
rng = np.random.default_rng(0)
TEXT = [f"The {i}th of many rather long and quite different remarks" for i in range(ROWS)]


@pytest.fixture(scope="module")
def mixed() -> Inspection:
    return looked_at(**{
        "age": pa.array([*map(str, rng.normal(40, 9, ROWS - 1).round(3)), None]),
        "sex": pa.array(rng.choice(["f", "m"], ROWS)),
        "remark": pa.array(TEXT),
        "number": pa.array([str(1000 + 3 * i) for i in rng.permutation(ROWS)]),
        "code": pa.array([f"AX-{i:05d}" for i in rng.permutation(ROWS)]),
        "year": pa.array(["2015"] * ROWS),
        "nothing": pa.nulls(ROWS, pa.string()),
        "when": pa.array(np.arange(ROWS), pa.timestamp("s")),
        "#part": pa.array(["train"] * ROWS),
    })  # fmt: skip


def test_each_field_has_a_kind_or_a_reason(mixed: Inspection) -> None:
    found = {item.field: (item.kind, item.excluded) for item in mixed.findings}
    identifier = "looks like an identifier: every value differs; name it in the recipe to use it"
    assert found == {
        "age": ("number", None),
        "sex": ("category", None),
        "remark": ("text", None),
        "number": ("number", identifier),
        "code": (None, identifier),
        "year": ("category", "constant: every value is '2015'"),
        "nothing": (None, "empty: every value is missing"),
        "when": ("date", None),
    }  # fmt: skip
    age = mixed.finding("age")
    assert age.reason.endswith("1 missing")
    assert (age.facts["rows"], age.facts["missing"]) == (ROWS, 1)
    length = np.mean([*map(len, TEXT)])
    assert mixed.finding("remark").reason == f"300 distinct, {length:.0f} characters"


def test_columns_are_made_for_fields_that_are_not_left_out(mixed: Inspection) -> None:
    columns = infer_columns(mixed, {"number": "category"})
    assert {name: column.kind for name, column in columns.items()} == {
        "age": "number", "sex": "category", "remark": "text", "number": "category",
        "when": "date"}  # fmt: skip
    assert columns["age"].name == "age"


def test_a_target_may_leave_its_kind_open(mixed: Inspection) -> None:
    assert infer_columns(mixed, {"number": ""})["number"].kind == "number"


@pytest.mark.parametrize(("targets", "error", "message"), [
    ({"aeg": ""}, UnknownColumn, "chunks has no column 'aeg'. Did you mean 'age'\\? Columns: age,"),
    ({"sex": "categorie"}, RecipeError, "sex: unknown column 'categorie'. Did you mean 'category'"),
    ({"code": ""}, DataError, "'code' cannot be a target: looks like an identifier"),
])  # fmt: skip
def test_a_wrong_target_is_told(
    mixed: Inspection, targets: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        infer_columns(mixed, targets)


def test_no_column_left_is_told_with_reasons() -> None:
    inspection = looked_at(x=pa.array(range(100)), y=pa.array(np.arange(100) * 2.5))
    with pytest.raises(DataError, match=r"no column left .* beside y\. Left out: x \(lo"):
        infer_columns(inspection, {"y": "number"})


def test_few_whole_numbers_that_differ_are_no_identifier() -> None:
    assert looked_at(x=pa.array(range(40))).finding("x").excluded is None


def test_what_says_the_same_as_an_earlier_field_is_left_out() -> None:
    codes = rng.integers(0, 4, ROWS)
    sizes = rng.normal(size=ROWS).round(4)
    inspection = looked_at(**{
        "code": pa.array(codes),
        "word": pa.array([["n", "e", "s", "w"][code] for code in codes]),
        "as float": pa.array(codes.astype(float)),
        "coarser": pa.array(codes // 2),
        "size": pa.array(sizes),
        "again": pa.array([str(size) for size in sizes]),
        "shuffled": pa.array(rng.permutation(sizes)),
        "gaps": pa.array(sizes, mask=codes == 0),
    })  # fmt: skip
    assert {item.field: item.excluded for item in inspection.findings} == {
        "code": None, "word": "one-to-one with code", "as float": "equal to code", "coarser": None,
        "size": None, "again": "equal to size", "shuffled": None, "gaps": None}  # fmt: skip


def test_a_copy_of_what_is_left_out_is_judged_by_itself() -> None:
    """The words behind an identifier still tell something."""
    inspection = looked_at(
        remark=pa.array([f"{text} at all" for text in TEXT]), size=pa.array(range(ROWS))
    )
    excluded = inspection.finding("size").excluded
    assert excluded is not None
    assert excluded.startswith("looks like an identifier")


def leaky() -> Inspection:
    label = rng.choice(["no", "yes"], ROWS)
    return looked_at(
        size=pa.array(rng.normal(size=ROWS)),
        paid=pa.array((label == "yes") + rng.normal(size=ROWS) / 20),
        label=pa.array(label),
    )


def test_what_gives_the_target_away_is_left_out_and_shown() -> None:
    inspection = leaky().beside({"label": ""})
    with pytest.warns(SondeWarning, match=r"left out: paid: it alone .* --set 'accept=\[paid\]'"):
        columns = infer_columns(inspection, {"label": ""})
    assert list(columns) == ["size", "label"]
    lines = render(inspection, "", "label").splitlines()
    assert lines[2] == ("  paid    number     ! it alone almost decides label (AUC 1.000): known "
                        "only afterwards? left out")  # fmt: skip
    assert lines[3] == "  label   category   2 values   <- target"
    assert lines[-1].endswith("--set 'accept=[paid]'")


def test_accepted_fields_are_taken() -> None:
    inspection = leaky().beside({"label": ""}, accept=["paid"])
    assert list(infer_columns(inspection, {"label": ""})) == ["size", "paid", "label"]


def test_likely_targets_are_pointed_at() -> None:
    inspection = leaky()
    assert likely_targets(inspection) == ["label"]
    assert "  label   category   2 values   <- target?  --target label" in render(inspection, "")
    names = {"CustomerID": range(ROWS), "MedianIncome": rng.normal(size=ROWS), "z": ["a"] * ROWS}
    assert likely_targets(looked_at(**{n: pa.array(v) for n, v in names.items()})) == [
        "MedianIncome"
    ]


def test_where_several_fields_are_named_alike_it_is_asked_which_is_meant() -> None:
    names = ("eu_sales", "us_sales", "all_sales")
    inspection = looked_at(**{name: pa.array(rng.normal(size=ROWS)) for name in names})
    shown = render(inspection, "")
    assert "<- target?" not in shown
    assert shown.splitlines()[-1] == (
        "Which column is to be predicted? Candidates: all_sales, eu_sales, us_sales.  --target NAME"
    )


@pytest.mark.parametrize(("texts", "kind"), [
    (["20150331", "20150401"], "date"),
    (["2015033", "1.25e3", "-.5"], "number"),
    (["1.12.2015", "31.3.2015"], "date"),
])  # fmt: skip
def test_numbers_that_are_no_dates_are_told_early(texts: list[str], kind: str) -> None:
    assert looked_at(day=pa.array(texts * 50)).finding("day").kind == kind


def test_pictures_are_looked_at_in_part() -> None:
    pictures = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((5000, 2, 2), np.uint8))
    inspection = looked_at(picture=pictures, label=pa.array(["a", "b"] * 2500))
    found = inspection.finding("picture")
    assert (found.kind, found.facts["rows"], inspection.rows) == ("image", 2000, 5000)
    assert inspection.duplicates is None


def test_arrays_that_are_no_pictures_are_left_out_in_words() -> None:
    arrays = pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((9, 28, 28), np.float32))
    excluded = looked_at(x=arrays).finding("x").excluded
    assert excluded == "float arrays of 28 x 28; no column kind reads float arrays of 28 x 28 yet"


def test_lists_of_objects_are_left_out_in_words() -> None:
    said = pa.array([[{"role": "user", "content": "hello"}]] * 3)
    excluded = looked_at(messages=said).finding("messages").excluded
    assert excluded is not None
    assert excluded.startswith("lists of objects (role, content); no column kind reads")


def test_a_long_source_is_looked_at_in_part() -> None:
    inspection = looked_at(rows_at_most=250, x=pa.array(rng.normal(size=1000)))
    assert (inspection.rows, inspection.complete) == (250, False)
    assert looked_at(rows_at_most=300, x=pa.array(rng.normal(size=300))).complete


def test_the_terminal_text() -> None:
    inspection = looked_at(**{
        "price": pa.array(["1.5", "20000.25", "1.5"]),
        "na\x1b[31mme": pa.array(["\x1b]0;x", "b c", "\x1b]0;x"]),
    })  # fmt: skip
    assert render(inspection, "held.csv   3 rows").splitlines() == [
        "held.csv   3 rows",
        "  price          number     1.5 to 20,000   <- target?  --target price",
        "  na\\x1b[31mme   -          left out: text, 2 distinct values, 4 characters on average; "
        "reads neither as language nor as a category: name it in the recipe to use it",
        "1 duplicate row.",
        "1 line could not be read as rows. First: held.csv, line 7: got 'a,b,c', "
        "expected 2 fields.",
    ]


def test_the_same_as_json(mixed: Inspection) -> None:
    back = json.loads(to_json(as_json(mixed)))
    assert [item["field"] for item in back["fields"]] == [i.field for i in mixed.findings]
    assert back["unread_count"] == 1
    assert back["fields"][1]["distinct"] == 2


def test_no_rows_are_told() -> None:
    with pytest.raises(DataError, match="chunks has no rows"):
        looked_at(x=pa.array([], pa.string()))


def test_looking_needs_no_torch() -> None:
    code = (
        "import sys, sonde.data.inspect\n"
        "from sonde.core.registry import registry\n"
        "kinds = {'column': 'number category image date set',\n"
        "         'split': 'random stratified given kfold',\n"
        "         'sampler': 'shuffle balance sequential', 'augment': 'shift crop'}\n"
        "for family, names in kinds.items():\n"
        "    for name in names.split(): registry(family).load(name)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
