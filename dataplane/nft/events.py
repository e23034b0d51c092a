"""nf_tables' trace events of one namespace: which rule or policy did what with a packet that is traced.

The kernel tells of a packet whose ``meta nftrace`` is set, of every base chain that it enters and every rule
that matches there. Events come without a time stamp, in the order in which they happened in that namespace.
Source: linux/netfilter/nf_tables.h (enum nft_trace_attributes), net/netfilter/nf_tables_trace.c.
"""

import socket
import struct
from dataclasses import dataclass
from enum import IntEnum

from dataplane.errors import NotSupported
from dataplane.netns.enter import run_inside
from dataplane.nft import wire
from dataplane.nft.instruction import VerdictCode
from dataplane.nft.ruleset import FAMILIES
from dataplane.nft.statement import Verdict
from dataplane.nft.wire import as_text, as_u32, attribute_map

_NETLINK_NETFILTER = 12
_GROUP_NFTRACE = 9  # NFNLGRP_NFTRACE
_MSG_TRACE = wire.NFNL_SUBSYS_NFTABLES << 8 | 17  # NFT_MSG_TRACE
_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _NETLINK_NO_ENOBUFS = 270, 1, 5
_SO_RCVBUFFORCE = 33
_BUFFER_BYTES, _RECEIVE_BYTES = 16 << 20, 1 << 16
_FAMILY_NAMES = {number: name for name, number in FAMILIES.items()} | {5: "netdev"}


class TraceKind(IntEnum):
    """What an event is about (enum nft_trace_types)."""

    POLICY = 1
    RETURN = 2
    RULE = 3


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """One step of one packet through a ruleset.

    packet: the kernel's number for the packet while it is in this namespace. handle: of the rule; 0 for a
    chain's policy. incoming, outgoing: indexes of links, 0 where there is none yet (or any more).
    network, transport: the first bytes of those headers, given with a base chain's first event only.
    """

    family: str
    table: str
    chain: str
    handle: int
    kind: TraceKind
    verdict: Verdict
    packet: int
    incoming: int
    outgoing: int
    network: bytes = b""
    transport: bytes = b""

    @property
    def drops(self) -> bool:
        """The packet ended here."""
        return self.verdict.code is VerdictCode.DROP


class TraceSocket:
    """Listens in one namespace from when it is made until it is closed. ``fileno`` for a selector.

    lost: the kernel had to leave events out because nobody read in time.
    """

    def __init__(self, netns: str) -> None:
        self.netns = netns
        self.lost = False
        self._socket = run_inside(netns, _open)

    def fileno(self) -> int:
        """Of the socket."""
        return self._socket.fileno()

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()

    def read(self) -> list[TraceEvent]:
        """What has come since the last call, in order; never waits."""
        found: list[TraceEvent] = []
        while True:
            try:
                data = self._socket.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return found
            except OSError:  # ENOBUFS
                self.lost = True
                continue
            for kind, _flags, _sequence, payload in wire.messages(data):
                if kind == _MSG_TRACE:
                    found.append(parse(payload))


def parse(payload: bytes) -> TraceEvent:
    """A NFT_MSG_TRACE message without its netlink header.

    Between messages of one packet only the first of each base chain carries headers and links.
    """
    parts = attribute_map(payload[4:])
    verdict = Verdict(VerdictCode.CONTINUE)
    if 5 in parts:
        inner = attribute_map(parts[5])
        code = struct.unpack(">i", inner[1])[0]
        # Verdicts carry errno or queue numbers above their low byte; only the low byte decides.
        known = code if code < 0 else code & 0xFF
        verdict = (
            Verdict(VerdictCode(known), as_text(inner.get(2, b"")))
            if known in VerdictCode._value2member_map_
            else Verdict(VerdictCode.ACCEPT)
        )
    elif 16 in parts:
        verdict = Verdict(VerdictCode.ACCEPT if as_u32(parts[16]) else VerdictCode.DROP)
    return TraceEvent(
        _FAMILY_NAMES.get(payload[0], str(payload[0])),
        as_text(parts.get(1, b"")),
        as_text(parts.get(2, b"")),
        int.from_bytes(parts.get(3, b""), "big"),
        TraceKind(as_u32(parts[4])) if 4 in parts else TraceKind.RULE,
        verdict,
        as_u32(parts.get(6, b"")),
        as_u32(parts.get(10, b"")),
        as_u32(parts.get(12, b"")),
        parts.get(8, b""),
        parts.get(9, b""),
    )


def _open() -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        made.bind((0, 0))
        made.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, _GROUP_NFTRACE)
    except OSError as error:
        made.close()
        raise NotSupported(
            "nf_tables", "this kernel can't trace packets through rules", str(error)
        ) from error
    return made
