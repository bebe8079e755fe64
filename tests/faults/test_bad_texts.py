"""Bad texts, as users bring them: numbers 49 to 57 of the list of bad inputs.

Each is read as stated, in time and memory that grow with its length alone, or is told.
"""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from _user import Said, refused, sonde, sonde_alone

from sonde.contracts.data import Ragged
from sonde.core import port
from sonde.data.columns.text import Text

MEGABYTE = 1 << 20
TOKENS = ("words", "characters", "bpe")
PILE = "z" + "\u0301\u0323" * 5_000
SCRIPT = "<script>alert('owned')</script><b>bold</b>"
HOSTILE = "a" * 50_000 + "!"
AWKWARD = {
    "empty": "",
    "blank": " \t\u00a0\u2003 ",
    "right to left": "שלום \u202eevil\u202c مرحبا",
    "joiners": "\u200d\u200d a\u200db 👩\u200d👩\u200d👧\u200d",
    "pile of marks": PILE,
    "nul": "nul\0inside \0 it",
    "script": SCRIPT,
    "hostile": HOSTILE,
    "special": "[MASK] <pad> <unk> </s> [CLS] <|endoftext|>",
    "noncharacter": "\uffff\ufdd0 \U0010ffff",
    "byte order mark": "\ufeffwords",
}

FILL = ["the", "film", "was", "a", "story", "of", "two", "people", "and", "its", "music"]
CHARGED = [["awful", "dull", "poor", "sad"], ["great", "lovely", "fine", "superb"]]


def sentences(count: int) -> list[str]:
    """Sentences of which every second has a word of praise, the others one of blame."""
    rng = np.random.default_rng(0)
    picked = [rng.choice(FILL, 6).tolist() for _ in range(count)]
    return [
        " ".join([*words, str(rng.choice(CHARGED[at % 2])), "."]) for at, words in enumerate(picked)
    ]


REMARKS = sentences(240)
LABELS = ["no", "yes"] * 120


def write(folder: Path, **columns: list[Any]) -> None:
    """`t.csv` with these columns."""
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


SMALL = ("--epochs", "2", "--model", "textcnn", "--set", "model.embedding=8", "--set",
         "model.maps=8")  # fmt: skip


def train(folder: Path, *flags: str) -> Said:
    return sonde("train", "t.csv", "--target", "label", *SMALL, *flags, home=folder)


def field(folder: Path, name: str) -> dict[str, Any]:
    """What `sonde inspect` says of one column."""
    said = sonde("inspect", "t.csv", "--json", home=folder)
    assert said.code == 0, said.err
    found: dict[str, Any] = next(f for f in json.loads(said.out)["fields"] if f["field"] == name)
    return found


def rows_of(*texts: str | None) -> pa.RecordBatch:
    return pa.record_batch({"x": pa.array(texts, pa.string())})


