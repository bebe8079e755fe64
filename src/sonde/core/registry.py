"""Registries: kinds found by file name.

A registered kind is its file's name: `schedules/one_cycle.py` is the schedule `one-cycle`. Files
that start with `_` are helpers. Listing kinds reads file names and imports nothing. A package from
outside registers through an entry-point group named after the family:

    [project.entry-points."sonde.column"]
    angle = "my_package.angle:Angle"

Only registered names load; no dotted import path ever comes from a recipe or a model file.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sonde.core.errors import UnknownKind, UsageError, unknown

if TYPE_CHECKING:
    from sonde.core.spec import Spec

FAMILIES = {
    "source": ("sonde.data.sources", "sonde.workflow.sources"),  # the latter ask a trained model
    "split": ("sonde.data.splits",),
    "sampler": ("sonde.data.samplers",),
    "column": ("sonde.data.columns",),
    "augment": ("sonde.data.augment",),
    "model": ("sonde.nets.models",),
    "metric": ("sonde.metrics",),
    "task": ("sonde.tasks",),
    "optimizer": ("sonde.learn.optimizers",),
    "schedule": ("sonde.learn.schedules",),
    "paradigm": ("sonde.learn.paradigms",),
}
"""Each family of kinds and the folders whose files are its kinds."""


class Registry:
    """The kinds of one family: those of this package and those that plug-ins add."""

    def __init__(self, family: str) -> None:
        self.family = family
        self._loaded: dict[str, type[Spec]] = {}

    @cached_property
    def _built_in(self) -> dict[str, str]:
        """Kind -> module, from file names alone."""
        found: dict[str, str] = {}
        for package in FAMILIES[self.family]:
            spec = find_spec(package)
            assert spec is not None and spec.submodule_search_locations is not None
            folder = Path(next(iter(spec.submodule_search_locations)))
            stems = (p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))
            found |= {stem.replace("_", "-"): f"{package}.{stem}" for stem in stems}
        return dict(sorted(found.items()))

    @cached_property
    def _plugged(self) -> dict[str, EntryPoint]:
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=f"sonde.{self.family}"):
            known = found.get(point.name)
            if point.name in self._built_in or (known and known.value != point.value):
                raise UsageError(
                    f"{point.value} registers the {self.family} {point.name!r}, which is taken. "
                    "Give the plug-in's entry point another name."
                )
            found[point.name] = point
        return found

    def names(self) -> list[str]:
        """Every kind, sorted; nothing is imported."""
        return sorted([*self._built_in, *self._plugged])

    def check(self, name: str) -> str:
        """The name itself where it is registered.

        Raises:
            UnknownKind: it is not; the message lists the nearest ones.
        """
        if name not in self._built_in and name not in self._plugged:
            raise UnknownKind(unknown(self.family, name, self.names()))
        return name

    def load(self, name: str) -> type[Spec]:
        """The class behind a kind, imported now."""
        if name not in self._loaded:
            self.check(name)
            point = self._plugged.get(name)
            found = point.load() if point else self._find(self._built_in[name])
            found.kind = name
            self._loaded[name] = found
        return self._loaded[name]

    def _find(self, module_name: str) -> type[Spec]:
        """The one public class of this family that the module defines."""
        module = importlib.import_module(module_name)
        found = [
            value
            for name, value in vars(module).items()
            if inspect.isclass(value)
            and value.__module__ == module_name
            and getattr(value, "family", None) == self.family
            and not name.startswith("_")
        ]
        assert len(found) == 1, f"{module_name} must define one public {self.family}, has {found}"
        return cast("type[Spec]", found[0])

    def __iter__(self) -> Iterator[type[Spec]]:
        """Every class of the family, loaded."""
        return (self.load(name) for name in self.names())

    def examples(self) -> list[Spec]:
        """The examples of every kind: contract tests run over these."""
        return [example for kind in self for example in kind.examples()]


@cache
def registry(family: str) -> Registry:
    """The registry of a family: `registry("column").names()`."""
    if family not in FAMILIES:
        raise UnknownKind(unknown("family", family, FAMILIES))
    return Registry(family)
