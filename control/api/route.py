"""URL and method → what is asked for, as upstream's RequestInfo resolves it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

_NAMESPACE_SUBRESOURCES: Final = frozenset({"status", "finalize"})
_VERBS: Final[Mapping[str, str]] = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


@dataclass(frozen=True, slots=True)
class Route:
    """What a request addresses.

    verb: get, list, watch, create, update, patch, delete, deletecollection; for what is no resource the method.
    rest: of a subresource's URL what follows it (``proxy/…``).
    """

    path: str
    verb: str
    is_resource: bool = False
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    rest: str = ""

    @property
    def what(self) -> str:
        """For audit and logs."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def parse(method: str, path: str, query: Mapping[str, str]) -> Route:
    """The route of a request; ``path`` as on the wire (percent-encoded), without the query.

    >>> parse("GET", "/apis/apps/v1/namespaces/shop/deployments/cart/scale", {}).what
    'deployments/scale'
    >>> parse("GET", "/api/v1/watch/namespaces/shop/pods", {}).verb
    'watch'
    """
    parts = [unquote(part) for part in path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":
        group, version, rest = "", parts[1], parts[2:]
    elif len(parts) >= 4 and parts[0] == "apis":
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return Route(path, method.lower())
    verb = _VERBS.get(method, method.lower())
    if rest[0] == "watch" and len(rest) > 1:
        verb, rest = "watch", rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 2:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource, *more = (*rest[:3], "", "", "")[:3] + tuple(rest[3:])
    if resource == "namespaces":
        namespace = name
    verb = _collection_verb(verb, name, query)
    return Route(
        path=path,
        verb=verb,
        is_resource=True,
        group=group,
        version=version,
        namespace=namespace,
        resource=resource,
        name=name or (_field_name(query) if verb == "watch" else ""),
        subresource=subresource,
        rest="/".join(more),
    )


def _collection_verb(verb: str, name: str, query: Mapping[str, str]) -> str:
    if verb == "get" and _is_true(query.get("watch")):
        return "watch"
    if name:
        return verb
    return {"get": "list", "delete": "deletecollection"}.get(verb, verb)


def _field_name(query: Mapping[str, str]) -> str:
    """A watch on ``metadata.name=x`` is about that name."""
    selector = query.get("fieldSelector", "")
    return selector.removeprefix("metadata.name=") if selector.startswith("metadata.name=") else ""


def _is_true(text: str | None) -> bool:
    return text is not None and text.lower() not in ("0", "false")
