"""What the server serves: /api, /apis and the resources of a group version, old and aggregated; /version."""

from functools import lru_cache
from typing import Any, Final

import orjson

from control.api.negotiate import Shape, wanted
from control.api.refusals import no_such_resource
from control.api.request import Answer, ApiRequest
from control.schema.resource import Registry, ResourceRow, Subresource

RELEASE: Final = "v1.37.0"


def version() -> dict[str, str]:
    """As ``/version`` tells it."""
    return {
        "major": "1",
        "minor": "37",
        "emulationMajor": "1",
        "emulationMinor": "37",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "36",
        "gitVersion": f"{RELEASE}+podwire",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2026-08-01T00:00:00Z",
        "goVersion": "",
        "compiler": "podwire",
        "platform": "linux/amd64",
    }


class Discovery:
    """Answers discovery from the registry."""

    def __init__(self, registry: Registry, address: str) -> None:
        self._registry = registry
        self._address = address

    def answer(self, request: ApiRequest) -> Answer:
        """For ``/api…`` and ``/apis…`` of at most three parts. Raises NotFound."""
        parts = [part for part in request.route.path.split("/") if part]
        match parts:
            case ["api" | "apis" as root]:
                shape = wanted(request.accept)
                if shape.shape is Shape.DISCOVERY:
                    return self._aggregated(root, shape.version)
                return Answer(orjson.dumps(self._versions() if root == "api" else self._groups()))
            case ["api", version]:
                return self._resources("", version)
            case ["apis", group]:
                if not group or group not in self._registry.groups():
                    raise no_such_resource()
                head = {"kind": "APIGroup", "apiVersion": "v1"}
                return Answer(orjson.dumps({**head, **self._group(group)}))
            case ["apis", group, version]:
                return self._resources(group, version)
        raise no_such_resource()

    def _versions(self) -> dict[str, Any]:
        reached = [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}]
        versions = self._registry.groups()[""]
        return {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": reached}

    def _groups(self) -> dict[str, Any]:
        groups = [self._group(group) for group in self._registry.groups() if group]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def _group(self, group: str) -> dict[str, Any]:
        versions = [
            {"groupVersion": f"{group}/{version}", "version": version}
            for version in self._registry.groups()[group]
        ]
        return {"name": group, "versions": versions, "preferredVersion": versions[0]}

    def _resources(self, group: str, version: str) -> Answer:
        rows = self._registry.in_group_version(group, version)
        if not rows:
            raise no_such_resource()
        resources: list[dict[str, Any]] = []
        for row in rows:
            resources.append(_resource(row))
            resources.extend(_subresource(row, sub) for sub in row.subresources)
        head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": rows[0].api_version}
        return Answer(orjson.dumps({**head, "resources": resources}))

    def _aggregated(self, root: str, version: str) -> Answer:
        items = []
        for group, versions in self._registry.groups().items():
            if (root == "api") != (not group):
                continue
            served = [
                {
                    "version": name,
                    "resources": [_aggregated(row) for row in self._registry.in_group_version(group, name)],
                    "freshness": "Current",
                }
                for name in versions
            ]
            items.append({"metadata": {"name": group, "creationTimestamp": None}, "versions": served})
        head = {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": f"apidiscovery.k8s.io/{version}",
            "metadata": {},
        }
        media = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
        return Answer(orjson.dumps({**head, "items": items}), content_type=media)


@lru_cache(maxsize=1024)
def _storage_hash(row: ResourceRow) -> str:
    import base64
    import hashlib

    digest = hashlib.sha256(f"{row.api_version}/{row.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _resource(row: ResourceRow) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "name": row.plural,
        "singularName": row.singular,
        "namespaced": row.namespaced,
        "kind": row.kind,
        "verbs": list(row.verbs),
    }
    if row.short_names:
        resource["shortNames"] = list(row.short_names)
    if row.categories:
        resource["categories"] = list(row.categories)
    if "watch" in row.verbs:
        resource["storageVersionHash"] = _storage_hash(row)
    return resource


def _subresource(row: ResourceRow, sub: Subresource) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "name": f"{row.plural}/{sub.name}",
        "singularName": "",
        "namespaced": row.namespaced,
        "kind": sub.kind,
        "verbs": list(sub.verbs),
    }
    if (sub.group, sub.version) != (row.group, row.version):
        resource |= {"group": sub.group, "version": sub.version}
    return resource


def _aggregated(row: ResourceRow) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "resource": row.plural,
        "responseKind": {"group": row.group, "version": row.version, "kind": row.kind},
        "scope": "Namespaced" if row.namespaced else "Cluster",
        "singularResource": row.singular,
        "verbs": list(row.verbs),
    }
    if row.short_names:
        resource["shortNames"] = list(row.short_names)
    if row.categories:
        resource["categories"] = list(row.categories)
    if row.subresources:
        resource["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {"group": sub.group, "version": sub.version, "kind": sub.kind},
                "verbs": list(sub.verbs),
            }
            for sub in row.subresources
        ]
    return resource
