"""Pictures with boxes or masks need neither a recipe nor a target's name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.annotated import FORMS, TWO, Files, packed, png

from sonde.app.begin import begin
from sonde.core.errors import UsageError
from sonde.data.guess import guess_source
from sonde.data.inspect import inspect_source
from sonde.data.likely import likely_targets
from sonde.tasks.restore import Restore

MASKS: Files = {f"{folder}/{name}.png": png(seed=n) for folder in ("image", "label")
                for n, name in enumerate("ab")}  # fmt: skip


@pytest.mark.parametrize("kind", FORMS)
def test_boxes_are_detected(kind: str, tmp_path: Path) -> None:
    path = packed(FORMS[kind](TWO), tmp_path / "a.zip")
    for target in (None, "boxes"):
        recipe = begin(path, target)
        assert recipe.task.kind == "detect"
        assert recipe.task.targets == ("boxes",)
    assert recipe.source is not None and recipe.source.kind == kind


def test_masks_are_segmented(tmp_path: Path) -> None:
    recipe = begin(packed(MASKS, tmp_path / "a.zip"), None)
    assert (recipe.task.kind, recipe.task.targets) == ("segment", ("mask",))


def test_another_target_is_still_the_callers(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'image' is a column of kind 'image'"):
        begin(packed(MASKS, tmp_path / "a.zip"), "image")


def test_looking_says_what_was_found(tmp_path: Path) -> None:
    seen = inspect_source(guess_source(packed(FORMS["voc"](TWO), tmp_path / "a.zip")))
    kinds = {item.field: (item.kind, item.excluded) for item in seen.findings}
    assert kinds == {"image": ("image", None), "boxes": ("boxes", None)}
    assert likely_targets(seen) == ["boxes"]
    masks = inspect_source(guess_source(packed(MASKS, tmp_path / "b.zip")))
    assert masks.finding("mask").reason == "2 encoded pictures, as the source says"
    assert likely_targets(masks) == ["mask"]


@pytest.mark.parametrize("names", [("1.png", "2.png"), ("a/1.png", "b/2.png")])
def test_what_is_restored_is_the_picture_and_not_its_label(
    names: tuple[str, ...], tmp_path: Path
) -> None:
    path = packed({name: png() for name in names}, tmp_path / "a.zip")
    recipe = begin(path, None, task="restore", changes={"task.damage.gaussian": 0.1})
    assert isinstance(recipe.task, Restore)
    assert recipe.task.target == "image"


def test_a_task_of_two_columns_asks_for_its_target(tmp_path: Path) -> None:
    path = packed({"1.png": png(), "2.png": png()}, tmp_path / "a.zip")
    with pytest.raises(UsageError, match=r"without labels"):
        begin(path, None, task="translate")


def test_pictures_without_labels_need_a_task(tmp_path: Path) -> None:
    path = packed({"1.png": png(), "2.png": png()}, tmp_path / "a.zip")
    with pytest.raises(UsageError, match=r"without labels.* --task restore, reconstruct or"):
        begin(path, None)


def test_of_two_pictures_a_row_one_is_restored_from_the_other(tmp_path: Path) -> None:
    for number in range(4):
        for side in ("worse", "clean"):
            (tmp_path / side).mkdir(exist_ok=True)
            (tmp_path / side / f"{number}.png").write_bytes(png(seed=number))
    rows = [f"worse/{number}.png,clean/{number}.png" for number in range(4)]
    table = tmp_path / "pairs.csv"
    table.write_text("\n".join(["worse,clean", *rows]) + "\n")
    with pytest.raises(UsageError, match=r"column of kind 'image'.* --task restore"):
        begin(str(table), "clean")
    task = begin(str(table), "clean", task="restore").dump()["task"]
    assert (task["source"], task["target"]) == ("worse", "clean")
    told = begin(str(table), "clean", task="restore", changes={"task.damage": {"gaussian": 0.1}})
    assert told.dump()["task"]["source"] is None
