"""Many rtnetlink messages in one system call, each answered by the kernel, its own sentence included."""

import socket
import struct
from collections.abc import Iterator, Sequence

from dataplane.errors import KernelError, LinkError
from dataplane.netlink.order import Order
from dataplane.netlink.refusal import as_kernel_error
from dataplane.patience import patient

_REQUEST, _ACK = 0x1, 0x4
_ERROR = 2
_SOL_NETLINK, _CAP_ACK, _EXT_ACK = 270, 10, 11
_ACK_TLVS = 0x200
_ATTR_MSG = 1  # NLMSGERR_ATTR_MSG
_BUFFER = 1 << 18
_PATIENCE_S = 10.0
_AT_ONCE = 64  # the kernel answers each order before it returns, and the answers must fit the socket's buffer


class BatchSocket:
    """A raw rtnetlink socket; it speaks to the namespace in which it was made, wherever its user is."""

    def __init__(self, where: str) -> None:
        """In the calling thread's namespace. where: its name, for errors."""
        self.where = where
        self._sequence = 0
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        except OSError as error:
            raise LinkError(where, "can't open rtnetlink", str(error)) from error
        self._socket.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
        self._socket.setsockopt(_SOL_NETLINK, _EXT_ACK, 1)
        self._socket.settimeout(patient(_PATIENCE_S))
        self._socket.bind((0, 0))

    def __enter__(self) -> "BatchSocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, orders: Sequence[Order]) -> list[bytes]:
        """Do all orders, in their order; the bodies of the kernel's answers that carry one.

        All are tried even if one fails; then the first failure is raised (KernelError), with the kernel's
        sentence.
        """
        failures: list[KernelError] = []
        bodies: list[bytes] = []
        for start in range(0, len(orders), _AT_ONCE):
            try:
                bodies += self._send(orders[start : start + _AT_ONCE], failures)
            except OSError as error:
                raise LinkError(self.where, "rtnetlink does not answer", str(error)) from error
        if failures:
            raise failures[0]
        return bodies

    def tell(self, packet: bytes) -> None:
        """Send what ``framed`` made, and wait for no answer: for what may as well fail. Raises LinkError."""
        try:
            if packet:
                self._socket.send(packet)
        except OSError as error:
            raise LinkError(self.where, "rtnetlink does not listen", str(error)) from error

    def _send(self, orders: Sequence[Order], failures: list[KernelError]) -> list[bytes]:
        first = self._sequence + 1
        packet = bytearray()
        for order in orders:
            self._sequence += 1
            packet += struct.pack(
                "=IHHII", 16 + len(order.body), order.kind, order.flags | _REQUEST | _ACK, self._sequence, 0
            )
            packet += order.body
        self._socket.send(packet)
        return self._answers(orders, first, failures)

    def _answers(self, orders: Sequence[Order], first: int, failures: list[KernelError]) -> list[bytes]:
        bodies: list[bytes] = []
        missing = len(orders)
        while missing:
            for kind, flags, sequence, body in _messages(self._socket.recv(_BUFFER)):
                if not first <= sequence < first + len(orders):
                    continue
                if kind != _ERROR:
                    bodies.append(body)
                    continue
                missing -= 1
                number = -struct.unpack_from("=i", body)[0]
                order = orders[sequence - first]
                if number and number not in order.answers:
                    failures.append(as_kernel_error(self.where, order.about, number, _sentence(body, flags)))
        return bodies


def framed(orders: Sequence[Order]) -> bytes:
    """Orders as one packet that asks for no answer but to a failure; the same for every namespace."""
    return b"".join(
        struct.pack("=IHHII", 16 + len(order.body), order.kind, order.flags | _REQUEST, 0, 0) + order.body
        for order in orders
    )


def _messages(packet: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, sequence, body) of each message."""
    offset = 0
    while offset + 16 <= len(packet):
        length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", packet, offset)
        yield kind, flags, sequence, packet[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def _sentence(body: bytes, flags: int) -> str:
    """The extended ack's text; empty when the kernel said no more than a number."""
    if not flags & _ACK_TLVS:
        return ""
    offset = 20  # errno and, as capped, the header of the order
    while offset + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, offset)
        if kind == _ATTR_MSG:
            return body[offset + 4 : offset + length].rstrip(b"\0").decode(errors="replace")
        offset += (max(length, 4) + 3) & ~3
    return ""
