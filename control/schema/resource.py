"""Resources: what a URL's group, version and plural name stand for; the registry of built-in kinds."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from control.schema.tables import DATA, has_message, table

if TYPE_CHECKING:
    from control.schema.custom.kind import CustomKind

_VERBS = {"post": "create", "put": "update"}
_ORDER = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Subresource:
    """Something below an object's URL: status, scale, log, exec, …; group, version, kind of its body."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """One kind as the API serves it."""

    group: str
    """Empty for the core group."""
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    verbs: tuple[str, ...]
    """As discovery has them: create, delete, deletecollection, get, list, patch, update, watch."""
    subresources: tuple[Subresource, ...]
    message: str
    """Full protobuf name of the kind; empty when its structure is not in the tables."""
    custom: "CustomKind | None" = None
    """What a CustomResourceDefinition says of the kind; None for built-in ones."""

    @property
    def api_version(self) -> str:
        """As an object's apiVersion says it: ``v1``, ``apps/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path_prefix(self) -> str:
        """The group version's URL: ``/api/v1``, ``/apis/apps/v1``."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def qualified(self) -> str:
        """As error messages name the resource: ``pods``, ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def subresource(self, name: str) -> Subresource | None:
        """The subresource of this name."""
        return next((sub for sub in self.subresources if sub.name == name), None)


class Registry:
    """All rows, by URL and by kind. Rows may be added and removed (CustomResourceDefinitions)."""

    def __init__(self, rows: Iterable[ResourceRow]) -> None:
        self._by_url: dict[tuple[str, str, str], ResourceRow] = {}
        self._by_kind: dict[tuple[str, str], ResourceRow] = {}
        for row in rows:
            self.add(row)

    def add(self, row: ResourceRow) -> None:
        """Serve one more resource, or replace it."""
        self._by_url[row.group, row.version, row.plural] = row
        self._by_kind[row.api_version, row.kind] = row

    def remove(self, row: ResourceRow) -> None:
        """Serve it no more."""
        self._by_url.pop((row.group, row.version, row.plural), None)
        self._by_kind.pop((row.api_version, row.kind), None)

    @property
    def rows(self) -> tuple[ResourceRow, ...]:
        """In the order of groups, then as in the table."""
        return tuple(self._by_url.values())

    def find(self, group: str, version: str, plural: str) -> ResourceRow | None:
        """The row behind a URL."""
        return self._by_url.get((group, version, plural))

    def by_kind(self, api_version: str, kind: str) -> ResourceRow | None:
        """The row of an object's apiVersion and kind."""
        return self._by_kind.get((api_version, kind))

    def groups(self) -> dict[str, list[str]]:
        """Group → its versions, preferred first (v1, v1beta1, v1alpha1); groups in upstream's order."""
        versions: dict[str, list[str]] = {}
        for row in self._by_url.values():
            known = versions.setdefault(row.group, [])
            if row.version not in known:
                known.append(row.version)
        order = {name: index for index, name in enumerate(table("resources")["groups"])}
        return {
            group: sorted(versions[group], key=_version_order)
            for group in sorted(versions, key=lambda name: (order.get(name, len(order)), name))
        }

    def in_group_version(self, group: str, version: str) -> list[ResourceRow]:
        """The rows of one group version, by plural name."""
        rows = [row for row in self._by_url.values() if (row.group, row.version) == (group, version)]
        return sorted(rows, key=lambda row: row.plural)


_VERSION = re.compile(r"v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?")


def _version_order(version: str) -> tuple[int, int, int, str]:
    """GA first, then beta, then alpha; the higher number first; then, by name, versions of no such form."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return 3, 0, 0, version
    rank = {None: 0, "beta": 1, "alpha": 2}[match[2]]
    return rank, -int(match[1]), -int(match[3] or 0), ""


def message_name(group: str, version: str, kind: str) -> str:
    """Full protobuf name of a kind, or empty when the tables have no such message."""
    package = table("resources")["packages"].get(group) or "k8s.io.api." + group.split(".", maxsplit=1)[0]
    name = f"{package}.{version}.{kind}"
    return name if has_message(name) else ""


def _verbs(http: Iterable[str]) -> tuple[str, ...]:
    named = {_VERBS.get(verb, verb) for verb in http}
    return tuple(verb for verb in _ORDER if verb in named)


def _row(kind: Mapping[str, Any]) -> ResourceRow:
    ours = table("resources")
    plural, group, version = kind["plural"], kind["group"], kind["version"]
    below = [
        Subresource(name, sub["group"], sub["version"], sub["kind"], _verbs(sub["verbs"]))
        for name, sub in kind.get("subresources", {}).items()
    ]
    if not group:
        below += [
            Subresource(name, "", "v1", options, tuple(verbs))
            for name, (options, verbs) in ours["connect"].get(plural, {}).items()
        ]
    return ResourceRow(
        group=group,
        version=version,
        kind=kind["kind"],
        plural=plural,
        singular=kind["kind"].lower(),
        namespaced=kind["namespaced"],
        short_names=tuple(ours["short_names"].get(plural, ())),
        categories=tuple(name for name, plurals in ours["categories"].items() if plural in plurals),
        verbs=_verbs(kind["verbs"]),
        subresources=tuple(sorted(below, key=lambda sub: sub.name)),
        message=message_name(group, version, kind["kind"]),
    )


@cache
def registry() -> Registry:
    """The built-in kinds. One shared object a process."""
    return Registry(_row(kind) for kind in orjson.loads((DATA / "kinds.json").read_bytes()))
