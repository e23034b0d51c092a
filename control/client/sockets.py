"""Sockets that notice a cut wire, and what went wrong with a connection in few words."""

import socket
from typing import Final

import aiohttp

DEAD_PEER_MS: Final = 30_000
"""After this long without an acknowledgement a connection counts as broken."""
_IDLE_S, _BETWEEN_S, _PROBES = 15, 5, 3


def watchful(sock: socket.socket) -> socket.socket:
    """Non-blocking; a TCP socket without delay, with keep-alive and a limit on silence."""
    sock.setblocking(False)
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MS)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _BETWEEN_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    return sock


def trouble(error: Exception) -> str:
    """What happened to the connection, for a log line."""
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection broke off"
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error)
    return str(error) or type(error).__name__
