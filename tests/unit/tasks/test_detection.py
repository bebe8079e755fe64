"""Detection: what cells are asked, what they say, which boxes are given and where they lie."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from tests.unit.tasks._squares import squares
from torch import Tensor

from sonde.contracts.data import Column
from sonde.core.batch import Batch, Padded, part
from sonde.core.errors import UsageError
from sonde.core.port import PRESENT
from sonde.data.columns.boxes import Boxes
from sonde.data.columns.image import Image
from sonde.metrics._boxes import overlaps as plain_overlaps
from sonde.tasks._assigned import CELLS, asked, errors
from sonde.tasks._cells import Said, generalised, in_picture, overlaps, said
from sonde.tasks._found import best_cut, bounded, suppressed
from sonde.tasks.detect import Detect

SIZE = (40, 56)


def bound(task: Detect | None = None, **image: Any) -> tuple[Detect, pa.RecordBatch]:
    """A task with columns fitted on a few pictures, and these."""
    rows = pa.RecordBatch.from_pylist(squares(12))
    picture = Image(**{"size": SIZE} | image).named("image").fit([rows])
    boxes = Boxes().named("boxes").beside({"image": picture}).fit([rows])
    columns: dict[str, Column] = {"image": picture, "boxes": boxes}
    return (task or Detect(strides=(4, 8))).bind(columns), rows


def batch_of(task: Detect, boxes: list[list[list[float]]]) -> Batch:
    """Black pictures with these boxes."""
    most = max(1, max(map(len, boxes)))
    values = torch.zeros(len(boxes), most, 5)
    for row, own in zip(values, boxes, strict=True):
        row[: len(own)] = torch.tensor(own).reshape(-1, 5)
    lengths = torch.tensor([len(own) for own in boxes])
    pictures = torch.zeros(len(boxes), 3, *SIZE, dtype=torch.uint8)
    known = torch.ones(len(boxes), dtype=torch.bool)
    return {"image": pictures, "boxes": Padded(values, lengths), PRESENT + "boxes": known}


def random_boxes(rows: int, count: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    low = torch.rand(rows, count, 2, generator=draw) * 30
    return torch.cat([low, low + 4 + torch.rand(rows, count, 2, generator=draw) * 20], dim=-1)


def raw_outputs(task: Detect, rows: int, seed: int = 0) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(rows, *(side or 0 for side in port.shape), generator=draw)
        for name, port in task.outputs.items()
    }


def test_boxes_are_cut_and_those_whose_middle_lies_outside_are_left_out() -> None:
    boxes = torch.tensor([[[-4, 2, 10, 8, 1], [-8, 2, 6, 8, 0], [50, 30, 70, 50, 0],
                           [50, 30, 60, 44, 1], [3, 3, 3, 9, 0], [1, 1, 5, 5, 1]]])  # fmt: skip
    known = torch.tensor([[True] * 5 + [False]])
    found = in_picture(boxes.float(), known, SIZE)
    assert found[0, :, 5].tolist() == [1, 0, 0, 1, 0, 0]
    assert found[0, 0].tolist() == [0, 2, 10, 8, 1, 1]
    assert found[0, 3].tolist() == [50, 30, 56, 40, 1, 1]
    assert not found[0, [1, 2, 4, 5]].any()
    assert in_picture(torch.zeros(2, 0, 5), torch.zeros(2, 0).bool(), SIZE).shape == (2, 1, 6)


def test_overlaps_agree_with_numpy_and_the_generalised_ones_bound_them() -> None:
    boxes, others = random_boxes(3, 5), random_boxes(3, 7, 1)
    ours = overlaps(boxes, others)
    torch.testing.assert_close(
        ours.double(), torch.from_numpy(plain_overlaps(boxes.numpy(), others.numpy())),
        rtol=1e-5, atol=1e-6,
    )  # fmt: skip
    pairs = generalised(boxes[:, :, None], others[:, None])
    assert (pairs <= ours + 1e-6).all() and (pairs > -1).all()
    same = generalised(boxes, boxes)
    torch.testing.assert_close(same, torch.ones_like(same))
    apart = generalised(torch.tensor([0.0, 0, 1, 1]), torch.tensor([9.0, 0, 10, 1]))
    assert float(apart) == pytest.approx(-0.8)  # a hull of 10, of which 8 are empty


def test_cells_cover_the_picture_and_start_with_boxes_of_four_strides() -> None:
    task, _ = bound()
    zeros = {name: torch.zeros_like(v) for name, v in raw_outputs(task, 1).items()}
    found = said(zeros, task._levels)
    assert found.logits.shape == (1, 140 + 35, 2)
    assert found.middles[0].tolist() == [2, 2] and found.middles[139].tolist() == [54, 38]
    assert found.middles[140].tolist() == [4, 4] and found.middles[174].tolist() == [52, 36]
    assert found.boxes[0, 0].tolist() == [-6, -6, 10, 10]
    assert found.boxes[0, 140].tolist() == [-12, -12, 20, 20]


def assigned(boxes: list[list[float]]) -> tuple[Said, Tensor, Any]:
    task, _ = bound()
    zeros = {name: torch.zeros_like(v) for name, v in raw_outputs(task, 1).items()}
    found = said(zeros, task._levels)
    truth = torch.tensor([[*box, 1.0] for box in boxes])[None]
    return found, truth, asked(found, truth)


def test_an_object_asks_the_cells_that_meet_it_best() -> None:
    found, truth, wanted = assigned([[10, 10, 26, 26, 1]])
    cells = wanted.quality[0].nonzero()[:, 0]
    assert 0 < len(cells) <= CELLS
    middles = found.middles[cells]
    assert ((middles - 18).abs() <= 8).all()  # inside, around its middle
    best = int(wanted.quality.argmax())
    overlap = overlaps(truth[..., :4], found.boxes)[0, 0]
    assert float(wanted.quality.max()) == pytest.approx(float(overlap.max()))
    assert float(overlap[best]) == pytest.approx(float(overlap.max()))
    assert (wanted.kinds[0, cells] == 1).all()
    assert (wanted.boxes[0, cells] == truth[0, 0, :4]).all()


def test_levels_share_objects_by_their_size_untold() -> None:
    found, _, small = assigned([[10, 10, 25, 25, 0]])
    _, _, large = assigned([[4, 4, 36, 36, 0]])
    assert found.strides[small.quality.argmax()] == 4
    assert found.strides[large.quality.argmax()] == 8


def test_an_object_smaller_than_a_cell_is_learned_too() -> None:
    """One that covers the middle of no cell."""
    found, _, wanted = assigned([[4.5, 4.5, 5.5, 5.5, 0]])
    x, y = found.middles.T
    assert not ((x > 4.5) & (x < 5.5) & (y > 4.5) & (y < 5.5)).any()
    assert wanted.quality.gt(0).any()


def test_a_cell_has_one_object_and_every_object_has_cells() -> None:
    _, truth, wanted = assigned([[10, 10, 26, 26, 0], [14, 12, 30, 28, 1], [0, 0, 9, 9, 1]])
    own = [(wanted.boxes == box[:4]).all(dim=-1) & (wanted.quality > 0) for box in truth[0]]
    assert all(cells.any() for cells in own)
    assert not (own[0] & own[1]).any()


def test_padding_and_rows_without_objects_ask_for_nothing() -> None:
    task, _ = bound()
    found = said(raw_outputs(task, 2), task._levels)
    truth = torch.zeros(2, 3, 6)
    truth[0, 0] = torch.tensor([10, 10, 26, 26, 1, 1])
    wanted = asked(found, truth)
    assert wanted.quality[0].any() and not wanted.quality[1].any()
    alone = asked(Said(found.logits[:1], found.boxes[:1], *found[2:]), truth[:1, :1])
    assert torch.equal(alone.quality[0], wanted.quality[0])
    assert errors(found, truth, place=2.0).isfinite().all()


def test_the_loss_of_a_batch_is_that_of_its_parts() -> None:
    task, _ = bound()
    boxes = [[[10, 10, 26, 26, 1], [30, 5, 45, 20, 0]], [], [[0, 0, 20, 12, 0]]]
    _, targets = task.arrange(batch_of(task, boxes), True, None)
    outputs = raw_outputs(task, 3)
    whole = task.loss(outputs, targets)
    assert whole.weights.tolist() == [2, 1, 1]  # a picture without objects counts too
    for at in range(3):
        one = task.loss({n: o[at : at + 1] for n, o in outputs.items()}, part(targets, at, at + 1))
        torch.testing.assert_close(one.sums, whole.sums[at : at + 1])
    unknown = targets | {PRESENT + "boxes": torch.tensor([True, False, True])}
    assert task.loss(outputs, unknown).weights.tolist() == [2, 0, 1]
    assert float(task.loss(outputs, unknown).sums[1]) == 0


def test_gradients_are_those_of_finite_differences() -> None:
    """Of the borders, and of a row's errors while what is asked stays."""
    boxes, others = (random_boxes(1, 6, seed).double() for seed in (0, 1))
    boxes.requires_grad_()
    assert torch.autograd.gradcheck(lambda moved: generalised(moved, others), boxes)
    task, _ = bound()
    found = said(raw_outputs(task, 1), task._levels)
    truth = torch.tensor([[[10, 10, 26, 26, 1, 1.0]]], dtype=torch.float64)
    places = [values.double() for values in found[2:]]

    def row(logits: Tensor) -> Tensor:
        return errors(Said(logits, found.boxes.double(), *places), truth, place=2.0)

    logits = found.logits.double()
    cold = asked(Said(logits, found.boxes.double(), *places), truth).quality[0] == 0
    with torch.no_grad():
        moved = logits.clone()
        moved[0, cold, 0] += 1e-6  # what asks nothing does not change what is asked
        slope = float((row(moved) - row(logits)).sum() / 1e-6)
    logits.requires_grad_()
    row(logits).sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert slope == pytest.approx(float(logits.grad[0, cold, 0].sum()), rel=1e-4)


