"""The rules of the house, kept by walking the source.

The import graph takes every import statement: those inside functions and those for type checkers
too. Imports for type checkers alone may point both ways inside a layer, because they never run.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args

import pytest

from sonde.core.port import PortKind
from sonde.core.registry import registry

SOURCE = Path(__file__).resolve().parents[1] / "src" / "sonde"

LAYERS = (
    {"core"},
    {"contracts"},
    {"data", "nets", "metrics"},
    {"tasks"},
    {"learn"},
    {"run"},
    {"evaluate"},
    {"workflow"},
    {"explain", "tune", "deploy"},
    {"app"},
)
"""From the ground up. Packages of one layer never import one another."""

FORBIDDEN = {
    ("learn", "sonde.nets.models."): "a paradigm gets its networks from Context.build",
    ("run", "sonde.learn."): "the recipe carries the paradigm",
    ("run", "sonde.tasks."): "the loop knows no task",
    ("run", "sonde.data.columns."): "the loop knows no column",
    ("evaluate", "sonde.tasks."): "a judgement knows no task",
    ("evaluate", "sonde.data.columns."): "a judgement knows no column",
    ("workflow", "sonde.tasks."): "the recipe carries the task",
    ("workflow", "sonde.learn.paradigms."): "the recipe carries the paradigm",
    ("workflow", "sonde.data.columns."): "columns are found by their registry",
}

PICKLERS = {"pickle", "cPickle", "_pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}

GLOBAL_RANDOMNESS = {
    "torch.manual_seed",
    "torch.random.manual_seed",
    "torch.random.set_rng_state",
    "torch.set_rng_state",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
    "torch.seed",
    "np.random.seed",
    "numpy.random.seed",
    "random.seed",
}

LIGHT = (
    "sonde",
    "sonde.app.cli",
    "sonde.contracts.data",
    "sonde.contracts.metric",
    "sonde.contracts.sampler",
    "sonde.contracts.learn",
    "sonde.contracts.model",
    "sonde.contracts.recipe",
    "sonde.contracts.task",
    "sonde.core.errors",
    "sonde.core.port",
    "sonde.core.registry",
    "sonde.core.spec",
    "sonde.core.text",
    "sonde.run.archive",
)
"""What imports nothing heavy, besides every column and every source."""

HEAVY = ("torch", "pandas", "polars", "sklearn", "matplotlib", "gymnasium")


VERSION = "sonde.__version__"
"""The one thing every layer may ask the package itself for."""


class Import(NamedTuple):
    """One import statement."""

    importer: str
    imported: str
    line: int
    runs: bool


@cache
def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ("sonde", *path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


@cache
def imports() -> list[Import]:
    """Every import of one module of the package by another."""
    return [found for module in modules() for found in _imports(module)]


def _imports(module: str) -> Iterator[Import]:
    typing_only = {
        id(inner)
        for node in ast.walk(tree(module))
        if isinstance(node, ast.If) and dotted(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in _imported(node):
                if name.partition(".")[0] == "sonde" and name != VERSION:
                    yield Import(module, name, node.lineno, id(node) not in typing_only)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The modules an import statement names, as exactly as files can tell."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    assert node.level == 0, f"line {node.lineno}: imports are absolute"
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        yield inner if inner in modules() or inner == VERSION else str(node.module)


def dotted(node: ast.AST) -> str:
    """`torch.random.manual_seed` of such an expression; '' of any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def package(module: str) -> str:
    """The package right below `sonde`; '' for `sonde` itself."""
    return [*module.split("."), ""][1]


def layer(module: str) -> int:
    """The layer's height; `sonde` itself stands on top, for it names what is public."""
    name = package(module)
    if not name:
        return len(LAYERS)
    return next(height for height, names in enumerate(LAYERS) if name in names)


def place(module: str, node: ast.stmt | ast.expr | ast.pattern) -> str:
    return f"{modules()[module].relative_to(SOURCE.parent)}:{node.lineno}"


def nodes(module: str) -> Iterator[ast.AST]:
    return ast.walk(tree(module))


def test_every_package_has_its_layer() -> None:
    known = set().union(*LAYERS)
    assert {package(module) for module in modules()} - {""} <= known


def test_no_import_points_upwards() -> None:
    """A layer imports what is below it; packages side by side do not see one another."""
    wrong = [
        f"{found.importer}:{found.line} imports {found.imported}"
        for found in imports()
        if package(found.importer) != package(found.imported)
        and layer(found.importer) <= layer(found.imported)
    ]
    assert not wrong


def test_no_layer_imports_what_it_must_get_by_contract() -> None:
    wrong = [
        f"{found.importer}:{found.line} imports {found.imported}: {reason}"
        for found in imports()
        for (importer, imported), reason in FORBIDDEN.items()
        if package(found.importer) == importer and found.imported.startswith(imported)
    ]
    assert not wrong


