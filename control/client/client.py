"""A client of the API server: JSON over TLS on aiohttp, with sockets that the caller may make.

ControlError
└ ApiUnreachable    no answer came: connection refused, timed out, broken; retry later
ApiError leaves (control.errors) are the server's own answers.
"""

import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self

import aiohttp
import orjson

from control.client.lines import parse_event, split_lines
from control.client.resources import Resource
from control.client.sockets import trouble, watchful
from control.errors import ApiError, ControlError
from dataplane.patience import patient

Json = dict[str, Any]
PatchType = Literal["merge", "strategic", "json", "apply"]
ParseEvent = Callable[[bytes], Json]
MakeSocket = Callable[[int, int, int], socket.socket]

PATCH_CONTENT: Final[Mapping[str, str]] = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}
AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
CONNECT_S: Final = 10.0
ANSWER_S: Final = 30.0


class ApiUnreachable(ControlError):
    """No answer came from the API server; the request may or may not have been carried out."""


@dataclass(frozen=True, slots=True)
class ObjectList:
    """A consistent list: its items, and the revision to watch from."""

    items: list[Json]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK. The object may be shared: read only."""

    type: str
    object: Json


class ApiClient:
    """An API server's client; use as an async context manager.

    url: with a literal address (a name would be resolved in the process's own network namespace).
    make_socket: ``(family, type, proto) -> socket``, made in the node's namespace; None is this process's.
    token: called for each request; gives a bearer token, where the TLS context has no client certificate.
    """

    def __init__(
        self,
        url: str,
        ssl_context: ssl.SSLContext | None,
        *,
        make_socket: MakeSocket | None = None,
        user_agent: str = "podwire",
        token: Callable[[], str] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._ssl = ssl_context
        self._make_socket = make_socket or socket.socket
        self._headers = {"User-Agent": user_agent, "Accept": "application/json"}
        self._token = token
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            ssl=self._ssl if self._ssl is not None else True,
            socket_factory=self._socket,
            limit=0,
            use_dns_cache=False,
            happy_eyeballs_delay=None,
            keepalive_timeout=60.0,
        )
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers, auto_decompress=True, raise_for_status=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _socket(self, info: Any) -> socket.socket:
        """A socket of the right place that notices a cut wire."""
        return watchful(self._make_socket(int(info[0]), int(info[1]), int(info[2])))

    def _identity(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token()}"} if self._token is not None else {}

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ApiUnreachable("the client is closed")
        return self._session

    async def request(  # noqa: PLR0913 (a request's own parts)
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "",
        timeout_s: float | None = None,
    ) -> bytes:
        """One request; the body of a 2xx answer.

        body: anything JSON, or bytes as they are. Raises ApiError leaves and ApiUnreachable.
        """
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        headers = self._identity()
        if data is not None:
            headers["Content-Type"] = content_type
        if accept:
            headers["Accept"] = accept
        try:
            async with self._open.request(
                method,
                self.url + path,
                params=query or None,
                data=data,
                headers=headers,
                timeout=aiohttp.ClientTimeout(
                    total=timeout_s or patient(ANSWER_S), sock_connect=patient(CONNECT_S)
                ),
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnreachable(f"{method} {self.url}{path}: {trouble(error)}") from error
        if answer.status >= 400:
            raise error_of(answer.status, content)
        return content

    async def discover(self) -> "list[Resource]":
        """What the server serves (each in the most preferred version that has it), by aggregated discovery."""
        found: list[Resource] = []
        for path in ("/api", "/apis"):
            groups = _object(await self.request("GET", path, accept=AGGREGATED)).get("items") or []
            for group in groups:
                name = group["metadata"].get("name", "")
                served: dict[str, Resource] = {}
                for version in group["versions"]:
                    for one in version["resources"]:
                        namespaced = one["scope"] == "Namespaced"
                        verbs = tuple(one.get("verbs") or ())
                        resource = Resource(name, version["version"], one["resource"], namespaced, verbs)
                        served.setdefault(one["resource"], resource)
                found += served.values()
        return found

    async def get(
        self, res: Resource, name: str, namespace: str | None = None, *, subresource: str | None = None
    ) -> Json:
        """The object; NotFound when it is not there."""
        return _object(await self.request("GET", res.path(namespace, name, subresource)))

    async def list(
        self,
        res: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
    ) -> ObjectList:
        """All objects of one moment, and the revision of that moment."""
        query = _query(
            labelSelector=label_selector, fieldSelector=field_selector, resourceVersion=resource_version
        )
        answer = _object(await self.request("GET", res.path(namespace), query=query))
        return ObjectList(answer.get("items") or [], answer["metadata"]["resourceVersion"])

    async def mark(self, res: Resource) -> None:
        """Have the server send all watches of the resource a bookmark now. Others answer the list and send none."""
        await self.request("GET", res.path(None), query=_query(allowWatchBookmarks="true", limit="1"))

    async def create(
        self,
        res: Resource,
        obj: Json,
        namespace: str | None = None,
        *,
        name: str | None = None,
        subresource: str | None = None,
    ) -> Json:
        """Create the object (in its own metadata.namespace when ``namespace`` is not given).

        With ``name`` and ``subresource`` it is posted there: ``pods/NAME/binding``, ``pods/NAME/eviction``.
        """
        where = namespace or obj.get("metadata", {}).get("namespace")
        return _object(await self.request("POST", res.path(where, name, subresource), body=obj))

    async def update(self, res: Resource, obj: Json, *, subresource: str | None = None) -> Json:
        """Replace; Conflict when its resourceVersion is not the current one."""
        meta = obj["metadata"]
        path = res.path(meta.get("namespace"), meta["name"], subresource)
        return _object(await self.request("PUT", path, body=obj))

    async def patch(  # noqa: PLR0913 (the request's own parts)
        self,
        res: Resource,
        name: str,
        namespace: str | None,
        body: Any,
        *,
        patch_type: PatchType = "merge",
        subresource: str | None = None,
        field_manager: str = "",
        force: bool = False,
    ) -> Json:
        """Change part of an object. ``apply`` needs ``field_manager``."""
        query = _query(fieldManager=field_manager, force="true" if force else "")
        path = res.path(namespace, name, subresource)
        content = PATCH_CONTENT[patch_type]
        return _object(await self.request("PATCH", path, query=query, body=body, content_type=content))

    async def delete(  # noqa: PLR0913 (DeleteOptions' own fields)
        self,
        res: Resource,
        name: str,
        namespace: str | None = None,
        *,
        grace_s: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] | None = None,
    ) -> Json:
        """Delete; the answer is the object as it now is, or a Status. Preconditions raise Conflict."""
        options: Json = {"kind": "DeleteOptions", "apiVersion": "v1"}
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        if wanted := {key: value for key, value in preconditions.items() if value is not None}:
            options["preconditions"] = wanted
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        if propagation is not None:
            options["propagationPolicy"] = propagation
        return _object(await self.request("DELETE", res.path(namespace, name), body=options))

    async def watch(  # noqa: PLR0913 (ListOptions' own fields)
        self,
        res: Resource,
        *,
        namespace: str | None = None,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout_s: int = 300,
        initial: bool = False,
        parse: ParseEvent = parse_event,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Events after ``resource_version``, until the server ends the watch (then it just returns).

        initial: first what is there, as ADDED, up to a BOOKMARK with the annotation INITIAL_END; one stream
        in place of a list and a watch, and objects are parsed once for all clients of the process.
        parse: a line to its event, for who needs only a part of the objects; an ERROR whole.
        Expired (410) when the revision is compacted away: list again. Close it with ``aclosing``.
        """
        query = _query(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            timeoutSeconds=str(timeout_s),
            sendInitialEvents="true" if initial else "",
            resourceVersionMatch="NotOlderThan" if initial else "",
        )
        path = res.path(namespace)
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=patient(CONNECT_S), sock_read=timeout_s + patient(ANSWER_S)
        )
        try:
            async with self._open.get(
                self.url + path, params=query, headers=self._identity(), timeout=limits
            ) as answer:
                if answer.status >= 400:
                    raise error_of(answer.status, await answer.read())
                async for line in split_lines(answer.content.iter_any()):
                    event = parse(line)
                    if event["type"] == "ERROR":
                        raise ApiError.from_status(event["object"])
                    yield WatchEvent(event["type"], event["object"])
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnreachable(f"watch {self.url}{path}: {trouble(error)}") from error


def error_of(status: int, content: bytes) -> ApiError:
    """The ApiError of an answer: its Status object, or its code with the body as the message."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        body = {}
    if not isinstance(body, dict) or body.get("kind") != "Status":
        body = {"code": status, "message": content[:500].decode(errors="replace")}
    return ApiError.from_status(body)


def _object(content: bytes) -> Json:
    value = orjson.loads(content)
    if not isinstance(value, dict):
        raise ApiUnreachable(f"the answer is no object: {content[:80]!r}")
    return value


def _query(**params: str) -> dict[str, str]:
    return {key: value for key, value in params.items() if value}
