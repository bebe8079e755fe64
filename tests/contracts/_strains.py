"""Ways of learning that strain a contract, as recipes small enough to run in seconds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from tests.contracts._strain import FAST, Strain
from tests.contracts._strains_of_texts import strains_of_texts
from tests.unit.tasks._squares import recipe, squares


def strains() -> dict[str, Strain]:
    """By name: what breaks a loop that knows one network, one loss, one optimizer."""
    return {
        "adversarial": _adversarial(),
        "layerwise": _layerwise(),
        "reinforce": _reinforce(),
        "episodes": _episodes(),
        "boxes": _boxes(),
        "denoising": _denoising(),
        "restoring": _restoring(),
        "segmenting": _segmenting(),
        "lanes": _lanes(),
        "variational": _variational(),
        "generating": _generating(),
        "exits": _exits(),
        "detecting": _detecting(),
        "verifying": _verifying(),
        **strains_of_texts(),
        **{name: _coded(name) for name in ("contrast", "vicreg", "masked")},
    }


def _adversarial() -> Strain:
    """Two descents in a step."""
    return Strain(
        {
            "columns": {"image": {"kind": "image"}},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": {"kind": "draw-pictures", "picture": "image"},
            "model": {"kind": "picture-generator", "hidden": 16},
            "paradigm": {"kind": "gan", "critic": {"kind": "dense", "hidden": [16]},
                         "budget": {"epochs": 3}},
            "checkpoint": FAST,
        },
        {"image": _blobs(160)},
    )  # fmt: skip


def _generating() -> Strain:
    """Two descents, of which one takes more steps than the other, and a class that is told."""
    sort = np.arange(120) % 3
    pictures = _blobs(120)
    pictures[np.arange(120), sort * 2] = 255
    return Strain(
        {
            "columns": {"image": "image", "sort": "category"},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": {"kind": "generate", "condition": "sort", "noise": 5},
            "model": {"kind": "dcgan", "channels": [4, 6], "kernel_size": 3},
            "paradigm": {"kind": "adversarial", "batch_size": 10, "critic_steps": 2,
                         "critic": {"kind": "critic", "channels": [4], "kernel_size": 3},
                         "budget": {"epochs": 3}},
            "checkpoint": FAST,
        },
        {"image": pictures, "sort": np.array(["a", "b", "c"])[sort]},
    )  # fmt: skip


def _layerwise() -> Strain:
    """A second phase that reads the weights of the first."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 3))
    label = np.where(values[:, 0] > values[:, 1], "yes", "no")
    data = {"a": values[:, 0], "b": values[:, 1], "c": values[:, 2], "label": label}
    return Strain(
        {
            "task": {"kind": "classification", "target": "label"},
            "model": {"kind": "dense", "hidden": [12, 8], "dropout": 0.2},
            "paradigm": {"kind": "layerwise", "pretrain": {"epochs": 2}, "batch_size": 32,
                         "budget": {"epochs": 3}, "stop": {"patience": 2}},
            "checkpoint": FAST,
        },
        pa.table(data),
    )  # fmt: skip


def _reinforce() -> Strain:
    """Batches made by the current policy."""
    world = {"kind": "world", "id": "CartPole-v1"}
    return Strain(
        {
            "source": world,
            "columns": {"observation": {"kind": "numbers", "width": 4}},
            "task": {"kind": "choose", "world": world, "episodes": 2},
            "model": {"kind": "dense", "hidden": [8]},
            "paradigm": {"kind": "reinforce", "episodes": 2, "budget": {"steps": 12}},
            "checkpoint": FAST,
        }
    )


def _episodes() -> Strain:
    """Support and query rows, and an inner loop."""
    rng = np.random.default_rng(1)
    label = np.repeat(np.arange(6), 40)
    x, y = rng.normal(size=(2, 240)) * 0.2 + np.array([np.cos(label), np.sin(label)])
    data = {"x": x, "y": y, "label": label.astype(str)}
    return Strain(
        {
            "columns": {"x": "number", "y": "number", "label": "category"},
            "task": {"kind": "adapt", "target": "label", "ways": 3},
            "model": {"kind": "dense", "hidden": [16]},
            "paradigm": {"kind": "meta", "budget": {"epochs": 2}},
            "checkpoint": FAST,
        },
        pa.table(data),
    )