def test_no_modules_import_one_another_in_a_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for found in imports():
        if found.runs and found.imported != found.importer:
            graph[found.importer].add(found.imported)
    while free := {module for module, needs in graph.items() if not needs & set(graph)}:
        graph = {module: needs for module, needs in graph.items() if module not in free}
    assert not graph, f"in circles, or above them: {sorted(graph)}"


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {m: len(path.read_text("utf-8").splitlines()) for m, path in modules().items()}
    assert not {module: length for module, length in lengths.items() if length > 400}


def _functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in nodes(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, the docstring not counted."""
    assert function.end_lineno is not None
    length = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return length
    docstring = function.body[0]
    assert docstring.end_lineno is not None
    return length - (docstring.end_lineno - docstring.lineno + 1)


def test_no_function_is_longer_than_60_lines() -> None:
    wrong = [
        f"{place(module, function)} {function.name}: {_length(function)} lines"
        for module in modules()
        for function in _functions(module)
        if _length(function) > 60
    ]
    assert not wrong


def test_no_public_call_takes_more_than_6_arguments() -> None:
    """A command of the command line takes as many as it has flags."""
    wrong = []
    for module in modules():
        for function in _functions(module) if package(module) != "app" else ():
            given = function.args
            names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
            count = len([name for name in names if name not in ("self", "cls")])
            public = function.name == "__init__" or not function.name.startswith("_")
            if public and count > 6:
                wrong.append(f"{place(module, function)} {function.name}: {count} arguments")
    assert not wrong


def test_nothing_can_pickle() -> None:
    wrong = []
    for module in modules():
        for node in nodes(module):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names]
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                if PICKLERS & {name.partition(".")[0] for name in names}:
                    wrong.append(f"{place(module, node)} imports a pickler")
            if isinstance(node, ast.Call):
                if dotted(node.func) in ("torch.load", "torch.save", "torch.jit.load"):
                    wrong.append(f"{place(module, node)} calls {dotted(node.func)}")
                for keyword in node.keywords:
                    if keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False":
                        wrong.append(f"{place(module, node)} allows pickles")
    assert not wrong


def test_yaml_is_read_in_one_place_by_a_safe_loader() -> None:
    import yaml

    from sonde.core import text

    assert issubclass(text._Loader, yaml.SafeLoader)
    wrong = [
        place(module, node)
        for module in modules()
        for node in nodes(module)
        if isinstance(node, ast.Call)
        and dotted(node.func).startswith("yaml.")
        and dotted(node.func) != "yaml.safe_dump"
        and module != "sonde.core.text"
    ]
    assert not wrong


def test_one_module_touches_global_randomness() -> None:
    wrong = [
        f"{place(module, node)} calls {dotted(node.func)}"
        for module in modules()
        for node in nodes(module)
        if isinstance(node, ast.Call)
        and dotted(node.func) in GLOBAL_RANDOMNESS
        and module != "sonde.core.seed"
    ]
    assert not wrong


def test_one_module_descends() -> None:
    """Only `_descent.py` calls `backward`, and `step` of an optimizer."""
    wrong = [
        f"{place(module, node)} calls {node.func.attr}"
        for module in modules()
        for node in nodes(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and (
            node.func.attr == "backward"
            or (node.func.attr == "step" and dotted(node.func.value).endswith("optimizer"))
        )
        and module != "sonde.learn._descent"
    ]
    assert not wrong


def test_no_module_imports_everything_of_another() -> None:
    wrong = [
        place(module, node)
        for module in modules()
        for node in nodes(module)
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert not wrong


def test_nothing_swallows_every_exception() -> None:
    """Two do not let it pass, but cannot raise where they stand."""
    allowed = {
        "sonde.app.cli",  # the last line of defence: exit code 70
        "sonde.data.batches",  # a thread hands it to its reader, who raises it
    }
    wrong = [
        place(module, node.body[0])
        for module in set(modules()) - allowed
        for node in nodes(module)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or dotted(node.type) in ("Exception", "BaseException"))
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    assert not wrong


@pytest.mark.parametrize("folder", ["run", "evaluate", "workflow"])
def test_no_branch_on_the_name_of_a_kind(folder: str) -> None:
    """No comparison with a column's, task's, paradigm's or model's name outside its own file."""
    families = ("column", "task", "paradigm", "model")
    kinds = {name for family in families for name in registry(family).names()}
    kinds -= set(get_args(PortKind))  # "category" is the name of a port kind too
    wrong = [
        f"{place(module, node)} compares with {constant.value!r}"
        for module in modules()
        if package(module) == folder
        for node in nodes(module)
        if isinstance(node, ast.Compare | ast.MatchValue)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and constant.value in kinds
    ]
    assert not wrong


def test_what_answers_fast_imports_nothing_heavy() -> None:
    """Columns, sources and contracts, in a process of their own."""
    folders = ("sonde.data.columns.", "sonde.data.sources.")
    light = [*LIGHT, *(module for module in modules() if module.startswith(folders))]
    code = (
        f"import importlib, sys\nfor name in {light}: importlib.import_module(name)\n"
        f"sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, f"imports {ended.stderr.strip()}"