def slowly_suppressed(boxes: np.ndarray, overlap: float) -> list[tuple[float, ...]]:
    """(M, 6) boxes, one after the other."""
    kept: list[np.ndarray] = []
    for box in boxes[np.argsort(-boxes[:, 5], kind="stable")]:
        others = np.array([k[:4] for k in kept if k[4] == box[4]]).reshape(-1, 4)
        if box[5] > 0 and not (plain_overlaps(box[None, :4], others) > overlap).any():
            kept.append(box)
    return [tuple(box) for box in kept]


def test_suppression_is_that_of_loops() -> None:
    rng = np.random.default_rng(0)
    boxes = random_boxes(37, 40).numpy()
    scores = np.round(rng.random((37, 40)), 2).astype(np.float32)
    scores[:, 30:] = 0
    kinds = rng.integers(0, 2, (37, 40))
    found = suppressed({"boxes": boxes, "score": scores, "class": kinds}, 0.3)
    for row, (own, score, kind) in enumerate(zip(boxes, scores, kinds, strict=True)):
        whole = np.concatenate([own, kind[:, None], score[:, None]], axis=1).astype(np.float32)
        wanted = slowly_suppressed(whole, 0.3)
        assert [tuple(box) for box in found[row] if box[5] > 0] == wanted
        assert not found[row, len(wanted) :].any()


