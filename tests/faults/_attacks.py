"""Model files made to do harm, by the case numbers of the reliability catalogue.

Each attack is a function from the members of a sound model file to the bytes of a bad one.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import struct
import zipfile
from collections.abc import Callable

import numpy as np

from sonde.run import archive
from sonde.run._header import Layout
from sonde.run._zip import pack
from sonde.run.weights import dump_arrays

Members = dict[str, bytes]
Attack = Callable[[Members], bytes]

EXPECTED: Layout = {"body.weight": ("F32", (3, 4)), "head.bias": ("F32", (3,))}
"""The tensors of the network the sound model file was made for."""

WEIGHTS = "weights.safetensors"


class Harm:
    """Unpickled, it would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("exit 1",)


PICKLE = pickle.dumps(Harm())


def sound() -> Members:
    """The members of a model file with nothing wrong."""
    rng = np.random.default_rng(0)
    members = dict.fromkeys(archive.MEMBERS, b"{}")
    weights = {name: rng.normal(size=shape).astype("f4") for name, (_, shape) in EXPECTED.items()}
    members[WEIGHTS] = dump_arrays(weights)
    members["columns.safetensors"] = dump_arrays({"age/edges": np.arange(5.0)})
    members["recipe.json"] = b'{"task":{"kind":"regression","target":"price"},"seed":0}'
    return members


def header_file(header: object, body: bytes = b"") -> bytes:
    """A safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(dtype: object, shape: object, start: object, stop: object) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def resealed(name: str, content: Callable[[Members], bytes] | bytes) -> Attack:
    """A file whose hashes are right: the attacker sealed it anew."""

    def attack(members: Members) -> bytes:
        made = content if isinstance(content, bytes) else content(members)
        return archive.sealed(members | {name: made})

    return attack


def weights(header: object, body: bytes = b"") -> Attack:
    return resealed(WEIGHTS, header_file(header, body))


def with_arrays(change: Callable[[dict[str, np.ndarray]], object]) -> Attack:
    """Other tensors than the network has."""

    def content(_: Members) -> bytes:
        arrays = {name: np.ones(shape, "f4") for name, (_, shape) in EXPECTED.items()}
        change(arrays)
        return dump_arrays(arrays)

    return resealed(WEIGHTS, content)


def rezipped(change: Callable[[zipfile.ZipFile], object], **options: int) -> Attack:
    """The sound members as Python's zipfile writes them, and something more."""

    def attack(members: Members) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", **options) as file:  # type: ignore[call-overload]
            with zipfile.ZipFile(io.BytesIO(archive.sealed(members))) as old:
                for name in old.namelist():
                    info = zipfile.ZipInfo(name)
                    info.create_system, info.create_version, info.extract_version = 0, 10, 10
                    info.compress_type = options.get("compression", zipfile.ZIP_STORED)
                    file.writestr(info, old.read(name))
            change(file)
        return buffer.getvalue()

    return attack


def renamed(name: str) -> Attack:
    """`golden.json` under a name that points elsewhere, in our own canonical form."""

    def attack(members: Members) -> bytes:
        with zipfile.ZipFile(io.BytesIO(archive.sealed(members))) as old:
            return pack({name if n == "golden.json" else n: old.read(n) for n in old.namelist()})

    return attack


def two_names(members: Members) -> bytes:
    """The header of the last member says another name than the directory."""
    data = archive.sealed(members)
    place = data.rindex(b"PK\3\4") + 30
    return data[:place] + b"gilded.json" + data[place + len("gilded.json") :]


def packed(name: str, content: bytes) -> Attack:
    """One member more, in our own canonical form."""

    def attack(members: Members) -> bytes:
        with zipfile.ZipFile(io.BytesIO(archive.sealed(members))) as old:
            return pack({n: old.read(n) for n in old.namelist()} | {name: content})

    return attack


def flagged(bit: int) -> Attack:
    """A general purpose flag set in every header."""

    def attack(members: Members) -> bytes:
        data = bytearray(archive.sealed(members))
        for match in re.finditer(rb"PK(\x03\x04|\x01\x02)", bytes(data)):
            place = match.start() + (6 if match[1] == b"\3\4" else 8)
            data[place] |= bit
        return bytes(data)

    return attack


