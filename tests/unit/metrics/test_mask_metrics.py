"""Scores of masks beside scikit-learn, a set-by-set reference, and distances one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, jaccard_score

from sonde.contracts.metric import Arrays
from sonde.metrics.boundary_f1 import BoundaryF1
from sonde.metrics.dice import Dice
from sonde.metrics.iou import Iou
from sonde.metrics.pixel_accuracy import PixelAccuracy
from sonde.metrics.pixel_error import PixelError
from sonde.tasks._mask_counts import as_parts, confusion_of, edges_of

CLASSES = 4
Pair = tuple[np.ndarray, np.ndarray]
"""What is said and what is true, (H, W) uint8: 0 is void, class c is c + 1."""


def drawn(seed: int, classes: int = CLASSES, void: float = 0.1) -> Pair:
    rng = np.random.default_rng(seed)
    true = rng.integers(1, classes + 1, (13, 17)).astype(np.uint8)
    said = np.where(rng.random(true.shape) < 0.6, true, rng.integers(1, classes + 1, true.shape))
    true[rng.random(true.shape) < void] = 0
    return said.astype(np.uint8), true


def touching() -> Pair:
    """Objects at every border, said a pixel off."""
    true = np.ones((9, 12), np.uint8)
    true[:, 0], true[0, 3:8], true[-1, :] = 2, 3, 4
    return np.roll(true, 1, axis=1), true


PLANTED: dict[str, list[Pair]] = {
    "several": [drawn(0), drawn(1), drawn(2, void=0.0)],
    "a class is nowhere": [drawn(3, classes=3), drawn(4, classes=2)],
    "a class is never said": [(np.ones((6, 5), np.uint8), drawn(5)[1][:6, :5])],
    "a class is never true": [(drawn(6)[0][:6, :5], np.ones((6, 5), np.uint8))],
    "all one class": [(np.full((4, 4), 2, np.uint8), np.full((4, 4), 2, np.uint8))],
    "one class for another": [(np.full((4, 4), 2, np.uint8), np.full((4, 4), 3, np.uint8))],
    "a picture of void": [drawn(7), (np.ones((3, 3), np.uint8), np.zeros((3, 3), np.uint8))],
    "touching edges": [touching()],
    "one pixel": [(np.array([[1]], np.uint8), np.array([[1]], np.uint8))],
}


def judged(pairs: list[Pair], classes: int = CLASSES) -> tuple[Arrays, Arrays]:
    counts = np.stack([confusion_of(said, true, classes) for said, true in pairs])
    said, pixels = as_parts(counts)
    return {"said": said}, {"pixels": pixels}


def flat(pairs: list[Pair]) -> Pair:
    said = np.concatenate([said.ravel() for said, _ in pairs])
    true = np.concatenate([true.ravel() for _, true in pairs])
    return said[true > 0], true[true > 0]


@pytest.mark.parametrize("name", PLANTED)
def test_means_over_classes_agree_with_scikit_learn(name: str) -> None:
    pairs = PLANTED[name]
    said, true = flat(pairs)
    iou = jaccard_score(true, said, average="macro", zero_division=0)
    assert Iou().score(*judged(pairs)) == pytest.approx(iou, abs=1e-9)
    dice = f1_score(true, said, average="macro", zero_division=0)
    assert Dice().score(*judged(pairs)) == pytest.approx(dice, abs=1e-9)
    right = accuracy_score(true, said)
    assert PixelAccuracy().score(*judged(pairs)) == pytest.approx(right, abs=1e-9)
    assert PixelError().score(*judged(pairs)) == pytest.approx(1 - right, abs=1e-9)


@pytest.mark.parametrize("name", PLANTED)
def test_each_class_agrees_with_sets_of_pixels(name: str) -> None:
    said, true = flat(PLANTED[name])
    for place in range(CLASSES):
        mine = set(np.flatnonzero(said == place + 1).tolist())
        real = set(np.flatnonzero(true == place + 1).tolist())
        score = Iou(of=place).score(*judged(PLANTED[name]))
        if not mine | real:
            assert math.isnan(score)
        else:
            assert score == pytest.approx(len(mine & real) / len(mine | real), abs=1e-9)


def test_void_alone_has_no_score() -> None:
    void = [(np.ones((3, 4), np.uint8), np.zeros((3, 4), np.uint8))]
    for metric in (Iou(), Dice(), PixelAccuracy(), PixelError()):
        assert math.isnan(metric.score(*judged(void)))


def test_what_was_said_to_be_nothing_is_wrong() -> None:
    """Such as beyond the middle that a crop kept of a picture."""
    true = np.ones((4, 4), np.uint8)
    said = np.where(np.arange(4) < 3, true, 0).astype(np.uint8)
    predicted, truth = judged([(said, true)])
    assert PixelAccuracy().score(predicted, truth) == pytest.approx(0.75)
    assert Iou().score(predicted, truth) == pytest.approx(0.75)


def reference(said: np.ndarray, true: np.ndarray, near: float) -> float:
    """Boundary F1 of one picture from all distances between outlines, class by class."""

    def outline(mask: np.ndarray, place: int) -> np.ndarray:
        found = []
        for y, x in np.argwhere((mask == place) & (true > 0)):
            beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            inside = [
                (a, b) for a, b in beside if 0 <= a < mask.shape[0] and 0 <= b < mask.shape[1]
            ]
            if any(mask[at] not in (0, place) for at in inside):
                found.append((y, x))
        return np.array(found, float).reshape(-1, 2)

    scores = []
    for place in range(1, CLASSES + 1):
        mine, real = outline(said, place), outline(true, place)
        if not len(mine) and not len(real):
            continue
        if not len(mine) or not len(real):
            scores.append(0.0)
            continue
        apart = np.linalg.norm(mine[:, None] - real[None], axis=2) <= near
        precision, recall = apart.any(axis=1).mean(), apart.any(axis=0).mean()
        scores.append(2 * precision * recall / max(precision + recall, 1e-12))
    return float(np.mean(scores)) if scores else math.nan


def edges(pairs: list[Pair], near: float) -> tuple[Arrays, Arrays]:
    found = [edges_of(said, true, CLASSES, near) for said, true in pairs]
    return {"edges": np.stack([e for e, _ in found])}, {"edges": np.stack([t for _, t in found])}


@pytest.mark.parametrize("near", [1, 1.5, 3])
@pytest.mark.parametrize("name", PLANTED)
def test_outlines_agree_with_all_distances(name: str, near: float) -> None:
    pairs = PLANTED[name]
    known = [reference(said, true, near) for said, true in pairs]
    known = [score for score in known if not math.isnan(score)]
    score = BoundaryF1().score(*edges(pairs, near))
    if known:
        assert score == pytest.approx(float(np.mean(known)), abs=1e-9)
    else:
        assert math.isnan(score)


def test_an_outline_a_pixel_off_is_near_enough_where_two_are_allowed() -> None:
    true = np.ones((20, 20), np.uint8)
    true[6:14, 6:14] = 2
    moved = np.roll(true, 1, axis=0)
    assert BoundaryF1().score(*edges([(moved, true)], 2)) == 1.0
    assert BoundaryF1().score(*edges([(np.roll(true, 5, axis=0), true)], 2)) < 0.7
