"""Specs: plain data that says what to build, checked once, written and read as YAML or JSON.

A `Spec` is a frozen pydantic model. A family (column, model, task, ...) is an abstract Spec that
names its `family`; a field of that type takes a kind's name, a mapping with `kind`, or an instance:

    model: convnet
    model: {kind: convnet, stages: [32, 64]}
    model=Convnet(stages=[32, 64])

What `fit` learns are fields marked `Learned`: they are not part of the recipe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, TypeVar

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from sonde.core.errors import DataError, RecipeError, SondeError, listed, nearest
from sonde.core.registry import FAMILIES, registry


class _LearnedMark:
    """Marks a field that `fit` fills."""


T = TypeVar("T")
Learned = Annotated[T, _LearnedMark]
"""`mean: Learned[float] = 0.0`: filled by `fit`, cleared before it, kept out of the recipe."""

Plain = Any
"""Mappings, lists, strings, numbers, booleans, None; with learned fields also NumPy arrays."""


class Spec(BaseModel):
    """Frozen plain data with a registered kind."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )
    family: ClassVar[str] = ""
    kind: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if cls.family and "family" not in vars(cls) and "kind" not in vars(cls):
            cls.kind = cls.__module__.rpartition(".")[2].lstrip("_").replace("_", "-")

    if not TYPE_CHECKING:  # else a checker would allow any name

        def __getattr__(self, name: str) -> Any:
            """A private value, of which some are read in every step: pydantic's way is longer."""
            try:
                return object.__getattribute__(self, "__pydantic_private__")[name]
            except (AttributeError, TypeError, KeyError):
                pass
            return super().__getattr__(name)

    @classmethod
    def examples(cls) -> list[Self]:
        """Small instances that contract tests run; the default is the spec without options."""
        return [cls()]

    @classmethod
    def parse(cls, data: Plain, *, where: str = "") -> Self:
        """A checked spec from plain data.

        Raises:
            RecipeError: naming every wrong place, what came, what was expected, how to mend it.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise _readable(error, cls, where) from None

    def dump(self, *, learned: bool = False) -> dict[str, Plain]:
        """Every field as plain data, with `kind` first; learned fields only where asked for."""
        out: dict[str, Plain] = {"kind": self.kind} if self.family else {}
        skip = set() if learned else set(self.learned_fields())
        for name in type(self).model_fields:
            if name not in skip:
                out[name] = _plain(getattr(self, name), learned)
        return out

    def learn(self, **values: Any) -> Self:
        """A copy with learned fields filled, checked like any other value."""
        unknown = set(values) - set(self.learned_fields())
        assert not unknown, f"{type(self).__name__} does not learn {unknown}"
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate(fields | values)

    def unlearned(self) -> Self:
        """A copy with learned fields cleared: what a recipe says and nothing more."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate(
            {name: value for name, value in fields.items() if name not in self.learned_fields()}
        )

    @classmethod
    def learned_fields(cls) -> list[str]:
        """The names of the fields marked `Learned`."""
        return [n for n, field in cls.model_fields.items() if _LearnedMark in field.metadata]

    @model_validator(mode="before")
    @classmethod
    def _own_kind(cls, data: Any) -> Any:
        """Takes `{"kind": ...}` off where it names this very kind."""
        if isinstance(data, Mapping) and cls.kind and data.get("kind") == cls.kind:
            return {key: value for key, value in data.items() if key != "kind"}
        return data

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if vars(cls).get("family"):  # an abstract family: any of its kinds
            return core_schema.no_info_plain_validator_function(cls._resolve)
        return handler(source)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        if vars(cls).get("family"):
            return {_FAMILY: cls.family}
        return handler(core)

    @classmethod
    def _resolve(cls, value: Any) -> Self:
        """An instance from a kind's name, a mapping with `kind`, or an instance."""
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            value = {"kind": value}
        if not isinstance(value, Mapping) or not isinstance(value.get("kind"), str):
            raise ValueError(
                f"got {value!r}, expected a {cls.family}: its name or a mapping with 'kind'. "
                f"Known: {listed(registry(cls.family).names(), 30)}"
            )
        kind = registry(cls.family).load(value["kind"])
        assert issubclass(kind, cls), f"{kind} is registered as {cls.family} but is none"
        return kind.parse(value)


def _plain(value: Any, learned: bool) -> Plain:
    if isinstance(value, Spec):
        return value.dump(learned=learned)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, learned) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, learned) for item in value]
    return str(value) if isinstance(value, Path) else value