def _boxes() -> Strain:
    """A picture and its boxes, moved together; as many boxes as there are."""
    pictures, boxes = boxed(120)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(pictures)
    lists = pa.array(boxes, pa.list_(pa.list_(pa.float32(), 4)))
    return Strain(
        {
            "columns": {"image": "image", "boxes": {"kind": "plain-boxes", "frame": "image"}},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "augment": [{"kind": "shift", "most": 2}],
            "task": {"kind": "mean-box", "target": "boxes"},
            "model": {"kind": "convnet", "stages": [4, 8], "dense": [8]},
            "paradigm": {"kind": "supervised", "batch_size": 16, "budget": {"epochs": 3}},
            "checkpoint": FAST,
        },
        pa.table({"image": tensors, "boxes": lists}),
    )


def _denoising() -> Strain:
    """Targets that are the inputs before they were corrupted."""
    return Strain(
        {
            "columns": {"image": "image"},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "augment": [{"kind": "shift", "most": 1}],
            "task": {"kind": "reconstruct", "corrupt": {"noise": "gaussian", "amount": 0.3}},
            "model": {"kind": "autoencoder", "channels": [6, 4]},
            "paradigm": {"kind": "supervised", "batch_size": 32, "budget": {"epochs": 3}},
            "checkpoint": FAST,
        },
        {"image": _blobs(160)},
    )


def _restoring() -> Strain:
    """Targets that are the inputs before they were damaged, by amounts drawn for each picture."""
    return Strain(
        {
            "columns": {"image": "image"},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "augment": ["flip"],
            "task": {"kind": "restore", "target": "image", "damage": {
                "blur": [0.3, 1.0], "poisson": [20, 200], "gaussian": 0.05, "jpeg": [30, 90],
                "holes": 0.05, "hole_side": 2}},
            "model": {"kind": "unet", "channels": [4, 6]},
            "paradigm": {"kind": "supervised", "batch_size": 32, "budget": {"epochs": 3},
                         "optimizer": {"kind": "adam", "learning_rate": 0.01},
                         "average": 0.9, "stop": {"patience": 2}, "micro_batch": 20},
            "checkpoint": FAST,
        },
        {"image": _blobs(160)},
    )  # fmt: skip


def _segmenting() -> Strain:
    """A mask that moves with its picture, in training a window of both, in part void."""
    rng = np.random.default_rng(12)
    pictures = rng.integers(0, 90, (120, 16, 16)).astype(np.uint8)
    masks = np.zeros((120, 16, 16), np.uint8)
    for row, (y, x) in enumerate(rng.integers(0, 10, (120, 2))):
        masks[row, y : y + 6, x : x + 6] = 1 + row % 2
    pictures += masks * np.uint8(80)
    masks[:, 0] = 255
    tensors = {"image": pictures, "mask": masks}
    return Strain(
        {
            "columns": {"image": "image", "mask": "mask"},
            "split": {"kind": "in-order", "valid": 0.2, "test": 0.2},
            "augment": ["flip", {"kind": "crop", "size": [12, 10]}],
            "task": {"kind": "segment", "class_weights": "root", "boundary": 1},
            "model": {"kind": "unet", "channels": [4, 6], "dropout": 0.2},
            "paradigm": {"kind": "supervised", "batch_size": 12, "budget": {"epochs": 3},
                         "optimizer": {"kind": "adamw", "learning_rate": 0.01},
                         "average": 0.9, "stop": {"patience": 2}, "micro_batch": 8},
            "checkpoint": FAST,
        },
        pa.table({n: pa.FixedShapeTensorArray.from_numpy_ndarray(t) for n, t in tensors.items()}),
    )  # fmt: skip


