"""The pages say what is so: commands, flags, paths, links and Python as they stand are tried."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

import sonde
from sonde.app.cli import app
from sonde.app.commands.predict import with_values
from sonde.app.output import STDIN
from sonde.contracts.recipe import Recipe
from sonde.contracts.task import Task
from sonde.core.notice import SondeWarning
from sonde.core.registry import registry
from sonde.core.text import from_yaml

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "sonde"
PAGES = (
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/design.md",
    "docs/vision.md",
    "examples/README.md",
)
TREES = ("src/", "tests/", "docs/", "examples/", "bench/")
PLACEHOLDERS = {"DATA": "data.csv", "MODEL": "model.sonde", "ROWS": "rows.csv", "RUN": "runs/a-1",
                "RECIPE": "recipe.yaml", "NAME": "name"}  # fmt: skip

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(read(page)) if found == language]


def prose(page: str) -> str:
    return FENCE.sub("", read(page))


def typed(page: str) -> Iterator[str]:
    """Commands a reader is told to give, at a prompt or in a sentence."""
    for block in blocks(page, "console"):
        yield from (line[2:] for line in block.splitlines() if line.startswith("$ "))
    yield from (code for code in CODE.findall(prose(page)) if " " in code)


def arguments(command: str) -> list[str] | None:
    """What follows `sonde` in a command, without what the shell keeps for itself."""
    words = shlex.split(command.partition(" #")[0])
    words = words[len(words) - words[::-1].index("|") :] if "|" in words else words
    words = words[: words.index(">")] if ">" in words else words
    if not words or words[0] != "sonde":
        return None
    given = [PLACEHOLDERS.get(word, word) for word in words[1:]]
    return [STDIN if word == "-" else word for word in given]


SONDE = [
    given for page in PAGES for command in typed(page) if (given := arguments(command)) is not None
]


def test_commands_were_found() -> None:
    """Were the pattern wrong, the tests below would be about nothing."""
    names = {given[0] for given in SONDE}
    assert names >= {"inspect", "init", "train", "evaluate", "predict"}


OPTIONS = {
    name for task in registry("task") for name in cast("type[Task]", task).Options.model_fields
}
"""What models let a caller choose."""


@pytest.mark.parametrize("given", SONDE, ids=" ".join)
def test_a_command_on_a_page_is_one_that_there_is(given: list[str]) -> None:
    """With its flags; a sentence may name a command alone."""
    assert given[0] in set(app)
    if len(given) > 1 and "--help" not in given:
        _, bound, _ = app.parse_args(with_values(given), exit_on_error=False, print_error=False)
        invented = set(bound.arguments.get("options", ())) - OPTIONS
        assert not invented, "predict takes any flag: pages must not invent one"


def test_every_command_is_on_the_front_page() -> None:
    commands = {name for name in app if not name.startswith("-")}
    assert commands <= {name for name in commands if f"sonde {name}" in read("README.md")}


def test_every_exit_code_is_on_the_front_page() -> None:
    from sonde.core import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, errors.SondeError)}
    shown = re.findall(r"^\| (\d+) \|", read("README.md"), re.MULTILINE)
    assert {int(code) for code in shown} == {0, 130, *codes}


@pytest.mark.parametrize("page", PAGES)
def test_make_has_every_target_that_is_named(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    named = {word for command in typed(page) for word in re.findall(r"\bmake (\w+)", command)}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(read(page)) if "://" not in link]
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    """Whole paths from the top; those of the package, such as `core/port.py`, in prose."""
    words = {word for text in typed(page) for word in text.split()} | set(CODE.findall(prose(page)))
    packages = tuple(f"{place.name}/" for place in SOURCE.iterdir() if place.is_dir())
    whole = [word.rstrip(".,:") for word in words if word.startswith(TREES) and " " not in word]
    inner = [word for word in words if word.startswith(packages) and word.endswith((".py", "/"))]
    invented = {"data/columns/angle.py", "nets/models/cosine_net.py"}  # what one might add
    wrong = [path for path in whole if not (ROOT / path).exists()]
    wrong += [path for path in set(inner) - invented if not (SOURCE / path).exists()]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_python_on_a_page_compiles(page: str) -> None:
    for number, block in enumerate(blocks(page, "python")):
        compile(block, f"{page}, block {number}", "exec")


def test_python_on_the_front_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the page: a table is written, then a network is trained."""
    monkeypatch.chdir(tmp_path)
    *first, last = blocks("README.md", "python")
    for block in first:
        exec(compile(block, "README.md", "exec"), {})
    with pytest.warns(SondeWarning, match="every training row had one"):
        exec(compile(last, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert (tmp_path / "diabetes.csv").read_text().startswith("age,sex,bmi,")
    assert re.fullmatch(r"(0\.\d+|1) \[0\.\d+, (0\.\d+|1)\]", printed[0])
    assert "'cultivar': 'class_" in printed[1]


@pytest.mark.parametrize("page", PAGES)
def test_recipes_on_a_page_can_be_read(page: str) -> None:
    for block in blocks(page, "yaml"):
        Recipe.parse(from_yaml(block, where=page), where=page)


def outline(page: str) -> list[int]:
    """The level of each heading, in order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", prose(page), re.MULTILINE)]


def without_remarks(page: str, language: str) -> list[list[str]]:
    """The lines of each block of a language, without what is said behind `#`."""
    return [
        [re.sub(r"\s+#.*", "", line) for line in block.splitlines()]
        for block in blocks(page, language)
    ]


def test_the_chinese_front_page_has_the_same_headings() -> None:
    assert outline("README.zh-CN.md") == outline("README.md")


@pytest.mark.parametrize("language", ["console", "python", "yaml"])
def test_the_chinese_front_page_has_the_same_commands(language: str) -> None:
    assert without_remarks("README.zh-CN.md", language) == without_remarks("README.md", language)


def test_the_chinese_front_page_names_the_same_commands_files_and_links() -> None:
    english, chinese = prose("README.md"), prose("README.zh-CN.md")
    assert sorted(CODE.findall(chinese)) == sorted(CODE.findall(english))
    other = {"README.md", "README.zh-CN.md"}  # each leads to the other
    assert set(LINK.findall(chinese)) - other == set(LINK.findall(english)) - other


def test_every_file_a_run_leaves_is_on_the_front_page(tmp_path: Path) -> None:
    run = sonde.fit(
        {"task": {"kind": "regression", "target": "y"}, "model": "linear",
         "paradigm": {"kind": "supervised", "budget": {"epochs": 1}}},
        {"x": [float(row) for row in range(40)], "y": [2.0 * row for row in range(40)]},
        run_dir=tmp_path / "run",
    )  # fmt: skip
    left = {path.name for path in run.path.iterdir()} - {"lock"}
    tree = next(block for block in blocks("README.md", "") if block.startswith("runs/"))
    named = {word.rstrip("/,") for line in tree.splitlines()[1:] for word in line.split()}
    assert left <= named