def _readable(error: ValidationError, cls: type[Spec], where: str) -> RecipeError:
    """Pydantic's complaints as sentences, each with its place in the recipe."""
    problems: list[tuple[str, str]] = []
    for detail in error.errors():
        place = ".".join(str(part) for part in detail["loc"])
        inner = detail.get("ctx", {}).get("error")
        if isinstance(inner, RecipeError) and inner.problems:
            problems += [
                (".".join(p for p in (place, at) if p), text) for at, text in inner.problems
            ]
        elif isinstance(inner, SondeError | ValueError):
            problems.append((place, str(inner)))
        else:
            problems.append((place, _sentence(detail, cls)))
    lines = [f"{at}: {text}" if at else text for at, text in problems]
    head = f"{where}: " if where else ""
    joined = lines[0] if len(lines) == 1 else "\n       ".join([f"{len(lines)} mistakes", *lines])
    return RecipeError(f"{head}{joined}", tuple(problems))


_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of options",
}
"""Pydantic's types of complaint -> what was expected, in a user's words."""


def _sentence(detail: ErrorDetails, cls: type[Spec]) -> str:
    got, message = detail["input"], detail["msg"]
    match detail["type"]:
        case "extra_forbidden":
            known = _fields_at(cls, detail["loc"][:-1])
            name = str(detail["loc"][-1])
            near = nearest(name, known)
            hint = f" Did you mean {near!r}?" if near else ""
            return f"unknown option.{hint} Known: {listed(known, 30)}"
        case "missing":
            return "is missing, and has no default"
        case _:
            expected = _EXPECTED.get(detail["type"]) or message.removeprefix("Input should be ")
            return f"got {got!r:.200}, expected {expected}"


def _fields_at(cls: type[Spec], place: tuple[int | str, ...]) -> list[str]:
    """The field names of the spec that lies at `place` below `cls`."""
    for part in place:
        field = cls.model_fields.get(str(part))
        inner = next(_specs_in(field.annotation), None) if field else None
        cls = inner or cls
    return [name for name in cls.model_fields if name not in cls.learned_fields()]


def _specs_in(annotation: Any) -> Iterator[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _specs_in(argument)


_FAMILY = "x-family"  # stands where a reference will, which pydantic would follow too soon


class _Schemas(GenerateJsonSchema):
    """JSON Schemas of specs whose learned arrays say nothing: they are taken out."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def handle_invalid_for_json_schema(
        self, schema: CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        return {}


def schema(cls: type[Spec]) -> dict[str, Any]:
    """The JSON Schema of a spec with every registered kind, plug-ins included, for editors."""
    shared: dict[str, Any] = {}
    root = _body(cls, shared)
    for family in FAMILIES:
        names, choices = registry(family).names(), []
        for kind in registry(family):
            body = _body(kind, shared)
            body["properties"] = {"kind": {"const": kind.kind}, **body.get("properties", {})}
            body["required"] = ["kind", *body.get("required", [])]
            shared[f"{family}-{kind.kind}"] = body
            choices.append({"$ref": f"#/$defs/{family}-{kind.kind}"})
        shared[family] = {"anyOf": [{"enum": names}, *choices]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": shared}


def _body(cls: type[Spec], shared: dict[str, Any]) -> dict[str, Any]:
    """The schema of one class without learned fields; what it refers to goes into `shared`."""
    body = _referring(
        cls.model_json_schema(ref_template="#/$defs/{model}", schema_generator=_Schemas)
    )
    shared |= body.pop("$defs", {})
    for learned in cls.learned_fields():
        body["properties"].pop(learned, None)
    return body


def _referring(node: Any) -> Any:
    """The same schema with a reference wherever a family stands."""
    if isinstance(node, list):
        return [_referring(item) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _referring(item) for key, item in node.items() if key != _FAMILY}
    return {"$ref": f"#/$defs/{node[_FAMILY]}", **rest} if _FAMILY in node else rest


def split_arrays(tree: Plain, prefix: str = "") -> tuple[Plain, dict[str, np.ndarray]]:
    """Plain data with each array replaced by `{"$array": name}`, and the arrays by name."""
    arrays: dict[str, np.ndarray] = {}

    def walk(node: Plain, place: str) -> Plain:
        if isinstance(node, np.ndarray):
            arrays[place] = node
            return {"$array": place}
        if isinstance(node, Mapping):
            return {key: walk(item, below(place, key)) for key, item in node.items()}
        if isinstance(node, list):
            return [walk(item, below(place, str(index))) for index, item in enumerate(node)]
        return node

    def below(place: str, key: str) -> str:
        """A JSON pointer (RFC 6901): a column may be called km/h."""
        escaped = key.replace("~", "~0").replace("/", "~1")
        return f"{place}/{escaped}" if place else escaped

    return walk(tree, prefix), arrays


def join_arrays(tree: Plain, arrays: Mapping[str, np.ndarray]) -> Plain:
    """The inverse of `split_arrays`.

    Raises:
        DataError: an array that the tree names is not there.
    """
    if isinstance(tree, Mapping):
        if set(tree) != {"$array"}:
            return {key: join_arrays(item, arrays) for key, item in tree.items()}
        name = tree["$array"]
        if not isinstance(name, str) or name not in arrays:
            raise DataError(f"there is no array {name!r}; there are: {listed(arrays)}")
        return arrays[name]
    return [join_arrays(item, arrays) for item in tree] if isinstance(tree, list) else tree
