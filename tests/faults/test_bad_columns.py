"""Bad columns, as users bring them: numbers 13 to 20 of the list of bad inputs.

Each ends in one message that says what came and what to do, or in the handling that is stated.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _user import Said, refused, sonde

ROWS = 300
rng = np.random.default_rng(0)
LABELS = rng.choice(["no", "yes"], ROWS).tolist()
NUMBERS = rng.normal(size=ROWS).round(2).tolist()
DAYS = np.datetime_as_string(np.datetime64("2015-01-01") + np.arange(ROWS)).tolist()


def write(folder: Path, **columns: list[Any]) -> None:
    """`t.csv`: an honest number and category, and the columns given."""
    made = {"size": NUMBERS, "town": rng.choice(["north", "south"], ROWS).tolist(), **columns}
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(made)
        writer.writerows(zip(*made.values(), strict=True))


def train(folder: Path, target: str = "label", **columns: list[Any]) -> Said:
    write(folder, **columns)
    flags = ("--target", target, "--epochs", "1", "--model", "linear")
    return sonde("train", "t.csv", *flags, home=folder)


def field(folder: Path, name: str, **columns: list[Any]) -> dict[str, Any]:
    """What `sonde inspect` says of one column."""
    write(folder, **columns)
    said = sonde("inspect", "t.csv", "--json", home=folder)
    assert said.code == 0, said.err
    found: dict[str, Any] = next(
        item for item in json.loads(said.out)["fields"] if item["field"] == name
    )
    return found


def test_13_mixed_types_in_equal_parts_are_words(tmp_path: Path) -> None:
    found = field(tmp_path, "weight", weight=["12", "many", "12kg"] * (ROWS // 3))
    assert (found["kind"], found["reason"]) == ("category", "3 values")


def test_13_a_few_texts_among_numbers_refuse_the_run_and_are_listed(tmp_path: Path) -> None:
    weight = [*NUMBERS[:-5], *["12kg"] * 5]
    found = field(tmp_path, "weight", weight=weight)
    assert found["reason"].endswith("5 not a number, such as '12kg'")
    said = train(tmp_path, label=LABELS, weight=weight)
    refused(said, 65, "column 'weight', row 295: got '12kg', expected a number", "5 of 300 rows",
            'weight: {kind: number, drop: ["kg"]}')  # fmt: skip


def test_14_not_a_number_is_missing_and_infinity_is_told(tmp_path: Path) -> None:
    missing = ["NaN", "None", "NULL", "?", "nan"]
    found = field(tmp_path, "x", x=[*NUMBERS[:-5], *missing])
    assert (found["kind"], found["missing"]) == ("number", 5)
    endless = [*NUMBERS[:-4], "inf", "-inf", "1e400", "Infinity"]
    said = train(tmp_path, label=LABELS, x=endless)
    refused(said, 65, "column 'x', row 296: got 'inf', expected a finite number below 1e150")


def test_15_dates_in_three_formats_are_no_dates(tmp_path: Path) -> None:
    """They stay words; declared as dates, each that is written otherwise is told."""
    three = ["2015-03-31", "31/03/2015", "Mar 31 2015"] * (ROWS // 3)
    assert field(tmp_path, "day", day=three)["kind"] == "category"
    mixed = [*DAYS[:-5], *["31/03/2015"] * 5]
    said = train(tmp_path, label=LABELS, day=mixed)
    refused(said, 65, "column 'day', row 295: got '31/03/2015', expected a date that exists, like "
            "2015-03-31", "these look like %d/%m/%Y, the others like %Y-%m-%d")  # fmt: skip


def test_15_days_that_do_not_exist_are_set_aside(tmp_path: Path) -> None:
    said = train(tmp_path, label=LABELS, day=[*DAYS[:-2], "0000-00-00", "99999-01-01"])
    assert said.code == 0, said.err
    lines = (tmp_path / "runs" / "t-1" / "quarantine.jsonl").read_text().splitlines()
    assert [(told["row"], told["got"]) for told in map(json.loads, lines)] == [
        (298, "0000-00-00"), (299, "99999-01-01")]  # fmt: skip


def test_15_day_or_month_is_asked(tmp_path: Path) -> None:
    unsure = ["03/04/2015", "05/06/2016", "07/08/2016"] * (ROWS // 3)
    found = field(tmp_path, "day", day=unsure)
    assert found["kind"] == "date"
    assert found["excluded"] == (
        "its dates could be %d/%m/%Y or %m/%d/%Y. Say which, such as  "
        'NAME: {kind: date, format: "%d/%m/%Y"}'
    )
    said = train(tmp_path, target="day", label=LABELS, day=unsure)
    refused(said, 2, "target 'day' is a column of kind 'date', which no task predicts")


@pytest.mark.parametrize(("target", "code", "message"), [
    ("lable", 2, "t has no column 'lable'. Did you mean 'label'?"),
    ("empty", 65, "column 'empty' cannot be a target: empty: every value is missing"),
    ("same", 65, "column 'same' cannot be a target: constant: every value is 'yes'"),
    ("pi", 65, "column 'pi' cannot be a target: constant: every value is '3.14'"),
    ("one", 65, "column 'one' cannot be a target: 1 value, 100 missing, expected two values or"),
    ("note", 2, "target 'note' is a column of kind 'text', which no task predicts without more"),
])  # fmt: skip
def test_16_targets_that_teach_nothing(
    target: str, code: int, message: str, tmp_path: Path
) -> None:
    notes = [f"a remark of some length, the {number}th of all" for number in range(ROWS)]
    columns = {"empty": [""] * ROWS, "same": ["yes"] * ROWS, "pi": [3.14] * ROWS,
               "one": (["yes", "yes", ""] * ROWS)[:ROWS], "note": notes}  # fmt: skip
    refused(train(tmp_path, target=target, label=LABELS, **columns), code, message)


def test_16_a_class_of_one_row_does_not_stop_the_run(tmp_path: Path) -> None:
    said = train(tmp_path, label=["odd", *LABELS[1:]])
    assert said.code == 0, said.err


def test_17_an_identifier_that_follows_the_target_is_left_out(tmp_path: Path) -> None:
    """Rows that lie sorted by their class, numbered: the number is no fact about a row."""
    label, number = sorted(LABELS), [13 + 7 * row for row in range(ROWS)]
    reading = [value + 0.5 for value in number]
    write(tmp_path, label=label, number=number, reading=reading)
    said = sonde("inspect", "t.csv", "--target", "label", "--json", home=tmp_path)
    told = {item["field"]: item for item in json.loads(said.out)["fields"]}
    assert told["number"]["suspect"]
    assert told["reading"]["suspect"]
    assert told["reading"]["excluded"] == (
        "it alone almost decides label (AUC 1.000): known only afterwards?"
    )
    text = sonde("inspect", "t.csv", "--target", "label", home=tmp_path).out
    assert "  reading   number     ! it alone almost decides label (AUC 1.000): known only" in text
    assert "--set 'accept=[number, reading]'" in text
    said = train(tmp_path, label=label, number=number, reading=reading)
    assert said.code == 0, said.err
    assert "left out: number: it alone almost decides label (AUC 1.000)" in said.err
    assert "--set 'accept=[number, reading]'" in said.err
    recipe = (tmp_path / "runs" / "t-1" / "recipe.yaml").read_text()
    assert "reading" not in recipe
    assert "number:" not in recipe


def test_17_what_is_all_there_is_is_used_and_said(tmp_path: Path) -> None:
    label = sorted(LABELS)
    lines = [f"{row * 2.5},{label[row]}" for row in range(ROWS)]
    (tmp_path / "t.csv").write_text("x,label\n" + "\n".join(lines) + "\n")
    said = sonde("train", "t.csv", "--target", "label", "--epochs", "1", "--model", "linear",
                 home=tmp_path)  # fmt: skip
    assert said.code == 0, said.err
    assert "t: x may give label away, and nothing else is left to learn from" in said.err


def test_18_integers_beyond_two_to_the_63(tmp_path: Path) -> None:
    huge = [2**63 + 10 * int(number) for number in rng.integers(0, 50, ROWS)]
    found = field(tmp_path, "big", big=huge)
    assert found["kind"] == "number"
    assert train(tmp_path, label=LABELS, big=huge).code == 0


def test_18_codes_written_as_floats_are_the_same_codes(tmp_path: Path) -> None:
    """A file says 1, a caller 1.0: both are the class 1."""
    said = train(tmp_path, label=LABELS, code=rng.choice([1, 2, 3], ROWS).tolist())
    assert said.code == 0, said.err
    model = tmp_path / "runs" / "t-1" / "model.sonde"
    for written in ("1", "1.0"):
        (tmp_path / "ask.csv").write_text(f"size,town,code\n0.5,north,{written}\n")
        said = sonde("predict", model, "ask.csv", home=tmp_path)
        assert said.code == 0, said.err
        answer = json.loads(said.out)
        assert "unseen" not in answer, answer


def test_19_a_category_of_as_many_values_as_rows(tmp_path: Path) -> None:
    """Left out unless it is named; named, its classes are bounded and none is lost from sight."""
    users = [f"user-{7919 * row % 100_003:06d}" for row in range(ROWS)]
    assert field(tmp_path, "user", user=users, label=LABELS)["excluded"]
    (tmp_path / "r.yaml").write_text(
        "source: {kind: table, path: t.csv}\n"
        "columns: {size: number, user: {kind: category, most: 50}, label: category}\n"
        "task: {kind: classification, target: label}\nmodel: linear\n"
        "paradigm: {kind: supervised, budget: {epochs: 1}}\n"
    )
    said = sonde("train", "r.yaml", "--run-dir", "run", home=tmp_path)
    assert said.code == 0, said.err
    learned = json.loads((tmp_path / "run" / "columns.json").read_text())["user"]
    assert len(learned["values"]) == 51
    assert learned["values"][-1] == "(rare)"
    (tmp_path / "ask.csv").write_text(f"size,user\n0.5,{users[0]}\n0.5,user-new\n")
    said = sonde("predict", "run/model.sonde", "ask.csv", home=tmp_path)
    assert said.code == 0, said.err
    assert "user: 1 of 2 rows hold values that no training row had (user-new)" in said.err


@pytest.mark.parametrize("labels", [[" yes", "Yes", "no"], ["yes", "YES ", "no"]])
def test_20_labels_that_differ_in_case_are_one_and_it_is_said(
    labels: list[str], tmp_path: Path
) -> None:
    said = train(tmp_path, label=labels * (ROWS // 3))
    assert said.code == 0, said.err
    assert "target 'label' is taken for category: 3 values; case is ignored, so that" in said.err
    assert "ignore_case: true" in (tmp_path / "runs" / "t-1" / "recipe.yaml").read_text()


def test_20_a_recipe_is_asked_whether_they_are_one(tmp_path: Path) -> None:
    write(tmp_path, label=["yes", "Yes", "no"] * (ROWS // 3))
    (tmp_path / "r.yaml").write_text(
        "source: {kind: table, path: t.csv}\ncolumns: {size: number, label: category}\n"
        "task: {kind: classification, target: label}\nmodel: linear\n"
    )
    said = sonde("train", "r.yaml", home=tmp_path)
    refused(said, 65, "differ in case alone. Say whether they are one:  label: {kind: category, "
            "ignore_case: true}")  # fmt: skip
