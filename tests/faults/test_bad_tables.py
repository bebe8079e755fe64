"""Bad tables, as users bring them: numbers 1 to 12 and 21 to 26 of the list of bad inputs.

Each ends in one message that says what came and what to do, or in the handling that is stated; in
bounded memory. Where a format's own tests hold to a case more closely, its test here goes through
the command line alone.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from _user import refused, sonde, sonde_alone

MEGABYTE = 1 << 20
EXTRA = 160 * MEGABYTE
"""Memory that a command may take beyond what it takes for a small table."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The memory that `sonde inspect` takes for a small table, in bytes."""
    home = tmp_path_factory.mktemp("small")
    (home / "t.csv").write_text("a,b\n1,x\n2,y\n")
    said = sonde_alone("inspect", "t.csv", home=home)
    assert said.code == 0, said.err
    return said.peak


def lines(count: int, **columns: Any) -> str:
    """A table with a number, a category and a label that follows from them."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=count)
    made = {
        "size": [f"{value:.4f}" for value in size],
        "town": rng.choice(["north", "south"], count),
        "label": np.where(size > 0, "yes", "no"),
        **columns,
    }
    rows = "".join(",".join(map(str, row)) + "\n" for row in zip(*made.values(), strict=True))
    return ",".join(made) + "\n" + rows


@pytest.mark.parametrize(("content", "message"), [
    (b"", "the file is empty, expected a table"),
    (b"a,b,label\n", "has no rows"),
    (b"\n\n\n", "holds blank lines only"),
    (b'a,,b,\n1,2,3,4\n', "column 2, 4 of 4 has no name"),
    (b"a,b,a\n1,2,3\n", "the column name 'a' stands more than once (columns 1, 3)"),
    (b"a,b\n1,2,3\n4,5,6\n", "the header names 2 columns, but the lines below have 3 fields"),
])  # fmt: skip
def test_1_2_7_10_what_is_no_table(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    refused(sonde("inspect", "t.csv", home=tmp_path), 65, "t", message)
    refused(sonde("train", "t.csv", "--target", "label", home=tmp_path), 65, message)


def test_3_one_row(tmp_path: Path) -> None:
    """It can be looked at; it cannot be split."""
    (tmp_path / "t.csv").write_text("a,label\n1,yes\n")
    said = sonde("inspect", "t.csv", home=tmp_path)
    assert said.code == 0, said.err
    assert said.out.startswith("t.csv   1 row")
    said = sonde("train", "t.csv", "--target", "label", home=tmp_path)
    refused(said, 65)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_4_5_encodings(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("größe,ort\n1,süd\n2,köln\n3,süd\n".encode(encoding))
    said = sonde("inspect", "t.csv", "--json", home=tmp_path)
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert [field["field"] for field in told["fields"]] == ["größe", "ort"]
    assert told["rows"] == 3
    assert told["unread_count"] == 0


def test_6_7_odd_rows_among_good_ones(tmp_path: Path) -> None:
    """NUL bytes and another number of fields cost their rows, each with its line."""
    good = lines(40)
    (tmp_path / "t.csv").write_text(good + "1,x\0y,no\n1,2,3,4\n")
    said = sonde("inspect", "t.csv", "--json", home=tmp_path)
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["rows"] == 40
    assert {bad["row"]: bad["expected"] for bad in told["unread"]} == {
        42: "text without NUL bytes",
        43: "3 fields, as in the header",
    }
    refused(
        sonde("train", "t.csv", "--target", "label", home=tmp_path), 65, "t.csv, line 4", "4.8%"
    )


def test_8_an_unclosed_quote_eats_no_memory(base: int, tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w") as file:
        file.write('a,b\n1,"x\n')
        for _ in range(100):
            file.write("12345,some words\n" * 10_000)
    said = sonde_alone("inspect", "t.csv", home=tmp_path)
    refused(said, 65, "t.csv", 'a quote (")', "never closed", 'quote: ""')
    assert said.peak < base + EXTRA


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_9_delimiters(delimiter: str, tmp_path: Path) -> None:
    text = lines(30).replace(",", delimiter)
    (tmp_path / "t.csv").write_text(text)
    said = sonde("inspect", "t.csv", "--json", home=tmp_path)
    assert [f["field"] for f in json.loads(said.out)["fields"]] == ["size", "town", "label"]


def test_9_a_decimal_comma_from_the_file_to_the_answer(tmp_path: Path) -> None:
    """It is found and written into the recipe; a caller gives a number, or writes as the file."""
    with (tmp_path / "t.csv").open("w") as file:
        file.write(lines(200).replace(",", ";").replace(".", ","))
    said = sonde("inspect", "t.csv", "--json", home=tmp_path)
    assert said.code == 0, said.err
    size = json.loads(said.out)["fields"][0]
    assert size["kind"] == "number"
    assert "written like" in size["reason"]
    words = ("--target", "label", "--epochs", "1", "--model", "linear", "--run-dir", "run")
    said = sonde("train", "t.csv", *words, "--set", "accept=[size]", home=tmp_path)
    assert said.code == 0, said.err
    assert "decimal: ','" in (tmp_path / "run" / "recipe.yaml").read_text()
    answers = []
    for name, text in (
        ("a.csv", "size;town\n0,5;north\n"),
        ("a.json", '{"size": 0.5, "town": "north"}'),
    ):
        (tmp_path / name).write_text(text)
        said = sonde("predict", "run/model.sonde", name, home=tmp_path)
        assert (said.code, said.err) == (0, "")
        answers.append(json.loads(said.out))
    assert answers[0] == answers[1]
    (tmp_path / "wrong.json").write_text('{"size": "0.5", "town": "north"}')
    said = sonde("predict", "run/model.sonde", "wrong.json", home=tmp_path)
    refused(said, 65, "column 'size', row 0: got '0.5', expected a number")


@pytest.mark.parametrize(
    "count", [500, pytest.param(10_000, marks=pytest.mark.reliability, id="10,000")]
)
def test_11_many_columns(count: int, base: int, tmp_path: Path) -> None:
    names = [f"c{place}" for place in range(count)]
    rows = [[str((row * place) % 7) for place in range(count)] for row in range(6)]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    said = sonde_alone("inspect", "t.csv", "--json", home=tmp_path)
    assert said.code == 0, said.err
    assert len(json.loads(said.out)["fields"]) == count
    assert said.peak < base + 3 * EXTRA


def test_12_a_cell_of_a_hundred_megabytes(base: int, tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w") as file:
        file.write("a,b\n1,")
        for _ in range(100):
            file.write("x" * MEGABYTE)
        file.write("\n")
    said = sonde_alone("inspect", "t.csv", home=tmp_path)
    refused(said, 65, "t.csv", "longer than 4 MiB")
    assert said.peak < base + EXTRA


NAMES = ("__class__", "../x", "a/b", "😀", "n" * 10_240, "x\ny", "<script>", "=cmd|' /C calc'!A0")


def test_21_22_names_and_cells_from_elsewhere(tmp_path: Path) -> None:
    """Names that mean something to others mean nothing here: no file leaves the run's folder."""
    columns = {name: np.resize(["=cmd|' /C calc'", "+1-1", "@x"], 60) for name in NAMES}
    rng = np.random.default_rng(0)
    label = rng.choice(["yes", "no"], 60)
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*columns, "label"])
        writer.writerows(zip(*columns.values(), label, strict=True))
    words = ("train", "t.csv", "--target", "label", "--epochs", "1", "--run-dir", "run", "--json")
    said = sonde(*words, home=tmp_path)
    assert said.code == 0, said.err
    assert {p.name for p in tmp_path.iterdir() if p.name[0] != "."} == {"run", "t.csv"}
    assert not list((tmp_path / "run").rglob("*.csv"))
    assert "<script>" not in (tmp_path / "run" / "report.html").read_text()
    row = dict.fromkeys(NAMES, "=cmd|' /C calc'")
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    said = sonde("predict", "run/model.sonde", "rows.json", home=tmp_path)
    assert said.code == 0, said.err
    assert json.loads(said.out)["label"] in ("yes", "no")


