"""`sonde schema`: the JSON Schema of recipes, for editors."""

from __future__ import annotations

from sonde.core.text import to_json


def schema(*, json: bool = False) -> None:
    """Print the JSON Schema of recipes with every kind this machine has, plug-ins included.

    Parameters
    ----------
    json
        Print it on one line.
    """
    from sonde.contracts.recipe import Recipe
    from sonde.core.spec import schema as schema_of

    print(to_json(schema_of(Recipe), indent=None if json else 1))
