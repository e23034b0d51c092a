"""Nodes, pods, Services and the internet as a test holds them."""

import json
import socket
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address
from typing import Any, SupportsBytes
from urllib.parse import urlsplit

from control.testkit.expect import Expected
from control.testkit.ports import Ports
from control.testkit.serve import Answering, Server, echo, serving
from control.testkit.sniff import Sniff, sniffing
from control.testkit.tap import Interface
from dataplane.model.address import Family, IPAddress
from dataplane.netns.enter import run_inside
from dataplane.observe import craft, emit
from dataplane.observe.emit import Flooded

_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for an HTTP request: status, text, and the ends of the connection as the caller saw them."""

    status: int
    text: str
    local: tuple[IPAddress, int]
    peer: tuple[IPAddress, int]


@dataclass(frozen=True)
class Place:
    """A network namespace of the lab; ip: its address in each family that it has."""

    name: str
    netns: str
    ip: Mapping[Family, IPAddress] = field(repr=False)

    @cached_property
    def eth0(self) -> Interface:
        """The place's own end of its cable."""
        return self.interface("eth0")

    def interface(self, name: str) -> Interface:
        """Another interface, ``cni0`` of a node for one."""
        return Interface(self.netns, name, self.name)

    def run(self, *command: str, timeout_s: float = 30.0) -> str:
        """What a program of the machine prints, run in this namespace; CalledProcessError when it fails."""
        words = ["ip", "netns", "exec", self.netns, *command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, words, done.stdout, done.stderr)
        return done.stdout

    def connect(self, address: IPAddress | str, port: int, *, timeout_s: float = _ANSWER_S) -> socket.socket:
        """A TCP connection from here, for the caller to close.

        Raises TimeoutError when nothing comes back, ConnectionRefusedError, OSError as connect does.
        """
        where = ip_address(address) if isinstance(address, str) else address

        def dial() -> socket.socket:
            plug = socket.socket(
                socket.AF_INET if where.version == 4 else socket.AF_INET6, socket.SOCK_STREAM
            )
            try:
                plug.settimeout(timeout_s)
                plug.connect((str(where), port))
            except BaseException:
                plug.close()
                raise
            return plug

        return run_inside(self.netns, dial)

    def can_connect(self, address: IPAddress | str, port: int, *, timeout_s: float = 1.0) -> bool:
        """Whether a TCP connection from here is answered with one."""
        try:
            self.connect(address, port, timeout_s=timeout_s).close()
        except OSError:
            return False
        return True

    def get(self, url: str, *, timeout_s: float = _ANSWER_S) -> Answer:
        """An HTTP GET from here; the URL's host is a literal address. Errors as from connect."""
        parts = urlsplit(url)
        if parts.hostname is None:
            raise ValueError(f"no host in {url!r}")
        with self.connect(parts.hostname, parts.port or 80, timeout_s=timeout_s) as plug:
            local, peer = plug.getsockname(), plug.getpeername()
            host = parts.netloc
            ask = f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            plug.sendall(ask.encode())
            heard = b"".join(iter(lambda: plug.recv(65536), b""))
        head, _, body = heard.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/") else 0
        return Answer(
            status,
            body.decode(errors="replace"),
            (ip_address(local[0]), local[1]),
            (ip_address(peer[0]), peer[1]),
        )

    def send(self, *packets: SupportsBytes) -> None:
        """IP packets made by hand, scapy's or bytes, sent from here: ``IP(src=…, dst=…, ttl=3) / UDP() / b"hello"``.

        The place's own kernel routes them; addresses (a false source, too), TTL and the rest stay as they are.
        Raises ValueError for what is no IP packet, OSError as the kernel refuses (EMSGSIZE, ENETUNREACH).
        """
        emit.emit(self.netns, *map(bytes, packets))

    def send_frame(self, *frames: SupportsBytes, interface: str = "eth0") -> None:
        """Ethernet frames made by hand, sent bit for bit out of an interface, past everything of IP here."""
        craft.inject(self.netns, interface, *map(bytes, frames))

    def flood(self, packets: Iterable[SupportsBytes], *, count: int, within_s: float = 30.0) -> Flooded:
        """``count`` packets sent as fast as it goes, the given ones in turn, all of one family.

        Returns how many the kernel took in which time. Raises TimeoutError, and errors as from ``send``.
        """
        return emit.flood(self.netns, [bytes(packet) for packet in packets], count, within_s=within_s)

    def sniff(
        self, only: Expected | None = None, *, interface: str = "eth0"
    ) -> AbstractContextManager[Sniff]:
        """Listen here for the block, from the moment it is entered; only: a matcher, else everything."""
        return sniffing(self.interface(interface), only)

    def serve(self, ports: Ports, *, answer: Answering | None = echo) -> AbstractContextManager[Server]:
        """Serve ``8080``, ``"53/UDP"`` or a list of them here for the block; answer: None hears and says nothing.

        Raises OSError for a port that is taken: a pod's that ``listens`` there.
        """
        return serving(self.netns, self.ip, ports, answer)

    def tell(self, payload: bytes, address: IPAddress, port: int, *, source_port: int = 0) -> None:
        """One UDP datagram from here, from a socket of its own."""
        self._datagram(payload, address, port, source_port, None)

    def ask(self, payload: bytes, address: IPAddress, port: int, *, timeout_s: float = _ANSWER_S) -> bytes:
        """One UDP datagram from here, and the first answer to it. Raises TimeoutError, ConnectionRefusedError."""
        return self._datagram(payload, address, port, 0, timeout_s)

    def _datagram(
        self, payload: bytes, address: IPAddress, port: int, source_port: int, timeout_s: float | None
    ) -> bytes:
        def speak() -> bytes:
            family, anything = (
                (socket.AF_INET, "0.0.0.0") if address.version == 4 else (socket.AF_INET6, "::")
            )
            with socket.socket(family, socket.SOCK_DGRAM) as mouth:
                mouth.settimeout(timeout_s)
                mouth.bind((anything, source_port))
                mouth.connect((str(address), port))
                mouth.send(payload)
                return mouth.recv(65536) if timeout_s is not None else b""

        return run_inside(self.netns, speak)