def test_23_a_bomb_of_zeros(base: int, tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(bytes(200 * MEGABYTE), 9))
    assert (tmp_path / "t.csv.gz").stat().st_size < MEGABYTE
    said = sonde_alone("inspect", "t.csv.gz", home=tmp_path)
    refused(said, 65, "t.csv.gz", "not a table")
    assert said.peak < base + EXTRA


def test_23_a_bomb_of_rows(base: int, tmp_path: Path) -> None:
    """A table all the same: what is looked at of it is bounded."""
    packed = gzip.compress(b"a,b\n" + b"1,x\n2,y\n" * 12_000_000, 1)
    (tmp_path / "t.csv.gz").write_bytes(packed)
    said = sonde_alone("inspect", "t.csv.gz", home=tmp_path)
    assert said.code == 0, said.err
    assert "Looked at the first 200,000 rows" in said.out
    assert said.peak < base + 2 * EXTRA


def test_23_a_zip_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"PK\x03\x04" + bytes(30))
    refused(sonde("inspect", "t.csv", home=tmp_path), 65, "a zip archive")


def test_24_paths_that_are_no_files(tmp_path: Path) -> None:
    """Refused at once: none is opened, since a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    for name in ("pipe.csv", "loop.csv", "gone.csv", "/dev/zero", "absent.csv", "absent-*.csv"):
        refused(sonde_alone("inspect", name, home=tmp_path), 74, name)
    os.mkfifo(tmp_path / "pipe.parquet")
    refused(sonde_alone("inspect", "pipe.parquet", home=tmp_path), 74, "pipe.parquet")


def table(count: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    size, noise = rng.normal(size=(2, count))
    return pa.table({"size": size, "label": np.where(size + noise > 0, "yes", "no")})


@pytest.mark.parametrize("ending", ["parquet", "feather", "arrows", "jsonl"])
def test_25_a_file_cut_short(ending: str, tmp_path: Path) -> None:
    whole = tmp_path / f"whole.{ending}"
    if ending == "parquet":
        pq.write_table(table(2000), whole)
    elif ending == "jsonl":
        whole.write_text("".join(json.dumps(row) + "\n" for row in table(60).to_pylist()))
    else:
        write = pa.ipc.new_stream if ending == "arrows" else pa.ipc.new_file
        with write(whole, table(0).schema) as writer:
            writer.write_table(table(2000), max_chunksize=100)
    data = whole.read_bytes()
    for part in (0, 3, len(data) // 2, len(data) - 30):
        (tmp_path / f"t.{ending}").write_bytes(data[:part])
        said = sonde("train", f"t.{ending}", "--target", "label", home=tmp_path)
        refused(said, 65, f"t.{ending}")


def test_25_a_row_group_larger_than_the_memory_it_takes(base: int, tmp_path: Path) -> None:
    """200 MB in one row group: pages are read as they are needed."""
    rng = np.random.default_rng(0)
    rows = pa.table({f"x{place}": rng.normal(size=1_500_000) for place in range(16)})
    pq.write_table(rows, tmp_path / "t.parquet", row_group_size=len(rows))
    assert (tmp_path / "t.parquet").stat().st_size > 180 * MEGABYTE
    said = sonde_alone("inspect", "t.parquet", home=tmp_path)
    assert said.code == 0, said.err
    assert said.peak < base + 250 * MEGABYTE  # what is looked at takes some of it


def varints(count: int) -> bytes:
    """A number as thrift writes it: twice it, seven bits a byte, the lowest first."""
    count, out = count * 2, b""
    while count > 0x7F:
        out += bytes([count & 0x7F | 0x80])
        count >>= 7
    return out + bytes([count])


def lying(path: Path, rows: int, claimed: int) -> bytes:
    """The bytes of a Parquet file whose footer claims another number of rows."""
    data = path.read_bytes()
    size = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - size : -8].replace(varints(rows), varints(claimed))
    return data[: -8 - size] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize(("claimed", "message"), [
    (10**9, "claims 1,000,000,000 rows in"),
    (8_000, "t.parquet"),
])  # fmt: skip
def test_25_a_footer_that_lies(claimed: int, message: str, base: int, tmp_path: Path) -> None:
    pq.write_table(table(7_777), tmp_path / "whole.parquet", compression="none")
    (tmp_path / "t.parquet").write_bytes(lying(tmp_path / "whole.parquet", 7_777, claimed))
    said = sonde_alone("inspect", "t.parquet", home=tmp_path)
    refused(said, 65, "t.parquet", message)
    assert said.peak < base + EXTRA


@pytest.mark.parametrize("length", [0, 1, 2**31 - 1, 2**32 - 1])
def test_25_a_length_of_the_footer_that_lies(length: int, tmp_path: Path) -> None:
    pq.write_table(table(50), tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(data[:-8] + length.to_bytes(4, "little") + b"PAR1")
    refused(sonde("inspect", "t.parquet", home=tmp_path), 65, "t.parquet", "damaged")


def test_25_nested_values_become_fields_or_are_left_out_with_a_word(tmp_path: Path) -> None:
    rows = [{"who": {"age": i, "home": {"town": "ab"[i % 2]}}, "tags": ["x"] * i} for i in range(9)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    said = sonde("inspect", "t.parquet", "--json", home=tmp_path)
    assert said.code == 0, said.err
    fields = {field["field"]: field for field in json.loads(said.out)["fields"]}
    assert list(fields) == ["who.age", "who.home.town", "tags"]
    assert fields["tags"]["kind"] or fields["tags"]["excluded"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_26_a_test_file_with_other_columns(ending: str, tmp_path: Path) -> None:
    """Another order is no matter; another column is."""
    first, other = table(60), table(20).rename_columns(["sise", "label"])
    turned = table(20, seed=1).select([1, 0])
    for name, rows in (("train", first), ("other", other), ("turned", turned)):
        if ending == "csv":
            rows.to_pandas().to_csv(tmp_path / f"{name}.csv", index=False)
        else:
            pq.write_table(rows, tmp_path / f"{name}.parquet")
    kind = "table" if ending == "csv" else "parquet"
    recipe = (
        f"source: {{kind: {kind}, path: train.{ending}, test: TEST.{ending}}}\n"
        "task: {kind: classification, target: label}\nmodel: linear\n"
        "paradigm: {kind: supervised, budget: {epochs: 1}}\n"
    )
    (tmp_path / "bad.yaml").write_text(recipe.replace("TEST", "other"))
    (tmp_path / "good.yaml").write_text(recipe.replace("TEST", "turned"))
    said = sonde("train", "bad.yaml", home=tmp_path)
    refused(said, 65, f"other.{ending}", f"train.{ending}", "lacks size and adds sise")
    said = sonde("train", "good.yaml", home=tmp_path)
    assert said.code == 0, said.err


KINDS = {"csv": "table", "parquet": "parquet", "arrow": "arrow", "arrows": "arrow",
         "jsonl": "jsonl"}  # fmt: skip


def save(rows: pa.Table, path: Path) -> None:
    match path.suffix:
        case ".csv":
            rows.to_pandas().to_csv(path, index=False)
        case ".parquet":
            pq.write_table(rows, path)
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows.to_pylist()))
        case _:
            write = pa.ipc.new_stream if path.suffix == ".arrows" else pa.ipc.new_file
            with write(path, rows.schema) as writer:
                writer.write_table(rows)


@pytest.mark.parametrize("ending", KINDS)
def test_26_a_test_file_with_other_types(ending: str, tmp_path: Path) -> None:
    """Typed files say it by their types, a table of texts by its first row; whole numbers fit."""
    save(table(60), tmp_path / f"train.{ending}")
    save(pa.table({"size": ["small"] * 9, "label": ["yes"] * 9}), tmp_path / f"words.{ending}")
    whole = pa.table({"size": np.arange(9), "label": ["yes", "no", "yes"] * 3})
    save(whole, tmp_path / f"whole.{ending}")
    for name in ("words", "whole"):
        (tmp_path / f"{name}.yaml").write_text(
            f"source: {{kind: {KINDS[ending]}, path: train.{ending}, test: {name}.{ending}}}\n"
            "columns: {size: number, label: category}\n"
            "task: {kind: classification, target: label}\nmodel: linear\n"
            "paradigm: {kind: supervised, budget: {epochs: 1}}\n"
        )
    message = f"words.{ending}: column 'size' is string, in train.{ending} it is double"
    if ending == "csv":
        message = "column 'size', row 60: got 'small', expected a number (9 of 69 rows"
    refused(sonde("train", "words.yaml", home=tmp_path), 65, message)
    said = sonde("train", "whole.yaml", home=tmp_path)
    assert said.code == 0, said.err


@pytest.mark.parametrize("other", [np.arange(9), np.array(["small"] * 9), np.ones((9, 2))])
def test_26_test_arrays_of_another_type_or_shape(other: np.ndarray, tmp_path: Path) -> None:
    size = np.random.default_rng(0).normal(size=60)
    labels = {"label_train": (size > 0).astype(int), "label_test": np.ones(9, int)}
    np.savez(tmp_path / "t.npz", x_train=size, x_test=other, **labels)
    said = sonde("train", "t.npz", "--target", "label", home=tmp_path)
    refused(said, 65, "t, test: 'x' has rows of shape", "Save all parts with one shape and type.")
