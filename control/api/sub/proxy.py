"""pods/proxy, services/proxy and nodes/proxy: HTTP carried to a pod, an endpoint or a kubelet over the lab's wire.

The packets leave from the control plane's node, so that policies judge them as they judge the node's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from control.api.refusals import not_found
from control.api.request import Answer, ApiRequest, Json, Response
from control.api.sub.kubelet import CONNECT_S, KubeletDoor, dial_words
from control.api.sub.upgrade import carry_on, upgrade_headers, wants_upgrade
from control.errors import BadRequest, ServiceUnavailable
from control.schema.resource import ResourceRow
from control.store.contract import Key, Store

_HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "host", "content-length", "authorization", "accept-encoding"}
)
_SERVICE_LABEL: Final = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Asked:
    """A name as the URL has it: ``name``, ``name:port`` or ``scheme:name:port``."""

    scheme: str
    name: str
    port: str

    @staticmethod
    def parse(text: str) -> "Asked":
        """Raises BadRequest.

        >>> Asked.parse("https:web:metrics")
        Asked(scheme='https', name='web', port='metrics')
        """
        match text.split(":"):
            case [name]:
                return Asked("", name, "")
            case [name, port]:
                return Asked("", name, port)
            case ["" | "http" | "https" as scheme, name, port]:
                return Asked(scheme, name, port)
        raise BadRequest(f'invalid proxy request "{text}"')


class ProxySubresource:
    """Every method of ``…/proxy/PATH``."""

    def __init__(self, store: Store, door: KubeletDoor) -> None:
        self._store = store
        self._door = door

    async def __call__(self, row: ResourceRow, request: ApiRequest) -> Response:
        """The other side's answer, as it comes. Raises NotFound, BadRequest, ServiceUnavailable."""
        path = request.http.rel_url.raw_path
        root, _, rest = path.partition("/proxy")
        if not rest and request.http.method in ("GET", "HEAD"):
            return Answer(b"", 301, headers={"Location": f"{root}/proxy/"})
        asked = Asked.parse(request.route.name)
        base = self._base(row, request.route.namespace, asked)
        query = request.http.rel_url.raw_query_string
        url = URL(base + (rest or "/") + (f"?{query}" if query else ""), encoded=True)
        return await self._carry(request, url, verify=row.plural == "nodes")

    def _base(self, row: ResourceRow, namespace: str, asked: Asked) -> str:
        match row.plural:
            case "nodes":
                host, port = self._door.address(asked.name)
                return f"https://{_host(host)}:{asked.port or port}"
            case "pods":
                pod = self._object("/pods", row, namespace, asked.name)
                address = pod.get("status", {}).get("podIP")
                if not address:
                    raise BadRequest("address not allowed")
                ports = [port for one in pod["spec"]["containers"] for port in one.get("ports") or ()]
                number = asked.port or str(next((port["containerPort"] for port in ports), 80))
            case _:
                address, number = self._endpoint(row, namespace, asked)
        return f"{asked.scheme or 'http'}://{_host(address)}:{number}"

    def _object(self, resource: str, row: ResourceRow, namespace: str, name: str) -> Json:
        entry = self._store.get(Key(resource, namespace, name))
        if entry is None:
            raise not_found(row, name)
        return entry.parsed()

    def _endpoint(self, row: ResourceRow, namespace: str, asked: Asked) -> tuple[str, str]:
        """A ready endpoint behind a Service's port."""
        service = self._object("/services", row, namespace, asked.name)
        ports: list[Json] = service["spec"].get("ports") or []
        for port in ports:
            if asked.port in ("", port.get("name"), str(port["port"])):
                break
        else:
            raise ServiceUnavailable(f'no service port "{asked.port}" found for service "{asked.name}"')
        for address, number in self._ready(namespace, asked.name, port.get("name", "")):
            return address, number
        raise ServiceUnavailable(f'no endpoints available for service "{asked.name}"')

    def _ready(self, namespace: str, service: str, port_name: str) -> Iterable[tuple[str, str]]:
        for entry in self._store.list("discovery.k8s.io/endpointslices", namespace):
            if entry.attributes.labels.get(_SERVICE_LABEL) != service:
                continue
            endpoint_slice = entry.parsed()
            numbers = [p["port"] for p in endpoint_slice.get("ports") or () if p.get("name", "") == port_name]
            for endpoint in endpoint_slice.get("endpoints") or ():
                if numbers and (endpoint.get("conditions") or {}).get("ready", True):
                    yield endpoint["addresses"][0], str(numbers[0])

    async def _carry(self, request: ApiRequest, url: URL, *, verify: bool) -> web.StreamResponse:
        http = request.http
        headers = (
            upgrade_headers(http)
            if wants_upgrade(http)
            else CIMultiDict(
                (name, value) for name, value in http.headers.items() if name.lower() not in _HOP_BY_HOP
            )
        )
        headers["X-Forwarded-Uri"] = http.path_qs
        headers["X-Forwarded-Proto"] = "https"
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
        body = await http.read() if http.body_exists else None
        try:
            async with self._door.session.request(
                http.method,
                url,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=limits,
                ssl=verify,
            ) as answer:
                if answer.status == 101:
                    return await carry_on(http, answer)
                kept = [
                    (name, value) for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
                ]
                stream = web.StreamResponse(status=answer.status, headers=CIMultiDict(kept))
                await stream.prepare(http)
                async for chunk in answer.content.iter_any():
                    await stream.write(chunk)
                await stream.write_eof()
                return stream
        except (aiohttp.ClientConnectionError, TimeoutError) as error:
            raise ServiceUnavailable(f"error trying to reach service: {dial_words(url, error)}") from error


def _host(address: str) -> str:
    return f"[{quote(address, safe=':')}]" if ":" in address else address
