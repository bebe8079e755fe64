"""Scores of boxes against a reference in plain loops, and against COCO's reference tool."""

from __future__ import annotations

import numpy as np
import pytest

from sonde.contracts.metric import Arrays
from sonde.metrics._boxes import MOST, OBJECT, SPARED, counted
from sonde.metrics.box_f1 import BoxF1
from sonde.metrics.count_error import CountError
from sonde.metrics.mean_ap import THRESHOLDS, MeanAp, by_reference, ranked_classes

pytest.importorskip("faster_coco_eval", reason="needs faster-coco-eval")

Plain = list[tuple[float, ...]]


def arrays(*rows: tuple[Plain, Plain]) -> tuple[Arrays, Arrays]:
    """(true boxes, found boxes) of each row; what is left out of a box is 0 and 1."""

    def padded(boxes: list[Plain]) -> np.ndarray:
        found = np.zeros((len(boxes), max(1, max(map(len, boxes))), 6))
        for row, own in zip(found, boxes, strict=True):
            for place, box in enumerate(own):
                row[place] = [*box, *(0.0, 1.0)[len(box) - 4 :]] if len(box) < 6 else box
        return found

    true, found = zip(*rows, strict=True)
    cut = np.full(len(rows), 0.5)
    return {"found": padded(list(found)), "cut": cut}, {"boxes": padded(list(true))}


