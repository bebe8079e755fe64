"""A model file that was changed in any way is refused, and nothing in it is run."""

from __future__ import annotations

import io
import os
import pickle
import random
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from _attacks import ATTACKS, EXPECTED, PICKLE, WEIGHTS, sound

from sonde.core.errors import DamagedBundle, StorageError, UsageError
from sonde.run.archive import MEMBERS, Archive, read_archive, sealed, write_archive
from sonde.run.weights import dump_arrays, dump_tensors, layout_of, load_arrays, load_tensors

_FORBIDDEN = ("pickle.find_class", "exec", "compile", "subprocess", "os.system", "socket")
_events: list[tuple[str, Any]] = []
_listening = False


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if _listening and (event.startswith(_FORBIDDEN) or event == "open"):
        _events.append((event, arguments[0] if arguments else None))


sys.addaudithook(_listen)


def load_all(path: Path) -> Archive:
    """Read every member, as a bundle does."""
    archive = read_archive(path)
    for name in MEMBERS:
        if name.endswith(".json"):
            archive.json(name)
    archive.arrays("columns.safetensors")
    archive.tensors(WEIGHTS, EXPECTED)
    return archive


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.sonde"
    write_archive(path, sound())
    return path


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_refused_in_little_memory_and_runs_nothing(
    attack: Callable[[dict[str, bytes]], bytes], model: Path
) -> None:
    global _listening
    load_all(model)  # so that what is imported on demand is there before we listen
    model.write_bytes(attack(sound()))
    size = model.stat().st_size
    _events.clear()
    tracemalloc.start()
    _listening = True
    try:
        with pytest.raises(DamagedBundle) as caught:
            load_all(model)
    finally:
        _listening = False
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert {path for _, path in _events} <= {str(model)}
    assert not [event for event, _ in _events if event != "open"]
    assert peak - 2 * size < 64 * 2**20, f"{peak:,} bytes for a file of {size:,}"
    assert caught.value.exit_code == 65
    assert str(model) in str(caught.value)
    assert len(str(caught.value)) < 800


def test_the_listener_hears_a_pickle() -> None:
    """Otherwise the silence in the attacks would prove nothing."""
    global _listening
    _events.clear()
    _listening = True
    try:
        pickle.loads(PICKLE)  # noqa: S301  # the harm is `exit 1` in a shell of its own
    finally:
        _listening = False
    heard = {event for event, _ in _events}
    assert "pickle.find_class" in heard
    assert "os.system" in heard


def test_a_truncated_file_is_refused_wherever_it_ends(model: Path) -> None:
    """A44."""
    data = model.read_bytes()
    for length in np.linspace(0, len(data) - 1, 200).astype(int):
        model.write_bytes(data[:length])
        with pytest.raises(DamagedBundle):
            read_archive(model)


def test_a_flipped_bit_is_found_wherever_it_is(model: Path) -> None:
    """A45."""
    data = model.read_bytes()
    places = random.Random(0).sample(range(8 * len(data)), 1000)
    for place in places:
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        model.write_bytes(flipped)
        with pytest.raises(DamagedBundle):
            read_archive(model)


@pytest.mark.parametrize("name", [*MEMBERS, "manifest.json"])
def test_every_flipped_bit_of_a_header_is_found(name: str, model: Path) -> None:
    data = model.read_bytes()
    start = _header(data, name)
    for place in range(8 * start, 8 * (start + 30 + len(name))):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        model.write_bytes(flipped)
        with pytest.raises(DamagedBundle):
            read_archive(model)


def _header(data: bytes, name: str) -> int:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return file.getinfo(name).header_offset


