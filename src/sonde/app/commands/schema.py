"""`sonde schema`: the JSON Schema of recipes, for editors."""

from __future__ import annotations

import json


def schema() -> None:
    """Print the JSON Schema of recipes with every kind this machine has, plug-ins included."""
    from sonde.contracts.recipe import Recipe
    from sonde.core.spec import schema as schema_of

    print(json.dumps(schema_of(Recipe), indent=1))
