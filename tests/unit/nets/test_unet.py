from __future__ import annotations

import pytest
import torch

from sonde.core.errors import RecipeError, UsageError
from sonde.core.port import Port
from sonde.nets.models.unet import Unet


def picture(height: int, width: int, channels: int = 1, name: str = "image") -> Port:
    return Port("grid", (channels, height, width), frame=name)


def mask(height: int, width: int, classes: int) -> Port:
    return Port("grid", (1, height, width), size=classes, frame="image")


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 16), (17, 30), (33, 8)])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_any_size_is_answered_in_its_own(size: tuple[int, int], stride: int) -> None:
    """Whatever it was built for: training sees windows of a picture."""
    blueprint = Unet(channels=(4, 6, 8), stride=stride)
    network = blueprint.build({"image": picture(24, 20)}, {"mask": mask(24, 20, 5)}).eval()
    given = torch.randint(0, 256, (2, 1, *size), dtype=torch.uint8)
    assert network({"image": given})["mask"].shape == (2, 5, *size)


def test_the_papers_network_has_as_many_weights() -> None:
    """Figure 1: 23 convolutions, 31 million weights."""
    blueprint = Unet(channels=(64, 128, 256, 512, 1024), norm="none")
    with torch.device("meta"):
        network = blueprint.build({"image": picture(512, 512)}, {"mask": mask(512, 512, 2)})
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    doubled = [m for m in network.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert len(convolutions) + len(doubled) == 23
    assert sum(weight.numel() for weight in network.parameters()) == 31_030_658


def test_detail_reaches_the_answer_beside_the_lowest_stage() -> None:
    """What lies around a pixel still decides where the lowest stage says nothing."""
    torch.manual_seed(0)
    network = Unet(channels=(4, 6, 8)).build({"image": picture(16, 16)}, {"mask": mask(16, 16, 2)})
    for name, weight in network.named_parameters():
        if "down.stages.2" in name:
            torch.nn.init.zeros_(weight)
    given = torch.rand(1, 1, 16, 16, requires_grad=True)
    network.eval()({"image": given})["mask"][0, 0, 8, 8].backward()
    assert given.grad is not None and given.grad[0, 0, 7:10, 7:10].any()


def test_several_pictures_of_one_size_are_read_together() -> None:
    inputs = {"image": picture(8, 8, 3), "depth": picture(8, 8, 1, "depth")}
    network = Unet(channels=(4, 6)).build(inputs, {"mask": mask(8, 8, 2)})
    given = {name: torch.rand(2, int(port.shape[0] or 0), 8, 8, requires_grad=True)
             for name, port in inputs.items()}  # fmt: skip
    network(dict(given))["mask"].square().sum().backward()
    assert all(value.grad is not None and value.grad.any() for value in given.values())


@pytest.mark.parametrize(
    ("inputs", "outputs", "said"),
    [
        ({"age": Port("scalar")}, {"mask": mask(8, 8, 2)}, "'age' is a scalar; unet reads pic"),
        ({}, {"mask": mask(8, 8, 2)}, "needs a picture"),
        ({"a": picture(8, 8), "b": picture(8, 9)}, {"mask": mask(8, 8, 2)}, "a 8 x 8, b 8 x 9"),
        ({"image": picture(8, 8)}, {"mask": mask(8, 9, 2)}, "8 x 9 pixels and what goes in 8 x 8"),
        ({"image": picture(8, 8)}, {"age": Port("scalar")}, "'age' is a scalar; unet answers"),
    ],
)
def test_what_it_cannot_do_is_refused_with_the_reason(
    inputs: dict[str, Port], outputs: dict[str, Port], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        Unet().build(inputs, outputs)


def test_one_stage_is_no_unet() -> None:
    with pytest.raises(RecipeError, match="two stages or more"):
        Unet.parse({"kind": "unet", "channels": [8]})
