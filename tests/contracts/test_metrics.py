"""What holds for every metric that will ever be written."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sonde.contracts.metric import Arrays, Metric
from sonde.core.registry import registry
from sonde.core.text import from_json, to_json
from sonde.metrics import bleu, chrf

METRICS = registry("metric").examples()


def kind_of(metric: Metric) -> str:
    return "-".join([metric.kind, *(str(v) for v in metric.dump().values() if v != metric.kind)])


@pytest.fixture(params=METRICS, ids=kind_of)
def metric(request: pytest.FixtureRequest) -> Metric:
    made: Metric = request.param
    return made


def answers(rows: int, classes: int = 3, seed: int = 0) -> tuple[Arrays, Arrays]:
    """Answers and truth that metrics of classes, numbers and labels all can read."""
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(classes), rows).astype(np.float32)
    predicted = {
        "probability": probability.reshape(rows, classes),
        "index": probability.argmax(axis=1) if rows else np.empty(0, np.int64),
        "value": rng.normal(size=rows),
        "label probability": probability.reshape(rows, classes),
        "labels": probability.reshape(rows, classes) > 0.4,
        "words": np.random.default_rng(seed).integers(0, 3, (rows, 2)),
        "says": np.arange(rows) % 2,
        "tags": rng.integers(5, 10, (rows, 4)),
        **of_pictures(np.random.default_rng(seed + 3).random((2, rows))),
        **of_lines(np.random.default_rng(seed + 4).integers(0, 9, rows)),
    }
    truth = {"index": rng.integers(0, classes, rows), "value": rng.normal(size=rows)}
    truth["points"] = np.arange(rows) % 5 + 8
    words = np.random.default_rng(seed + 1).integers(0, 3, (rows, 2, 3))
    words *= (truth["index"] == 1)[:, None, None]  # the others have no answer
    tags = rng.integers(5, 10, (rows, 4)) * (np.arange(4) <= np.arange(rows)[:, None] % 4)
    given = {"labels": rng.random((rows, classes)) < 0.4, "words": words, "tags": tags}
    said, asked = counts_of_texts(texts(rows, seed + 2), texts(rows, seed))
    drawn, masks = counts_of_masks(rows, classes, seed)
    whose, who = identities(rows)
    boxes, objects = of_boxes(rows, classes, seed)
    predicted |= {**said, **drawn, **whose, **boxes}
    return predicted, {**truth, **given, **asked, **masks, **who, **objects}


def of_boxes(rows: int, classes: int, seed: int) -> tuple[Arrays, Arrays]:
    """Five objects of a picture, some of them spared, and eight found boxes, most of them near."""
    rng = np.random.default_rng(seed + 5)
    corners, kinds = rng.uniform(0, 50, (rows, 5, 2)), rng.integers(0, classes, (rows, 5, 1))
    objects = np.concatenate([corners, corners + 20, kinds, rng.integers(0, 3, (rows, 5, 1))], 2)
    found = np.concatenate([objects, objects[:, :3]], axis=1)
    found[..., :4] += rng.normal(size=(rows, 8, 1)) * 4
    found[..., 5] = rng.random((rows, 8)) * (rng.random((rows, 8)) < 0.9)
    return {"found": found, "cut": np.full(rows, 0.3)}, {"boxes": objects}


def counts_of_masks(rows: int, classes: int, seed: int) -> tuple[Arrays, Arrays]:
    """What is said of the pixels of each class, and how much of outlines is near."""
    rng = np.random.default_rng(seed + 3)
    pixels = rng.integers(0, 20, (rows, classes, classes))
    edges, true = rng.integers(1, 9, (rows, classes, 3)), rng.integers(1, 9, (rows, classes))
    edges[..., 1] %= edges[..., 0] + 1
    edges[..., 2] %= true + 1
    said = pixels / np.maximum(1, pixels.sum(axis=2))[:, :, None]
    return {"said": said, "edges": edges}, {"pixels": pixels.sum(axis=2), "edges": true}


def of_pictures(pair: np.ndarray) -> Arrays:
    """(2, N) errors of pictures, and how much they look like what they should be."""
    return {"squared error": pair[0], "similarity": pair[1]}


def of_lines(near: np.ndarray) -> Arrays:
    """Points of said lines, those near true ones and the reverse; pixels between, how many."""
    return {
        "points": np.stack([near + 2, near, near], axis=1),
        "apart": np.stack([near * 1.5, near], axis=1),
    }


def identities(rows: int) -> tuple[Arrays, Arrays]:
    """Directions of rows of seven people, of whom some rows are enrolled."""
    who, rng = np.arange(rows) % 7, np.random.default_rng(5)
    found = {"embedding": rng.normal(size=(rows, 4)), "match": rng.integers(0, 7, rows)}
    return found, {"identity": who, "row": np.arange(rows), "enrolled": np.arange(rows) < 14}


def texts(rows: int, seed: int) -> list[str]:
    """Sentences of nine words out of two, so that some phrases of four words are shared."""
    return [" ".join(row) for row in np.random.default_rng(seed).choice(["ja", "nein"], (rows, 9))]


def counts_of_texts(said: list[str], asked: list[str]) -> tuple[Arrays, Arrays]:
    of_words, of_letters = bleu.counted(said, asked), chrf.counted(said, asked)
    return {**of_words[0], **of_letters[0]}, {**of_words[1], **of_letters[1]}


def perfect(rows: int = 60) -> tuple[Arrays, Arrays]:
    _, truth = answers(rows)
    probability = np.eye(3, dtype=np.float32)[truth["index"]]
    labels = truth["labels"].astype(np.float32)
    said = {"words": truth["words"][:, 0], "says": np.ones(rows)}
    said |= counts_of_texts(texts(rows, 0), texts(rows, 0))[0]
    outlines = np.repeat(truth["edges"][..., None], 3, axis=2)
    said |= {"said": np.tile(np.eye(3), (rows, 1, 1)), "edges": outlines}
    said |= of_pictures(np.stack([np.zeros(rows), np.ones(rows)]))
    said |= {
        "points": np.stack([truth["points"]] * 3, axis=1),
        "apart": np.eye(2)[np.ones(rows, int)],
    }
    said |= {"embedding": np.eye(7)[truth["identity"]], "match": truth["identity"]}
    said["found"] = truth["boxes"] * (truth["boxes"][..., 5:] > 0)
    said["cut"] = np.full(rows, 0.5)
    return {**truth, "probability": probability, "label probability": labels, **said}, truth


def taken(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}


@pytest.mark.parametrize("classes", [2, 3])
def test_counts_are_repeated_rows(metric: Metric, classes: int) -> None:
    predicted, truth = answers(80, classes)
    counts = np.random.default_rng(1).integers(0, 4, 80)
    rows = np.repeat(np.arange(80), counts)
    repeated = metric.score(taken(predicted, rows), taken(truth, rows))
    assert metric.score(predicted, truth, counts.astype(float)) == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_sums_add_up_to_the_score(metric: Metric, classes: int) -> None:
    predicted, truth = answers(50, classes)
    units = np.arange(50) % 7
    sums = metric.sums(predicted, truth, units, 7)
    if sums is None:
        assert type(metric).score is not Metric.score, "neither sums nor a score of its own"
        return
    assert sums.shape[0] == 7 and sums.dtype == np.float64
    combined = metric.combine(np.stack([sums.sum(axis=0)] * 2))
    assert combined.shape == (2,)
    assert combined[0] == pytest.approx(metric.score(predicted, truth), rel=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_influence_is_the_scores_derivative(metric: Metric, classes: int) -> None:
    """Against central differences, also where rows have equal probabilities."""
    predicted, truth = answers(40, classes)
    predicted = {**predicted, "probability": np.round(predicted["probability"], 1)}
    influence = metric.influence(predicted, truth)
    if influence is None:
        return
    step, expected = 1e-5, np.empty(40)
    for row in range(40):
        moved = np.ones((2, 40))
        moved[:, row] += (step, -step)
        higher, lower = metric.resampled(predicted, truth, moved)
        expected[row] = (higher - lower) / (2 * step)
    assert influence == pytest.approx(expected, abs=1e-8)


def test_a_score_lies_within_its_bounds(metric: Metric) -> None:
    low, high = metric.bounds
    for predicted, truth in (answers(60), answers(60, classes=2), perfect()):
        score = metric.score(predicted, truth)
        assert (low is None or score >= low) and (high is None or score <= high)


def test_resamples_are_scored_as_each_alone(metric: Metric) -> None:
    predicted, truth = answers(30)
    counts = np.random.default_rng(4).integers(0, 3, (5, 30)).astype(float)
    alone = [metric.score(predicted, truth, drawn) for drawn in counts]
    assert metric.resampled(predicted, truth, counts) == pytest.approx(alone)


def test_the_order_of_rows_does_not_matter(metric: Metric) -> None:
    predicted, truth = answers(70)
    mixed = np.random.default_rng(2).permutation(70)
    score = metric.score(taken(predicted, mixed), taken(truth, mixed))
    assert score == pytest.approx(metric.score(predicted, truth), rel=1e-9)


def test_the_truth_itself_scores_better_than_chance(metric: Metric) -> None:
    best, chance = metric.score(*perfect()), metric.score(*answers(60))
    assert best > chance if metric.higher_is_better else best < chance


def test_no_rows_score_nan_without_a_warning(metric: Metric) -> None:
    assert math.isnan(metric.score(*answers(0)))


def test_it_survives_json(metric: Metric) -> None:
    plain = from_json(to_json(metric.dump()))
    assert type(metric).parse(plain) == metric


def test_it_affords_enough_resamples_for_its_tails(metric: Metric) -> None:
    assert metric.resamples >= 1000