def test_boxes_are_cut_at_the_border_and_empty_ones_go() -> None:
    boxes = np.array([[[-5, -5, 4, 4, 1, 0.9], [60, 0, 70, 9, 0, 0.8], [8, 8, 99, 99, 0, 0.7]]])
    found = bounded(boxes, np.array([[40, 56]]))
    assert found.shape == (1, 2, 6)
    assert found[0, :, :4].tolist() == [[0, 0, 4, 4], [8, 8, 56, 40]]


def test_the_cut_has_the_greatest_f1_that_any_has() -> None:
    rng = np.random.default_rng(1)
    true = np.concatenate([random_boxes(9, 4, 2).numpy(), np.zeros((9, 4, 1)), np.ones((9, 4, 1))],
                          axis=2)  # fmt: skip
    found = np.concatenate([true, true], axis=1)
    found[..., :4] += rng.normal(size=(9, 8, 1)) * 3
    found[..., 5] = np.round(rng.random((9, 8)), 1) + 0.01
    from sonde.metrics.box_f1 import BoxF1

    arrays = {"found": found}, {"boxes": true}

    def f1(cut: float) -> float:
        return BoxF1().score(arrays[0] | {"cut": np.full(9, cut)}, arrays[1])

    scores = [f1(cut) for cut in np.linspace(0.005, 1.0, 60)]
    cut = best_cut(*arrays)
    assert cut.f1 == pytest.approx(max(scores))
    assert f1(cut.score) == pytest.approx(cut.f1)
    nothing = best_cut({"found": np.zeros((2, 1, 6))}, {"boxes": true[:2]})
    assert nothing.score == 0.5


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_boxes_are_answered_in_pixels_of_the_raw_picture(resize: str) -> None:
    """What the column encodes, said by the network, comes back as the data has it."""
    task, rows = bound(size=(64, 48), resize=resize)
    encoded = task.columns["boxes"].encode(rows)
    assert encoded.starts is not None and encoded.lengths is not None
    most = int(encoded.lengths.max())
    found = np.zeros((rows.num_rows, most, 6), np.float32)
    for row, (start, length) in enumerate(zip(encoded.starts, encoded.lengths, strict=True)):
        found[row, :length, :5] = encoded.values[start : start + length]
        found[row, :length, 5] = 0.9 - 0.01 * np.arange(length)
    arrays = {"boxes": found[..., :4], "class": found[..., 4].astype(np.int64),
              "score": found[..., 5], "cut": np.full(rows.num_rows, 0.3)}  # fmt: skip
    task = task.model_copy(update={"overlap": 0.99})
    answers = task.completed(task.answer(arrays), rows)
    checked = 0
    for answer, raw in zip(answers, rows.column("boxes").to_pylist(), strict=True):
        for box in answer["boxes"]:
            assert box["score"] > 0.3
            near = [
                max(abs(box[side] - other[side]) for side in ("x0", "y0", "x1", "y1"))
                for other in raw
                if other["label"] == box["label"]
            ]
            if resize != "crop":  # which loses a part of the picture
                assert min(near) < 0.02
                checked += 1
        if resize != "crop":
            assert len(answer["boxes"]) == len(raw)
    assert checked or resize == "crop"