def read(column: Text, *texts: str | None) -> tuple[list[int], list[str]]:
    """How many steps each text has, and what is made of them again."""
    encoded = column.encode(rows_of(*texts))
    assert encoded.starts is not None and encoded.lengths is not None and not encoded.errors
    ragged = Ragged(encoded.values, encoded.starts, encoded.lengths)
    return encoded.lengths.tolist(), column.decode(ragged)


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize("name", AWKWARD)
def test_49_to_57_each_is_read_beside_others(name: str, tokens: str) -> None:
    """What is learned of it is found again, and it changes no other row."""
    text = AWKWARD[name]
    column = Text(tokens=tokens, at_least=1).named("x").fit([rows_of(*REMARKS[:9], text)])
    lengths, again = read(column, REMARKS[0], text, None)
    assert again[0] == REMARKS[0].replace(" .", "." if tokens == "words" else " .")
    assert lengths[2] == 0
    assert (lengths[1] == 0) == (not text or (tokens == "words" and not text.strip()))
    if tokens != "words":
        whole = text if name == "pile of marks" else unicodedata.normalize("NFC", text)
        assert again[1] == whole
    assert len(column.offsets([text])[0]) == lengths[1]


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `run/`: a model of texts, with awkward ones among its training rows."""
    home = tmp_path_factory.mktemp("texts")
    # a source refuses NUL in its lines: tests/faults/test_bad_tables.py
    awkward = [text for name, text in AWKWARD.items() if name != "nul"]
    texts = [*REMARKS[: -len(awkward)], *awkward]
    write(home, remark=texts, label=LABELS)
    said = train(home, "--run-dir", "run")
    assert said.code == 0, said.err
    assert "Traceback" not in said.err
    return home


def answers(home: Path, *rows: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """What the model says of rows, and what it remarks."""
    (home / "ask.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    said = sonde("predict", "run/model.sonde", "ask.jsonl", home=home)
    assert said.code == 0, said.err
    return [json.loads(line) for line in said.out.splitlines()], said.err


def test_49_empty_and_blank_texts_are_answered(sealed: Path) -> None:
    found, _ = answers(sealed, {"remark": ""}, {"remark": "  "}, {"remark": REMARKS[0]})
    assert [set(answer["label"]) <= set("noyes") for answer in found] == [True] * 3


def test_49_texts_that_are_all_empty_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, remark=["", " "] * 120, size=list(range(240)), label=LABELS)
    assert field(tmp_path, "remark")["excluded"]


@pytest.mark.parametrize("line", ["a" * 10 * MEGABYTE, "ab, cd! " * (10 * MEGABYTE // 8)])
def test_50_a_line_of_ten_megabytes_is_looked_at_in_bounded_memory(
    line: str, tmp_path: Path
) -> None:
    """A table's row ends at 4 MiB, and that is told; rows of JSON may be longer."""
    texts = [*REMARKS, line]
    lines = [json.dumps({"remark": text, "label": at % 2}) for at, text in enumerate(texts)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    said = sonde_alone("inspect", "t.jsonl", home=tmp_path)
    assert said.code == 0, said.err
    assert "remark   text " in said.out
    assert ("the first 1,000 words are read" in said.out) == (" " in line)
    assert said.peak < 800 * MEGABYTE
    write(tmp_path, remark=texts, label=[*LABELS, "no"])
    refused(sonde("inspect", "t.csv", home=tmp_path), 65, "a row is longer than 4 MiB")


@pytest.mark.parametrize("tokens", TOKENS)
@pytest.mark.parametrize(
    "line", ["a" * MEGABYTE, "ab, cd! " * (MEGABYTE // 8), "\u0301\u0323" * MEGABYTE]
)
def test_50_and_55_time_grows_with_length_alone(line: str, tokens: str) -> None:
    """A hang would not end; a panic of the package would be an error."""
    column = Text(tokens=tokens, longest=100, at_least=1).named("x").fit([rows_of(line, "ab")])
    assert read(column, line)[0][0] <= 100


def test_51_lone_surrogates_and_bytes_that_are_no_utf_8_are_told(
    sealed: Path, tmp_path: Path
) -> None:
    (tmp_path / "ask.jsonl").write_text('{"remark": "good \\ud800 bad"}', encoding="utf-8")
    said = sonde("predict", sealed / "run/model.sonde", "ask.jsonl", home=tmp_path)
    refused(said, 65, "ask.jsonl, line 1", '"good \\\\ud800 bad"', "valid Unicode")
    broken = b"remark,label\n" + b"".join(
        text.encode() + b" caf\xe9," + label.encode() + b"\n"
        for text, label in zip(REMARKS, LABELS, strict=True)
    )
    (tmp_path / "t.csv").write_bytes(broken)
    found = field(tmp_path, "remark")
    assert found["kind"] == "text"  # latin-1, and said so


def test_51_two_spellings_of_one_text_are_answered_alike(sealed: Path) -> None:
    rows = [{"remark": unicodedata.normalize(f, "naïve, superb café")} for f in ("NFC", "NFD")]
    first, second = answers(sealed, *rows)[0]
    assert first == second


def test_51_right_to_left_joiners_and_piles_of_marks_are_answered(sealed: Path) -> None:
    names = ("right to left", "joiners", "pile of marks", "noncharacter", "byte order mark")
    assert len(answers(sealed, *({"remark": AWKWARD[name]} for name in names))[0]) == len(names)


def test_52_nul_inside_is_answered(sealed: Path) -> None:
    assert "label" in answers(sealed, {"remark": AWKWARD["nul"]})[0][0]


def test_53_a_script_that_no_training_row_had_is_told(sealed: Path) -> None:
    found, remarks = answers(sealed, {"remark": "这部电影非常好看"}, {"remark": REMARKS[0]})
    assert len(found) == 2
    said = " ".join(remarks.split())
    assert "1 of 2 rows hold no word that the model knows" in said
    assert "1 of 2 rows are written in letters that no training row had" in said


def test_54_markup_is_escaped_in_the_report(sealed: Path) -> None:
    report = (sealed / "run/report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in report
    assert "<b>bold" not in report


def test_55_hostile_runs_are_answered_at_once(sealed: Path) -> None:
    rows = [
        {"remark": text} for text in (HOSTILE, "a'" * 20_000, "1." * 200_000 + "x", " " * 50_000)
    ]
    assert len(answers(sealed, *rows)[0]) == 4


def test_56_labels_that_are_long_sentences(tmp_path: Path) -> None:
    """They are classes like others; what is printed of them is short."""
    long = ["the people of this film never found what they had been looking for " * 8 + end
            for end in ("at all", "in the end")]  # fmt: skip
    write(tmp_path, remark=REMARKS, label=[long[label == "yes"] for label in LABELS])
    said = train(tmp_path, "--run-dir", "run")
    assert said.code == 0, said.err
    found, _ = answers(tmp_path, {"remark": REMARKS[0]})
    assert found[0]["label"] in long


def test_57_special_tokens_are_words_like_others() -> None:
    """No text reaches PAD, START, END or SEPARATOR; nothing of a training row is UNKNOWN."""
    special = AWKWARD["special"]
    for tokens in TOKENS:
        column = Text(tokens=tokens, at_least=1).named("x").fit([rows_of(special)])
        assert column.encode(rows_of(special)).values.min() >= port.TOKENS
        places = set(column.encode(rows_of("[PAD] <s> <sep> \0\1\2\3\4")).values.tolist())
        assert all(place == port.UNKNOWN or place >= port.TOKENS for place in places)
