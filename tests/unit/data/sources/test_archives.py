"""Archives: the rows of the unpacked folder, and every bad archive refused by name."""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pytest

from sonde.contracts.data import RowError
from sonde.core.errors import DataError, RecipeError, StorageError, UsageError
from sonde.core.port import PART
from sonde.data.guess import guess_source
from sonde.data.sources import _archive
from sonde.data.sources.folder import Folder
from sonde.data.sources.table import Table

NAMES = ("b/2.PNG", "b/10.jpg", "a/deep/x.webp", "a/1.ppm", "README.md", "a/.DS_Store")


def write_zip(path: Path, names: Sequence[str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            packed.writestr(name, name.encode() * 50)


def write_tar(path: Path, names: Sequence[str], mode: str = "w") -> None:
    with tarfile.open(path, mode) as packed:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name) * 50
            packed.addfile(info, io.BytesIO(name.encode() * 50))


def write_packed_tar(path: Path, names: Sequence[str]) -> None:
    write_tar(path, names, "w:gz")


WRITERS = {"p.zip": write_zip, "p.tar": write_tar, "p.tar.gz": write_packed_tar}
each_kind = pytest.mark.parametrize(("file", "write"), WRITERS.items(), ids=WRITERS.keys())
Write = Callable[[Path, Sequence[str]], None]


def read(source: Folder, fields: list[str] | None = None) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for batch in source.scan(fields) for row in batch.to_pylist()]


@each_kind
def test_the_rows_are_those_of_the_unpacked_folder(tmp_path: Path, file: str, write: Write) -> None:
    for name in NAMES:
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(name.encode() * 50)
    shuffled = random.Random(1).sample(NAMES, len(NAMES))  # an archive may have any order
    write(tmp_path / file, shuffled)
    packed = Folder(str(tmp_path / file))
    unpacked = read(Folder(str(tmp_path / "folder")))
    assert read(packed) == [(Path(str(path)).read_bytes(), label) for path, label in unpacked]
    assert read(packed, ["label"]) == [(label,) for _, label in unpacked]
    assert packed.fields()[0].type == pa.binary()
    assert packed.title == "p"


@each_kind
def test_a_lone_outer_folder_is_stepped_into(tmp_path: Path, file: str, write: Write) -> None:
    write(tmp_path / file, ["./signs/a/1.png", "./signs/b/1.png", "__MACOSX/signs/._1.png"])
    assert [row[1] for row in read(Folder(str(tmp_path / file)))] == ["a", "b"]