def linked(members: Members) -> bytes:
    """The Unix mode of the last member says symbolic link."""
    data = bytearray(archive.sealed(members))
    place = data.rindex(b"PK\1\2")
    struct.pack_into("<I", data, place + 38, 0o120777 << 16)
    return bytes(data)


def overlapping(members: Members) -> bytes:
    """Two entries of the directory that share one member's bytes (Fifield 2019)."""
    data = bytearray(archive.sealed(members))
    places = [match.start() for match in re.finditer(rb"PK\x01\x02", bytes(data))]
    data[places[-1] + 42 : places[-1] + 46] = data[places[0] + 42 : places[0] + 46]
    return bytes(data)


def many_members(_: Members) -> bytes:
    """A million empty members."""
    name = b"a"
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 10, 0, 0, 0, 33, 0, 0, 0, 1, 0) + name
    return local * 1_000_000


def wide_sizes(members: Members) -> bytes:
    """Sizes that refer to a 64-bit extra field, which is not there."""
    data = bytearray(archive.sealed(members))
    data[18:26] = b"\xff" * 8
    return bytes(data)


def manifest_with(**changes: object) -> Attack:
    """A manifest that says something else, its CRC-32 right."""

    def attack(members: Members) -> bytes:
        with zipfile.ZipFile(io.BytesIO(archive.sealed(members))) as old:
            manifest = json.loads(old.read("manifest.json")) | changes
        return pack({"manifest.json": json.dumps(manifest).encode(), **members})

    return attack


def nan(arrays: dict[str, np.ndarray]) -> None:
    arrays["head.bias"][1] = np.nan


_SMALL, _LARGE = tensor("F32", [3], 48, 60), tensor("F32", [3, 4], 0, 48)
_WRAPPED = tensor("F32", [2**32, 2**32], 0, 0)
_CLAIMED = tensor("F32", [10**12], 0, 4 * 10**12)
_EMPTY = {f"tensor.{i}": tensor("F32", [0], 0, 0) for i in range(100_000)}

