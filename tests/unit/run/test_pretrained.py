"""A network that begins with another's weights: all arrive, some stay, some follow slowly."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from safetensors.torch import save_file
from tests.contracts._strain import FAST
from tests.contracts.test_paradigms import Cut, CutAfter, digest
from torch import Tensor, nn

import sonde
from sonde.contracts.learn import Budget
from sonde.contracts.model import RATE, Blueprint
from sonde.contracts.task import Loss
from sonde.core.errors import DamagedBundle, StorageError, UsageError
from sonde.core.notice import listening
from sonde.core.port import Port, Ports
from sonde.learn._descent import Descent, DescentSettings
from sonde.run.pretrained import begin_with

CONVNET = {"kind": "convnet", "stages": [4, 6], "dense": [8], "padding": "same", "norm": "batch",
           "dropout": 0.3}  # fmt: skip
PICTURE: Ports = {"image": Port("grid", (1, 8, 8), frame="image")}
CLASSES: Ports = {"label": Port("category", size=3)}


def rows(count: int = 150, seed: int = 0) -> pa.Table:
    """Pictures with a bright row that says their class, and numbers that do, some missing."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, count)
    pictures = rng.integers(0, 120, (count, 8, 8)).astype(np.uint8)
    pictures[np.arange(count), 2 * label] = 250
    return pa.table(
        {
            "image": pa.FixedShapeTensorArray.from_numpy_ndarray(pictures),
            "size": pa.array(rng.normal(size=count) + label, mask=rng.random(count) < 0.1),
            "age": rng.normal(size=count) - label,
            "town": rng.choice(["east", "north", "south", "west"], count),
            "label": [f"sort {at}" for at in label],
        }
    )


def recipe(task: dict[str, Any], model: dict[str, Any], **changes: Any) -> dict[str, Any]:
    plain = {
        "columns": {"image": "image", "label": "category"},
        "split": {"kind": "random", "valid": 0.2, "test": 0.2},
        "task": task,
        "model": model,
        "paradigm": {"kind": "supervised", "batch_size": 24, "budget": {"epochs": 2}},
        "checkpoint": FAST,
    }
    return plain | changes


