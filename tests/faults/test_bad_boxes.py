"""Bad annotations, as users bring them: told with file and object, many of them refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from _user import refused, sonde
from tests.annotated import as_voc, packed, png, voc_note

from sonde.contracts.recipe import Recipe
from sonde.core.errors import DataError
from sonde.data.boxes import Box
from sonde.data.sources.voc import Voc
from sonde.run.directory import claim
from sonde.workflow.prepare import prepare

BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaa">]><annotation><object>&a;</object></annotation>'
OUTSIDE = voc_note([Box("cell", 1, 1, 9, 9), Box("cell", 60, 3, 70, 9)])


def photographs(count: int, bad: int, note: str) -> dict[str, bytes | str]:
    """So many annotated pictures; the first `bad` of them with this note."""
    objects = {f"{n}": [Box("cell", 1 + n % 9, 2, 12 + n % 9, 9 + n % 7)] for n in range(count)}
    files = as_voc(objects) | {f"JPEGImages/{n}.png": png(seed=n) for n in range(count)}
    return files | {f"Annotations/{n}.xml": note for n in range(bad)}


@pytest.mark.parametrize(
    ("note", "parts"),
    [
        (OUTSIDE, ("/0.xml, object 2: got", "(60, 3)", "a box in its picture of 40 x 30 pixels")),
        (BOMB, ("/0.xml: got", "a document type 'a'", "an annotation in XML without")),
    ],
)
def test_from_one_in_a_hundred_on_a_run_refuses_to_start(
    note: str, parts: tuple[str, ...], tmp_path: Path
) -> None:
    packed(photographs(20, 2, note), tmp_path / "cells.zip")
    said = sonde("train", "cells.zip", "--run-dir", "run", home=tmp_path)
    refused(said, 65, "cells.zip/Annotations", *parts, "2 of 20 rows are like this, 10.0%")


def test_a_few_are_set_aside_and_listed_with_their_place(tmp_path: Path) -> None:
    source = Voc(packed(photographs(120, 1, OUTSIDE), tmp_path / "cells.zip"))
    asked = Recipe.parse({"columns": {"image": "image", "boxes": "boxes"}, "task": "detect"})
    directory = claim(tmp_path / "run", {})
    prepared = prepare(asked, source, directory, source.fingerprint())
    (line,) = map(json.loads, directory.quarantine.read_text(encoding="utf-8").splitlines())
    assert line["place"].endswith("cells.zip/Annotations/0.xml, object 2")
    assert line["expected"] == "a box in its picture of 40 x 30 pixels"
    parts = prepared.parts
    assert sum(map(len, (parts.train, parts.valid, parts.test))) == 119


def test_a_class_that_only_held_out_pictures_have(tmp_path: Path) -> None:
    """Nobody can learn it; the recipe may say that it exists."""
    rare = voc_note([Box("crab", 1, 1, 9, 9)])
    files = photographs(24, 2, rare)
    files["ImageSets/Main/train.txt"] = "\n".join(map(str, range(4, 24)))
    files["ImageSets/Main/test.txt"] = "0\n1\n2\n3"
    source = Voc(packed(files, tmp_path / "cells.zip"))
    asked = {"columns": {"image": "image", "boxes": "boxes"}, "task": "detect", "split": "given"}
    with pytest.raises(DataError, match=r"object 1, 'crab'.*one of the classes cell") as found:
        prepare(Recipe.parse(asked), source, claim(tmp_path / "0", {}), source.fingerprint())
    assert "boxes: {kind: boxes, classes: [...]}" in str(found.value)
    given = {"image": "image", "boxes": {"kind": "boxes", "classes": ["cell", "crab"]}}
    asked["columns"] = given
    prepared = prepare(Recipe.parse(asked), source, claim(tmp_path / "1", {}), source.fingerprint())
    assert len(prepared.parts.test) == 4
