from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.core.errors import RecipeError, UsageError
from sonde.core.port import Port
from sonde.nets.models.convnet import Convnet, Stage
from sonde.nets.models.dense import Dense
from sonde.nets.models.linear import Linear

DIGIT = {"label": Port("category", size=10)}


def picture(*shape: int) -> dict[str, Port]:
    return {"image": Port("grid", shape)}


def test_the_textbook_network_has_93_322_weights() -> None:
    network = Convnet(stages=(32, 64, 64), dense=(64,)).build(picture(1, 28, 28), DIGIT)
    assert sum(parameter.numel() for parameter in network.parameters()) == 93_322


def test_its_parts_stand_in_the_textbook_s_order() -> None:
    network = Convnet(stages=(32, 64, 64), dense=(64,)).build(picture(1, 28, 28), DIGIT)
    leaves = [type(module).__name__ for module in network.modules() if not list(module.children())]
    pooled = ["Conv2d", "MaxPool2d", "ReLU"]
    assert leaves == [*pooled, *pooled, "Conv2d", "ReLU", "Linear", "ReLU", "Linear"]


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    stages=st.lists(
        st.builds(
            Stage,
            channels=st.integers(1, 3),
            layers=st.integers(1, 2),
            pool=st.none() | st.integers(1, 3),
        ),
        min_size=1,
        max_size=3,
    ),
    padding=st.sampled_from(["valid", "same"]),
)
@settings(deadline=None, max_examples=60)
def test_a_picture_is_read_or_refused_before_training(
    height: int, width: int, stages: list[Stage], padding: str
) -> None:
    blueprint = Convnet.parse({"stages": stages, "dense": [2], "padding": padding})
    try:
        network = blueprint.build(picture(1, height, width), DIGIT)
    except UsageError as error:
        assert f"{height}x{width}" in str(error)
        with pytest.raises(RuntimeError):
            forced = blueprint.build(picture(1, 400, 400), DIGIT)
            forced({"image": torch.zeros(2, 1, height, width)})
    else:
        assert network({"image": torch.zeros(2, 1, height, width)})["label"].shape == (2, 10)


@pytest.mark.parametrize(
    ("blueprint", "wanted"),
    [
        (
            Convnet(),
            "column 'image': pictures of 9x8 pixels are too small for this convnet: stage 2 of 3 "
            "would leave 0x0. Use padding: same, fewer stages, or larger pictures.",
        ),
        (
            Convnet(stages=(4, 4, 4, 4, 4), padding="same"),
            "column 'image': pictures of 9x8 pixels are too small for this convnet: stage 4 of 5 "
            "would leave 0x0. Use fewer stages, or larger pictures.",
        ),
    ],
)
def test_a_small_picture_is_refused_with_a_way_out(blueprint: Convnet, wanted: str) -> None:
    with pytest.raises(UsageError) as caught:
        blueprint.build(picture(3, 9, 8), DIGIT)
    assert str(caught.value) == wanted


def test_without_a_picture_it_says_what_to_use() -> None:
    with pytest.raises(UsageError) as caught:
        Convnet().build({"age": Port("scalar")}, DIGIT)
    assert str(caught.value) == (
        "convnet needs a picture, and no input column is one: age (scalar). "
        "Use model: dense, or declare a column as image."
    )


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [
        ({"stages": []}, "got no stages, expected at least one, such as stages: [32, 64]"),
        ({"stages": [0]}, "stages.0.channels: got 0, expected greater"),
        ({"stages": [{"channels": 8, "layrs": 2}]}, "unknown option. Did you mean 'layers'?"),
        ({"stages": [{"channels": 8, "layers": 600}] * 2}, "got 1200 convolutions"),
        ({"kernel_size": 4, "padding": "same"}, "Use 5, or padding: valid"),
        ({"dense": [2**31]}, "dense.0: got 2147483648"),
        ({"dense": [1] * 1001}, "at most 1000 items"),
        ({"dropout": 1.0}, "dropout: got 1.0"),
    ],
)
def test_a_wrong_or_absurd_recipe_is_refused(recipe: dict[str, object], wanted: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Convnet.parse(recipe)
    assert wanted in str(caught.value)


def test_dropout_without_dense_layers_stands_before_the_last_layer() -> None:
    torch.manual_seed(0)
    network = Convnet(stages=(8,), dense=(), dropout=0.5).build(picture(1, 8, 8), DIGIT)
    batch = {"image": torch.full((1, 1, 8, 8), 255, dtype=torch.uint8)}
    assert not torch.equal(network(batch)["label"], network(batch)["label"])
    network.eval()
    assert torch.equal(network(batch)["label"], network(batch)["label"])


@pytest.mark.parametrize(
    ("blueprint", "wanted"),
    [
        (Convnet(stages=(32, 64, 64), dense=(64,)), "convnet 32-64-64 dense 64"),
        (Convnet(stages=(Stage(channels=8, layers=2), 9), dense=()), "convnet 2x8-9"),
        (Dense(), "dense 2x256"),
        (Dense(hidden=(256, 128)), "dense 256-128"),
        (Dense(hidden=()), "dense without hidden layers"),
        (Linear(), "linear"),
    ],
)
def test_a_blueprint_describes_itself_in_a_few_words(
    blueprint: Convnet | Dense | Linear, wanted: str
) -> None:
    assert blueprint.describe() == wanted
