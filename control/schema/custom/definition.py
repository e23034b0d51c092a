"""From a CustomResourceDefinition to the rows that it adds."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from control.schema.custom.kind import CustomKind
from control.schema.custom.messages import PREFIX, define_kind
from control.schema.custom.selectable import selectable
from control.schema.resource import ResourceRow, Subresource

Json = dict[str, Any]
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_WRITTEN = ("get", "patch", "update")


def is_established(definition: Mapping[str, Any]) -> bool:
    """Are the kind's objects served?"""
    return has_condition(definition, "Established")


def has_condition(definition: Mapping[str, Any], kind: str) -> bool:
    """Is a status condition True?"""
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == kind and one.get("status") == "True" for one in conditions)


def storage_version(definition: Mapping[str, Any]) -> str:
    """The name of the version that objects are stored in."""
    return next((one["name"] for one in definition["spec"]["versions"] if one.get("storage")), "")


def rows_of(definition: Json, fresh_from: int) -> list[ResourceRow]:
    """The rows of the served versions, under the accepted names.

    fresh_from: the store's revision at which this definition came into force.
    """
    spec = definition["spec"]
    names = {**spec["names"], **((definition.get("status") or {}).get("acceptedNames") or {})}
    made = [(version, _row(definition, names, version, fresh_from)) for version in spec["versions"]]
    stored = next(row for version, row in made if version.get("storage"))
    selected = {field: path for version, _ in made for field, path in selectable(version).items()}
    for _, row in made:
        assert row.custom is not None
        row.custom.stored = stored
        row.custom.selected = selected
    return [row for version, row in made if version.get("served")]


def _row(definition: Json, names: Json, version: Json, fresh_from: int) -> ResourceRow:
    group, kind = definition["spec"]["group"], names["kind"]
    custom = CustomKind(definition["metadata"]["name"], version, fresh_from)
    if version.get("deprecated"):
        usual = f"{group}/{version['name']} {kind} is deprecated"
        custom.warning = version.get("deprecationWarning") or usual
    below = []
    if custom.scale is not None:
        below.append(Subresource("scale", "autoscaling", "v1", "Scale", _WRITTEN))
    if custom.has_status:
        below.append(Subresource("status", group, version["name"], kind, _WRITTEN))
    return ResourceRow(
        group=group,
        version=version["name"],
        kind=kind,
        plural=names["plural"],
        singular=names.get("singular") or kind.lower(),
        namespaced=definition["spec"]["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        verbs=_VERBS,
        subresources=tuple(below),
        message=_message(group, version["name"], kind, custom),
        custom=custom,
    )


def _message(group: str, version: str, kind: str, custom: CustomKind) -> str:
    """The message of a version; its name tells the schema apart, as messages stay once they are defined."""
    mark = hashlib.sha256(orjson.dumps(custom.schema, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]
    name = f"{PREFIX}{'.'.join(reversed(group.split('.')))}.{version}.{kind}#{mark}"
    define_kind(name, custom.node)
    return name