def supervised(model: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return recipe({"kind": "classification", "target": "label"}, model, **changes)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    """An encoder that learned from views, without labels."""
    views = {"kind": "contrast", "batch_size": 24, "budget": {"epochs": 2}, "projection": 8}
    plain = recipe({"kind": "represent", "label": "label"}, CONVNET, paradigm=views)
    return sonde.fit(plain, rows(), run_dir=tmp_path_factory.mktemp("encoder") / "run")


def encoder_weights(network: nn.Module) -> dict[str, Tensor]:
    held = network.state_dict().items()
    return {name: tensor.clone() for name, tensor in held if not name.startswith("heads.")}


class Look(sonde.Callback):
    """The network at the start of training."""

    def __init__(self) -> None:
        self.start: dict[str, Tensor] = {}

    def on_phase_start(self, phase: sonde.Phase) -> None:
        self.start = encoder_weights(phase.learner.network)
        self.network = phase.learner.network


def test_every_weight_but_the_heads_arrives(pretrained: sonde.Run, tmp_path: Path) -> None:
    look = Look()
    model = CONVNET | {"encoder": str(pretrained.directory.model)}
    run = sonde.fit(supervised(model), rows(), run_dir=tmp_path / "run", callbacks=[look])
    held = encoder_weights(pretrained.bundle.network)
    assert set(look.start) == set(held)
    assert any("running_mean" in name for name in held)
    for name, tensor in held.items():
        assert look.start[name].equal(tensor), name
    moved = encoder_weights(run.bundle.network)
    assert not any(moved[name].equal(held[name]) for name in held if "num_batches" not in name)


def test_a_frozen_encoder_stays_and_its_heads_learn(pretrained: sonde.Run, tmp_path: Path) -> None:
    """Statistics of batch normalisation too, and averages of them; dropout inside it is off."""
    look = Look()
    model = CONVNET | {"encoder": {"path": str(pretrained.directory.model), "freeze": True}}
    paradigm = {"kind": "supervised", "batch_size": 24, "budget": {"epochs": 3}, "average": 0.5}
    changed = supervised(model, paradigm=paradigm)
    run = sonde.fit(changed, rows(), run_dir=tmp_path / "run", callbacks=[look])
    held = encoder_weights(pretrained.bundle.network)
    for name, tensor in encoder_weights(run.bundle.network).items():
        assert tensor.equal(held[name]), name
    head = look.network.heads[0]
    assert head.training
    assert not head.weight.equal(run.bundle.network.heads[0].weight)  # averaged
    assert not any(m.training for m in look.network.body.modules() if isinstance(m, nn.Dropout))


def test_a_frozen_encoder_gives_the_probe_of_its_codes(
    pretrained: sonde.Run, tmp_path: Path
) -> None:
    """What a frozen classifier reads is what the encoder's bundle answers."""
    model = CONVNET | {"encoder": {"path": str(pretrained.directory.model), "freeze": True}}
    run = sonde.fit(supervised(model), rows(), run_dir=tmp_path / "run")
    asked = rows(20, seed=1).select(["image"])
    codes = np.array([answer["code"] for answer in pretrained.bundle.predict(asked)])
    head = run.bundle.network.heads[0]
    logits = codes @ head.weight.numpy().T + head.bias.numpy()
    names = [run.bundle.columns["label"].decode(np.array([at]))[0] for at in logits.argmax(axis=1)]
    assert [answer["label"] for answer in run.bundle.predict(asked)] == names


@pytest.mark.parametrize("how", [{}, {"freeze": True}, {"decay": 0.5}], ids=str)
def test_a_run_from_an_encoder_resumes_with_equal_bits(
    how: dict[str, Any], pretrained: sonde.Run, tmp_path: Path
) -> None:
    model = CONVNET | {"encoder": {"path": str(pretrained.directory.model)} | how}
    straight = sonde.fit(supervised(model), rows(), run_dir=tmp_path / "straight")
    for cut in (2, 5):
        with pytest.raises(Cut):
            sonde.fit(supervised(model), rows(), run_dir=tmp_path / "cut",
                      callbacks=[CutAfter(cut)])  # fmt: skip
    resumed = sonde.fit(supervised(model), rows(), run_dir=tmp_path / "cut")
    assert digest(resumed) == digest(straight)


def network_of(model: dict[str, Any], **encoder: Any) -> nn.Module:
    """Built from chance, then begun with."""
    blueprint = Blueprint.parse(model | ({"encoder": encoder} if encoder else {}))
    network = blueprint.build(PICTURE, CLASSES)
    begin_with(network, blueprint, PICTURE)
    return network


def test_rates_fall_layer_by_layer(pretrained: sonde.Run) -> None:
    """Plain SGD with equal gradients everywhere: how far each weight goes is its rate."""
    network = network_of(CONVNET, path=str(pretrained.directory.model), decay=0.5)
    settings = DescentSettings.parse(
        {"optimizer": {"kind": "sgd", "learning_rate": 0.1}, "precision": "float32"}
    )
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    descent = Descent(network, settings, Budget(steps=1))

    def everything(batch: dict[str, Any]) -> Loss:
        total = sum(weight.sum() for weight in network.parameters())
        return Loss(total.reshape(1), torch.ones(1))  # type: ignore[union-attr]

    descent.minimize(everything, {"x": torch.zeros(1)})
    gone = {
        name: round(float((before[name] - weight).detach().mean()), 5)
        for name, weight in network.named_parameters()
    }
    kernels = [rate for name, rate in gone.items() if before[name].ndim >= 2]
    assert kernels == [0.0125, 0.025, 0.05, 0.1]  # two convolutions, the dense layer, the head
    assert set(gone.values()) == set(kernels)


def test_a_schedule_keeps_the_rates_apart(pretrained: sonde.Run) -> None:
    network = network_of(CONVNET, path=str(pretrained.directory.model), decay=0.5)
    assert {getattr(weight, RATE, 1.0) for weight in network.parameters()} == {1, 0.5, 0.25, 0.125}
    settings = DescentSettings.parse({"optimizer": "adamw", "schedule": "cosine"})
    descent = Descent(network, settings, Budget(steps=10))
    groups = descent._optimizer.param_groups
    assert sorted({group["factor"] for group in groups}) == [0.125, 0.25, 0.5, 1]


def test_a_safetensors_file_serves_as_well(pretrained: sonde.Run, tmp_path: Path) -> None:
    weights = encoder_weights(pretrained.bundle.network)
    contiguous = {name: tensor.contiguous() for name, tensor in weights.items()}
    save_file(contiguous, tmp_path / "weights.safetensors")
    network = network_of(CONVNET, path=str(tmp_path / "weights.safetensors"))
    for name, tensor in encoder_weights(network).items():
        assert tensor.equal(weights[name])


def test_a_classifier_serves_another_with_other_classes(
    pretrained: sonde.Run, tmp_path: Path
) -> None:
    """Any earlier bundle of the same blueprint will do; the heads are not looked at."""
    run = sonde.fit(supervised(CONVNET), rows(), run_dir=tmp_path / "run")
    blueprint = Blueprint.parse(CONVNET | {"encoder": str(run.directory.model)})
    network = blueprint.build(PICTURE, {"other": Port("category", size=7)})
    begin_with(network, blueprint, PICTURE)
    held = encoder_weights(run.bundle.network)
    assert all(tensor.equal(held[name]) for name, tensor in encoder_weights(network).items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": [4, 8]}, r"of other shape: .* is \(6, 4, 3, 3\), here \(8, 4, 3, 3\)"),
        ({"dense": [8, 8]}, "not in it: body"),
        ({"norm": None}, "only in it: "),
        ({"kind": "dense", "hidden": [8]}, r"only in it: encoders.*is \(8, 96\), here \(8, 64\)"),
    ],
)
def test_an_encoder_of_another_shape_is_refused(
    changes: dict[str, Any], said: str, pretrained: sonde.Run
) -> None:
    model = {"kind": "dense", "hidden": [8]} if "kind" in changes else CONVNET | changes
    with pytest.raises(UsageError, match="does not fit this network") as error:
        network_of(model, path=str(pretrained.directory.model))
    assert re.search(said, str(error.value)), error.value
    assert "heads may differ" in str(error.value)


