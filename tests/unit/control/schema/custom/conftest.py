"""Schemas for the tests of custom kinds, written as YAML."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from control.schema.custom.structural import Node, structural

Json = dict[str, Any]


@pytest.fixture
def node() -> Callable[[str], Node]:
    """YAML of a schema → its tree."""
    return lambda text: structural(yaml.safe_load(text))


@pytest.fixture
def definition() -> Callable[..., Json]:
    """A defaulted CRD; the schema's YAML, and what its one version has beside it."""

    def made(schema: str = "{type: object}", **version: Any) -> Json:
        own = {"name": "v1", "served": True, "storage": True, **version}
        own["schema"] = {"openAPIV3Schema": yaml.safe_load(schema)}
        names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
        spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [own]}
        return {
            "metadata": {"name": "things.example.com"},
            "spec": spec | {"conversion": {"strategy": "None"}},
        }

    return made
