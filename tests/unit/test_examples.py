"""The example recipes: read as they stand, of known kinds, on data that has what they ask for."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from sonde.contracts.data import World
from sonde.contracts.recipe import Recipe
from sonde.core.text import from_yaml, to_yaml

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def read(path: Path) -> Recipe:
    return Recipe.parse(from_yaml(path.read_text(encoding="utf-8")), where=path.name)


def name_of(path: Path) -> str:
    return path.stem


def test_the_promised_examples_are_there() -> None:
    promised = {
        "mnist-cnn",
        "wdbc-logistic",
        "california-linear",
        "california-deep",
        "adult",
        "textbook-line",
        "textbook-logistic",
    }
    assert promised <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_a_recipe_survives_being_written(path: Path) -> None:
    recipe = read(path)
    again = Recipe.parse(from_yaml(to_yaml(recipe.dump())))
    assert again == recipe
    assert again.identity() == recipe.identity()


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_a_recipe_names_its_command_and_is_in_the_list(path: Path) -> None:
    first = path.read_text(encoding="utf-8").partition("source:")[0]
    assert all(line.startswith("#") for line in first.splitlines())
    assert path.stem in first
    assert path.name in (ROOT / "examples" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", EXAMPLES, ids=name_of)
def test_its_data_has_every_field_it_reads(
    path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SONDE_DATA", str(shared_data))
    monkeypatch.chdir(ROOT)
    recipe = read(path)
    assert recipe.source is not None
    if path.stem == "lanes":
        pytest.skip("a script draws its rows: see test_roads.py")
    if path.stem == "camvid-boxes":
        pytest.skip("a script makes its boxes of masks: see test_camvid_boxes.py")
    if isinstance(recipe.source, World):
        pytest.skip("an environment is acted in: it has no rows")
    if recipe.source.kind == "frames":
        pytest.skip("it plays a model that another recipe trains")
    if type(recipe.source).__module__.startswith("sonde.workflow.sources."):
        pytest.skip("its rows are made by a model that another recipe trains first")
    fields = {field.name for field in recipe.source.fields()}
    columns = {name: column.named(name) for name, column in (recipe.columns or {}).items()}
    read_by_columns = {field for column in columns.values() for field in column.reads}
    assert {*recipe.task.targets, *read_by_columns} <= fields | set(columns)
    assert read_by_columns <= fields
    assert next(iter(recipe.source.scan(sorted(fields)))).num_rows


def test_mnist_keeps_54_000_rows_to_train(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sonde.data.source_rows import SourceRows

    monkeypatch.setenv("SONDE_DATA", str(shared_data))
    recipe = read(ROOT / "examples" / "mnist-cnn.yaml")
    assert recipe.source is not None
    assert recipe.split is not None
    (parts,) = recipe.split.folds(SourceRows(recipe.source))
    assert [len(part) for part in (parts.train, parts.valid, parts.test)] == [54_000, 6_000, 10_000]


def test_the_textbook_data_is_what_its_script_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = ROOT / "examples" / "make_textbook.py"
    spec = importlib.util.spec_from_file_location("make_textbook", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "make_textbook.py"))
    module.main()
    for name in ("line.csv", "step.csv"):
        kept = (ROOT / "examples" / "data" / name).read_bytes()
        assert (tmp_path / "data" / name).read_bytes() == kept
