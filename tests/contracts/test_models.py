"""What every blueprint keeps, over every combination of ports that it accepts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sonde.contracts.model import Blueprint
from sonde.core.batch import Batch, Padded, Value, part
from sonde.core.errors import UsageError
from sonde.core.port import PRESENT, RESERVED, Port, Ports
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json

SCALARS = {"age": Port("scalar"), "fare": Port("scalar")}
CATEGORIES = {
    "sex": Port("category", size=2),
    "home.town": Port("category", size=300, alphabet="town"),
    "work.town": Port("category", size=300, alphabet="town"),
}
VECTORS = {"wind": Port("vector", (2,)), "type": Port("vector", (5,))}
GRIDS = {"image": Port("grid", (1, 14, 12)), "map": Port("grid", (3, 13, 13))}
SEQUENCES = {
    "title": Port("sequence", (None,), size=30, alphabet="words"),
    "review": Port("sequence", (None,), size=30, alphabet="words"),
    "series": Port("sequence", (None, 2)),
}
PICTURES = {
    "image": Port("grid", (1, 14, 12), frame="image"),
    "second": Port("grid", (3, 14, 12), frame="second"),
}
INPUTS: dict[str, Ports] = {
    "scalars": SCALARS,
    "categories": CATEGORIES,
    "vectors": VECTORS,
    "grids": GRIDS,
    "pictures": PICTURES,
    "mixed": SCALARS | GRIDS | CATEGORIES | VECTORS,
    "sequences": SEQUENCES,
    "two texts": {name: SEQUENCES[name] for name in ("title", "review")},
    "told": SCALARS | SEQUENCES | CATEGORIES | VECTORS,
}
OUTPUTS: Ports = {
    "price": Port("scalar"),
    "label": Port("category", size=3),
    "angle": Port("vector", (2,)),
}
CLASSES: Ports = {"label": Port("category", size=3), "mood": Port("category", size=2)}
MASKS: Ports = {
    "mask": Port("grid", (1, 14, 12), size=5, frame="image"),
    "clean": Port("grid", (3, 14, 12)),
}
ROWS = 6

Case = tuple[Blueprint, Ports]

SPEAKING = {"decoder", "detector", "seq2seq", "tagger"}
"""Blueprints that answer with a sequence or with cells: tests of their own try what they keep."""


def blueprints() -> list[Blueprint]:
    made = [example for example in registry("model").examples() if isinstance(example, Blueprint)]
    return [blueprint for blueprint in made if blueprint.kind not in SPEAKING]


def accepts(blueprint: Blueprint, ports: Ports) -> bool:
    return outputs_of(blueprint, ports) is not None


def outputs_of(blueprint: Blueprint, ports: Ports) -> Ports | None:
    """All kinds of outputs, or classes alone, or pictures, or None where it takes none of them."""
    for outputs in (OUTPUTS, CLASSES, MASKS):
        try:
            with torch.device("meta"):
                blueprint.build(ports, outputs)
        except UsageError:
            continue
        return outputs
    return None


def cases() -> list[Any]:
    return [
        pytest.param((blueprint, ports), id=f"{blueprint.kind}-{number}-{name}")
        for number, blueprint in enumerate(blueprints())
        for name, ports in INPUTS.items()
        if accepts(blueprint, ports)
    ]


def built(blueprint: Blueprint, ports: Ports, *, seed: int = 0) -> nn.Module:
    outputs = outputs_of(blueprint, ports)
    assert outputs is not None
    torch.manual_seed(seed)
    return blueprint.build(ports, outputs)


def values(port: Port, rng: np.random.Generator, rows: int) -> Value:
    match port:
        case Port(kind="sequence"):
            return a_sequence(port, rng, rows)
        case Port(kind="category"):
            kind = np.uint8 if port.classes < 200 else np.uint16
            return torch.from_numpy(rng.integers(port.classes + RESERVED, size=rows, dtype=kind))
        case Port(kind="grid"):
            return torch.from_numpy(
                rng.integers(256, size=(rows, *map(int, filter(None, port.shape))), dtype=np.uint8)
            )
    shape = (rows, *map(int, filter(None, port.shape)))
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def a_sequence(port: Port, rng: np.random.Generator, rows: int, longest: int = 7) -> Padded:
    """Rows of no step up to `longest`, of which there is one."""
    lengths = torch.from_numpy(rng.integers(longest + 1, size=rows))
    lengths[-1] = longest
    if port.size is None:
        steps = torch.from_numpy(rng.standard_normal((rows, longest, port.shape[1]), np.float32))
    else:
        steps = torch.from_numpy(rng.integers(1, port.size, (rows, longest), dtype=np.int32))
    padded = Padded(steps, lengths)
    steps[~padded.mask()] = 0
    return padded


def rest_of(port: Port) -> tuple[int | None, ...]:
    """The axes of a row's output."""
    if port.kind == "grid" and port.size is not None:  # a mask: logits for each pixel
        return (port.size, *port.shape[1:])
    return (port.classes,) if port.kind == "category" else port.shape