@dataclass(frozen=True)
class Node(Place):
    """A node of the lab."""

    @cached_property
    def cni0(self) -> Interface:
        """The bridge of its pods: the node's own end of it, where what is routed to and from pods passes."""
        return self.interface("cni0")

    def port(self, pod: "Pod") -> Interface:
        """The node's end of a pod's cable, a port of ``cni0``: there a packet of the pod is not translated yet."""
        (own,) = json.loads(pod.run("ip", "-json", "link", "show", "eth0"))
        for link in json.loads(self.run("ip", "-json", "link")):
            if link["ifindex"] == own.get("link_index"):
                return self.interface(link["ifname"])
        raise LookupError(f"{pod.name} is not plugged into {self.name}")

    def nft(self, table: str) -> str:
        """One of our tables as ``nft`` lists it: ``inet podwire-services``."""
        return self.run("nft", "list", "table", *table.split())


@dataclass(frozen=True)
class Pod(Place):
    """A pod that a test made; node: where it runs; labels: what Services and policies select it by."""

    namespace: str = ""
    node: str = ""
    uid: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    object: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Service:
    """A Service that a test made; ip: its ClusterIP in each family; port: its first port."""

    name: str
    namespace: str
    ip: Mapping[Family, IPAddress]
    port: int
    node_port: int | None
    object: Mapping[str, Any] = field(repr=False)

    def url(self, family: Family) -> str:
        """http://ADDRESS:PORT/ in that family."""
        return url_of(self.ip[family], self.port)


def url_of(address: IPAddress, port: int) -> str:
    """http://ADDRESS:PORT/, with brackets where the address needs them."""
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{host}:{port}/"


def by_family(addresses: list[str]) -> dict[Family, IPAddress]:
    """Addresses by family, the first of each."""
    found: dict[Family, IPAddress] = {}
    for address in map(ip_address, addresses):
        found.setdefault(Family.of(address), address)
    return found
