"""Pictures with boxes, in every form: what they have in common."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotated import FORMS, HEIGHT, TWO, WIDTH, boxes_of, packed, read, unpacked

from sonde.contracts.data import Source
from sonde.core.errors import DataError, StorageError
from sonde.data.boxes import Box


def source_of(kind: str, path: str, **options: object) -> Source:
    return Source.parse({"kind": kind, "path": path, **options})


@pytest.mark.parametrize("kind", FORMS)
def test_a_row_is_a_picture_with_its_objects_or_none(kind: str, tmp_path: Path) -> None:
    files = FORMS[kind](TWO)
    folder = source_of(kind, unpacked(files, tmp_path / "cells"))
    archive = source_of(kind, packed(files, tmp_path / "cells.zip"))
    for source in (folder, archive):
        rows, errors = read(source)
        assert not errors
        assert [[box[:1] + box[5:] for box in boxes_of(row)] for row in rows] == [
            [("cell", False), ("dot", False)],
            [],
        ]
        found = np.array([box[1:5] for row in rows for box in boxes_of(row)])
        np.testing.assert_allclose(found, [[2, 3, 12, 13], [0, 0, 40, 30]], atol=1e-9)
        assert [(f.name, f.kind) for f in source.fields()] == [("image", "image"),
                                                               ("boxes", "boxes")]  # fmt: skip
        assert source.describe() == "2 pictures with 2 boxes"
        assert source.title == "cells"
    assert Path(read(folder)[0][0]["image"]).name == "1.png"
    assert read(archive)[0][0]["image"] == files[next(n for n in files if n.endswith("1.png"))]


@pytest.mark.parametrize("kind", FORMS)
def test_a_packed_picture_is_read_only_where_it_is_asked_for(kind: str, tmp_path: Path) -> None:
    source = source_of(kind, packed(FORMS[kind](TWO), tmp_path / "cells.zip"))
    assert read(source, "boxes")[0] == [{"boxes": row["boxes"]} for row in read(source)[0]]


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("form", ["folder", "archive"])
def test_every_byte_decides_the_fingerprint(kind: str, form: str, tmp_path: Path) -> None:
    files = FORMS[kind](TWO)
    write = packed if form == "archive" else unpacked
    first = source_of(kind, write(files, tmp_path / "0")).fingerprint()
    assert source_of(kind, write(files, tmp_path / "1")).fingerprint() == first
    moved = {**TWO, "1": [Box("cell", 2, 3, 12, 14), *TWO["1"][1:]]}
    assert source_of(kind, write(FORMS[kind](moved), tmp_path / "2")).fingerprint() != first
    name = next(n for n in files if n.endswith("2.png"))
    other = files | {name: files[name.replace("2.png", "1.png")]}
    assert source_of(kind, write(other, tmp_path / "3")).fingerprint() != first


@pytest.mark.parametrize("kind", FORMS)
def test_where_there_is_nothing_of_the_form_that_is_said(kind: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file or folder"):
        source_of(kind, str(tmp_path / "nowhere")).fields()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected|names pictures"):
        source_of(kind, str(tmp_path / "empty")).fields()


def coordinates(most: int) -> st.SearchStrategy[tuple[float, float]]:
    """Two borders in thousandths of a pixel, one below the other."""
    thousandths = st.integers(0, most * 1000)
    pairs = st.tuples(thousandths, thousandths).filter(lambda p: abs(p[0] - p[1]) > 1)
    return pairs.map(lambda p: (min(p) / 1000, max(p) / 1000))


boxes = st.builds(
    lambda label, x, y: Box(label, x[0], y[0], x[1], y[1]),
    st.sampled_from(["cell", "red dot", "größe"]),
    coordinates(WIDTH),
    coordinates(HEIGHT),
)


@settings(max_examples=20)
@given(objects=st.lists(st.lists(boxes, max_size=4), min_size=1, max_size=4))
def test_all_forms_say_the_same(objects: list[list[Box]]) -> None:
    """What is written in one form and read is what was written in any other."""
    named = {f"picture {at}": some for at, some in enumerate([[Box("cell", 0, 0, 1, 1)], *objects])}
    for kind, write in FORMS.items():
        with tempfile.TemporaryDirectory() as folder:
            rows, errors = read(source_of(kind, packed(write(named), Path(folder) / "all.zip")))
        assert not errors
        assert [[box.label for box in boxes_of(row)] for row in rows] == [
            [box.label for box in some] for some in named.values()
        ]
        found = [box[1:5] for row in rows for box in boxes_of(row)]
        expected = [box[1:5] for some in named.values() for box in some]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
