"""Connections that a namespace tracks, as they come, change and go, with translation, state and counts.

Events over nfnetlink (NFNLGRP_CONNTRACK_NEW, _UPDATE, _DESTROY). Traffic alone makes none, and entries from before the
first listener make none in kernels that count listeners (nf_conntrack_events=2): so ``list`` is for the counts, and for
what went unheard. Source: linux/netfilter/nfnetlink_conntrack.h (kernel user API).
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address

from dataplane.errors import KernelError, NotSupported
from dataplane.model.address import HostPort
from dataplane.netns.enter import run_inside
from dataplane.nft import wire
from dataplane.nft.wire import attribute_map

_NETLINK_NETFILTER = 12
_SUBSYSTEM = wire.NFNL_SUBSYS_CTNETLINK << 8
_NEW, _GET, _DELETE = _SUBSYSTEM | 0, _SUBSYSTEM | 1, _SUBSYSTEM | 2
_GROUPS = (1, 2, 3)  # NFNLGRP_CONNTRACK_NEW, _UPDATE, _DESTROY
_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _SO_RCVBUFFORCE = 270, 1, 33
_BUFFER_BYTES, _RECEIVE_BYTES = 16 << 20, 1 << 18
_SEEN_REPLY, _ASSURED = 0x2, 0x4  # IPS_SEEN_REPLY, IPS_ASSURED
_TCP = ("NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
        "SYN_SENT2")  # fmt: skip
_SCTP = ("NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT", "SHUTDOWN_RECD",
         "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT")  # fmt: skip


class Change(StrEnum):
    """What an event says of an entry."""

    NEW = "new"
    UPDATE = "update"
    END = "end"


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one direction."""

    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Tracked:
    """One entry. source, asked: as its first packet came. answers, towards: ends of the answers, as they come in: after
    translation the endpoint, and whom it takes for the client. Ports: of ICMP its identifier.

    state: of TCP and SCTP; else assured, answered or unanswered. sent, back: None where nothing is counted
    (nf_conntrack_acct). began_ns: since 1970, 0 where it is not noted (nf_conntrack_timestamp).
    """

    number: int
    protocol: int
    source: HostPort
    asked: HostPort
    answers: HostPort
    towards: HostPort
    state: str = ""
    sent: Counts | None = None
    back: Counts | None = None
    began_ns: int = 0


class TrackingSocket:
    """Listens in one namespace until closed. lost: events that found no room; ``list`` brings what they would have."""

    def __init__(self, netns: str) -> None:
        self.netns = netns
        self.lost = 0
        self._events = run_inside(netns, _listening)
        self._asking = run_inside(netns, _plain)

    def fileno(self) -> int:
        """Readable when events wait."""
        return self._events.fileno()

    def close(self) -> None:
        """Stop listening."""
        self._events.close()
        self._asking.close()

    def read(self) -> list[tuple[Change, Tracked]]:
        """What has come since the last call, in order; never waits."""
        found: list[tuple[Change, Tracked]] = []
        while True:
            try:
                data = self._events.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            except OSError:  # ENOBUFS
                self.lost += 1
                continue
            for kind, flags, _sequence, payload in wire.messages(data):
                entry = parse(payload)
                if entry is None or kind not in (_NEW, _DELETE):
                    continue
                fresh = Change.NEW if flags & wire.NLM_F_CREATE else Change.UPDATE
                found.append((Change.END if kind == _DELETE else fresh, entry))

    def list(self) -> list[Tracked]:
        """All entries that there are, both families. Raises KernelError."""
        return list(self._dump())

    def _dump(self) -> Iterator[Tracked]:
        self._asking.send(wire.message(_GET, wire.NLM_F_DUMP, 1, 0, b""))
        while True:
            for kind, _flags, _sequence, payload in wire.messages(self._asking.recv(_RECEIVE_BYTES)):
                if kind == wire.NLMSG_DONE:
                    return
                if kind == wire.NLMSG_ERROR:
                    error = -struct.unpack_from("=i", payload)[0]
                    raise KernelError(
                        self.netns, "can't list its connections", f"errno {error}", "run as root"
                    )
                entry = parse(payload)
                if entry is not None:
                    yield entry


def parse(payload: bytes) -> Tracked | None:
    """A conntrack message without its netlink header; None for protocols without ports or identifiers."""
    parts = attribute_map(payload[4:])
    there, back = _ends(parts.get(1, b"")), _ends(parts.get(2, b""))
    if there is None or back is None:
        return None
    return Tracked(
        int.from_bytes(parts.get(12, b""), "big"), there[0], there[1], there[2], back[1], back[2],
        _state(parts), _counts(parts.get(9)), _counts(parts.get(10)),
        int.from_bytes(attribute_map(parts.get(20, b"")).get(1, b""), "big"),
    )  # fmt: skip


@lru_cache(maxsize=1 << 16)  # listings say the same again and again
def _ends(packed: bytes) -> tuple[int, HostPort, HostPort] | None:
    """Protocol, source and destination of a CTA_TUPLE."""
    parts = attribute_map(packed)
    addresses, proto = attribute_map(parts.get(1, b"")), attribute_map(parts.get(2, b""))
    source, destination = addresses.get(1) or addresses.get(3), addresses.get(2) or addresses.get(4)
    identifier = proto.get(4) or proto.get(7)  # CTA_PROTO_ICMP_ID, _ICMPV6_ID
    leaving, reaching = proto.get(2) or identifier, proto.get(3) or identifier
    if not source or not destination or leaving is None or reaching is None:
        return None
    first, second = int.from_bytes(leaving, "big"), int.from_bytes(reaching, "big")
    return proto[1][0], HostPort(ip_address(source), first), HostPort(ip_address(destination), second)


def _state(parts: dict[int, bytes]) -> str:
    info = attribute_map(parts.get(4, b""))
    for kind, names in ((1, _TCP), (3, _SCTP)):
        state = attribute_map(info.get(kind, b"")).get(1)
        if state and state[0] < len(names):
            return names[state[0]]
    status = int.from_bytes(parts.get(3, b""), "big")
    if status & _ASSURED:
        return "assured"
    return "answered" if status & _SEEN_REPLY else "unanswered"


def _counts(packed: bytes | None) -> Counts | None:
    if packed is None:
        return None
    parts = attribute_map(packed)
    return Counts(*(int.from_bytes(parts.get(kind, b""), "big") for kind in (1, 2)))


def _plain() -> socket.socket:
    """A socket for asking, in the calling thread's namespace."""
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    return made


def _listening() -> socket.socket:
    made = _plain()
    try:
        made.bind((0, 0))
        for group in _GROUPS:
            made.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
    except OSError as error:
        made.close()
        raise NotSupported("conntrack", "this kernel does not tell of its connections", str(error)) from error
    return made