def _lanes() -> Strain:
    """Two lines on a ground, whose curves are judged."""
    y = np.arange(16)[:, None]
    x = np.arange(16)[None, :]
    masks = np.zeros((100, 16, 16), np.uint8)
    for row, (left, lean) in enumerate(np.random.default_rng(3).uniform(1, 4, (100, 2))):
        masks[row][np.abs(x - left - lean * (16 - y) / 16) < 1] = 1
        masks[row][np.abs(x - 14 + lean * (16 - y) / 16) < 1] = 2
    tensors = {"image": masks * np.uint8(90) + np.uint8(40), "mask": masks}
    return Strain(
        {
            "columns": {"image": "image", "mask": {"kind": "mask", "classes": ["none", "a", "b"]}},
            "split": {"kind": "in-order", "valid": 0.2, "test": 0.2},
            "augment": [{"kind": "affine", "degrees": 5, "translate": 0.1}],
            "task": {"kind": "lanes", "degree": 2},
            "model": {"kind": "unet", "channels": [4, 6]},
            "paradigm": {"kind": "supervised", "batch_size": 12, "budget": {"epochs": 3},
                         "optimizer": {"kind": "adamw", "learning_rate": 0.01},
                         "stop": {"patience": 2}, "micro_batch": 8},
            "checkpoint": FAST,
        },
        pa.table({n: pa.FixedShapeTensorArray.from_numpy_ndarray(t) for n, t in tensors.items()}),
    )  # fmt: skip


def _variational() -> Strain:
    """A code that is drawn, with a condition, from rows with gaps."""
    rng = np.random.default_rng(4)
    values = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3))
    gap = rng.random(200) < 0.1
    data = {
        "a": pa.array(values[:, 0], mask=gap),
        "b": pa.array(values[:, 1]),
        "mood": pa.array(np.where(values[:, 2] > 0, "up", "down")),
        "sort": pa.array(rng.choice(["x", "y", "z"], 200)),
        "other": pa.array(rng.choice(["p", "q"], 200)),
    }
    return Strain(
        {
            "columns": {"a": "number", "b": "number", "mood": "category", "sort": "category",
                        "other": "category"},
            "task": {"kind": "reconstruct", "code": 2, "beta": 0.5, "condition": ["sort"],
                     "corrupt": {"noise": "masking", "amount": 0.1}, "label": "other"},
            "model": {"kind": "autoencoder", "hidden": [8]},
            "paradigm": {"kind": "supervised", "batch_size": 32, "budget": {"epochs": 3},
                         "stop": {"patience": 2}, "micro_batch": 20},
            "checkpoint": FAST,
        },
        pa.table(data),
    )  # fmt: skip


def _exits() -> Strain:
    """Rows that leave a network where validation rows have decided, with statistics of batches."""
    rng = np.random.default_rng(6)
    label = np.arange(600) % 3
    pictures, clear = rng.integers(0, 120, (600, 8, 8)), 135 * (1 - rng.random(600) ** 2)
    pictures[np.arange(600), label * 2, :4] += clear.astype(int)[:, None]
    return Strain(
        {
            "columns": {"image": "image", "label": "category"},
            "split": {"kind": "random", "valid": 0.4, "test": 0.2},
            "augment": [{"kind": "shift", "most": 1}],
            "task": {"kind": "classification", "target": "label"},
            "model": {"kind": "early-exits", "side": 4, "most_lost": 0.02, "network": {
                "kind": "convnet", "stages": [4, 6, 8], "dense": [8], "dropout": 0.1,
                "padding": "same", "norm": "batch"}},
            "paradigm": {"kind": "supervised", "batch_size": 24, "budget": {"epochs": 8},
                         "optimizer": {"kind": "adam", "learning_rate": 0.02},
                         "average": 0.5, "stop": {"patience": 2}},
            "checkpoint": FAST,
        },
        {"image": pictures.astype(np.uint8), "label": label.astype(str)},
    )  # fmt: skip


def _verifying() -> Strain:
    """Validation rows of people whom no column knows, a threshold from their pairs."""
    return Strain(
        {
            "columns": {"image": "image", "who": "identity"},
            "split": {"kind": "group", "by": "who", "valid": 0.25, "test": 0.25},
            "augment": [{"kind": "shift", "most": 1}],
            "task": {"kind": "verify", "target": "who", "margin_of": "angle", "margin": 0.1},
            "model": {"kind": "embedder", "width": 6, "dropout": 0.1, "mirrored": True,
                      "backbone": {"kind": "convnet", "stages": [4, 6], "dense": [],
                                   "padding": "same", "norm": "batch"}},
            "paradigm": {"kind": "supervised", "batch_size": 16, "budget": {"epochs": 3},
                         "optimizer": {"kind": "adam", "learning_rate": 0.01},
                         "average": 0.9, "stop": {"patience": 2}, "micro_batch": 10},
            "checkpoint": FAST,
        },
        people(16, 6),
    )  # fmt: skip


