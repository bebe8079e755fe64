"""Kinds are found by file name and by entry point."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint

import pytest

from sonde.core import registry as module
from sonde.core.errors import UnknownKind, UsageError
from sonde.core.registry import FAMILIES, Registry, registry

Install = Callable[..., Registry]


def _group(points: list[EntryPoint], group: str) -> list[EntryPoint]:
    return [point for point in points if point.group == group]


@pytest.fixture
def with_plug_ins(monkeypatch: pytest.MonkeyPatch) -> Install:
    """The registry of columns, with these plug-ins installed."""

    def install(*points: tuple[str, str]) -> Registry:
        found = [EntryPoint(name, value, "sonde.column") for name, value in points]
        monkeypatch.setattr(module, "entry_points", lambda *, group: _group(found, group))
        return Registry("column")

    return install


def test_listing_kinds_imports_none_of_them() -> None:
    code = (
        "import sys\n"
        "from sonde.core.registry import FAMILIES, registry\n"
        "names = [name for family in FAMILIES for name in registry(family).names()]\n"
        "assert 'number' in names and 'dense' in names and 'supervised' in names, names\n"
        "imported = [name for name in sys.modules if name.startswith('sonde.') "
        "and not name.startswith('sonde.core') and name.count('.') > 2]\n"
        "sys.exit(str(imported) if imported or 'torch' in sys.modules else 0)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_a_kind_is_its_files_name_and_helpers_are_none() -> None:
    assert "one-cycle" in registry("schedule").names()
    assert not [name for family in FAMILIES for name in registry(family).names() if "_" in name]
    assert registry("schedule").load("one-cycle").__module__.endswith(".one_cycle")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_loads_and_knows_its_name(family: str) -> None:
    for kind in registry(family):
        assert kind.family == family
        assert registry(family).load(kind.kind) is kind


@pytest.mark.parametrize(
    ("asked", "meant"), [("nmber", "number"), ("Number", "number"), ("catagory", "category")]
)
def test_an_unknown_kind_names_the_nearest(asked: str, meant: str) -> None:
    with pytest.raises(UnknownKind) as caught:
        registry("column").load(asked)
    message = str(caught.value)
    assert message.startswith(f"unknown column {asked!r}. Did you mean {meant!r}? Known: ")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("asked", ["os.system", "sonde.data.columns.number", "../number", "", "_x"])
def test_only_registered_names_load(asked: str) -> None:
    with pytest.raises(UnknownKind):
        registry("column").load(asked)


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(UnknownKind, match="Did you mean 'column'"):
        registry("colum")


def test_a_plug_in_stands_among_the_names_and_loads(with_plug_ins: Install) -> None:
    made = with_plug_ins(("angle", "sonde.data.columns.number:Number"))
    assert "angle" in made.names()
    assert made.names() == sorted(made.names())
    assert made.check("angle") == "angle"


def test_a_plug_in_cannot_take_a_name_of_ours(with_plug_ins: Install) -> None:
    with pytest.raises(UsageError, match=r"evil:Number registers the column 'number', .* taken"):
        with_plug_ins(("number", "evil:Number")).names()


def test_two_plug_ins_cannot_take_one_name(with_plug_ins: Install) -> None:
    with pytest.raises(UsageError, match=r"b:Angle registers the column 'angle'"):
        with_plug_ins(("angle", "a:Angle"), ("angle", "b:Angle")).names()


def test_a_plug_in_listed_twice_is_one(with_plug_ins: Install) -> None:
    """An editable installation and its build folder both list it."""
    assert with_plug_ins(("angle", "a:Angle"), ("angle", "a:Angle")).names().count("angle") == 1
