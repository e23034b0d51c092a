"""A UDP port that answers from the very address that was asked.

A socket on the wildcard answers from whatever address the route back would choose; a place that owns many
addresses (the internet) must say where to answer from, by IP_PKTINFO (ip(7), RFC 3542).
"""

import asyncio
import socket
import struct
from collections.abc import Callable

IP_PKTINFO = 8  # linux/in.h; Python 3.11 has no name for it
IP_FREEBIND, IPV6_FREEBIND = 15, 78  # linux/in.h, linux/in6.h
_V4 = struct.Struct("=i4s4s")  # in_pktinfo: interface, local address, address of the packet
_V6 = struct.Struct("=16si")  # in6_pktinfo: address, interface
_SPACE = socket.CMSG_SPACE(_V6.size) + 64
_BATCH = 64

Peer = tuple[str, int]
Reply = Callable[[bytes], None]
Handler = Callable[[bytes, Peer, Reply], None]
"""Called with a datagram, who sent it, and how to answer (now or later)."""


class DatagramPort:
    """Owns a bound UDP socket; ``close`` it."""

    def __init__(self, sock: socket.socket, handler: Handler) -> None:
        self._sock, self._handler = sock, handler
        self._v6 = sock.family == socket.AF_INET6
        sock.setblocking(False)
        if self._v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    def close(self) -> None:
        """Stop reading and close the socket."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        for _ in range(_BATCH):
            try:
                data, controls, _, peer = self._sock.recvmsg(65535, _SPACE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # an ICMP error about an earlier answer is reported here
            source = self._source(controls)

            def reply(answer: bytes, peer: tuple[object, ...] = peer, source: bytes = source) -> None:
                self._send(answer, peer, source)

            self._handler(data, (peer[0], peer[1]), reply)

    def _source(self, controls: list[tuple[int, int, bytes]]) -> bytes:
        """The control message's data that makes an answer leave from the address that was asked."""
        for level, kind, content in controls:
            if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
                _, _, address = _V4.unpack(content[: _V4.size])
                return _V4.pack(0, address, b"\0\0\0\0")
            if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
                address, interface = _V6.unpack(content[: _V6.size])
                # Only a link-local address needs its interface; another may leave by any.
                return _V6.pack(address, interface if address[:2] == b"\xfe\x80" else 0)
        return b""

    def _send(self, answer: bytes, peer: tuple[object, ...], source: bytes) -> None:
        level, kind = (
            (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) if self._v6 else (socket.IPPROTO_IP, IP_PKTINFO)
        )
        controls = [(level, kind, source)] if source else []
        try:
            self._sock.sendmsg([answer], controls, 0, peer)
        except OSError:
            pass  # a full buffer or a peer that can't be reached: UDP may lose, the client asks again


def bound(
    make_socket: Callable[[int, int, int], socket.socket], family: int, port: int, *, stream: bool
) -> socket.socket:
    """A socket of a family on the wildcard address, IPv6 for IPv6 only."""
    kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
    sock = make_socket(family, kind, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    if stream:
        sock.listen(256)
    sock.setblocking(False)
    return sock