ATTACKS: dict[str, Attack] = {
    "A1 pickle as weights": resealed(WEIGHTS, PICKLE),
    "A1 pickle as model file": lambda _: PICKLE,
    "A2 pickle after the weights": resealed(WEIGHTS, lambda m: m[WEIGHTS] + PICKLE),
    "A3 pickle member added": packed("data.pkl", PICKLE),
    "A3 pickle member added by another program": rezipped(lambda z: z.writestr("a.pkl", PICKLE)),
    "A4 parent folder": renamed("../../golden.json"),
    "A5 absolute path": renamed("/etc/passwd"),
    "A6 backslashes": renamed("..\\..\\x.ini"),
    "A6 drive": renamed("C:\\boot.ini"),
    "A6 share": renamed("\\\\host\\xyz\\"),
    "A7 symbolic link": linked,
    "A10 duplicate member": rezipped(lambda z: _again(z, "weights.safetensors", PICKLE)),
    "A11 names differ": two_names,
    "A12 encrypted": flagged(0x01),
    "A12 strongly encrypted": flagged(0x40),
    "A12 patched": flagged(0x20),
    "A13 deflated bomb": rezipped(
        lambda z: z.writestr("zeros.bin", bytes(50_000_000)), compression=zipfile.ZIP_DEFLATED
    ),
    "A14 overlapping members": overlapping,
    "A15 zip inside": resealed(WEIGHTS, archive.sealed),
    "A16 a million members": many_members,
    "A17 64-bit sizes": wide_sizes,
    "A18 bytes before": lambda m: b"#!/bin/sh\n" + archive.sealed(m),
    "A18 bytes after": lambda m: archive.sealed(m) + b"\0",
    "A18 a second archive after": lambda m: archive.sealed(m) * 2,
    "A19 header of 2**63 bytes": resealed(WEIGHTS, struct.pack("<Q", 2**63) + b"{}"),
    "A20 header of spaces": weights(b"{}" + b" " * 100_000_000),
    "A21 100,000 tensors": weights(_EMPTY),
    "A21 100,000 arrays": resealed("columns.safetensors", header_file(_EMPTY)),
    "A21 10,000 arrays": resealed(
        "columns.safetensors", header_file(dict(list(_EMPTY.items())[:10_000]))
    ),
    "A22 overlapping tensors": weights(
        {"body.weight": _LARGE, "head.bias": tensor("F32", [3], 44, 56)}, bytes(56)
    ),
    "A23 hole between tensors": weights(
        {"body.weight": _LARGE, "head.bias": tensor("F32", [3], 52, 64)}, bytes(64)
    ),
    "A24 negative offset": weights({"head.bias": tensor("F32", [3], -12, 0)}),
    "A24 fractional offset": weights({"head.bias": tensor("F32", [3], 0.0, 12.0)}, bytes(12)),
    "A24 offset as text": weights({"head.bias": tensor("F32", [3], "0", "12")}, bytes(12)),
    "A24 offset as truth": weights({"head.bias": tensor("U8", [1], False, True)}, bytes(1)),
    "A25 product overflows": weights({"head.bias": _WRAPPED}),
    "A25 product overflows beside zero": weights(
        {"head.bias": tensor("F32", [2**62, 2**62, 0], 0, 0)}
    ),
    "A26 unknown dtype": weights({"head.bias": tensor("F128", [3], 0, 48)}, bytes(48)),
    "A26 half bytes": weights({"head.bias": tensor("F4", [3], 0, 2)}, bytes(2)),
    "A26 dtype is a list": weights({"head.bias": tensor(["F32"], [3], 0, 12)}, bytes(12)),
    "A27 elements without bytes": weights({"head.bias": _CLAIMED}),
    "A28 tensor too many": with_arrays(lambda a: a.update(evil=np.ones(1, "f4"))),
    "A28 tensor missing": with_arrays(lambda a: a.pop("head.bias")),
    "A28 wrong shape": with_arrays(lambda a: a.update({"head.bias": np.ones((1, 3), "f4")})),
    "A28 wrong dtype": with_arrays(lambda a: a.update({"head.bias": np.ones(3, "i4")})),
    "A28 metadata": weights(
        {"__metadata__": {"a": "b"}, "body.weight": _LARGE, "head.bias": _SMALL}, bytes(60)
    ),
    "A29 weight is not a number": with_arrays(nan),
    "A29 array is infinite": resealed(
        "columns.safetensors", lambda _: dump_arrays({"age/edges": np.array([1.0, np.inf])})
    ),
    "A30 deep nesting": resealed("recipe.json", b"[" * 10_000 + b"]" * 10_000),
    "A30 deep header": weights(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "A31 duplicate keys": resealed("task.json", b'{"kind":"regression","kind":"evil"}'),
    "A31 tensor twice": weights(
        b'{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
        b'"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'
    ),
    "A32 number of ten million digits": resealed("scores.json", b"1" * 10_000_000),
    "A32 number too large": resealed("scores.json", b'{"auc":1e400}'),
    "A32 not a number": resealed("scores.json", b'{"auc":NaN}'),
    "A32 not UTF-8": resealed("golden.json", b'{"\xff":1}'),
    "A42 older format": manifest_with(format=0),
    "A42 format is a text": manifest_with(format="1"),
    "A42 format is a truth": manifest_with(format=True),
    "A42 no hashes": manifest_with(members={}),
    "A42 members is a list": manifest_with(members=[]),
    "A42 more in the manifest": manifest_with(run="id"),
    "A43 newer format": manifest_with(format=2),
    "a member added": packed("notes.txt", b"hello"),
    "a member missing": lambda m: pack({k: v for k, v in m.items() if k != "task.json"}),
    "boolean of seven": resealed(
        "columns.safetensors", header_file({"seen": tensor("BOOL", [1], 0, 1)}, b"\7")
    ),
    "bfloat16 array": resealed(
        "columns.safetensors", header_file({"mean": tensor("BF16", [1], 0, 2)}, bytes(2))
    ),
    "header is a list": weights([]),
    "an empty file": lambda _: b"",
}


def _again(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    """A second member of the same name, which zipfile itself would warn about."""
    info = zipfile.ZipInfo("x" * len(name))
    file.writestr(info, content)
    info.filename = name
