"""Listening at an interface: a packet socket in its namespace, each frame with its time and what the kernel said of it."""

import socket
import struct
import time
from dataclasses import dataclass, field

from dataplane.netns.enter import run_inside

_ETH_P_ALL = 0x0003
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_AUXDATA = 263, 6, 8
_TP_STATUS_CSUMNOTREADY = 1 << 3
_BUFFER_BYTES = 64 << 20
_SNAP_BYTES = 65_600
_ANCILLARY_BYTES = socket.CMSG_SPACE(20) + socket.CMSG_SPACE(16)


@dataclass(frozen=True, slots=True)
class Interface:
    """One end of a cable: a namespace and a name in it. place: whose it is, for people."""

    netns: str
    name: str
    place: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.place or self.netns} {self.name}"


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it passed, Ethernet header first. at_ns: since 1970, by one clock for all interfaces.

    unfinished: a checksum in it is still to be written (by a network card; on veth nobody does).
    """

    data: bytes
    at_ns: int = 0
    unfinished: bool = False


class Tap:
    """A packet socket bound to an interface, listening from the moment it is made.

    Raises NamespaceGone, and OSError for an interface that does not exist.
    """

    def __init__(self, interface: Interface) -> None:
        self.interface = interface
        self.frames: list[Frame] = []
        self.missed = 0
        """Frames that passed while the buffer was full."""
        self._socket = _bound(interface)

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Take in what has come."""
        while True:
            try:
                data, ancillary, _flags, _sender = self._socket.recvmsg(_SNAP_BYTES, _ANCILLARY_BYTES)
            except OSError:  # nothing more for now; or the interface went away: what it showed stays
                break
            self.frames.append(_frame(data, ancillary))

    def close(self) -> None:
        """End listening; what came stays in ``frames``."""
        # struct tpacket_stats: what was handed to the socket, and what of it found no room. Reading clears it.
        _passed, missed = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
        self.missed += missed
        self._socket.close()


def until_stamped(within_s: float = 5.0) -> None:
    """Returns once the kernel stamps frames as they pass.

    It begins to some milliseconds after the first socket asked for it (``netstamp_work`` in net/core/dev.c); what passes
    before is stamped when it is read, and hops would be out of order. Seen by a datagram to ourselves over loopback:
    its stamp is from before we looked. Raises TimeoutError.
    """
    deadline = time.monotonic() + within_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as mouth:
        mouth.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        mouth.settimeout(within_s)
        mouth.bind(("127.0.0.1", 0))
        while True:
            mouth.sendto(b"?", mouth.getsockname())
            looked_ns = time.time_ns()
            data, ancillary, _flags, _sender = mouth.recvmsg(16, _ANCILLARY_BYTES)
            if 0 < _frame(data, ancillary).at_ns <= looked_ns:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"the kernel stamps no packets within {within_s:g} s")


def _bound(interface: Interface) -> socket.socket:
    def make() -> socket.socket:
        # Protocol 0 receives nothing; binding sets interface and protocol in one step.
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
            tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            tap.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
            tap.setblocking(False)
            tap.bind((interface.name, _ETH_P_ALL))
        except BaseException:
            tap.close()
            raise
        return tap

    return run_inside(interface.netns, make)


def _frame(data: bytes, ancillary: list[tuple[int, int, bytes]]) -> Frame:
    at_ns, unfinished = 0, False
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, rest = struct.unpack("qq", value[:16])
            at_ns = seconds * 1_000_000_000 + rest
        elif (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):  # struct tpacket_auxdata: tp_status first
            unfinished = bool(struct.unpack("I", value[:4])[0] & _TP_STATUS_CSUMNOTREADY)
    return Frame(data, at_ns, unfinished)
