"""What kinds and fields are for, for ``kubectl explain``: from the package kubernetes-validate, where it is installed.

Not ours to ship; without it (``pip install podwire[explain]``) the OpenAPI has no descriptions. The package is not
imported: its file of this release is read once.
"""

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import orjson

_PACKAGE: Final = "kubernetes_validate"
_FILE: Final = Path("kubernetes-json-schema", "v1.37.0-local", "_definitions.json")
_NONE: Final[Mapping[str, str]] = {}


@cache
def _descriptions() -> dict[str, dict[str, str]]:
    """Schema → field → description; that of the schema itself under the empty name."""
    found = importlib.util.find_spec(_PACKAGE)
    folder = next(iter(found.submodule_search_locations or ()), None) if found is not None else None
    if folder is None:
        return {}
    try:
        definitions = orjson.loads((Path(folder) / _FILE).read_bytes())["$defs"]
    except (OSError, orjson.JSONDecodeError, KeyError):
        return {}
    told = {}
    for name, schema in definitions.items():
        fields = {
            field: inner["description"]
            for field, inner in (schema.get("properties") or {}).items()
            if "description" in inner
        }
        told[name] = fields | ({"": schema["description"]} if "description" in schema else {})
    return told


def describe(schema: str) -> Mapping[str, str]:
    """Field → description of one schema (``io.k8s.api.core.v1.Pod``); its own under the empty name."""
    return _descriptions().get(schema, _NONE)