def iou(a: np.ndarray, b: np.ndarray, *, crowd: bool) -> float:
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    shared *= max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    own, other = ((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    whole = own if crowd else own + other - shared
    return shared / whole if whole else 0.0


def average_precision(found: np.ndarray, boxes: np.ndarray, kind: int, least: float) -> float:
    """Of one class, as COCO's tool has it, box by box."""
    said: list[tuple[float, bool]] = []
    total = 0
    for row, own in zip(boxes, found, strict=True):
        true = [b for b in row if b[5] > 0 and b[4] == kind]
        total += sum(b[5] == OBJECT for b in true)
        taken: set[int] = set()
        mine = sorted((f for f in own if f[5] > 0 and f[4] == kind), key=lambda f: -f[5])
        for box in mine[:100]:
            best, at = least, -1
            for place, b in enumerate(true):
                overlap = iou(box, b, crowd=False)
                if b[5] == OBJECT and place not in taken and overlap >= best:
                    best, at = overlap, place
            taken.add(at)
            spared = [b for b in true if b[5] == SPARED and iou(box, b, crowd=True) >= least]
            if at >= 0 or not spared:
                said.append((box[5], at >= 0))
    said.sort(key=lambda pair: -pair[0])
    right = np.cumsum([hit for _, hit in said])
    precision = right / np.arange(1, len(said) + 1)
    recall = right / total
    heights = []
    for level in np.linspace(0, 1, 101):
        reached = precision[recall >= level]
        heights.append(reached.max() if len(reached) else 0.0)
    return float(np.mean(heights))


def mean_ap(predicted: Arrays, truth: Arrays) -> float:
    found, boxes = predicted["found"], truth["boxes"]
    kinds = np.unique(boxes[..., 4][boxes[..., 5] == OBJECT])
    if not len(kinds):
        return float("nan")
    each = [average_precision(found, boxes, int(k), t) for k in kinds for t in THRESHOLDS]
    return float(np.mean(each))


PLANTED: dict[str, tuple[tuple[Plain, Plain], ...]] = {
    "no box found": (([(0, 0, 4, 4)], []), ([(1, 1, 9, 9)], [])),
    "all found": (([(0, 0, 4, 4), (5, 5, 9, 9)], [(0, 0, 4, 4), (5, 5, 9, 9)]),),
    "no object": (([], [(0, 0, 4, 4, 0, 0.9)]), ([], [])),
    "an object in one picture alone": (([], [(0, 0, 4, 4, 0, 0.9)]),
                                       ([(0, 0, 4, 4)], [(0, 0, 4, 4, 0, 0.5)])),
    "edges touch": (([(0, 0, 4, 4)], [(4, 0, 8, 4, 0, 0.9), (0, 4, 4, 8, 0, 0.8)]),),
    "a true box without area": (([(2, 2, 2, 8), (3, 3, 3, 3)], [(2, 2, 4, 8, 0, 0.9)]),),
    "scores tie": (
        ([(0, 0, 4, 4), (10, 0, 14, 4)],
         [(0, 0, 4, 4, 0, 0.5), (0, 1, 4, 5, 0, 0.5), (20, 0, 24, 4, 0, 0.5)]),
        ([(0, 0, 4, 4)], [(8, 8, 9, 9, 0, 0.5), (0, 0, 4, 4, 0, 0.5)]),
    ),
    "one object, found twice": (([(0, 0, 10, 10)],
                                 [(0, 0, 10, 9, 0, 0.9), (0, 0, 10, 10, 0, 0.8)]),),
    "of another class": (([(0, 0, 4, 4, 1, 1), (9, 9, 12, 12, 0, 1)], [(0, 0, 4, 4, 0, 0.9)]),),
    "a class of which there is none": (([(0, 0, 4, 4)],
                                        [(0, 0, 4, 4, 0, 0.9), (0, 0, 4, 4, 2, 1)]),),
    "spared": (([(0, 0, 10, 10, 0, SPARED), (20, 0, 24, 4)],
                [(1, 1, 4, 4, 0, 0.9), (0, 0, 9, 9, 0, 0.8), (20, 0, 24, 4, 0, 0.7)]),),
    "exactly at a threshold": (([(0, 0, 4, 4)], [(0, 0, 4, 8, 0, 0.9)]),),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_planted_cases_agree_with_the_reference_tool(name: str) -> None:
    predicted, truth = arrays(*PLANTED[name])
    by_tool, by_loops = MeanAp().score(predicted, truth), mean_ap(predicted, truth)
    drawn = MeanAp().score(predicted, truth, np.ones(len(truth["boxes"])))
    assert by_tool == pytest.approx(by_loops, abs=1e-6, nan_ok=True)
    assert drawn == pytest.approx(by_loops, abs=1e-6, nan_ok=True)


def test_planted_scores_are_what_they_must_be() -> None:
    known = {"no box found": 0.0, "all found": 1.0, "edges touch": 0.0, "spared": 1.0}
    for name, score in known.items():
        assert MeanAp().score(*arrays(*PLANTED[name])) == pytest.approx(score), name
    assert np.isnan(MeanAp().score(*arrays(*PLANTED["no object"])))
    found_half = arrays(*PLANTED["exactly at a threshold"])
    assert MeanAp(threshold=0.5).score(*found_half) == pytest.approx(1.0)
    assert MeanAp(threshold=0.55).score(*found_half) == 0.0


def random_case(seed: int, rows: int = 20) -> tuple[Arrays, Arrays]:
    """Whole numbers and few scores, so that overlaps and scores tie."""
    rng = np.random.default_rng(seed)
    cases: list[tuple[Plain, Plain]] = []
    for _ in range(rows):
        corners = rng.integers(0, 30, (rng.integers(0, 7), 2))
        sides, n = rng.integers(0, 12, corners.shape), len(corners)
        kinds, what = rng.integers(0, 3, (n, 1)), rng.choice([1, 1, 2], (n, 1))
        true = np.concatenate([corners, corners + sides, kinds, what], axis=1)
        found = true[rng.integers(0, max(1, n), rng.integers(0, 12) if n else 0)].astype(float)
        found[:, :4] += rng.integers(-2, 3, (len(found), 4))
        found[:, 2:4] = np.maximum(found[:, 2:4], found[:, :2] + 1)
        found[:, 5] = rng.integers(1, 5, len(found)) / 5
        cases.append((list(map(tuple, true.tolist())), list(map(tuple, found.tolist()))))
    return arrays(*cases)


@pytest.mark.parametrize("seed", range(4))
def test_random_cases_agree_with_the_reference_tool(seed: int) -> None:
    predicted, truth = random_case(seed)
    assert MeanAp().score(predicted, truth) == pytest.approx(mean_ap(predicted, truth), abs=1e-6)
    ours = np.array([each.precisions() for each in ranked_classes(predicted, truth, THRESHOLDS)])
    assert ours == pytest.approx(by_reference(predicted, truth, THRESHOLDS), abs=1e-6)


def test_only_so_many_boxes_of_a_class_and_picture_count() -> None:
    found = np.zeros((1, MOST + 30, 6))
    found[..., 2:4], found[0, :, 5] = 1, np.linspace(0.1, 0.9, MOST + 30)
    found[0, :10, 4] = 1
    kept = counted(found)
    assert kept[0, :10].all() and kept.sum() == MOST + 10
    assert not kept[0, 10:30].any()


def test_f1_counts_what_is_given() -> None:
    predicted, truth = arrays(
        ([(0, 0, 4, 4), (8, 8, 12, 12)], [(0, 0, 4, 4, 0, 0.9), (30, 30, 34, 34, 0, 0.6)]),
        ([(0, 0, 4, 4, 0, SPARED)], [(0, 0, 4, 4, 0, 0.9), (0, 0, 4, 4, 0, 0.2)]),
    )
    assert BoxF1().score(predicted, truth) == pytest.approx(2 * 1 / (2 + 2))
    fewer = {**predicted, "cut": np.array([0.7, 0.5])}
    assert BoxF1().score(fewer, truth) == pytest.approx(2 * 1 / (1 + 2))
    assert np.isnan(BoxF1().score(*arrays(([], []))))


def test_counts_are_held_against_counts_class_by_class() -> None:
    predicted, truth = arrays(
        ([(0, 0, 4, 4), (8, 8, 12, 12), (1, 1, 2, 2, 1, 1)], [(20, 0, 24, 4, 0, 0.9)]),
        ([], [(0, 0, 4, 4, 1, 0.9), (9, 0, 14, 4, 1, 0.9), (9, 9, 14, 14, 1, 0.3)]),
    )
    errors = CountError(classes=2).errors(predicted, truth)
    assert errors.tolist() == [[-1, -1], [0, 2]]
    assert CountError(classes=2).score(predicted, truth) == 1.0