def test_a_caller_may_ask_for_more_or_fewer_boxes() -> None:
    task, _ = bound()
    outputs = raw_outputs(task, 2)
    given = []
    for score in (0.0, 0.5, 0.99, 1.0):
        read = task.read(outputs, Detect.Options(score=score))
        answers = task.answer({n: np.asarray(v) for n, v in read.items()})
        given.append(sum(len(answer["boxes"]) for answer in answers))
        assert all(b["score"] >= score for answer in answers for b in answer["boxes"])
    assert given[0] > given[1] > given[2] >= given[3] == 0


@pytest.mark.parametrize("strides", [(8, 8), (16, 8), (8, 24), (0, 0)])
def test_levels_double(strides: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected such as \[8, 16, 32\]"):
        Detect(strides=strides)


def test_targets_are_boxes_beside_their_pictures() -> None:
    task, _ = bound()
    sets = task.columns | {"boxes": task.columns["image"]}
    with pytest.raises(UsageError, match="expected one whose port is set"):
        Detect().bind(sets)
    with pytest.raises(UsageError, match="which is no input"):
        Detect().bind({"boxes": task.columns["boxes"]})


def test_folds_of_other_classes_are_scored_together() -> None:
    task, _ = bound()
    other = task.bind(
        {**task.columns, "boxes": task.columns["boxes"].learn(
            name="boxes", names=("green", "red"), picture=task.columns["image"])}
    )  # fmt: skip
    box = np.array([[[0, 0, 4, 4, 1, 1.0]]])
    from sonde.contracts.task import Judged

    folds = [
        (each, Judged({"found": box, "cut": np.array([0.5])}, {"boxes": box}, np.array([row])))
        for row, each in enumerate((task, other))
    ]
    together, judged = task.pooled(folds)
    names = together.columns["boxes"].names  # type: ignore[attr-defined]
    assert names == ("blue", "red", "green")
    assert judged.truth["boxes"][:, 0, 4].tolist() == [1, 1]  # red in both
    assert together.metrics()["map@50"].score(judged.predicted, judged.truth) == pytest.approx(1)


def test_what_judges_is_missed_before_anything_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    from sonde.core.errors import MissingPackage
    from sonde.metrics.mean_ap import reference_tool

    task, _ = bound()
    batch = batch_of(task, [[]])
    reference_tool.cache_clear()
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(MissingPackage, match=r'pip install "sonde\[vision\]"'):
        task.arrange(batch, True, None)
    inputs, _ = task.arrange(batch, False, None)  # a sealed model answers without it
    assert set(inputs) == {"image"}
