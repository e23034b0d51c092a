"""selectableFields: what field selectors may ask of a custom kind's objects."""

from collections.abc import Mapping
from typing import Any

from control.schema.custom.jsonpath import parse
from control.schema.resource import ResourceRow


def selectable(version: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Field as a selector names it (``spec.color``) → where it stands."""
    found = {}
    for one in version.get("selectableFields") or ():
        fields = parse(one["jsonPath"]).fields
        found[".".join(fields)] = fields
    return found


def own_selectable(row: ResourceRow) -> dict[str, tuple[str, ...]]:
    """The fields that selectors of this version may ask for."""
    return selectable(row.custom.version) if row.custom is not None else {}
