"""The cluster's DNS server, as it runs in its pod: watches the API with its ServiceAccount, answers on :53."""

import argparse
import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from control.client.client import ApiClient
from control.client.clock import SystemClock
from control.client.informer import Informer
from control.client.resources import ENDPOINTSLICES, NAMESPACES, SERVICES
from control.dns.addon import HEALTH_PORT, READY_PORT
from control.dns.datagram import DatagramPort, bound
from control.dns.forward import Forwarder
from control.dns.health import serve_page
from control.dns.records import ClusterRecords
from control.dns.responder import Responder
from control.dns.stream import serve_stream
from control.dns.zone import Zone

log = logging.getLogger(__name__)
_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class DnsSettings:
    """What the container's arguments and environment say.

    account: directory with ``token`` and ``ca.crt``. health_port, ready_port: 0 lets the kernel choose.
    """

    domain: str
    upstreams: tuple[str, ...]
    api_url: str
    account: Path = _ACCOUNT
    port: int = 53
    health_port: int = HEALTH_PORT
    ready_port: int = READY_PORT


def settings(argv: Sequence[str], env: Mapping[str, str]) -> DnsSettings:
    """Read arguments and environment."""
    parser = argparse.ArgumentParser(prog="dns", description="podwire's DNS server of the cluster")
    parser.add_argument("-domain", default="cluster.local", help="the cluster's domain")
    parser.add_argument("-upstream", action="append", help="resolver of all other names; may be repeated")
    parser.add_argument("-port", type=int, default=53)
    given = parser.parse_args(list(argv))
    host = env.get("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    port = env.get("KUBERNETES_SERVICE_PORT", "443")
    return DnsSettings(
        domain=given.domain,
        upstreams=tuple(given.upstream or ("8.8.8.8",)),
        api_url=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        port=given.port,
    )


class DnsServer:
    """Sockets, informers and the zone; use ``run``."""

    def __init__(self, config: DnsSettings, client: ApiClient) -> None:
        self._config = config
        self._records = ClusterRecords()
        self._zone = Zone(config.domain, self._records)
        self._informers = {
            res.plural: Informer(client, res) for res in (NAMESPACES, SERVICES, ENDPOINTSLICES)
        }
        self._informers["namespaces"].on_change(self._records.put_namespace)
        self._informers["services"].on_change(self._records.put_service)
        self._informers["endpointslices"].on_change(self._records.put_slice)
        self.ports: dict[str, int] = {}
        self.listening = asyncio.Event()

    def missing(self) -> str:
        """Collections that have not been read yet, "" when all were."""
        return ",".join(name for name, informer in self._informers.items() if not informer.synced.is_set())

    async def run(self) -> None:
        """Serve until cancelled."""
        forwarder = Forwarder(self._config.upstreams, SystemClock())
        responder = Responder(self._zone, forwarder, lambda: not self.missing())
        async with AsyncExitStack() as stack:
            await self._listen(stack, responder)
            self.listening.set()
            async with asyncio.TaskGroup() as group:
                for name, informer in self._informers.items():
                    group.create_task(informer.run(), name=f"dns informer {name}")

    async def _listen(self, stack: AsyncExitStack, responder: Responder) -> None:
        families = [socket.AF_INET] + ([socket.AF_INET6] if _has_ipv6() else [])
        for family in families:
            udp = bound(socket.socket, family, self._config.port, stream=False)
            stack.callback(DatagramPort(udp, responder.datagram).close)
            tcp = bound(socket.socket, family, self._config.port, stream=True)
            stack.callback((await serve_stream(tcp, responder.stream)).close)
            pages = (
                ("/health", self._config.health_port, lambda: ""),
                ("/ready", self._config.ready_port, self.missing),
            )
            for path, port, missing in pages:
                sock = bound(socket.socket, family, port, stream=True)
                self.ports.setdefault(path, sock.getsockname()[1])
                stack.callback((await serve_page(sock, path, missing)).close)


def _has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _client(config: DnsSettings) -> ApiClient:
    context = ssl.create_default_context(cafile=str(config.account / "ca.crt"))
    token = config.account / "token"
    # The kubelet renews the token: it is read again for each request.
    return ApiClient(
        config.api_url, context, user_agent="podwire-dns", token=lambda: token.read_text().strip()
    )


async def _serve(config: DnsSettings) -> None:
    async with _client(config) as client:
        serving = asyncio.ensure_future(DnsServer(config, client).run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        log.info("zone %s, upstream %s", config.domain, ", ".join(config.upstreams))
        with suppress(asyncio.CancelledError):
            await serving


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run until SIGTERM; the exit code of the container."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    asyncio.run(_serve(settings(argv, env)))
    return 0
