"""Mixing rows: means, pasted parts, the shares that the loss counts by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import sonde
from sonde.core.batch import Batch, Padded
from sonde.core.errors import UsageError
from sonde.core.port import OTHER, PRESENT, ROW, SHARE, Port
from sonde.data.augment.cutmix import CutMix
from sonde.data.augment.mixup import Mixup

ROWS = 50
PORTS = {
    "picture": Port("grid", (3, 9, 12), frame="picture"),
    "mask": Port("grid", (1, 9, 12), size=99, frame="picture"),
    "boxes": Port("set", (5,), size=2, frame="picture"),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tensor(batch: Batch, name: str) -> Tensor:
    value = batch[name]
    assert isinstance(value, Tensor)
    return value


def targets() -> Batch:
    return {"label": torch.arange(ROWS) % 3, ROW: torch.arange(ROWS)}


def partner(mixed: Batch) -> Tensor:
    other = mixed[OTHER]
    assert isinstance(other, dict)
    return tensor(other, ROW)


def test_mixup_averages_what_has_a_mean_and_keeps_the_rest() -> None:
    inputs: Batch = {
        "picture": torch.rand(ROWS, 3, 4, 4),
        "age": torch.randn(ROWS),
        PRESENT + "age": torch.arange(ROWS) % 2 == 0,
        "sex": torch.arange(ROWS) % 2,
    }
    found, mixed = Mixup(alpha=1.0).mix(inputs, targets(), PORTS, generator())
    share, other = tensor(mixed, SHARE), partner(mixed)
    assert bool((share >= 0.5).all()) and share.std() > 0.1  # one a row
    age = tensor(inputs, "age")
    torch.testing.assert_close(tensor(found, "age"), share * age + (1 - share) * age[other])
    picture = tensor(inputs, "picture")
    part = share[:, None, None, None]
    torch.testing.assert_close(
        tensor(found, "picture"), part * picture + (1 - part) * picture[other]
    )
    assert found["sex"] is inputs["sex"] and found[PRESENT + "age"] is inputs[PRESENT + "age"]


def test_small_alpha_mixes_little() -> None:
    inputs: Batch = {"age": torch.randn(ROWS)}
    little, much = (
        tensor(Mixup(alpha=alpha).mix(inputs, targets(), PORTS, generator())[1], SHARE).mean()
        for alpha in (0.1, 10.0)
    )
    assert little > 0.9 and much < 0.65


def test_the_share_of_cutmix_is_the_part_of_the_pixels_that_stayed() -> None:
    """Each picture is of one colour, its row's number."""
    picture = torch.arange(ROWS, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 9, 12)
    coarse = picture[:, :1, ::3, ::3]
    inputs: Batch = {"picture": picture, "coarse": coarse.clone()}
    found, mixed = CutMix(probability=1).mix(inputs, targets(), PORTS, generator())
    other, after = partner(mixed), tensor(found, "picture")
    stayed = (after == torch.arange(ROWS)[:, None, None, None]).float().mean(dim=(1, 2, 3))
    moved = other != torch.arange(ROWS)
    torch.testing.assert_close(stayed[moved], tensor(mixed, SHARE)[moved])
    pasted = (after == other[:, None, None, None]).float().mean(dim=(1, 2, 3))
    torch.testing.assert_close(pasted[moved], 1 - tensor(mixed, SHARE)[moved])
    small = (tensor(found, "coarse") != coarse).float().mean(dim=(1, 2, 3))
    assert np.corrcoef(small[moved], pasted[moved])[0, 1] > 0.8  # the same part of both


def test_cutmix_cuts_masks_as_their_pictures_and_they_share_nothing() -> None:
    """Pictures and masks are of one value, their row's number: they agree in every pixel after."""
    rows = torch.arange(ROWS, dtype=torch.uint8)[:, None, None, None]
    inputs: Batch = {"picture": rows.expand(-1, 3, 9, 12).clone()}
    given = targets() | {"mask": rows.expand(-1, 1, 9, 12).clone()}
    found, mixed = CutMix(probability=1).mix(inputs, given, PORTS, generator())
    mask, other = tensor(mixed, "mask"), mixed[OTHER]
    assert torch.equal(mask, tensor(found, "picture")[:, :1])
    assert (mask != rows).any()
    assert isinstance(other, dict)
    assert other["mask"] is mask
    assert torch.equal(tensor(other, "label"), tensor(given, "label")[partner(mixed)])


def test_mixup_leaves_masks_whole_and_the_loss_counts_both() -> None:
    rows = torch.arange(ROWS, dtype=torch.uint8)[:, None, None, None]
    mask = rows.expand(-1, 1, 9, 12).clone()
    inputs: Batch = {"picture": torch.rand(ROWS, 3, 9, 12), "mask": mask}
    found, _ = Mixup(alpha=1.0).mix(inputs, targets(), PORTS, generator())
    assert found["mask"] is mask
    _, mixed = Mixup().mix({"picture": inputs["picture"]}, {"mask": mask}, PORTS, generator())
    other = mixed[OTHER]
    assert mixed["mask"] is mask
    assert isinstance(other, dict)
    assert sorted(tensor(other, "mask")[:, 0, 0, 0].tolist()) == list(range(ROWS))


def test_what_cannot_be_mixed_is_refused() -> None:
    inputs: Batch = {"picture": torch.zeros(ROWS, 1, 9, 12)}
    boxes = Padded(torch.zeros(ROWS, 1, 5), torch.ones(ROWS, dtype=torch.int64))
    for given in (inputs, inputs | {"boxes": boxes}):
        with pytest.raises(UsageError, match=r"'boxes' has parts of its own.*use mixup"):
            CutMix(probability=1).mix(given, {"boxes": boxes}, PORTS, generator())
    clean: Batch = {"picture": torch.zeros(ROWS, 1, 9, 12)}
    for augment in (CutMix(probability=1), Mixup()):
        with pytest.raises(UsageError, match="target 'picture' is a picture itself"):
            augment.mix(inputs, clean, PORTS, generator())


def test_cutmix_leaves_tables_alone() -> None:
    inputs: Batch = {"age": torch.zeros(ROWS)}
    given = targets()
    assert CutMix(probability=1).mix(inputs, given, PORTS, generator()) == (inputs, given)


@pytest.mark.parametrize("micro_batch", [None, 16])
def test_a_run_may_list_both_and_learns(tmp_path: Path, micro_batch: int | None) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 120, (240, 8, 8), dtype=np.uint8)
    label = np.arange(240) % 2
    pictures[label == 1, :, :4] += 100
    recipe = {
        "augment": [{"kind": "mixup", "probability": 0.5}, {"kind": "cutmix", "probability": 1}],
        "task": {"kind": "classification", "target": "label"},
        "model": {"kind": "resnet", "blocks": [1, 1], "channels": [8, 8]},
        "paradigm": {
            "kind": "supervised",
            "optimizer": {"kind": "adamw", "learning_rate": 0.01},
            "budget": {"epochs": 8},
            "batch_size": 32,
            "micro_batch": micro_batch,
        },
    }
    run = sonde.fit(recipe, {"picture": pictures, "label": label}, run_dir=tmp_path / "run")
    assert run.scores["accuracy"].value > 0.9
