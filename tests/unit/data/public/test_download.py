"""Files from a real server on this machine: whole and as expected, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from sonde.core.errors import DataError, StorageError, UsageError
from sonde.data.public.catalogue import SETS, PublicFile, PublicSet, find_set
from sonde.data.public.download import check_address, download
from sonde.data.public.fetch import get_set, kept_at

BODY = np.random.default_rng(0).bytes(3_000_000)


@dataclass
class Publisher:
    """A server that does as told.

    Attributes:
        body: what it gives.
        cut: bytes after which each connection ends; None sends all.
        ranges: whether it goes on where it is asked to.
        says_length: whether it tells the length.
        redirect: where it sends everyone.
        asked: the ranges it was asked for.
    """

    port: int = 0
    body: bytes = BODY
    cut: int | None = None
    ranges: bool = True
    says_length: bool = True
    redirect: str | None = None
    asked: list[str | None] = field(default_factory=list)

    def file(self, expected: bytes = BODY) -> PublicFile:
        digest = hashlib.sha256(expected).hexdigest()
        return PublicFile("f.bin", f"http://127.0.0.1:{self.port}/f.bin", len(expected), digest)


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            made.asked.append(wanted)
            if made.redirect:
                self.send_response(302)
                self.send_header("Location", made.redirect)
                self.end_headers()
                return
            start = int(wanted[6:-1]) if wanted and made.ranges else 0
            self.send_response(206 if start else 200)
            if made.says_length:
                self.send_header("Content-Length", str(len(made.body) - start))
            self.end_headers()
            stop = len(made.body) if made.cut is None else start + made.cut
            with suppress(ConnectionError):  # a client may have heard enough
                self.wfile.write(made.body[start:stop])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()


def fetch(file: PublicFile, folder: Path) -> list[int]:
    """Download into a folder; how far it was each time it said so."""
    told: list[int] = []
    download(file, folder / "set" / file.name, lambda done, _: told.append(done))
    return told


def ignore(done: int, size: int) -> None:
    """Nobody looks."""


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("says_length", [True, False])
def test_a_file_is_brought_whole(publisher: Publisher, says_length: bool, tmp_path: Path) -> None:
    publisher.says_length = says_length
    told = fetch(publisher.file(), tmp_path)
    assert (tmp_path / "set" / "f.bin").read_bytes() == BODY
    assert left(tmp_path) == {"f.bin"}
    assert told[-1] == len(BODY)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_connection_is_gone_on_with(
    publisher: Publisher, ranges: bool, tmp_path: Path
) -> None:
    publisher.cut = 1_500_000
    publisher.ranges = ranges
    if ranges:
        fetch(publisher.file(), tmp_path)
        assert publisher.asked == [None, "bytes=1500000-"]
        assert (tmp_path / "set" / "f.bin").read_bytes() == BODY
    else:
        with pytest.raises(StorageError, match="ended after 1,500,000 bytes"):
            fetch(publisher.file(), tmp_path)
        assert left(tmp_path) == {"f.bin.part"}


def test_what_an_earlier_command_left_is_gone_on_with(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "f.bin.part").write_bytes(BODY[:1000])
    fetch(publisher.file(), tmp_path)
    assert publisher.asked == ["bytes=1000-"]
    assert (tmp_path / "set" / "f.bin").read_bytes() == BODY


def test_a_connection_that_brings_nothing_says_what_to_do(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.cut = 0
    with pytest.raises(StorageError) as caught:
        fetch(publisher.file(), tmp_path)
    assert len(publisher.asked) == 1
    place = tmp_path / "set" / "f.bin"
    assert f"fetch the file elsewhere and put it at {place} (3,000,000 bytes, SHA-256" in str(
        caught.value
    )


def test_another_file_is_not_kept(publisher: Publisher, tmp_path: Path) -> None:
    publisher.body = BODY[:-1] + b"x"
    with pytest.raises(DataError, match=r"is not the file expected: SHA-256 .* Nothing was kept"):
        fetch(publisher.file(), tmp_path)
    assert left(tmp_path) == set()


@pytest.mark.parametrize(("says_length", "message"), [
    (True, "the server says 3,000,001 bytes, expected 3,000,000"),
    (False, "more than 3,000,000 bytes came"),
])  # fmt: skip
def test_a_longer_file_is_refused_before_it_fills_the_disk(
    publisher: Publisher, says_length: bool, message: str, tmp_path: Path
) -> None:
    publisher.body, publisher.says_length = BODY + b"x", says_length
    with pytest.raises(DataError, match=message):
        fetch(publisher.file(), tmp_path)
    assert left(tmp_path) == set()


def test_only_https_is_asked_and_followed(publisher: Publisher, tmp_path: Path) -> None:
    for address in ("http://example.org/f", "ftp://example.org/f", "file:///etc/passwd"):
        with pytest.raises(UsageError, match="not https"):
            check_address(address)
    publisher.redirect = "http://example.org/f.bin"
    with pytest.raises(UsageError, match=r"http://example.org/f.bin: got an address that is not"):
        fetch(publisher.file(), tmp_path)


def test_without_a_network_the_message_says_where_to_put_the_file(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and deaf: the connection is refused
        taken.bind(("127.0.0.1", 0))
        file = Publisher(port=taken.getsockname()[1]).file()
        with pytest.raises(StorageError, match=r"cannot be fetched: .* put it at .*/set/f.bin"):
            fetch(file, tmp_path)


def test_what_is_there_is_not_fetched(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder of `SONDE_DATA` first, packed or not; a file of other bytes does not count."""
    file = publisher.file()
    named = PublicSet("set", "", "", "", (file,), "", "")
    mine, other = tmp_path / "mine" / "set", tmp_path / "other"
    mine.mkdir(parents=True)
    monkeypatch.setenv("SONDE_DATA", str(tmp_path / "mine"))
    (mine / "f.bin").write_bytes(BODY[::-1])
    assert kept_at(file, "set", other) is None
    (mine / "f.bin.gz").write_bytes(gzip.compress(BODY, 1))
    assert get_set(named, other, ignore) == [(file, mine / "f.bin.gz")]
    (mine / "f.bin").write_bytes(BODY)
    assert get_set(named, other, ignore) == [(file, mine / "f.bin")]
    assert publisher.asked == []
    monkeypatch.delenv("SONDE_DATA")
    assert get_set(named, other, ignore) == [(file, other / "set" / "f.bin")]
    assert publisher.asked == [None]


def test_every_set_is_described_in_full() -> None:
    for found in SETS:
        for file in found.files:
            check_address(file.address)
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.size > 0
            assert "python" not in file.name  # those of CIFAR-10 are pickles
        assert all((found.about, found.licence, found.source, found.recipe, found.target))
    with pytest.raises(UsageError, match=r"unknown data set 'mnits'. Did you mean 'mnist'"):
        find_set("mnits")


@pytest.mark.parametrize(("name", "count"), [
    ("mnist", 4), ("california-housing", 1), ("adult", 2),
])  # fmt: skip
def test_the_checksums_are_those_of_the_published_files(
    name: str, count: int, shared_data: Path
) -> None:
    """The test file of `adult` lacks its first line there."""
    kept = [kept_at(file, name, shared_data) for file in find_set(name).files]
    assert sum(place is not None for place in kept) == count