@pytest.mark.parametrize("how", ["swapped", "rewritten in place", "removed"])
def test_what_was_verified_is_what_is_loaded(how: str, model: Path) -> None:
    """A41: the file changes between the check and the use."""
    archive = read_archive(model)
    zeros = {name: np.zeros(shape, "f4") for name, (_, shape) in EXPECTED.items()}
    other = sound() | {WEIGHTS: dump_arrays(zeros)}
    if how == "swapped":
        write_archive(model, other)
    elif how == "removed":
        model.unlink()
    else:
        model.write_bytes(sealed(other))
    expected = load_tensors(memoryview(sound()[WEIGHTS]), EXPECTED)
    found = archive.tensors(WEIGHTS, EXPECTED)
    assert all(torch.equal(found[name], expected[name]) for name in EXPECTED)


def test_equal_members_make_equal_bytes_and_come_back(model: Path) -> None:
    members = sound()
    assert sealed(dict(reversed(members.items()))) == model.read_bytes()
    assert {name: bytes(view) for name, view in load_all(model).members.items()} == members


def test_any_unzip_can_look_into_a_model_file(model: Path) -> None:
    with zipfile.ZipFile(model) as file:
        assert file.testzip() is None
        assert file.namelist() == ["manifest.json", *MEMBERS]


def test_writing_replaces_at_once_and_leaves_nothing_beside(model: Path) -> None:
    write_archive(model, sound() | {"golden.json": b"[1]"})
    assert read_archive(model).json("golden.json") == [1]
    assert [path.name for path in model.parent.iterdir()] == ["model.sonde"]


@pytest.mark.parametrize("what", ["missing", "a folder", "a pipe", "a missing folder"])
def test_what_is_no_file_is_a_storage_error(what: str, tmp_path: Path) -> None:
    path = tmp_path / "model.sonde"
    if what == "a folder":
        path.mkdir()
    elif what == "a pipe":
        os.mkfifo(path)
    elif what == "a missing folder":
        path = tmp_path / "none" / "model.sonde"
    with pytest.raises(StorageError, match=r"model\.sonde") as caught:
        read_archive(path)
    assert caught.value.exit_code == 74


def test_the_message_says_which_member_and_what_to_do(model: Path) -> None:
    data = model.read_bytes()
    place = data.index(sound()[WEIGHTS]) + len(sound()[WEIGHTS]) - 1
    model.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    (model.parent / "recipe.yaml").touch()
    with pytest.raises(DamagedBundle) as caught:
        read_archive(model)
    first, second = str(caught.value).split("\n")
    assert first.startswith(f"{model} is damaged: weights.safetensors has SHA-256 ")
    assert ", the manifest says " in first
    assert second.strip() == (
        f"Nothing was loaded. Copy it again, or seal it anew with  sonde seal {model.parent}"
    )


def test_a_newer_format_says_how_to_read_it(model: Path) -> None:
    model.write_bytes(ATTACKS["A43 newer format"](sound()))
    with pytest.raises(DamagedBundle) as caught:
        read_archive(model)
    assert str(caught.value) == (
        f"{model} was made by a newer Sonde (format 2); this one reads format 1: "
        "pip install -U sonde"
    )


def test_tensors_come_back_bit_for_bit_whatever_their_layout() -> None:
    tied = torch.randn(4, 3)
    state = {
        "b": tied.T,
        "a": tied,
        "half": torch.randn(2).bfloat16(),
        "scale": torch.tensor(2.5),
        "seen": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
    }
    data = dump_tensors(state)
    assert data == dump_tensors(dict(reversed(state.items())))
    found = load_tensors(memoryview(data), layout_of(state))
    assert set(found) == set(state)
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_arrays_come_back_bit_for_bit_whatever_their_layout() -> None:
    arrays = {"t": np.arange(6.0).reshape(2, 3).T, "scalar": np.array(3), "none": np.zeros((0, 2))}
    found = load_arrays(memoryview(dump_arrays(arrays)))
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_an_array_of_texts_is_refused_with_advice() -> None:
    with pytest.raises(UsageError, match=r"'words' holds <U1.*tuple of str"):
        dump_arrays({"words": np.array(["a"])})