def a_batch(ports: Ports, *, rows: int = ROWS, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    batch: Batch = {name: values(port, rng, rows) for name, port in ports.items()}
    for name, port in ports.items():
        if port.kind in ("scalar", "vector"):
            batch[PRESENT + name] = torch.from_numpy(rng.random(rows) < 0.7)
    return batch


def extremes(ports: Ports) -> Batch:
    """Darkest and brightest pictures, far numbers, empty texts, and a row of nothing but unseen
    and missing."""
    batch = a_batch(ports)
    for name, port in ports.items():
        value = batch[name]
        if isinstance(value, Padded):
            value.values[:2], value.lengths[:2] = 0, 0
            continue
        assert isinstance(value, Tensor)
        if port.kind == "category":
            value[0], value[1] = port.classes, port.classes + 1
        else:
            value[0], value[1] = 0, 255
        if port.kind == "scalar":
            value[2], value[3] = 1e4, -1e4
            batch[PRESENT + name] = torch.tensor([False] * ROWS)
    return batch


def assert_same(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("blueprint", blueprints(), ids=lambda b: b.kind)
def test_it_accepts_some_ports(blueprint: Blueprint) -> None:
    assert any(accepts(blueprint, ports) for ports in INPUTS.values())


@pytest.mark.parametrize("case", cases())
def test_outputs_fit_their_ports(case: Case) -> None:
    network = built(*case).eval()
    outputs = network(a_batch(case[1]))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        name: (ROWS, *rest_of(port)) for name, port in (outputs_of(*case) or {}).items()
    }
    assert all(value.dtype == torch.float32 for value in outputs.values())


@pytest.mark.parametrize("case", cases())
def test_in_training_every_row_is_answered_equally_often(case: Case) -> None:
    found = built(*case)(a_batch(case[1]))
    answered = {name: len(value) for name, value in found.items()}
    assert len(set(answered.values())) == 1 and max(answered.values()) % ROWS == 0
    shapes = {name: rest_of(port) for name, port in (outputs_of(*case) or {}).items()}
    assert {name: tuple(value.shape[1:]) for name, value in found.items()} == shapes


@pytest.mark.parametrize("case", cases())
def test_extreme_inputs_give_finite_outputs(case: Case) -> None:
    network = built(*case)
    for training in (True, False):
        for value in network.train(training)(extremes(case[1])).values():
            assert value.isfinite().all()


@pytest.mark.parametrize("case", cases())
def test_every_parameter_has_a_gradient(case: Case) -> None:
    network = built(*case)
    outputs = network(a_batch(case[1], rows=32))
    sum(value.square().sum() for value in outputs.values()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all() and parameter.grad.any(), name


@pytest.mark.parametrize("case", cases())
def test_a_row_is_answered_alike_again_and_alone(case: Case) -> None:
    network = built(*case).eval()
    batch = a_batch(case[1])
    once, again = network(batch), network(batch)
    assert all(torch.equal(once[name], again[name]) for name in once)
    alone = network(part(batch, 2, 3))
    assert_same(alone, {name: value[2:3] for name, value in once.items()})


@pytest.mark.parametrize("case", cases())
def test_the_state_dict_alone_decides_the_answer(case: Case) -> None:
    """Built without memory, filled from a weight file: no value hides outside the state dict."""
    network = built(*case)
    batch = a_batch(case[1])
    network.train()(batch)  # moves running statistics away from their start
    with torch.device("meta"):
        twin = built(*case, seed=1)
    assert all(tensor.is_meta for tensor in twin.state_dict().values())
    buffers = {name for name, _ in network.named_buffers()}
    assert buffers <= network.state_dict().keys()
    twin.to_empty(device="cpu").load_state_dict(network.state_dict())
    assert_same(twin.eval()(batch), network.eval()(batch))


@pytest.mark.parametrize("case", cases())
def test_the_seed_decides_the_weights(case: Case) -> None:
    first, second, other = built(*case), built(*case), built(*case, seed=1)
    pairs = list(zip(first.parameters(), second.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert any(not torch.equal(a, c) for a, _, c in pairs)


@pytest.mark.parametrize("blueprint", blueprints(), ids=lambda b: b.kind)
def test_an_export_equals_the_network(blueprint: Blueprint) -> None:
    ports = max((p for p in INPUTS.values() if accepts(blueprint, p)), key=len)
    network = built(blueprint, ports).eval()
    batch = a_batch(ports)
    rows = torch.export.Dim("rows", min=1)
    open_axes = {  # steps stay as many: torch unrolls what recurs
        name: Padded({0: rows}, {0: rows}) if isinstance(value, Padded) else {0: rows}  # type: ignore[arg-type]
        for name, value in batch.items()
    }
    exported = torch.export.export(network, (batch,), dynamic_shapes=(open_axes,)).module()
    for count in (1, ROWS, 9):
        other = a_batch(ports, rows=count, seed=1)
        assert_same(exported(other), network(other))


@pytest.mark.parametrize("blueprint", blueprints(), ids=lambda b: b.kind)
def test_json_brings_it_back(blueprint: Blueprint) -> None:
    plain = from_json(to_json(blueprint.dump()))
    again = type(blueprint).parse(plain)
    assert again == blueprint and again.dump() == blueprint.dump()
    assert blueprint.describe() == again.describe() != ""


@pytest.mark.parametrize("blueprint", blueprints(), ids=lambda b: b.kind)
def test_the_kinds_it_says_it_reads_are_those_it_reads(blueprint: Blueprint) -> None:
    reads = getattr(blueprint, "reads", None)
    if reads is None:
        pytest.skip("it does not say which kinds of port it reads")
    others = {"review": Port("sequence", (None,), size=9), "boxes": Port("set", (4,))}
    for ports in (SCALARS, CATEGORIES, VECTORS, PICTURES, SEQUENCES, others):
        kinds = {port.kind for port in ports.values()}
        beside = PICTURES if "grid" in reads else {}  # a network for pictures may insist on one
        assert accepts(blueprint, {**beside, **ports}) == (kinds <= set(reads)), kinds


def test_reading_a_blueprint_needs_no_torch() -> None:
    """So that a mistake in a recipe is told at once."""
    code = (
        "import importlib, pkgutil, sys, sonde.nets.models as folder\n"
        "names = [found.name for found in pkgutil.iter_modules(folder.__path__)]\n"
        "for name in names: importlib.import_module(f'{folder.__name__}.{name}')\n"
        "sys.exit('torch' in sys.modules or not names)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
