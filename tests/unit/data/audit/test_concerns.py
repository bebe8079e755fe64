"""What the audit sees: planted faults are found, and clean data gives no alarm."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from PIL import Image

from sonde.contracts.data import Assignment, Column, Source, Split
from sonde.data.audit.audit import audit
from sonde.data.audit.concern import Concern
from sonde.data.audit.looked_at import LookedAt
from sonde.data.memory import as_source
from sonde.data.sources.folder import Folder

ROWS = 300
RNG = np.random.default_rng
PARTS = Assignment(np.arange(200), np.arange(200, 250), np.arange(250, ROWS))


def looked_at(
    source: Source, kinds: dict[str, str], *, split: dict[str, Any] | None = None
) -> LookedAt:
    columns = {name: Column.parse(kind).named(name) for name, kind in kinds.items()}
    how = Split.parse(split) if split else None
    return LookedAt(source, columns, ("label",), how, PARTS)


def table(**fields: Any) -> Source:
    value = RNG(0).normal(size=ROWS)
    label = np.where(value + RNG(1).normal(size=ROWS) > 0, "yes", "no")
    return as_source(pa.table({"value": value, "label": label} | fields))


def found(source: Source, split: dict[str, Any] | None = None, **kinds: str) -> list[Concern]:
    return audit(looked_at(source, {"value": "number", "label": "category"} | kinds, split=split))


def test_clean_data_gives_no_alarm() -> None:
    fields = {"age": RNG(2).integers(20, 80, ROWS), "city": RNG(3).choice(list("abcdef"), ROWS)}
    assert found(table(**fields), age="number", city="category") == []


@pytest.mark.parametrize("name", ["patient", "PatientID", "user_id", "track"])
def test_groups_that_a_random_split_tears(name: str) -> None:
    (concern,) = found(table(**{name: RNG(2).permutation(ROWS) % 100}))
    assert (concern.kind, concern.severity) == ("groups", "leak")
    assert f"split: {{kind: group, by: {name}}}" in concern.advice
    assert all(one in PARTS.train and other in PARTS.test for one, other in concern.pairs)


@pytest.mark.parametrize("split", [
    {"kind": "group", "by": "patient"},
    {"kind": "kfold", "groups": "patient"},
])  # fmt: skip
def test_a_split_that_goes_by_groups_is_not_told_to(split: dict[str, Any]) -> None:
    assert found(table(patient=np.arange(ROWS) % 100), split=split) == []


@pytest.mark.parametrize(("name", "values"), [
    ("num_user", np.arange(ROWS) % 100),  # counts users
    ("user_id", np.arange(ROWS)),  # each row its own
    ("user", np.arange(ROWS) % 3),  # hardly groups
    ("size", np.arange(ROWS) % 100),
])  # fmt: skip
def test_what_says_nothing_of_whose_a_row_is(name: str, values: np.ndarray) -> None:
    assert found(table(**{name: values})) == []


DAYS = [f"{np.datetime64('2011-01-01') + row // 3}" for row in range(ROWS)]


def test_rows_in_the_order_of_time_under_a_random_split() -> None:
    (concern,) = found(table(day=DAYS), split={"kind": "random"})
    assert concern.kind == "time"
    assert "from 2011-01-01 to 2011-04-10" in concern.sentence
    assert "split: {kind: time, by: day}" in concern.advice
    assert found(table(day=DAYS), split={"kind": "time", "by": "day"}) == []


def test_a_birthday_or_an_unsorted_date_is_no_order_of_time() -> None:
    shuffled = [DAYS[at] for at in RNG(0).permutation(ROWS)]
    assert found(table(date_of_birth=DAYS, visited=shuffled)) == []


def test_a_text_that_holds_the_label_is_a_leak() -> None:
    source = table(note=["x"] * ROWS)
    labels = [label for chunk in source.scan(["label"]) for label in chunk["label"].to_pylist()]
    names = [f"case-{label}_{row}" for row, label in enumerate(labels)]
    (concern,) = found(table(note=names), note="category")
    assert (concern.kind, concern.severity) == ("names", "leak")


def test_equal_inputs_with_different_labels_bound_what_can_be_reached() -> None:
    value = RNG(0).normal(size=ROWS)
    value[10], value[290] = value[11], value[11]
    label = np.where(np.arange(ROWS) % 2 == 0, "yes", "no")
    (concern,) = found(as_source(pa.table({"value": value, "label": label})))
    assert (concern.kind, concern.severity, concern.count) == ("labels", "note", 1)
    assert concern.sentence.startswith("3 rows have exactly the inputs of a row with another")
    assert {frozenset(pair) for pair in concern.pairs} <= {
        frozenset(p) for p in [(10, 11), (11, 290)]
    }


def test_every_exact_copy_of_a_text_is_found() -> None:
    texts = [" ".join(RNG(row).choice(["red", "green", "old", "new", "house"], 12)) + str(row)
             for row in range(ROWS)]  # fmt: skip
    for row in range(20):
        texts[250 + row] = texts[row]
    concerns = found(table(remark=texts), remark="category")
    (exact,) = [c for c in concerns if c.kind == "exact copies"]
    assert exact.count == 20
    assert set(exact.pairs) == {(row, 250 + row) for row in range(20)}


def picture(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(RNG(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_every_exact_copy_of_a_picture_is_found_whatever_its_name(tmp_path: Path) -> None:
    names = [f"{chr(97 + row % 26)}{row * 7919 % 1009}.png" for row in range(ROWS)]
    for row, name in enumerate(names):
        (tmp_path / name).write_bytes(picture(row - 250 if row >= 270 else row))
    data = {"picture": names, "label": RNG(1).choice(["a", "b"], ROWS)}
    pyarrow.csv.write_csv(pa.table(data), tmp_path / "names.csv")
    source = Folder(str(tmp_path), table="names.csv", image="picture")
    concerns = audit(looked_at(source, {"picture": "image", "label": "category"}))
    exact = [c for c in concerns if c.kind == "exact copies"]
    assert [c.count for c in exact] == [30]
    assert set(exact[0].pairs) == {(row - 250, row) for row in range(270, 300)}


@pytest.mark.parametrize(("name", "told"), [
    ("{track:05}_{frame:05}.png", True),
    ("{row}.png", False),
    ("img_{row}.png", False),
])  # fmt: skip
def test_names_of_pictures_that_share_a_beginning(name: str, told: bool, tmp_path: Path) -> None:
    for row in range(ROWS):
        place = tmp_path / "ab"[row % 2] / name.format(track=row // 6, frame=row % 6, row=row)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(picture(row))
    order = RNG(0).permutation(ROWS)
    parts = Assignment(*map(np.sort, np.split(order, [200, 250])))
    columns = {"image": Column.parse("image").named("image")}
    data = LookedAt(Folder(str(tmp_path)), columns, (), None, parts)
    assert [c.kind for c in audit(data)] == (["groups"] if told else [])


def test_a_concern_survives_being_written() -> None:
    (concern,) = found(table(patient=np.arange(ROWS) % 100))
    assert Concern.parse(concern.dump()).sentence == concern.sentence
