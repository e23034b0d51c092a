"""A link's packets through memory that the kernel shares: AF_PACKET with TPACKET_V3.

The kernel fills blocks of many packets and hands each over whole; a block is given back when it has been read.
Source: Documentation/networking/packet_mmap.rst (kernel), linux/if_packet.h.
"""

import mmap
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from dataplane.errors import LinkError
from dataplane.netns import names
from dataplane.netns.enter import run_inside
from dataplane.observe.bpf_filter import NOTHING, Program, attach

_SOL_PACKET = 263
_RX_RING, _STATISTICS, _VERSION, _IGNORE_OUTGOING = 5, 6, 10, 23
_TPACKET_V3 = 2
_ETH_P_ALL = 0x0003
_BLOCK_BYTES = 1 << 20
RETIRE_MS = 50
"""A block that is not full is handed over after so long."""
_FRAME_BYTES = 2048
_TO_USER, _TO_KERNEL = 1, 0
_BLOCK = struct.Struct("=IIIIIIQ")
_STATUS_AT = 8
_HEADER = struct.Struct("=IIIIIIHH")
_KIND_AT = 48 + 10  # sockaddr_ll follows the aligned header; sll_pkttype is its tenth byte
_OUTGOING = 4
_MEGABYTE = 1 << 20


@dataclass(slots=True)
class Captured:
    """One packet in the ring. data: valid while its block is. length: on the wire, in bytes."""

    time_ns: int
    length: int
    outgoing: bool
    data: memoryview


class Ring:
    """One link's ring. ``fileno`` for a selector: readable when a block is full or 50 ms old.

    netns, link: where. buffer_mb: memory for packets that wait to be read. Raises LinkError for a link that is
    not there, NamespaceGone.
    """

    def __init__(self, netns: str, link: str, buffer_mb: int, program: Program | None = None) -> None:
        self.netns, self.link = netns, link
        self.received = self.dropped = 0
        self._blocks = max(2, buffer_mb * _MEGABYTE // _BLOCK_BYTES)
        self._socket = run_inside(netns, lambda: self._open(program))
        try:
            self._memory = mmap.mmap(self._socket.fileno(), self._blocks * _BLOCK_BYTES)
        except BaseException:
            self._socket.close()
            raise
        self._view = memoryview(self._memory)
        self._next = 0

    def _open(self, program: Program | None) -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            if program is not None:
                attach(made, program)
            made.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
            request = struct.pack(
                "=IIIIIII", _BLOCK_BYTES, self._blocks, _FRAME_BYTES,
                self._blocks * _BLOCK_BYTES // _FRAME_BYTES, RETIRE_MS, 0, 0,
            )  # fmt: skip
            made.setsockopt(_SOL_PACKET, _RX_RING, request)
            made.bind((self.link, _ETH_P_ALL))
        except OSError as error:
            made.close()
            raise LinkError(self.netns, f"can't listen at {self.link}", str(error)) from error
        return made

    def fileno(self) -> int:
        """Of the socket."""
        return self._socket.fileno()

    def blocks(self) -> Iterator[Iterator[Captured]]:
        """The packets of each block that is ready. A block goes back to the kernel when the next is asked for:
        until then, and not longer, its packets' bytes are theirs. At most one round: a flood does not keep the reader.
        """
        view = self._view
        for _ in range(self._blocks):
            base = self._next * _BLOCK_BYTES
            _version, _private, status, count, first, _length, _sequence = _BLOCK.unpack_from(view, base)
            if not status & _TO_USER:
                return
            yield self._packets(base + first, count)
            struct.pack_into("=I", view, base + _STATUS_AT, _TO_KERNEL)
            self._next = (self._next + 1) % self._blocks

    def _packets(self, at: int, count: int) -> Iterator[Captured]:
        view = self._view
        for _ in range(count):
            step, seconds, nanoseconds, captured, length, _status, mac, _net = _HEADER.unpack_from(view, at)
            begin = at + mac
            outgoing = view[at + _KIND_AT] == _OUTGOING
            yield Captured(
                seconds * 1_000_000_000 + nanoseconds, length, outgoing, view[begin : begin + captured]
            )
            at += step

    def stop(self) -> None:
        """Take no more packets; what is in the ring can still be read, the last block after RETIRE_MS."""
        attach(self._socket, NOTHING)

    def take_error(self) -> None:
        """A link that goes down leaves an error, which would keep the socket readable. Up again, it is heard again."""
        self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    @property
    def gone(self) -> bool:
        """The link is no more, or nobody can come to its namespace any more: this socket alone keeps that alive."""
        return not self._socket.getsockname()[0] or not names.path(self.netns).exists()

    def count(self) -> None:
        """Bring ``received`` and ``dropped`` up to date; the kernel's counts begin anew at each reading."""
        seen, dropped, _freezes = struct.unpack("=III", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12))
        self.received += seen
        self.dropped += dropped

    def close(self) -> None:
        """Let the ring go; its memory with the last packet that somebody still holds."""
        self._view.release()
        with suppress(BufferError):
            self._memory.close()
        self._socket.close()

    def __enter__(self) -> "Ring":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
