"""Files whose lines belong together: row n is line n of each."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sonde.core.errors import DataError, RecipeError, StorageError, UnknownColumn
from sonde.core.port import PART
from sonde.data.guess import guess_source
from sonde.data.sources._languages import by_language
from sonde.data.sources.parallel import Parallel

ENGLISH = ["A man.", "Two dogs play.", "", "Snow ☃."]
GERMAN = ["Ein Mann.", "Zwei Hunde spielen.", "Ein Boot.", "Schnee ☃."]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "train.en", ENGLISH)
    (tmp_path / "train.de.gz").write_bytes(gzip.compress("\r\n".join(GERMAN).encode()))
    write(tmp_path / "val.en", ["Yes."])
    write(tmp_path / "val.de", ["Ja."])
    return tmp_path


def write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def source(folder: Path, **changes: object) -> Parallel:
    options: dict[str, object] = {
        "root": str(folder),
        "train": {"en": "train.en", "de": "train.de.gz"},
        "valid": {"en": "val.en", "de": "val.de"},
    }
    return Parallel.parse(options | changes)


def rows(made: Parallel, fields: list[str] | None = None) -> list[dict[str, str | None]]:
    return [row for chunk in made.scan(fields) for row in chunk.to_pylist()]


def test_line_n_of_each_file_is_row_n(folder: Path) -> None:
    assert rows(source(folder)) == [
        {"en": "A man.", "de": "Ein Mann.", "#part": "train"},
        {"en": "Two dogs play.", "de": "Zwei Hunde spielen.", "#part": "train"},
        {"en": None, "de": "Ein Boot.", "#part": "train"},
        {"en": "Snow ☃.", "de": "Schnee ☃.", "#part": "train"},
        {"en": "Yes.", "de": "Ja.", "#part": "valid"},
    ]
    assert [field.kind for field in source(folder).fields()] == ["text", "text", None]
    assert source(folder).describe() == "2 texts a line: en, de"
    assert rows(source(folder), ["de"])[3] == {"de": "Schnee ☃."}


def test_one_part_says_no_part(folder: Path) -> None:
    alone = source(folder, valid=None)
    assert [field.name for field in alone.fields()] == ["en", "de"]
    assert rows(alone)[0] == {"en": "A man.", "de": "Ein Mann."}


def test_many_lines_come_in_chunks(folder: Path) -> None:
    write(folder / "long.a", [f"a{n}" for n in range(10_000)])
    write(folder / "long.b", [f"b{n}" for n in range(10_000)])
    chunks = list(source(folder, train={"a": "long.a", "b": "long.b"}, valid=None).scan())
    assert max(chunk.num_rows for chunk in chunks) < 5000
    assert [row for c in chunks for row in c.to_pylist()][9_999] == {"a": "a9999", "b": "b9999"}


def test_marks_and_odd_signs_inside_a_line_stay_or_go_as_they_should(folder: Path) -> None:
    (folder / "train.en").write_bytes(b"\xef\xbb\xbfOne\nTwo\x0cthree\x1c\r\n\xc2\x85Four\n \t\n")
    read = [row["en"] for row in rows(source(folder), ["en"])][:4]
    assert read == ["One", "Two\x0cthree\x1c", "\x85Four", None]


@pytest.mark.parametrize("fields", [None, ["en"], ["de"]])
def test_unequal_files_are_refused_whatever_is_read(folder: Path, fields: list[str] | None) -> None:
    write(folder / "val.de", ["Ja.", "Nein.", "Vielleicht."])
    with pytest.raises(DataError) as error:
        rows(source(folder), fields)
    english, german = folder / "val.en", folder / "val.de"
    assert str(error.value) == (
        f"{english}, line 2: there is none. Lines of parallel files belong together, expected as "
        f"many in each, got {english} 1, {german} 3. Where a text is missing, leave its line empty."
    )


def test_a_byte_that_is_not_utf_8_is_refused_by_file_and_line(folder: Path) -> None:
    (folder / "val.de").write_bytes("Größe\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"val\.de, line 1: byte 3 of it is not UTF-8 \(0xf6\)"):
        rows(source(folder))


def test_a_line_without_an_end_is_refused(folder: Path) -> None:
    (folder / "val.de").write_bytes(b"a" * (1 << 21))
    with pytest.raises(DataError, match=r"val\.de, line 1: longer than 1,048,576 bytes"):
        rows(source(folder))


def test_a_missing_file_is_refused_before_anything_is_read(folder: Path) -> None:
    (folder / "val.de").unlink()
    with pytest.raises(StorageError, match=r"val\.de: no such file"):
        source(folder).fields()


def test_a_damaged_gzip_file_is_refused(folder: Path) -> None:
    path = folder / "train.de.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match="damaged or cut short"):
        rows(source(folder))


def test_parts_name_the_same_texts(folder: Path) -> None:
    with pytest.raises(RecipeError, match="valid names en, fr, train en, de; expected the same"):
        source(folder, valid={"en": "val.en", "fr": "val.fr"})


def test_an_unknown_field_is_named(folder: Path) -> None:
    with pytest.raises(UnknownColumn, match="no column 'fr'"):
        rows(source(folder), ["fr"])


def test_the_fingerprint_follows_the_bytes_and_what_they_are_for(folder: Path) -> None:
    before = source(folder).fingerprint()
    assert source(folder).fingerprint() == before
    assert source(folder, valid=None).fingerprint() != before
    write(folder / "val.de", ["Ja!"])
    assert source(folder).fingerprint() != before


@pytest.mark.parametrize(("names", "parts"), [
    (["train.en", "train.de.gz", "val.en", "val.de"], {"train": "de en", "valid": "de en"}),
    (["train.zh-CN", "train.en", "README.md", "test-2016.en", "test-2016.zh-CN"],
     {"train": "en zh-CN", "test": "en zh-CN"}),
    (["books.de-en.de", "books.de-en.en", "LICENSE"], {"train": "de en"}),
    (["train.en", "train.de", "notes.csv"], {}),
    (["train.en", "train.de", "test2.en", "test2.de"], {}),
    (["train.en", "train.de", "test_a.en", "test_a.de", "test_b.en", "test_b.de"], {}),
    (["train.en", "train.de", "test.en"], {}),
    (["train.py", "train.md"], {}),
    (["train.en", "test.en"], {}),
    (["val.en", "val.de", "test.en", "test.de"], {}),
    ([], {}),
])  # fmt: skip
def test_names_say_which_part_and_language(names: list[str], parts: dict[str, str]) -> None:
    found = by_language(names)
    assert {part: " ".join(files) for part, files in found.items()} == parts
    assert {name for files in found.values() for name in files.values()} <= set(names)


def test_a_folder_of_such_files_is_recognised(folder: Path) -> None:
    found = guess_source(str(folder))
    assert isinstance(found, Parallel)
    assert rows(found) == [
        {"de": r["de"], "en": r["en"], PART: r[PART]} for r in rows(source(folder))
    ]
    assert found.plan() == found.plan("fr") == {}
    assert found.plan("en")["task"] == {"kind": "translate", "source": "de", "target": "en"}
