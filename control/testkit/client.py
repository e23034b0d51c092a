"""The Kubernetes API from a test: plain synchronous calls over loopback. Objects are JSON dictionaries."""

import builtins
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from control.client.resources import Resource
from control.errors import ApiError, NotFound
from control.schema.resource import registry

Json = dict[str, Any]
_ANSWER_S = 30.0
APPLIER = "podwire-testkit"


def resource_of(obj: Mapping[str, Any]) -> Resource:
    """Where an object of a built-in kind is served. LookupError for other kinds."""
    row = registry().by_kind(obj["apiVersion"], obj["kind"])
    if row is None:
        raise LookupError(f"no resource for {obj['apiVersion']} {obj['kind']}")
    return Resource(row.group, row.version, row.plural, row.namespaced)


class TestClient:
    """A client for tests; each call is a connection of its own, so that nothing is left open in between.

    tls: makes the TLS context, when it is first needed.
    """

    __test__ = False  # pytest: its name begins as those of tests do

    def __init__(self, port: int, tls: Callable[[], ssl.SSLContext]) -> None:
        self.port, self._make_tls = port, tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._make_tls()

    def resource_of(self, obj: Mapping[str, Any]) -> Resource:
        """Where an object is served, as the server itself tells it of kinds that users added. Raises LookupError."""
        try:
            return resource_of(obj)
        except LookupError:
            group, _, version = obj["apiVersion"].rpartition("/")
            try:
                found = self.request("GET", f"/apis/{group}/{version}" if group else f"/api/{version}")
            except NotFound:
                found = {}
            for one in found.get("resources") or ():
                if one["kind"] == obj["kind"] and "/" not in one["name"]:
                    return Resource(group, version, one["name"], one["namespaced"])
            raise

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Json:
        """One request; raises the ApiError that the answer tells of, OSError when there is none."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self._tls, timeout=_ANSWER_S)
        try:
            headers = {"Accept": "application/json", "Content-Type": content_type}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise ApiError.from_status(json.loads(text))
        document: Json = json.loads(text)
        return document

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Json:
        """The object. Raises NotFound."""
        return self.request("GET", resource.path(namespace, name))

    def find(self, resource: Resource, name: str, namespace: str | None = None) -> Json | None:
        """The object, None when it is not there."""
        try:
            return self.get(resource, name, namespace)
        except NotFound:
            return None

    def list(self, resource: Resource, namespace: str | None = None, **selectors: str) -> list[Json]:
        """The items; selectors: labelSelector, fieldSelector."""
        query = f"?{urlencode(selectors)}" if selectors else ""
        items: list[Json] = self.request("GET", resource.path(namespace) + query).get("items") or []
        return items

    def create(self, obj: Json, namespace: str | None = None) -> Json:
        """Create an object where its kind belongs; its own namespace goes first."""
        resource = self.resource_of(obj)
        where = obj["metadata"].get("namespace") or namespace
        return self.request("POST", resource.path(where if resource.namespaced else None), obj)

    def replace(self, obj: Json) -> Json:
        """Update an object; its resourceVersion, if it has one, must be the current one."""
        meta = obj["metadata"]
        return self.request("PUT", self.resource_of(obj).path(meta.get("namespace"), meta["name"]), obj)

    def patch(self, resource: Resource, name: str, namespace: str | None, body: Any) -> Json:
        """Merge a patch into an object (RFC 7396)."""
        return self.request(
            "PATCH", resource.path(namespace, name), body, "application/merge-patch+json"
        )  # fmt: skip

    def apply(self, obj: Json, namespace: str | None = None) -> Json:
        """Server-side apply of an object, in that namespace if it names none; what others own of it is taken."""
        resource = self.resource_of(obj)
        where = obj["metadata"].get("namespace") or namespace
        path = resource.path(where if resource.namespaced else None, obj["metadata"]["name"])
        query = urlencode({"fieldManager": APPLIER, "force": "true"})
        return self.request("PATCH", f"{path}?{query}", obj, "application/apply-patch+yaml")

    def delete(
        self, resource: Resource, name: str, namespace: str | None = None, *, grace_s: int | None = None
    ) -> None:
        """Delete an object; gone already is fine."""
        options = {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        try:
            self.request("DELETE", resource.path(namespace, name), options)
        except NotFound:
            return

    def apply_yaml(self, manifests: str | Path, namespace: str = "default") -> "builtins.list[Json]":
        """`apply` of each object in a YAML text, or in a file by its path; as they are then, in order."""
        text = manifests.read_text() if isinstance(manifests, Path) else manifests
        return [self.apply(obj, namespace) for obj in yaml.safe_load_all(text) if obj]
