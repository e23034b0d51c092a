"""The connections that a namespace tracks: what a packet asked for, and who answers."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from dataplane.errors import KernelError
from dataplane.model.address import HostPort
from dataplane.netns.enter import run_inside
from dataplane.nft import wire

_NETLINK_NETFILTER = 12
_GET = wire.NFNL_SUBSYS_CTNETLINK << 8 | 1  # IPCTNL_MSG_CT_GET
_RECEIVE_BYTES = 1 << 18
_SO_RCVBUFFORCE = 33


@dataclass(frozen=True, slots=True)
class TrackedFlow:
    """One conntrack entry with ports.

    source, asked: as the first packet came. answers: who really answers, after translation.
    """

    protocol: int
    source: HostPort
    asked: HostPort
    answers: HostPort


def tracked(netns: str) -> list[TrackedFlow]:
    """All flows with ports that a namespace tracks, both families. Raises KernelError."""
    return run_inside(netns, lambda: list(_dump(netns)))


def _dump(netns: str) -> Iterator[TrackedFlow]:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as ask:
        ask.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 16 << 20)
        ask.send(wire.message(_GET, wire.NLM_F_DUMP, 1, 0, b""))
        while True:
            for kind, _flags, _sequence, payload in wire.messages(ask.recv(_RECEIVE_BYTES)):
                if kind == wire.NLMSG_DONE:
                    return
                if kind == wire.NLMSG_ERROR:
                    error = -struct.unpack_from("=i", payload)[0]
                    raise KernelError(netns, "can't list its connections", f"errno {error}", "run as root")
                flow = _flow(wire.attribute_map(payload[4:]))
                if flow is not None:
                    yield flow


def _flow(parts: dict[int, bytes]) -> TrackedFlow | None:
    original, reply = _tuple(parts.get(1, b"")), _tuple(parts.get(2, b""))
    if original is None or reply is None:
        return None
    return TrackedFlow(original[0], original[1], original[2], reply[1])


def _tuple(packed: bytes) -> tuple[int, HostPort, HostPort] | None:
    """Protocol, source and destination of a CTA_TUPLE; None for protocols without ports."""
    parts = wire.attribute_map(packed)
    addresses, proto = wire.attribute_map(parts.get(1, b"")), wire.attribute_map(parts.get(2, b""))
    source, destination = addresses.get(1) or addresses.get(3), addresses.get(2) or addresses.get(4)
    if not source or not destination or 2 not in proto or 3 not in proto:
        return None
    return (
        proto[1][0],
        HostPort(ip_address(source), int.from_bytes(proto[2], "big")),
        HostPort(ip_address(destination), int.from_bytes(proto[3], "big")),
    )
