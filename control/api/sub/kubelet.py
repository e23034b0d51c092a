"""The way to kubelets: sockets dialled in the control plane's node, TLS with the API server's own certificate.

What the wire does to a packet it does here: a node that is cut off can't be asked for its logs.
"""

import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from yarl import URL

from control.api.config import ApiConfig
from control.api.refusals import not_found
from control.api.request import Json
from control.client.sockets import watchful
from control.errors import BadRequest, InternalError, NotFound
from control.names import KUBELET_PORT
from control.schema.resource import ResourceRow
from control.store.contract import Key, Store

CONNECT_S: Final = 10.0
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Place:
    """A container and the kubelet that runs it; ``host`` is empty while the pod has no node."""

    host: str
    port: int
    namespace: str
    pod: str
    container: str

    def url(self, what: str, query: Query) -> URL:
        """``https://HOST:10250/WHAT/NAMESPACE/POD/CONTAINER?…``."""
        path = f"/{what}/{self.namespace}/{self.pod}" + (f"/{self.container}" if self.container else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return URL(f"https://{host}:{self.port}").with_path(path).with_query(list(query))


class KubeletDoor:
    """Opens connections to kubelets. One session, opened when it is first needed."""

    def __init__(self, store: Store, config: ApiConfig) -> None:
        self._store = store
        self._config = config
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """aiohttp's client with our sockets."""
        if self._session is None:
            context = ssl.create_default_context(cafile=str(self._config.client_ca))
            if self._config.kubelet_cert is not None:
                context.load_cert_chain(self._config.kubelet_cert, self._config.kubelet_key)
            connector = aiohttp.TCPConnector(
                ssl=context, socket_factory=self._dial, limit=0, happy_eyeballs_delay=None, force_close=True
            )
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self._session

    def _dial(self, info: Any) -> socket.socket:
        make = self._config.dial.socket if self._config.dial is not None else socket.socket
        return watchful(make(int(info[0]), int(info[1]), int(info[2])))

    def place(self, row: ResourceRow, namespace: str, name: str, container: str) -> Place:
        """Where a pod's container runs; its only container when none is named. Raises NotFound, BadRequest."""
        pod = self._pod(row, namespace, name)
        return self._place(pod, chosen_container(pod, container))

    def pod_place(self, row: ResourceRow, namespace: str, name: str) -> Place:
        """Where a pod runs, whatever its containers. Raises NotFound."""
        return self._place(self._pod(row, namespace, name), "")

    def _pod(self, row: ResourceRow, namespace: str, name: str) -> Json:
        entry = self._store.get(Key("/pods", namespace, name))
        if entry is None:
            raise not_found(row, name)
        return entry.parsed()

    def _place(self, pod: Json, container: str) -> Place:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        node = pod["spec"].get("nodeName", "")
        host, port = self.address(node) if node else ("", 0)
        return Place(host, port, namespace, name, container)

    def address(self, node: str) -> tuple[str, int]:
        """Where a node's kubelet answers. Raises NotFound, InternalError."""
        entry = self._store.get(Key("/nodes", "", node))
        if entry is None:
            raise NotFound(f'nodes "{node}" not found', details={"name": node, "kind": "nodes"})
        status = entry.parsed().get("status", {})
        addresses = status.get("addresses") or ()
        host = next((one["address"] for one in addresses if one["type"] == "InternalIP"), "")
        if not host:
            raise InternalError(f"no preferred addresses found; known addresses: {list(addresses)}")
        port = status.get("daemonEndpoints", {}).get("kubeletEndpoint", {}).get("Port") or KUBELET_PORT
        return host, port

    @asynccontextmanager
    async def get(self, url: URL, headers: Mapping[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """A GET whose answer may last. Raises InternalError when the kubelet can't be reached."""
        limits = aiohttp.ClientTimeout(total=None, connect=CONNECT_S, sock_connect=CONNECT_S)
        try:
            async with self.session.get(url, headers=headers, timeout=limits) as answer:
                yield answer
        except (aiohttp.ClientConnectorError, TimeoutError) as error:
            raise unreachable(url, error) from error


def unreachable(url: URL, error: Exception) -> InternalError:
    """In the words of upstream's Go client."""
    return InternalError(f'Get "{url}": {dial_words(url, error)}')


def dial_words(url: URL, error: Exception) -> str:
    """What Go's dialler says of a connection that did not come about."""
    where = f"{url.host}:{url.port}"
    os_error = getattr(error, "os_error", None)
    if isinstance(error, TimeoutError) or isinstance(os_error, TimeoutError):
        why = "i/o timeout"
    elif isinstance(os_error, ConnectionRefusedError):
        why = "connect: connection refused"
    elif os_error is not None and os_error.errno == 113:
        why = "connect: no route to host"
    else:
        why = str(os_error or error)
    return f"dial tcp {where}: {why}"


def chosen_container(pod: Json, container: str) -> str:
    """The container that is meant. Raises BadRequest."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    every = [one["name"] for kind in _CONTAINERS for one in spec.get(kind) or ()]
    if container:
        if container not in every:
            raise BadRequest(f"container {container} is not valid for pod {name}")
        return container
    default = (pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container")
    mains = [one["name"] for one in spec["containers"]]
    if default in mains:
        return str(default)
    if len(mains) > 1:
        inits = [one["name"] for one in spec.get("initContainers") or ()]
        choices = f"choose one of: [{' '.join(mains)}]" + (
            f" or one of the init containers: [{' '.join(inits)}]" if inits else ""
        )
        raise BadRequest(f"a container name must be specified for pod {name}, {choices}")
    return str(mains[0])
