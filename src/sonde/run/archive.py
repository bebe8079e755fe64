"""The sealed model file: eight members in a stored zip that is read in place, never extracted.

`manifest.json` comes first and says the format's version and every other member's size and
SHA-256. All of it is verified before any of it is parsed. The file is read once, into memory, so a
file that is swapped or rewritten meanwhile cannot mix with what was verified.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.core.errors import DamagedBundle, StorageError
from sonde.core.text import from_json, to_json
from sonde.run._header import Layout
from sonde.run._zip import MOST_BYTES, check_directory, entries, pack
from sonde.run.files import replace
from sonde.run.weights import load_arrays, load_tensors

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

FORMAT = 1
"""The version of the format. Raise it when a reader of today could not read what is written."""

MEMBERS = (
    "recipe.json",
    "task.json",
    "columns.json",
    "columns.safetensors",
    "weights.safetensors",
    "scores.json",
    "golden.json",
)
"""What a model file holds after its manifest: all of these, in this order, nothing else."""

_MANIFEST = "manifest.json"
_MOST_JSON = 64 * 2**20


@dataclass(frozen=True)
class Archive:
    """A model file whose bytes are what was sealed."""

    path: Path
    members: Mapping[str, memoryview]

    def json(self, name: str) -> Any:
        """A JSON member as plain data."""
        with _explained(self.path):
            return _json(name, self.members[name])

    def tensors(self, name: str, expected: Layout) -> dict[str, Tensor]:
        """A safetensors member that must hold exactly the tensors of `expected`."""
        with _explained(self.path):
            return load_tensors(self.members[name], expected, where=name)

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """A safetensors member as NumPy arrays."""
        with _explained(self.path):
            return load_arrays(self.members[name], where=name)

    def damaged(self, reason: str) -> DamagedBundle:
        """The error for what only a reader of the contents can see, such as a wrong answer."""
        return _damaged(self.path, reason)


def sealed(members: Mapping[str, bytes]) -> bytes:
    """The bytes of a model file: equal members make equal bytes.

    Raises:
        StorageError: it would be larger than 4 GiB.
    """
    assert set(members) == set(MEMBERS), f"a model file holds {MEMBERS}, got {sorted(members)}"
    return pack({_MANIFEST: _manifest(members)} | {name: members[name] for name in MEMBERS})


def write_archive(path: str | Path, members: Mapping[str, bytes]) -> None:
    """Seal `members` at a path: they replace what was there all at once, or not at all.

    Raises:
        StorageError: it cannot be written, or would be larger than 4 GiB.
    """
    replace(Path(path), sealed(members))


def read_archive(path: str | Path) -> Archive:
    """Open a model file and verify every byte of it.

    Raises:
        StorageError: there is no such file, or it cannot be read.
        DamagedBundle: it is not what was sealed, or of another format.
    """
    path = Path(path)
    data = _read_once(path)
    walk = entries(data, (_MANIFEST, *MEMBERS))
    with _explained(path):
        first = next(walk)
        first.check_crc()
        manifest = _json(_MANIFEST, first.content)
    _check_format(path, manifest)  # before the rest, which a newer format may have changed
    with _explained(path):
        rest = list(walk)
        check_directory(data, [first, *rest])
        members = {entry.name: entry.content for entry in rest}
        _check_manifest(first.content, members)
        for entry in rest:
            entry.check_crc()
    return Archive(path, members)


def _check_format(path: Path, manifest: Any) -> None:
    found = manifest.get("format") if isinstance(manifest, Mapping) else None
    if type(found) is int and found > FORMAT:
        raise DamagedBundle(
            f"{path} was made by a newer Sonde (format {str(found)[:12]}); this one reads format "
            f"{FORMAT}: pip install -U sonde"
        )
    if type(found) is not int or found != FORMAT:
        raise DamagedBundle(
            f"{path} states the format {str(found)[:40]!r}, which no Sonde has written; "
            f"this one reads format {FORMAT}. Nothing was loaded."
        )


def _manifest(members: Mapping[str, bytes | memoryview]) -> bytes:
    stated = {
        name: {"size": len(members[name]), "sha256": hashlib.sha256(members[name]).hexdigest()}
        for name in MEMBERS
    }
    return to_json({"format": FORMAT, "members": stated}).encode()


def _check_manifest(content: memoryview, members: Mapping[str, memoryview]) -> None:
    """The manifest must be the very bytes that sealing these members makes."""
    expected = _manifest(members)
    if content == expected:
        return
    stated, actual = _json(_MANIFEST, content).get("members"), from_json(str(expected, "utf-8"))
    for name, right in actual["members"].items():
        told = stated.get(name) if isinstance(stated, dict) else None
        if not isinstance(told, dict) or set(told) != set(right):
            raise DamagedBundle(f"manifest.json does not state the size and SHA-256 of {name}")
        if told["size"] != right["size"]:
            said = repr(told["size"])[:20]
            raise DamagedBundle(f"{name} has {right['size']:,} bytes, the manifest says {said}")
        if told["sha256"] != right["sha256"]:
            found, said = right["sha256"][:12], repr(told["sha256"])[1:13]
            raise DamagedBundle(f"{name} has SHA-256 {found}..., the manifest says {said}...")
    raise DamagedBundle("manifest.json is not written as it is when a model is sealed")


def _json(name: str, content: memoryview) -> Any:
    if len(content) > _MOST_JSON:
        raise DamagedBundle(f"{name} has {len(content):,} bytes, at most {_MOST_JSON:,} are read")
    try:
        return from_json(str(content, "utf-8"))
    except ValueError as error:
        raise DamagedBundle(f"{name}: {error}") from None


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns what is wrong inside the file into the sentence for its user."""
    try:
        yield
    except DamagedBundle as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, reason: str) -> DamagedBundle:
    run = path.parent if (path.parent / "recipe.yaml").is_file() else "runs/..."
    return DamagedBundle(
        f"{path} is damaged: {reason}\n"
        f"       Nothing was loaded. Copy it again, or seal it anew with  sonde seal {run}"
    )


def _read_once(path: Path) -> memoryview:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for without end
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
            raise StorageError(f"{path} is {what}, expected a model file such as model.sonde")
        if status.st_size > MOST_BYTES:
            raise _damaged(path, f"it has {status.st_size:,} bytes, a model file at most 4 GiB")
        return memoryview(path.read_bytes())
    except StorageError:
        raise
    except FileNotFoundError:
        raise StorageError(f"{path}: no such file. Looked from {Path.cwd()}") from None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read: {error.strerror}") from None
