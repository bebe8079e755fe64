"""A spec in words: what somebody chose, and apart from it what was left as it is by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sonde.core.spec import Spec


def in_words(plain: Mapping[str, Any]) -> str:
    """`supervised, batch_size 64, budget (epochs 5)`: options that say something."""
    words = [str(plain["kind"])] if "kind" in plain else []
    for name, value in plain.items():
        if name == "kind" or value is None or value in ([], {}):
            continue
        words.append(f"{name} {_value_in_words(value)}")
    return ", ".join(words)


def chosen(spec: Spec) -> str:
    """The kind, and the options that are not what they would have been."""
    return in_words(_parted(spec)[0])


def by_default(spec: Spec) -> str:
    """The other options; empty where there are none."""
    return in_words(_parted(spec)[1])


def _parted(spec: Spec) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plain options that were chosen, the kind first, and those that were not."""
    untouched, plain = _untouched(spec), spec.dump()
    kind = {"kind": plain.pop("kind")} if "kind" in plain else {}
    changed: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in plain.items():
        if name in untouched and value == untouched[name]:
            rest[name] = value
        else:
            changed[name], rest[name] = _of_value(getattr(spec, name), value)
    return kind | changed, rest


def _of_value(value: Any, plain: Any) -> tuple[Any, Any]:
    """The same for a changed option: inside a spec some were chosen, others not."""
    if isinstance(value, Spec):
        return _parted(value)
    if isinstance(value, tuple | list) and value and all(isinstance(v, Spec) for v in value):
        first, second = zip(*(_parted(item) for item in value), strict=True)
        return list(first), [part for part in second if in_words(part)]
    return plain, None


def _untouched(spec: Spec) -> dict[str, Any]:
    """Its options without a word about them; none where it cannot be without one."""
    fields = type(spec).model_fields
    given = {name: getattr(spec, name) for name, field in fields.items() if field.is_required()}
    try:
        plain = type(spec)(**given).dump()
        return {name: value for name, value in plain.items() if name not in given}
    except ValidationError:  # one of several options must be given: then all of them are shown
        return {}


def _value_in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        words = in_words(value)
        return words if len(value) == 1 and "kind" in value else f"({words})"
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return " and ".join(_value_in_words(item) for item in value)
    if isinstance(value, float) and not isinstance(value, bool):
        return f"{value:.12g}"
    return str(value)
