"""Checkpoints: whole or not there, verified before they are trusted.

A checkpoint is written in a temporary folder beside its place: tensors as safetensors, the rest as
JSON, each file flushed and fsynced, the manifest with sizes and SHA-256 last. Then the folder is
renamed and the parent fsynced. Resume takes the newest whose manifest verifies.
"""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from sonde.contracts.learn import State
from sonde.core.errors import DataError
from sonde.core.text import from_json, to_json
from sonde.run.files import move, write_synced

_TENSORS = "$tensor"
_MANIFEST = "MANIFEST.json"


@dataclass(frozen=True)
class Position:
    """Where in the run a checkpoint stands.

    Attributes:
        phase: index of the phase.
        name: its name.
        step: steps done in it.
        total: steps done in the whole run.
        finished: whether the phase has ended.
    """

    phase: int
    name: str
    step: int
    total: int
    finished: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint."""

    path: Path
    position: Position

    def load(self) -> State:
        """The state it holds.

        Raises:
            DataError: its files changed since they were verified.
        """
        files = _verified(self.path)
        assert files is not None, "verified when it was found"
        tensors = {
            f"{name.removesuffix('.safetensors')}/{key}": tensor
            for name, data in files.items()
            if name.endswith(".safetensors")
            for key, tensor in safetensors.torch.load(data).items()
        }
        tree = from_json(files["state.json"].decode())["state"]
        assert isinstance(tree, dict)
        return _join(tree, tensors)


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, position: Position, state: State) -> None:
        """Write a checkpoint, read it back, then drop older ones.

        `state` is a tree whose top keys name its files: `weights`, `optimizer`, ...

        Raises:
            StorageError: it could not be written; older ones are untouched.
        """
        self.folder.mkdir(exist_ok=True)
        place = self.folder / f"step-{position.total:08d}{'-end' if position.finished else ''}"
        draft = self.folder / f".tmp-{uuid.uuid4().hex}"
        draft.mkdir()
        try:
            _write(draft, position, state)
            if place.exists():  # a half-verified one from before the kill
                shutil.rmtree(place)
            move(draft, place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        if _verified(place) is None:
            raise DataError(f"{place}: what was written is not what is read back; check the disk")
        self._prune(place)

    def sweep(self) -> None:
        """Remove what a killed process left half written."""
        for draft in self.folder.glob(".tmp-*"):
            shutil.rmtree(draft, ignore_errors=True)

    def valid(self) -> tuple[list[Checkpoint], list[str]]:
        """Checkpoints whose manifest verifies, newest first, and names of those passed over.

        Raises:
            DataError: there are checkpoints and none verifies; nothing is deleted.
        """
        found: list[Checkpoint] = []
        passed: list[str] = []
        for path in self._newest_first():
            files = _verified(path)
            if files is None:
                passed.append(path.name)
                continue
            plain = from_json(files["state.json"].decode())
            found.append(Checkpoint(path, Position(**plain["position"])))
        if passed and not found:
            raise DataError(
                f"{self.folder}: no checkpoint is whole ({', '.join(passed)} are damaged). Nothing "
                "was deleted. Restore them from a copy, or start anew in another run folder."
            )
        return found, passed

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("step-*"), reverse=True) if self.folder.exists() else []

    def _prune(self, newest: Path) -> None:
        """Drop all but the newest `keep`; the ends of phases stay.

        What is later than the one just written was passed over at the start: it counts for none.
        """
        passing = [
            path
            for path in self._newest_first()
            if path.name <= newest.name and not path.name.endswith("-end")
        ]
        for old in passing[self.keep :]:
            shutil.rmtree(old)


def _write(folder: Path, position: Position, state: State) -> None:
    tree, tensors = _split(state)
    files: dict[str, dict[str, Tensor]] = {key: {} for key in ("weights", "optimizer")}
    for name, tensor in tensors.items():
        top, _, rest = name.partition("/")
        files.setdefault(top, {})[rest] = tensor.detach().cpu().contiguous().clone()
    contents = {f"{top}.safetensors": safetensors.torch.save(held) for top, held in files.items()}
    plain = {"position": vars(position), "state": tree, "torch": torch.__version__}
    contents["state.json"] = to_json(plain).encode()
    for name, data in contents.items():
        write_synced(folder / name, data)
    manifest = {n: {"size": len(d), "sha256": _hash(d)} for n, d in contents.items()}
    write_synced(folder / _MANIFEST, to_json({"format": 1, "files": manifest}).encode())


def _verified(path: Path) -> dict[str, bytes] | None:
    """The files of a checkpoint where every size and hash is as the manifest says, else None."""
    try:
        listed = from_json((path / _MANIFEST).read_text(encoding="utf-8"))["files"]
        files = {name: (path / name).read_bytes() for name in listed}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for name, data in files.items():
        if listed[name] != {"size": len(data), "sha256": _hash(data)}:
            return None
    return files if "state.json" in files else None


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _split(state: State) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The tree with each tensor replaced by where it went, and the tensors by place."""
    tensors: dict[str, Tensor] = {}

    def walk(node: Any, place: str) -> Any:
        if isinstance(node, Tensor):
            tensors[place] = node
            return {_TENSORS: place}
        if isinstance(node, Mapping):
            return {str(key): walk(item, f"{place}/{key}") for key, item in node.items()}
        if isinstance(node, list | tuple):
            return [walk(item, f"{place}/{index}") for index, item in enumerate(node)]
        if node is None or isinstance(node, bool | int | float | str):
            return _spelled(node)
        raise TypeError(f"state at {place}: {type(node).__name__} is neither tensor nor plain data")

    return {str(key): walk(item, str(key)) for key, item in state.items()}, tensors


def _spelled(value: Any) -> Any:
    """JSON has no infinities: they are spelled out."""
    if isinstance(value, float) and value - value != 0:
        return {"$float": str(value)}
    return value


def _join(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(node, dict):
        if set(node) == {_TENSORS}:
            return tensors[node[_TENSORS]]
        if set(node) == {"$float"}:
            return float(node["$float"])
        return {key: _join(item, tensors) for key, item in node.items()}
    return [_join(item, tensors) for item in node] if isinstance(node, list) else node


def resume_point(found: list[Checkpoint]) -> Iterator[Checkpoint]:
    """The newest checkpoint and the ends of all phases before it, oldest first.

    Where the end of an earlier phase is missing, later checkpoints cannot be used: the newest
    point that has everything before it is taken.

    Raises:
        DataError: there are checkpoints, and none has everything before it.
    """
    ends = {point.position.phase: point for point in found if point.position.finished}
    for point in found:
        before = range(point.position.phase)
        if all(phase in ends for phase in before):
            yield from (ends[phase] for phase in before)
            yield point
            return
    if found:
        lost = min(set(range(found[0].position.phase)) - set(ends))
        raise DataError(
            f"{found[0].path.parent}: the end of phase {lost + 1} is damaged, and later phases "
            "need it. Nothing was deleted. Restore it from a copy, or start anew in another folder."
        )
