"""The internet beyond the cluster: a DNS server that knows a small part of the world, and hosts that answer.

Every name under example.com, .org, .net and .test, and a few well-known ones, has an address that follows
from the name, in 203.0.113.0/24 and 2001:db8::/32 (documentation ranges, RFC 5737 and 3849); nothing else
exists. Each of those addresses answers HTTP on :80, a line and an echo on :443 and :7 (TCP), an echo on :7
(UDP), and says what source address it saw.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256

import dns.rcode

from control.dns.datagram import DatagramPort, bound
from control.dns.echo import serve_echo, serve_http, udp_echo
from control.dns.stream import serve_stream
from control.dns.wire import NotAQuery, address_of_reverse, failure, protocol_error, read, write
from control.dns.zone import NXDOMAIN, Answer, Record

MakeSocket = Callable[[int, int, int], socket.socket]

_DOMAINS = ("example.com", "example.org", "example.net", "test")
_WELL_KNOWN = frozenset(
    {
        "github.com", "www.github.com", "api.github.com", "google.com", "www.google.com", "kubernetes.io",
        "registry.k8s.io", "docker.io", "registry-1.docker.io", "pypi.org", "deb.debian.org", "wikipedia.org",
        "www.wikipedia.org", "cloudflare.com", "amazonaws.com",
    }
)  # fmt: skip
_FIXED = {
    "dns.google": ("8.8.8.8", "2001:4860:4860::8888"),
    "example.com": ("203.0.113.10", "2001:db8::10"),
    "www.example.com": ("203.0.113.10", "2001:db8::10"),
    "example.org": ("203.0.113.11", "2001:db8::11"),
    "example.net": ("203.0.113.12", "2001:db8::12"),
}


@dataclass(frozen=True, slots=True)
class InternetPlan:
    """families: address families that the lab speaks. The ports are other than the default in tests only."""

    families: tuple[int, ...] = (socket.AF_INET, socket.AF_INET6)
    dns_port: int = 53
    http_port: int = 80
    line_ports: tuple[int, ...] = (443, 7)
    udp_echo_port: int = 7


def addresses_of(name: str) -> tuple[str, str] | None:
    """IPv4 and IPv6 address of a name, None when it does not exist.

    Hosts 20 to 219 are given by hash; lower ones are fixed, higher ones are left for load balancers.
    """
    lower = name.lower().rstrip(".")
    if lower in _FIXED:
        return _FIXED[lower]
    known = lower in _WELL_KNOWN or any(lower == d or lower.endswith(f".{d}") for d in _DOMAINS)
    if not known or lower == "test":
        return None
    digest = sha256(lower.encode()).digest()
    return (
        f"203.0.113.{20 + digest[0] % 200}",
        f"2001:db8::{0x1000 + int.from_bytes(digest[1:3], 'big') % 0xE000:x}",
    )


def answer(name: str, rtype: str) -> Answer:
    """What the internet says about a name."""
    address = address_of_reverse(name)
    if address is not None:
        names = [known for known, pair in _FIXED.items() if address in pair]
        return Answer(records=[Record(name, "PTR", names[0])]) if names else Answer(NXDOMAIN)
    found = addresses_of(name)
    if found is None:
        # A parent of a name that exists does exist: NODATA, not NXDOMAIN (RFC 8020).
        parent = any(known.endswith(f".{name.lower()}") for known in (*_WELL_KNOWN, *_DOMAINS, *_FIXED))
        return Answer() if parent or name.lower() in ("", "test") else Answer(NXDOMAIN)
    records = [Record(name, "A", found[0]), Record(name, "AAAA", found[1])]
    return Answer(records=[record for record in records if record.type == rtype])


def respond(data: bytes, *, stream: bool) -> bytes | None:
    """The answer to a message, None for what is no question."""
    try:
        query = read(data, stream=stream)
    except NotAQuery:
        return None
    wrong = protocol_error(query)
    if wrong is not None:
        return wrong
    if query.name.lower().endswith("cluster.local"):
        return failure(query, dns.rcode.NXDOMAIN)
    return write(query, answer(query.name, query.rtype), "")


async def serve(plan: InternetPlan, make_socket: MakeSocket, ready: Callable[[], None] | None = None) -> None:
    """Answer until cancelled.

    make_socket: ``(family, type, proto) -> socket`` inside the internet's namespace.
    ready: called once everything listens.
    """

    def datagram(data: bytes, _peer: tuple[str, int], reply: Callable[[bytes], None]) -> None:
        response = respond(data, stream=False)
        if response is not None:
            reply(response)

    async def message(data: bytes) -> bytes | None:
        return respond(data, stream=True)

    async with AsyncExitStack() as stack:
        for family in plan.families:

            def port(number: int, *, stream: bool, family: int = family) -> socket.socket:
                return bound(make_socket, family, number, stream=stream)

            stack.callback(DatagramPort(port(plan.dns_port, stream=False), datagram).close)
            stack.callback((await serve_stream(port(plan.dns_port, stream=True), message)).close)
            stack.callback((await serve_http(port(plan.http_port, stream=True))).close)
            for number in plan.line_ports:
                stack.callback((await serve_echo(port(number, stream=True))).close)
            stack.callback(DatagramPort(port(plan.udp_echo_port, stream=False), udp_echo).close)
        if ready is not None:
            ready()
        await asyncio.get_running_loop().create_future()
