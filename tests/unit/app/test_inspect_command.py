"""`sonde inspect` of a recipe: its data, with its columns and its target."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sonde.app import cli

RECIPE = """
source: {kind: table, path: rows.csv}
columns: {area: {kind: text}, label: {kind: category, field: sort}}
task: {kind: classification, target: label}
"""

GAME = """
source: {kind: world, id: CartPole-v1}
columns: {}
task: {kind: act, world: CartPole-v1}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"{row},{'ab'[row % 2]},{row % 2 * 2.5}" for row in range(80)]
    Path("rows.csv").write_text("area,sort,price\n" + "\n".join(lines) + "\n")
    Path("recipe.yaml").write_text(RECIPE)
    Path("game.yaml").write_text(GAME)


def test_a_recipes_data_is_shown_with_its_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["inspect", "recipe.yaml"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("recipe.yaml   80 rows, ")
    told = {line.split()[0]: " ".join(line.split()[1:]) for line in lines}
    assert told["area"].startswith("text as the recipe says; ")
    assert told["sort"].endswith("<- target")
    assert told["price"].endswith("left out: the recipe does not name it")  # though it tells all
    assert "The recipe: task classification, target label." in lines


def test_what_gives_the_target_away_is_left_out_where_the_recipe_takes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("recipe.yaml").write_text(RECIPE.replace("area: {kind: text}", "price: number"))
    cli.run(["inspect", "recipe.yaml"])
    assert "--set 'accept=[price]'" in capsys.readouterr().out
    Path("recipe.yaml").write_text(RECIPE.replace("{area: {kind: text}, ", "{price: number, ")
                                   + "accept: [price]\n")  # fmt: skip
    cli.run(["inspect", "recipe.yaml"])
    assert "accept" not in capsys.readouterr().out


COPIES = """
source: {kind: table, path: copies.csv}
split: {kind: SPLIT}
columns: {text: {kind: text}, label: category}
task: {kind: classification, target: label}
"""


def test_near_copies_that_the_recipes_split_keeps_together_are_no_leak(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = [" ".join(f"word{n}of{who}" for n in range(12)) + f" {more}"
            for who in range(40) for more in ("again", "twice")]  # fmt: skip
    rows = [f"{text},{'ab'[n % 2]},g{n // 2}" for n, text in enumerate(said)]
    Path("copies.csv").write_text("\n".join(["text,label,who", *rows, ""]))
    told = {}
    for split in ("random", "group, by: who"):
        Path("recipe.yaml").write_text(COPIES.replace("SPLIT", split))
        assert cli.run(["inspect", "recipe.yaml", "--json"]) == 0
        told[split] = [one["kind"] for one in json.loads(capsys.readouterr().out)["audit"]]
    assert [kind for kind in told["random"] if "copies" in kind or "texts" in kind]
    assert not [kind for kind in told["group, by: who"] if "copies" in kind or "texts" in kind]
    Path("recipe.yaml").write_text(COPIES.replace("SPLIT", "group, by: nobody"))
    assert cli.run(["inspect", "recipe.yaml"]) == 0
    assert "the recipe's split cannot be made" in capsys.readouterr().err


def test_programs_are_told_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run(["inspect", "recipe.yaml", "--json"])
    told = json.loads(capsys.readouterr().out)
    kinds = {item["field"]: (item["kind"], item["excluded"]) for item in told["fields"]}
    assert kinds["area"] == ("text", None)
    assert kinds["price"] == ("number", "the recipe does not name it")
    assert told["task"]["kind"] == "classification"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["recipe.yaml", "--target", "sort"], "--target goes with data"),
        (["game.yaml"], "has no rows"),
        (["none.yaml"], "no such file"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["inspect", *words]) != 0
    assert why in capsys.readouterr().err
