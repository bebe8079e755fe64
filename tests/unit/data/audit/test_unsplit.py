"""What `inspect` sees before anything is divided: copies, kin, and the parts that files say."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from sonde.app.commands.inspect import inspect
from sonde.contracts.data import Source
from sonde.data.audit import near_copies
from sonde.data.audit.audit import audit_unsplit
from sonde.data.audit.concern import Concern
from sonde.data.guess import guess_source
from sonde.data.inspect import inspect_source
from sonde.data.memory import as_source

ROWS = 300
RNG = np.random.default_rng


def found(source: Source, target: str | None = None) -> list[Concern]:
    inspection = inspect_source(source)
    return audit_unsplit(source, inspection.beside({target: ""}) if target else inspection, target)


def picture(seed: int, quality: int = 90) -> bytes:
    """A JPEG of soft shapes under a grain of its own."""
    rng = RNG(seed)
    soft = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((160, 120))
    grain = np.asarray(soft) + rng.normal(0, 12, (120, 160, 1))
    file = io.BytesIO()
    Image.fromarray(grain.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return file.getvalue()


def pictures(folder: Path, seeds: range) -> None:
    for seed in seeds:
        place = folder / "ab"[seed % 2] / f"{seed:03}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(picture(seed))


def test_a_picture_saved_again_is_shown_with_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path, range(40))
    (tmp_path / "a" / "again.jpg").write_bytes(picture(5, quality=60))
    inspect(str(tmp_path))
    *_, sentence, example = capsys.readouterr().out.splitlines()
    assert sentence.startswith("'image' has 1 pair of pictures that are nearly the same. These")
    assert "sonde train keeps together only rows that are equal in every column" in sentence
    assert "a/again.jpg)" in example
    assert "b/005.jpg)" in example


def test_pictures_that_cannot_be_read_are_told_with_the_first(tmp_path: Path) -> None:
    pictures(tmp_path, range(6))
    (tmp_path / "b" / "000.jpg").write_bytes(b"no picture")
    (tmp_path / "b" / "cut.jpg").write_bytes(picture(9)[:300])
    (told,) = found(guess_source(str(tmp_path)))
    assert (told.kind, told.severity, told.count) == ("unreadable pictures", "note", 2)
    assert told.sentence.startswith("2 pictures in 'image' cannot be read. First: row 3: got ")
    assert "b/000.jpg, expected a readable picture" in told.sentence


def test_copies_across_the_parts_that_folders_say(tmp_path: Path) -> None:
    pictures(tmp_path / "train", range(40))
    pictures(tmp_path / "test", range(100, 120))
    (tmp_path / "test" / "a" / "again.jpg").write_bytes(picture(5, quality=60))
    (tmp_path / "test" / "a" / "same.jpg").write_bytes(picture(7))
    (tmp_path / "train" / "a" / "twin.jpg").write_bytes(picture(8, quality=60))  # on one side
    exact, near = found(guess_source(str(tmp_path)))
    assert (exact.kind, exact.severity, exact.count) == ("exact copies", "leak", 1)
    assert (near.kind, near.severity, near.count) == ("near copies", "leak", 1)
    assert "on two sides (1 between training and test)" in near.sentence


def test_it_is_said_that_a_sample_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path, range(40))
    for seed in range(40):
        (tmp_path / "a" / f"again-{seed:03}.jpg").write_bytes(picture(seed, quality=60))
    monkeypatch.setattr(near_copies, "MOST_DECODED", 50)
    (concern,) = found(guess_source(str(tmp_path)))
    assert concern.sentence.endswith(", among 50 of 80 rows.")
    assert 0 < concern.count < 40


def sentences(count: int) -> list[str]:
    words = [f"{a}{b}" for a in ("ra", "mo", "ti", "ke", "su") for b in ("ln", "st", "pe", "ri")]
    return [" ".join(RNG(row).choice(words, 20)) for row in range(count)]


def test_texts_that_no_column_reads_are_compared() -> None:
    texts = sentences(ROWS)
    texts[200], texts[201] = texts[3], texts[4] + " again"
    exact, near = found(as_source(pa.table({"remark": texts, "value": RNG(0).normal(size=ROWS)})))
    assert (exact.pairs, near.pairs) == ([(3, 200)], [(4, 201)])
    assert exact.examples[0].startswith("row 3 (")


@pytest.mark.parametrize("texts", [
    [f"existing credits paid back duly till now, class {row % 4}" for row in range(ROWS)],
    [f"https://example.org/titles/title-{row:07}/index" for row in range(ROWS)],
], ids=["long classes", "links"])  # fmt: skip
def test_what_is_no_text_of_its_own_has_no_copies(texts: list[str]) -> None:
    table = pa.table({"text": texts, "value": RNG(0).normal(size=ROWS)})
    assert found(as_source(table)) == []


def kin(sold: np.ndarray) -> Source:
    """Two rows of each title, far apart."""
    titles = [f"Title {row % (ROWS // 2)} of all" for row in range(ROWS)]
    return as_source(pa.table({"title": titles, "sold": sold, "x": RNG(9).normal(size=ROWS)}))


def test_rows_of_one_title_with_like_targets_are_told_with_the_figure() -> None:
    sold = np.tile(RNG(0).lognormal(size=ROWS // 2), 2) * RNG(1).uniform(0.8, 1.25, ROWS)
    (concern,) = found(kin(sold), "sold")
    assert concern.sentence.startswith("150 groups of rows have one 'title', and their 'sold' diff")
    assert "split: {kind: group, by: title}" in concern.advice


def test_rows_of_one_class_by_their_title_are_told() -> None:
    label = np.tile(RNG(0).choice(["yes", "no"], ROWS // 2), 2)
    (concern,) = found(kin(label), "sold")
    assert "their 'sold' agrees in 100% of pairs (" in concern.sentence


def test_rows_of_one_title_that_are_answered_anyhow_are_no_kin() -> None:
    assert found(kin(RNG(0).lognormal(size=ROWS)), "sold") == []


@pytest.mark.parametrize(("file", "target", "fields"), [
    ("video-game-sales/vgsales.csv.gz", "Global_Sales", ["Name"]),
    ("titanic/train.csv.gz", "Survived", ["Ticket"]),  # by its name, and 73 % agree
    ("adult/adult.data.gz", "c15", []),
    ("breast-cancer-wdbc/wdbc.data.gz", "c2", []),
    ("bike-sharing/day.csv.gz", "cnt", []),
    ("german-credit/german.data.gz", "c21", []),
    ("insurance-fraud/insurance_claims.csv.gz", "fraud_reported", []),
])  # fmt: skip
def test_groups_in_real_tables(
    file: str, target: str, fields: list[str], shared_data: Path
) -> None:
    groups = [c for c in found(guess_source(str(shared_data / file)), target) if c.kind == "groups"]
    assert [c.advice.rpartition("by: ")[2] for c in groups] == [f"{name}}}." for name in fields]