def people(count: int, each: int) -> pa.Table:
    """Pictures of 8x8: a pattern for each of some people, and noise."""
    rng = np.random.default_rng(12)
    who = np.arange(count * each) % count
    patterns = rng.integers(0, 2, (count, 8, 8)) * 180
    drawn = patterns[who] + rng.integers(0, 75, (len(who), 8, 8))
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(drawn.astype(np.uint8))
    return pa.table({"image": tensors, "who": [f"person {at}" for at in who]})


def _detecting() -> Strain:
    """Cells that are asked by what they say already, ragged targets in parts of a batch."""
    asked = recipe(budget={"epochs": 3}, micro_batch=5, stop={"patience": 1})
    return Strain(asked | {"checkpoint": FAST}, squares(60))


def _coded(kind: str) -> Strain:
    """Rows compared with one another, of which an encoder ships and the rest is thrown away."""
    rng = np.random.default_rng(5)
    label = rng.integers(0, 3, 120)
    pictures, values = _blobs(120), rng.normal(size=(120, 2)) + label[:, None]
    pictures[np.arange(120), label * 2] = 255
    gap, town = rng.random(120) < 0.1, np.where(values[:, 1] > 1, "north", "south")
    names = {"image": "image", "size": "number", "age": "number", "town": "category"}
    read = {"contrast": ["image"], "vicreg": ["size", "age", "town"], "masked": list(names)}[kind]
    data = {
        "image": pa.FixedShapeTensorArray.from_numpy_ndarray(pictures),
        "size": pa.array(values[:, 0], mask=gap),
        "age": values[:, 1],
        "town": town,
        "label": pa.array([f"sort {at}" for at in label], mask=gap),
    }
    model = {"kind": "dense", "hidden": [12], "norm": "batch", "dropout": 0.1}
    convnet = {"kind": "convnet", "stages": [4, 6], "dense": [8], "padding": "same",
               "norm": "batch"}  # fmt: skip
    own = {
        "contrast": {"average": 0.9, "projection": 8},
        "vicreg": {"stop": {"patience": 1}, "clip": 1.0},
        "masked": {"patch": 2, "micro_batch": 20, "snapshots": {"last": 2}},
    }[kind]
    return Strain(
        {
            "columns": {**{name: names[name] for name in read}, "label": "category"},
            "split": {"kind": "random", "valid": 0.2, "test": 0.2},
            "task": {"kind": "represent", "label": "label", "neighbours": 3},
            "model": convnet if "image" in read else model,
            "paradigm": {"kind": kind, "batch_size": 24, "budget": {"epochs": 3}, **own},
            "checkpoint": FAST,
        },
        pa.table({name: data[name] for name in [*read, "label"]}),
    )


def _blobs(rows: int) -> np.ndarray:
    """(N, 8, 8) uint8: a bright square somewhere in the middle."""
    rng = np.random.default_rng(2)
    pictures = rng.integers(0, 40, (rows, 8, 8)).astype(np.uint8)
    pictures[:, 2:6, 2:6] += 180
    return pictures


def boxed(rows: int) -> tuple[np.ndarray, list[list[list[float]]]]:
    """(N, 16, 16) uint8 pictures with 0 to 3 bright boxes, and the boxes x0, y0, x1, y1."""
    rng = np.random.default_rng(3)
    pictures = np.zeros((rows, 16, 16), np.uint8)
    boxes: list[list[list[float]]] = []
    for picture in pictures:
        found = []
        for _ in range(rng.integers(0, 4)):
            x, y = rng.integers(2, 10, 2)
            width, height = rng.integers(2, 5, 2)
            picture[y : y + height, x : x + width] = 255
            found.append([float(v) for v in (x, y, x + width, y + height)])
        boxes.append(found)
    return pictures, boxes
