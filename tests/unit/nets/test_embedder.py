"""Embedders: directions, cosines, mirror images, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from sonde.core.batch import Batch
from sonde.core.code import CODE, code_port
from sonde.core.errors import RecipeError, UsageError
from sonde.core.port import Port
from sonde.nets.assemble import features
from sonde.nets.blocks.directions import Cosines
from sonde.nets.models.embedder import Embedder

PORTS = {"image": Port("grid", (1, 8, 6), frame="image")}
CLASSES = Port("category", size=3)
PLAIN = {"kind": "convnet", "stages": [4], "padding": "same", "dense": []}


def built(*, outputs: dict[str, Port] | None = None, **options: object) -> nn.Module:
    torch.manual_seed(0)
    wanted = {"embedding": code_port(None), "who": CLASSES} if outputs is None else outputs
    return Embedder.parse({"backbone": PLAIN, "width": 5} | options).build(PORTS, wanted).eval()


def pictures(rows: int = 4) -> Batch:
    draw = torch.Generator().manual_seed(1)
    return {"image": torch.randint(256, (rows, 1, 8, 6), generator=draw, dtype=torch.uint8)}


def test_an_embedding_is_a_direction_and_classes_are_cosines_with_it() -> None:
    network = built()
    found: dict[str, Tensor] = network(pictures())
    assert found["embedding"].shape == (4, 5)
    torch.testing.assert_close(found["embedding"].norm(dim=1), torch.ones(4))
    (classes,) = [m.weight for m in network.modules() if isinstance(m, Cosines)]
    wanted = cosine_similarity(found["embedding"][:, None], classes[None], dim=2)
    torch.testing.assert_close(found["who"], wanted, atol=1e-5, rtol=1e-5)


def test_classes_alone_are_scaled_to_be_logits() -> None:
    cosines = built()(pictures())["who"]
    logits = built(outputs={"who": CLASSES}, scale=20.0)(pictures())["who"]
    torch.testing.assert_close(logits, 20 * cosines)


def test_outputs_of_a_width_decide_it() -> None:
    network = built(outputs={"embedding": Port("vector", (7,))})
    assert network(pictures())["embedding"].shape == (4, 7) and features(network) == 7
    assert built(outputs={CODE: code_port(None)})(pictures())[CODE].shape == (4, 5)


def test_a_mirrored_picture_has_the_same_direction() -> None:
    batch = pictures()
    turned: Batch = {"image": batch["image"].flip(-1)}  # type: ignore[union-attr]
    plain, mirrored = built(), built(mirrored=True)
    torch.testing.assert_close(mirrored(batch), mirrored(turned))
    assert not torch.allclose(plain(batch)["embedding"], plain(turned)["embedding"], atol=1e-3)
    mirrored.train()  # there augmentations mirror
    torch.testing.assert_close(mirrored(batch), plain.train()(batch))


def test_cosines_are_of_float32_in_half_precision_too() -> None:
    layer = Cosines(64, 3, scale=30.0)
    rows = torch.randn(5, 64)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(rows)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, layer(rows))


def test_what_it_cannot_give_or_read_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'price' is a scalar.*Take model: resnet or convnet"):
        built(outputs={"price": Port("scalar")})
    with pytest.raises(UsageError, match=r"one embedding, and outputs of \[2, 3\] numbers"):
        built(outputs={"a": Port("vector", (2,)), "b": Port("vector", (3,))})
    with pytest.raises((RecipeError, ValueError), match="expected one that reads pictures"):
        Embedder.parse({"backbone": {"kind": "decoder"}})