def test_names_in_utf8_are_read_also_where_a_zip_does_not_say_so(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    write_zip(path, ["gr\u00fcn/1.png", "\u9ec4/1.png"])
    whole = path.read_bytes()
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flags of both headers
        parts = whole.split(magic)
        flagged = [
            p[: at - 4] + bytes([p[at - 4], p[at - 3] & ~8]) + p[at - 2 :] for p in parts[1:]
        ]
        whole = magic.join([parts[0], *flagged])
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as packed:
        assert all(not info.flag_bits & 0x800 for info in packed.infolist())
    assert [row[1] for row in read(Folder(str(path)))] == ["gr\u00fcn", "\u9ec4"]


def test_parts_lie_in_one_archive_or_in_several(tmp_path: Path) -> None:
    write_zip(tmp_path / "one.zip", ["train/a/1.png", "val/a/2.png", "test/b/3.png"])
    parts = [("a", "train"), ("a", "valid"), ("b", "test")]
    assert [row[1:] for row in read(Folder(str(tmp_path / "one.zip")))] == parts
    write_packed_tar(tmp_path / "train.tar.gz", ["train/a/1.png", "train/b/1.png"])
    write_packed_tar(tmp_path / "test.tar.gz", ["test/a/2.png", "test/b/2.png"])
    several = Folder(str(tmp_path / "train.tar.gz"), test=str(tmp_path / "test.tar.gz"))
    assert read(several, [PART, "label"]) == [
        ("train", "a"), ("train", "b"), ("test", "a"), ("test", "b")
    ]  # fmt: skip
    assert several.title == tmp_path.name
    with pytest.raises(DataError, match="holds train/ and other parts itself"):
        read(Folder(str(tmp_path / "one.zip"), test=str(tmp_path / "test.tar.gz")))
    (tmp_path / "folder" / "a").mkdir(parents=True)
    with pytest.raises(UsageError, match="Pack all of them, or none"):
        Folder(str(tmp_path / "one.zip"), test=str(tmp_path / "folder")).fields()


def write_tables(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("train.csv", "Path;Class;Track\nx/1.png;stop;7\nx/2.png;go;8\nx/9.png;go;8")
        packed.writestr("test.csv", "Path;Class\ny/3.png;stop\n")
        for name in ("x/1.png", "x/2.png", "y/3.png"):
            packed.writestr(name, name)


def test_tables_in_an_archive_name_pictures_by_part(tmp_path: Path) -> None:
    write_tables(tmp_path / "s.zip")
    source = Folder(
        str(tmp_path / "s.zip"), table="train.csv", image="Path", test={"table": "test.csv"}
    )
    errors: list[RowError] = []
    rows = [tuple(row.values()) for b in source.scan(None, errors.append) for row in b.to_pylist()]
    assert rows == [
        (b"x/1.png", "stop", "7", "train"),
        (b"x/2.png", "go", "8", "train"),
        (b"y/3.png", "stop", None, "test"),
    ]
    assert [(e.row, e.got, e.expected) for e in errors] == [
        (2, "x/9.png", "a picture in the archive")
    ]
    assert read(source, ["Class"]) == [("stop",), ("go",), ("stop",)]
    with pytest.raises(RecipeError, match=r"expected both or neither, such as test: \{table"):
        Folder.parse({"path": "s.zip", "table": "train.csv", "test": "other.zip"})
    with pytest.raises(RecipeError, match=r"such as test: \{table: test.csv\}"):
        Folder.parse({"path": "s.zip", "table": {"path": "train.csv", "test": "test.csv"}})


def test_a_table_in_an_archive_is_a_path_too(tmp_path: Path) -> None:
    write_tables(tmp_path / "s.zip")
    table = Table(f"{tmp_path}/s.zip/test.csv")
    assert [batch.to_pylist() for batch in table.scan()] == [[{"Path": "y/3.png", "Class": "stop"}]]
    named = guess_source(f"{tmp_path}/s.zip/test.csv")
    (row,) = [row for batch in named.scan() for row in batch.to_pylist()]
    assert row["Class"] == "stop" and isinstance(row["Path"], bytes)
    with pytest.raises(StorageError, match=r"holds no file 'tst.csv'. Did you mean 'test.csv'"):
        Table(f"{tmp_path}/s.zip/tst.csv").fields()


def test_names_follow_a_pattern(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "h.zip", "w") as packed:
        packed.writestr("info.txt", "3 100\n4 200\n")
        for name in ("1_front", "1_back", "2_front", "2_back"):
            packed.writestr(f"images/{name}.jpg", name)
    table = {"path": "info.txt", "delimiter": " ", "names": ["rooms", "price"]}
    images = {side: f"images/{{row}}_{side}.jpg" for side in ("front", "back")}
    source = Folder(str(tmp_path / "h.zip"), table=table, images=images)
    assert [(field.name, field.kind) for field in source.fields()] == [
        ("rooms", None), ("price", None), ("front", "image"), ("back", "image")
    ]  # fmt: skip
    assert read(source) == [
        ("3", "100", b"1_front", b"1_back"),
        ("4", "200", b"2_front", b"2_back"),
    ]
    assert Folder.parse(source.dump()) == source
    other = Folder(str(tmp_path / "h.zip"), table=table, images={"front": "images/{row}_back.jpg"})
    assert other.fingerprint() != source.fingerprint()


def test_a_line_that_would_shift_counted_names_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "h.zip", "w") as packed:
        packed.writestr("info.csv", "a,b\n1,2\n1,2,3\n3,4\n")
        packed.writestr("1.png", b"")
        packed.writestr("2.png", b"")
    source = Folder(str(tmp_path / "h.zip"), table="info.csv", images={"image": "{row}.png"})
    with pytest.raises(DataError, match=r"info.csv, line 3.*which this would shift"):
        read(source)


@pytest.mark.parametrize(
    "name", ["/a/1.png", "a/../../1.png", "C:/a/1.png", "a\\1.png", "a/" * 70 + "1.png"]
)
@each_kind
def test_names_that_lead_elsewhere_are_refused(
    tmp_path: Path, file: str, write: Write, name: str
) -> None:
    write(tmp_path / file, ["a/0.png", name])
    with pytest.raises(DataError, match="a member called"):
        read(Folder(str(tmp_path / file)))


@each_kind
def test_a_name_that_stands_twice_is_refused(tmp_path: Path, file: str, write: Write) -> None:
    with pytest.warns(UserWarning, match="Duplicate") if file.endswith("zip") else nullcontext():
        write(tmp_path / file, ["a/1.png", "b/1.png", "a/1.png"])
    with pytest.raises(DataError, match="stands twice"):
        read(Folder(str(tmp_path / file)))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as packed:
        info = tarfile.TarInfo("a/1.png")
        info.type, info.linkname = kind, "/etc/passwd"
        packed.addfile(info)
    with pytest.raises(DataError, match=r"is a (link|device)"):
        read(Folder(str(tmp_path / "x.tar")))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        info = zipfile.ZipInfo("a/1.png")
        info.external_attr = 0o120777 << 16
        packed.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        read(Folder(str(tmp_path / "x.zip")))


@pytest.mark.parametrize(
    ("limit", "most", "message"),
    [
        ("MOST_BYTES", 100, "'a/1.png' is 350 bytes long; at most 100"),
        ("MOST_TOTAL", 500, "it unpacks to more; at most 500"),
        ("MOST_MEMBERS", 1, "it has more members; at most 1"),
    ],
)
@each_kind
def test_limits_are_kept_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, write: Write, limit: str,
    most: int, message: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(_archive, limit, most)
    write(tmp_path / file, ["a/1.png", "b/1.png"])
    with pytest.raises(DataError, match=message):
        read(Folder(str(tmp_path / file)))


def test_a_header_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    """A POSIX extension header of 64 MB, packed into 64 kB."""
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as packed:
        info = tarfile.TarInfo("a/1.png")
        info.pax_headers = {"comment": "x" * 64_000_000}
        packed.addfile(info)
    with pytest.raises(DataError, match=r"a header of 64,\d+,\d+ bytes"):
        read(Folder(str(tmp_path / "x.tar.gz")))


@each_kind
def test_an_archive_cut_short_is_refused_wherever_it_was_cut(
    tmp_path: Path, file: str, write: Write
) -> None:
    write(tmp_path / file, [f"{label}/{number}.png" for label in "abc" for number in range(8)])
    whole = (tmp_path / file).read_bytes()
    used = len(whole) if not file.endswith(".tar") else len(whole.rstrip(b"\0"))
    for part in (0.1, 0.5, 0.9, 0.999):
        (tmp_path / file).write_bytes(whole[: int(used * part)])
        with pytest.raises(DataError, match=r"damaged|cannot be read"):
            read(Folder(str(tmp_path / file)))


@each_kind
def test_a_flipped_byte_is_noticed_or_changes_only_a_picture(
    tmp_path: Path, file: str, write: Write
) -> None:
    """Rows are never lost without a word."""
    write(tmp_path / file, [f"{label}/{number}.png" for label in "ab" for number in range(4)])
    whole = (tmp_path / file).read_bytes()
    draw = random.Random(0)
    for _ in range(200):
        place = draw.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[place] ^= 1 << draw.randrange(8)
        (tmp_path / file).write_bytes(damaged)
        errors: list[RowError] = []
        try:
            batches = list(Folder(str(tmp_path / file)).scan(None, errors.append))
        except (DataError, StorageError):
            continue
        assert sum(batch.num_rows for batch in batches) + len(errors) == 8, place


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a folder, or a zip"),
        (b"plain text", "expected a folder, or a zip"),
        (gzip.compress(b"plain text" * 100), "expected a folder, or a zip"),
        (b"BZh91AY", "got bzip2"),
        (b"Rar!\x1a\x07", "got rar"),
        (b"PK\x05\x06" + bytes(18), "an archive without files"),
        (b"PK\x03\x04" + bytes(300), "a zip that cannot be read"),
    ],
    ids=["empty", "text", "gzip", "bzip2", "rar", "no members", "damaged zip"],
)
def test_files_that_are_no_archives_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises((DataError, StorageError), match=message):
        read(Folder(str(tmp_path / "x")))


def test_a_zip_with_a_password_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path / "x.zip", ["a/1.png"])
    data = bytearray((tmp_path / "x.zip").read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(DataError, match="needs a password"):
        read(Folder(str(tmp_path / "x.zip")))


def test_real_archives_are_read_as_they_are(shared_data: Path) -> None:
    faces = guess_source(str(shared_data / "orl-faces" / "att_faces.zip"))
    assert sum(batch.num_rows for batch in faces.scan(["label"])) == 400
    signs = Folder(
        str(shared_data / "gtsrb-32" / "gtsrb-32-subset.zip"),
        table="train.csv", image="Path", test={"table": "test.csv"},
    )  # fmt: skip
    parts = pa.chunked_array(batch.column(0) for batch in signs.scan([PART])).value_counts()
    assert parts.to_pylist() == [
        {"values": "train", "counts": 2614}, {"values": "test", "counts": 2105}
    ]  # fmt: skip
