"""Tables in the forms of well-known sets of texts say themselves what is to be learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sonde
from sonde.app.begin import begin
from sonde.core.errors import UsageError
from sonde.data.guess import guess_source

WORDS = [{"tokens": ["Anna", "sees", str(n)], "ner_tags": [1, 0, 0]} for n in range(60)]
QUESTIONS = [
    {"context": f"It is {n} degrees.", "question": "How warm?"}
    | {"answers": {"text": [str(n)], "answer_start": [6]}}
    for n in range(10)
]


def write(path: Path, rows: list[dict[str, Any]], features: dict[str, Any] | None = None) -> str:
    table = pa.Table.from_pylist(rows)
    if features is not None:
        note = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": note})
    pq.write_table(table, path)
    return str(path)


def test_questions_about_texts(tmp_path: Path) -> None:
    recipe = begin(write(tmp_path / "train.parquet", QUESTIONS), None)
    assert (recipe.task.kind, recipe.task.targets) == ("answer", ("answers.text",))
    assert recipe.split is not None and recipe.split.kind == "group"
    assert recipe.columns is not None and [*recipe.columns] == [
        "question",
        "context",
        "answers.text",
    ]
    write(tmp_path / "test.parquet", QUESTIONS)
    assert begin(str(tmp_path), None).split is None  # the files' own


def test_labelled_words(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", WORDS)
    recipe = begin(path, None)
    assert (recipe.task.kind, recipe.task.targets) == ("tag", ("ner_tags",))
    settings = {"model": {"kind": "tagger", "embedding": 4, "hidden": 4}}
    run = sonde.fit(
        recipe.dump() | settings | {"paradigm": {"kind": "supervised", "budget": {"epochs": 1}}},
        run_dir=tmp_path / "run",
    )
    (answer,) = run.bundle.predict([{"tokens": ["Anna", "sleeps"]}])
    assert set(answer["ner_tags"]) <= {"0", "1"} and len(answer["ner_tags"]) == 2


def test_of_several_labels_one_is_asked_for(tmp_path: Path) -> None:
    rows = [row | {"pos_tags": ["N", "V", "N"]} for row in WORDS]
    path = write(tmp_path / "a.parquet", rows)
    with pytest.raises(UsageError, match="which column is to be predicted"):
        begin(path, None)
    recipe = begin(path, "pos_tags")
    assert recipe.columns is not None and "ner_tags" not in recipe.columns
    assert recipe.task.targets == ("pos_tags",)


def test_lists_of_numbers_are_no_labels(tmp_path: Path) -> None:
    rows = [{"tokens": ["a", "b"], "weights": [0.5, 0.1], "label": "yn"[n % 2]} for n in range(20)]
    path = write(tmp_path / "a.parquet", rows)
    assert begin(path, None).task.kind == begin(path, "label").task.kind == "classification"


@pytest.mark.parametrize(
    "feature",
    [
        {"feature": {"names": ["O", "PER"], "_type": "ClassLabel"}, "_type": "Sequence"},
        {"feature": {"names": ["O", "PER"], "_type": "ClassLabel"}, "_type": "List"},
        [{"names": ["O", "PER"], "_type": "ClassLabel"}],
    ],
)
def test_labels_go_by_their_names(feature: dict[str, Any] | list[Any], tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [
        {"tokens": ["a"], "ner_tags": [-1]},
        {"tokens": ["b"], "ner_tags": None},
    ]
    path = write(tmp_path / "a.parquet", [*WORDS[:1], *odd], {"ner_tags": feature})
    rows = [row for batch in guess_source(path).scan() for row in batch.to_pylist()]
    assert [row["ner_tags"] for row in rows] == [["PER", "O", "O"], [None], None]
