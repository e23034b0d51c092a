"""Hand-made IP packets sent from a namespace, routed by its own kernel; one by one, or many in a call (sendmmsg).

A raw socket with the header included: addresses, TTL, ports, payload and the transport's checksum leave as they were
made. The kernel chooses the route and the neighbour and, for IPv4, writes the total length and the header's checksum
(raw(7)); frames that must leave bit for bit go through ``craft.inject``.
"""

import ctypes
import errno
import os
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address

from dataplane.model.address import IPAddress
from dataplane.netns.enter import run_inside

_BATCH = 512  # messages a call; the kernel takes at most 1,024 (UIO_MAXIOV)
_IPV6_HDRINCL = 36
_BUFFER_BYTES = 8 << 20
_SO_SNDBUFFORCE = 32


@dataclass(frozen=True, slots=True)
class Flooded:
    """What a flood was. sent: packets that the kernel took; seconds: from the first to the last."""

    sent: int
    seconds: float

    @property
    def packets_per_second(self) -> float:
        """The rate that was reached."""
        return self.sent / self.seconds


def destination_of(packet: bytes) -> IPAddress:
    """Where an IP packet is to go. ValueError for bytes that are no whole IP packet (a frame, for one)."""
    if len(packet) >= 20 and packet[0] >> 4 == 4 and int.from_bytes(packet[2:4], "big") == len(packet):
        return ip_address(packet[16:20])
    if len(packet) >= 40 and packet[0] >> 4 == 6 and int.from_bytes(packet[4:6], "big") + 40 == len(packet):
        return ip_address(packet[24:40])
    raise ValueError(
        f"{len(packet)} bytes that begin with {packet[:4].hex(' ')} are no whole IP packet; frames leave by send_frame"
    )


def emit(netns: str, *packets: bytes) -> None:
    """Send IP packets from a namespace, each once.

    Raises ValueError for what is no IP packet, NamespaceGone, and OSError as the kernel refuses: EMSGSIZE beyond the
    link's MTU, ENETUNREACH without a route.
    """
    wanted = [(destination_of(packet), packet) for packet in packets]

    def send() -> None:
        with ExitStack() as stack:
            sockets = {
                version: stack.enter_context(_raw(version)) for version in {to.version for to, _ in wanted}
            }
            for to, packet in wanted:
                sockets[to.version].sendto(packet, (str(to), 0))

    run_inside(netns, send)


def flood(netns: str, packets: Sequence[bytes], count: int, *, within_s: float) -> Flooded:
    """Send ``count`` packets from a namespace as fast as it goes, the given ones in turn; all of one family.

    Raises ValueError for no packets, for what is no IP packet and for a mixture of families; TimeoutError with how
    many were sent when the time is over; OSError as from ``emit``.
    """
    wanted = [(destination_of(packet), packet) for packet in packets]
    if len({to.version for to, _ in wanted}) != 1:
        raise ValueError("a flood is of packets of one family, at least one")
    if count < 1:
        raise ValueError(f"count: {count} packets are no flood")
    return run_inside(netns, lambda: _flood(wanted, count, within_s))


def _raw(version: int) -> socket.socket:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    made = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)
    if version == 6:
        made.setsockopt(socket.IPPROTO_IPV6, _IPV6_HDRINCL, 1)
    return made


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct mmsghdr of sendmmsg(2), 64 bits."""

    _fields_ = (
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32),
        ("iov", ctypes.c_void_p), ("iov_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t), ("flags", ctypes.c_int),
        ("padding", ctypes.c_int), ("sent_bytes", ctypes.c_uint32),
    )  # fmt: skip


def _flood(wanted: Sequence[tuple[IPAddress, bytes]], count: int, within_s: float) -> Flooded:
    libc = ctypes.CDLL(None, use_errno=True)
    # A ring of whole rounds, so that any window of it continues where the one before ended.
    round_size = len(wanted)
    rounds = max(1, -(-_BATCH // round_size))
    ring = [wanted[number % round_size] for number in range(rounds * round_size)]
    keep = [(ctypes.create_string_buffer(packet, len(packet)), _address(to)) for to, packet in wanted]
    iovecs = (_Iovec * len(ring))()
    messages = (_Message * len(ring))()
    for number in range(len(ring)):
        body, name = keep[number % round_size]
        iovecs[number].base, iovecs[number].length = (
            ctypes.addressof(body),
            len(wanted[number % round_size][1]),
        )
        messages[number].name, messages[number].name_length = ctypes.addressof(name), len(name)
        messages[number].iov = ctypes.addressof(iovecs) + number * ctypes.sizeof(_Iovec)
        messages[number].iov_length = 1
    size = ctypes.sizeof(_Message)
    with _raw(wanted[0][0].version) as made:
        made.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _BUFFER_BYTES)
        began = time.monotonic()
        sent, at = 0, 0
        while sent < count:
            window = min(_BATCH, len(ring) - at, count - sent)
            done = libc.sendmmsg(
                made.fileno(), ctypes.c_void_p(ctypes.addressof(messages) + at * size), window, 0
            )  # fmt: skip
            if done < 0 and (number := ctypes.get_errno()) not in (errno.ENOBUFS, errno.EINTR, errno.EAGAIN):
                raise OSError(number, os.strerror(number))
            sent += max(done, 0)
            at = (at + max(done, 0)) % len(ring)
            if sent < count and time.monotonic() - began > within_s:
                raise TimeoutError(f"{sent} of {count} packets were sent within {within_s:g} s")
        return Flooded(sent, time.monotonic() - began)


def _address(to: IPAddress) -> ctypes.Array[ctypes.c_char]:
    """struct sockaddr_in or sockaddr_in6; the port of a raw IPv6 socket must be 0 or its protocol."""
    if to.version == 4:
        packed = struct.pack("=HH4s8x", socket.AF_INET, 0, to.packed)
    else:
        packed = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, to.packed, 0)
    return ctypes.create_string_buffer(packed, len(packed))
