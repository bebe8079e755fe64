"""A file from the net, whole and as expected, or not at all.

It is written beside its place as `NAME.part`; what an earlier attempt left there is gone on with.
Only when its length and SHA-256 are right does it get its name.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from sonde.core.errors import DataError, StorageError, UsageError
from sonde.data.public.catalogue import PublicFile
from sonde.data.sources._files import CHUNK

_SECONDS = 30
"""How long a server may be silent."""

_ATTEMPTS = 3
"""Connections tried while each brings something."""

_HERE = ("127.0.0.1", "localhost", "::1")

Progress = Callable[[int, int], None]
"""Told the bytes that are there and the bytes there will be."""


def download(file: PublicFile, place: Path, progress: Progress) -> None:
    """Bring a file to its place.

    Raises:
        StorageError: the address cannot be reached, the connection breaks again and again, or the
            disk is full; what came is kept for the next attempt.
        DataError: the server gives another file.
    """
    check_address(file.address)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.part")
    for _ in range(_ATTEMPTS):
        before = _size(part)
        problem = _go_on(file, part, progress)
        if problem is None:
            break
        if _size(part) <= before:
            raise StorageError(_no_network(file, place, problem))
    else:
        raise StorageError(_no_network(file, place, f"the connection broke {_ATTEMPTS} times"))
    if (found := sha256_of(part)) != file.sha256:
        part.unlink()
        raise DataError(
            f"{file.address} is not the file expected: SHA-256 {found[:12]}..., expected "
            f"{file.sha256[:12]}... Nothing was kept. The publisher may have changed it, or "
            "something on the way."
        )
    os.replace(part, place)  # noqa: PTH105  # as elsewhere: one name for one step


def check_address(address: str) -> None:
    """Nothing, where the way is encrypted or stays on this machine.

    Raises:
        UsageError: it is not.
    """
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE):
        return
    raise UsageError(f"{address}: got an address that is not https. Nothing was asked for.")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _go_on(file: PublicFile, part: Path, progress: Progress) -> str | None:
    """Add what is missing; why that ended too soon, or None where all is there.

    Raises:
        DataError: the server says that the file has another length, or sends more.
    """
    done = _size(part)
    if done > file.size:
        part.unlink()
        done = 0
    if done == file.size:
        return None
    request = urllib.request.Request(file.address, headers={"User-Agent": "sonde"})
    if done:
        request.add_header("Range", f"bytes={done}-")
    try:
        with _opener.open(request, timeout=_SECONDS) as answer:
            _check_length(file, answer, done)
            if answer.status != 206:  # the server knows no ranges: from the beginning
                done = 0
            with part.open("ab" if done else "wb") as out:
                while data := answer.read(CHUNK):
                    done += len(data)
                    if done > file.size:
                        raise DataError(_too_long(file))
                    out.write(data)
                    progress(done, file.size)
    except DataError:
        part.unlink(missing_ok=True)
        raise
    except urllib.error.HTTPError as error:
        return f"the server answers {error.code} {error.reason}"
    except (
        urllib.error.URLError,
        http.client.HTTPException,
        TimeoutError,
        ConnectionError,
    ) as error:
        return str(getattr(error, "reason", None) or error) or type(error).__name__
    except OSError as error:
        raise StorageError(f"{part}: cannot be written: {error.strerror or error}") from None
    return None if done == file.size else f"the connection ended after {done:,} bytes"


def _check_length(file: PublicFile, answer: Any, done: int) -> None:
    said = answer.headers.get("Content-Length")
    expected = file.size - done if answer.status == 206 else file.size
    if said is not None and said.isdigit() and int(said) != expected:
        raise DataError(
            f"{file.address} is not the file expected: the server says {int(said):,} bytes, "
            f"expected {expected:,}. Nothing was kept."
        )


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows a redirection only where the way stays encrypted."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = urllib.request.build_opener(_HttpsOnly)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _too_long(file: PublicFile) -> str:
    return (
        f"{file.address} is not the file expected: more than {file.size:,} bytes came. Nothing "
        "was kept."
    )


def _no_network(file: PublicFile, place: Path, problem: str) -> str:
    return (
        f"{file.address} cannot be fetched: {problem}. Give the command again to go on, or fetch "
        f"the file elsewhere and put it at {place} ({file.size:,} bytes, SHA-256 {file.sha256})"
    )
