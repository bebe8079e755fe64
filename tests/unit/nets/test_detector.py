"""The detector: levels from the stages of a backbone, and what every network keeps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sonde.core.batch import Batch, part
from sonde.core.errors import UsageError
from sonde.core.port import Port, Ports
from sonde.core.registry import registry
from sonde.nets.blocks.pyramid import Pyramid
from sonde.nets.models.detector import Detector
from sonde.nets.models.resnet import Resnet

CLASSES = 3
INPUTS: Ports = {"image": Port("grid", (3, 22, 30), frame="image")}
EXAMPLES = [made for made in registry("model").examples() if isinstance(made, Detector)]


def levels(*sizes: tuple[int, int]) -> Ports:
    return {f"level {at}": Port("grid", (CLASSES + 4, *size)) for at, size in enumerate(sizes)}


OUTPUTS = levels((11, 15), (6, 8), (3, 4))
"""Strides 2, 4 and 8 of an odd size; the last is beyond the examples' stages."""


def built(blueprint: Detector, outputs: Ports = OUTPUTS, *, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return blueprint.build(INPUTS, outputs)


def pictures(rows: int = 5, seed: int = 0) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    shape = (rows, 3, 22, 30)
    return {"image": torch.randint(0, 256, shape, generator=draw, dtype=torch.uint8)}


def close(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        torch.testing.assert_close(found[name], values, rtol=1e-4, atol=1e-5)


@pytest.fixture(params=EXAMPLES, ids=lambda made: made.describe())
def blueprint(request: pytest.FixtureRequest) -> Detector:
    made: Detector = request.param
    return made


def test_outputs_fit_their_ports(blueprint: Detector) -> None:
    for network in (built(blueprint), built(blueprint).eval()):
        found = network(pictures())
        shapes = {name: tuple(value.shape) for name, value in found.items()}
        assert shapes == {name: (5, *port.shape) for name, port in OUTPUTS.items()}
        assert all(value.dtype == torch.float32 for value in found.values())


def test_every_weight_learns(blueprint: Detector) -> None:
    network = built(blueprint)
    sum(value.square().sum() for value in network(pictures()).values()).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None and weight.grad.isfinite().all(), name
        assert weight.grad.any(), name


def test_a_row_is_answered_alike_alone(blueprint: Detector) -> None:
    network = built(blueprint).eval()
    whole = network(pictures())
    close(network(part(pictures(), 2, 3)), {name: v[2:3] for name, v in whole.items()})


def test_the_state_dict_alone_decides_the_answer(blueprint: Detector) -> None:
    network = built(blueprint)
    network(pictures())
    with torch.device("meta"):
        twin = built(blueprint, seed=1)
    assert all(tensor.is_meta for tensor in twin.state_dict().values())
    twin.to_empty(device="cpu").load_state_dict(network.state_dict())
    close(twin.eval()(pictures()), network.eval()(pictures()))


def test_the_seed_decides_the_weights(blueprint: Detector) -> None:
    first, again, other = (list(built(blueprint, seed=s).parameters()) for s in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(a, c) for a, c in zip(first, other, strict=True))


def test_an_export_equals_the_network(blueprint: Detector) -> None:
    network = built(blueprint).eval()
    rows = torch.export.Dim("rows", min=1)
    dynamic = ({"image": {0: rows}},)
    exported = torch.export.export(network, (pictures(),), dynamic_shapes=dynamic).module()
    for count in (1, 7):
        close(exported(pictures(count, 1)), network(pictures(count, 1)))


def test_any_size_is_read_where_it_was_built_for_another() -> None:
    """As training windows that are smaller than the pictures to answer."""
    found = built(EXAMPLES[0]).eval()({"image": torch.zeros(2, 3, 17, 9)})
    assert [tuple(v.shape[2:]) for v in found.values()] == [(9, 5), (5, 3), (3, 2)]


def test_at_the_start_no_class_is_likely() -> None:
    found = built(EXAMPLES[0]).eval()(pictures())
    for value in found.values():
        assert value[:, :CLASSES].sigmoid().max() < 0.05
        assert value[:, CLASSES:].abs().max() < 1


def test_what_lies_above_reaches_what_lies_below() -> None:
    """A fine level knows what only the coarsest one sees."""
    torch.manual_seed(0)
    pyramid = Pyramid([4, 4], 8, coarser=1).eval()
    fine, coarse = torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 4, 4)
    seen = coarse.clone()
    seen[..., 0, 0] = 1
    moved = [(a - b).abs().sum(dim=1)[0] for a, b in zip(
        pyramid([fine, seen]), pyramid([fine, coarse]), strict=True)]  # fmt: skip
    assert [tuple(level.shape) for level in moved] == [(8, 8), (4, 4), (2, 2)]
    assert moved[0][:2, :2].gt(0).all() and not moved[0][4:, 4:].any()
    assert moved[2][0, 0] > 0


@pytest.mark.parametrize(
    ("inputs", "outputs", "complaint"),
    [
        (INPUTS, levels((5, 7)), "a level of 5 x 7 cells"),
        (INPUTS, levels((6, 8), (11, 15)), "the finest first"),
        (INPUTS, {"sort": Port("category", size=3)}, "Take task: detect"),
        (INPUTS | {"age": Port("scalar")}, OUTPUTS, "one picture and nothing else"),
        ({"age": Port("scalar")}, OUTPUTS, "one picture and nothing else"),
    ],
)
def test_what_it_cannot_do_is_refused(inputs: Ports, outputs: Ports, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        EXAMPLES[0].build(inputs, outputs)


def test_a_backbone_has_stages() -> None:
    with pytest.raises(ValueError, match="reads a picture in stages"):
        Detector(backbone="dense")


def test_a_resnet_of_the_paper_fits_under_it() -> None:
    resnet = Resnet(blocks=[2, 2, 2, 2], channels=[64, 128, 256, 512], stem="imagenet")
    inputs = {"image": Port("grid", (3, 240, 320), frame="image")}
    sizes = levels((30, 40), (15, 20), (8, 10), (4, 5))
    with torch.device("meta"):
        network = Detector(backbone=resnet).build(inputs, sizes)
    assert len(network.stages) == 4 and len(network.pyramid.beyond) == 1