def test_a_file_that_is_not_there_or_no_model_is_named(tmp_path: Path) -> None:
    for name in ("no.sonde", "no.safetensors"):
        with pytest.raises(StorageError, match=name):
            network_of(CONVNET, path=str(tmp_path / name))
    for name in ("bad.sonde", "bad.safetensors"):
        (tmp_path / name).write_bytes(b"nothing of the kind" * 9)
        with pytest.raises(DamagedBundle, match=name):
            network_of(CONVNET, path=str(tmp_path / name))


def test_frozen_without_heads_is_refused(pretrained: sonde.Run, tmp_path: Path) -> None:
    """A frozen encoder learns nothing where nothing stands above it but what is thrown away."""
    model = CONVNET | {"encoder": {"path": str(pretrained.directory.model), "freeze": True}}
    plain = recipe({"kind": "represent", "label": "label"}, model, paradigm="contrast")
    with pytest.raises(UsageError, match="freeze leaves nothing to learn"):
        sonde.fit(plain, rows(), run_dir=tmp_path / "run")


TABLE = {"size": "number", "age": "number", "town": "category", "label": "category"}
DENSE = {"kind": "dense", "hidden": [8]}


@pytest.fixture(scope="module")
def of_table(tmp_path_factory: pytest.TempPathFactory) -> sonde.Run:
    masked = {"kind": "masked", "batch_size": 24, "budget": {"epochs": 1}}
    task = {"kind": "represent", "label": "label"}
    plain = recipe(task, DENSE, columns=TABLE, paradigm=masked)
    return sonde.fit(plain, rows(), run_dir=tmp_path_factory.mktemp("encoder") / "run")


def test_columns_are_read_as_the_encoder_read_them(of_table: sonde.Run, tmp_path: Path) -> None:
    """Fewer rows have other means and fewer classes; the encoder knows its own."""
    few = rows(60, seed=3)
    few = few.filter(pc.not_equal(few["town"], "north"))
    few = few.filter(pc.is_valid(few["size"]))
    model = DENSE | {"encoder": str(of_table.directory.model)}
    heard: list[str] = []
    with listening(lambda message, _important, _facts: heard.append(message)):
        run = sonde.fit(supervised(model, columns=TABLE), few, run_dir=tmp_path / "run")
    theirs, mine = of_table.bundle.columns, run.bundle.columns
    for name in ("size", "age", "town"):
        assert mine[name] == theirs[name]
    journal = run.directory.journal_path.read_text(encoding="utf-8")
    assert "read as the encoder read them: size, age, town" in journal


def test_columns_in_another_order_are_refused(of_table: sonde.Run, tmp_path: Path) -> None:
    """They have the same shapes, and would be taken for one another."""
    swapped = {name: TABLE[name] for name in ("age", "size", "town", "label")}
    model = DENSE | {"encoder": str(of_table.directory.model)}
    with pytest.raises(UsageError, match=r"(?s)scalar columns size, age.*here age, size"):
        sonde.fit(supervised(model, columns=swapped), rows(), run_dir=tmp_path / "run")


def test_a_column_alone_may_have_another_name(pretrained: sonde.Run, tmp_path: Path) -> None:
    """A picture is a picture."""
    renamed = rows().rename_columns(["photo", "size", "age", "town", "label"])
    model = CONVNET | {"encoder": str(pretrained.directory.model)}
    plain = supervised(model, columns={"photo": "image", "label": "category"})
    sonde.fit(plain, renamed, run_dir=tmp_path / "run")
