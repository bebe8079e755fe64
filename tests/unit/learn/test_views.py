"""Losses of views against loops, and what views are made of."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from sonde.contracts.learn import Augment
from sonde.core import seed
from sonde.core.errors import RecipeError
from sonde.core.port import Port
from sonde.learn._views import views
from sonde.learn.paradigms.contrast import Contrast, nt_xent
from sonde.learn.paradigms.vicreg import Vicreg, covariance, invariance, variance

ROWS, WIDTH = 7, 5


def pair() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    first = torch.randn(ROWS, WIDTH, generator=draw, dtype=torch.float64)
    return first, first + 0.5 * torch.randn(ROWS, WIDTH, generator=draw, dtype=torch.float64)


def cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_nt_xent_equals_a_loop(temperature: float) -> None:
    """Eq. 1 of the paper, over every ordered pair of views."""
    first, second = pair()
    points = [*first, *second]
    losses = []
    for i in range(2 * ROWS):
        partner = (i + ROWS) % (2 * ROWS)
        others = [
            math.exp(cosine(points[i], points[k]) / temperature) for k in range(2 * ROWS) if k != i
        ]
        losses.append(
            -math.log(math.exp(cosine(points[i], points[partner]) / temperature) / sum(others))
        )
    expected = [(losses[i] + losses[i + ROWS]) / 2 for i in range(ROWS)]
    assert nt_xent(first, second, temperature).tolist() == pytest.approx(expected)


def test_nt_xent_of_one_row_is_nothing() -> None:
    """There is no other row to be taken for."""
    first, second = (view[:1] for view in pair())
    assert nt_xent(first, second, 0.5).tolist() == pytest.approx([0.0])


def test_nt_xent_has_the_gradient_of_finite_differences() -> None:
    first, second = (view.requires_grad_() for view in pair())
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, 0.3), (first, second))


def test_vicreg_terms_equal_loops() -> None:
    first, second = pair()
    for row in range(ROWS):
        apart = sum(float(first[row, d] - second[row, d]) ** 2 for d in range(WIDTH)) / WIDTH
        assert float(invariance(first, second)[row]) == pytest.approx(apart)
    points = (0.3 * first).numpy()
    short = [max(0.0, 1 - math.sqrt(np.var(points[:, d], ddof=1) + 1e-4)) for d in range(WIDTH)]
    assert float(variance(0.3 * first)) == pytest.approx(np.mean(short))
    middle = points.mean(axis=0)
    doubled = 0.0
    for i in range(WIDTH):
        for j in range(WIDTH):
            if i != j:
                product = sum((row[i] - middle[i]) * (row[j] - middle[j]) for row in points)
                doubled += (product / (ROWS - 1)) ** 2
    assert float(covariance(0.3 * first)) == pytest.approx(doubled / WIDTH)


@pytest.mark.parametrize("kind", [Contrast, Vicreg])
def test_a_batch_is_never_cut(kind: type[Contrast | Vicreg]) -> None:
    assert not kind.separable
    with pytest.raises(RecipeError, match="cannot be cut into micro-batches"):
        kind.parse({"micro_batch": 8})
    with pytest.raises(RecipeError, match="batch_size"):
        kind.parse({"batch_size": 1})


class Setting:
    """A context as far as views look at it."""

    def __init__(self, ports: dict[str, Port], *augment: Augment) -> None:
        self.task = SimpleNamespace(inputs=ports)
        self.device = torch.device("cpu")
        self._augment = augment

    def augment(self, batch):
        for index, change in enumerate(self._augment):
            draw = seed.generator(f"augment {index}")
            batch = change.apply(batch, self.task.inputs, draw)
        return batch


PORTS = {
    "image": Port("grid", (1, 8, 8), frame="image"),
    "size": Port("scalar"),
    "town": Port("category", size=3),
}


def rows(count: int = 64) -> dict:
    draw = torch.Generator().manual_seed(1)
    size = torch.rand(count, generator=draw) + torch.arange(count)
    return {
        "image": torch.randint(0, 256, (count, 1, 8, 8), generator=draw, dtype=torch.uint8),
        "size": size,
        "#present:size": size > 6,
        "town": torch.randint(0, 3, (count,), generator=draw),
        "label": torch.zeros(count),
        "#row": torch.arange(count),
    }


def test_views_are_two_of_each_row_and_read_inputs_alone() -> None:
    seed.begin(0)
    made = views(rows(), Setting(PORTS), 0.6)
    assert "label" not in made
    assert made["#row"].tolist() == [*range(64), *range(64)]
    assert made["image"].shape == (128, 1, 8, 8)
    assert not made["image"][:64].equal(made["image"][64:])


def test_a_corrupted_value_comes_from_another_row_with_its_mark() -> None:
    seed.begin(0)
    given, made = rows(), views(rows(), Setting(PORTS), 0.6)
    assert made["size"][:64].equal(given["size"])
    second = made["size"][64:]
    assert np.isin(second.numpy(), given["size"].numpy()).all()
    moved = (second != given["size"]).float().mean().item()
    assert 0.4 < moved < 0.75
    assert made["#present:size"][64:].equal(second > 6)


def test_the_recipes_augment_has_the_first_word() -> None:
    """What it changes is not changed by default besides; what it leaves, is."""
    from sonde.data.augment.flip import Flip
    from sonde.data.augment.noise import Noise

    seed.begin(0)
    given = rows()
    made = views(given, Setting(PORTS, Flip(), Noise(deviation=1e-6)), 0.6)
    both = torch.cat([given["image"], given["image"]])
    same = (made["image"] == both).flatten(1).all(dim=1)
    mirrored = (made["image"] == both.flip(3)).flatten(1).all(dim=1)
    assert (same | mirrored).all()
    assert same.any()
    assert mirrored.any()
    assert (made["size"] - torch.cat([given["size"]] * 2)).abs().max() < 1e-4
    assert not made["town"][64:].equal(given["town"])


def test_views_hang_on_the_place_alone() -> None:
    made = []
    for step in (0, 0, 1):
        seed.begin(0, "views", step)
        made.append(views(rows(), Setting(PORTS), 0.6))
    assert made[0]["image"].equal(made[1]["image"])
    assert not made[0]["image"].equal(made[2]["image"])
