"""TCP between two namespaces, measured: bytes a second, round trips, and how long a connection takes to open.

Both ends are processes of the bench with sockets made inside the namespaces; the far end is forked, so that the two do
not share an interpreter.
"""

import os
import signal
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dataplane.netns.enter import run_inside

BLOCK = bytes(1 << 20)
PORT = 5001


@contextmanager
def far_end(netns: str, serve: Callable[[socket.socket], None], port: int = PORT) -> Iterator[None]:
    """A process that listens in the namespace and serves one connection after another."""
    listener = run_inside(netns, lambda: socket.create_server(("0.0.0.0", port), backlog=512))
    child = os.fork()
    if child == 0:
        try:
            while True:
                connection, _ = listener.accept()
                with connection:
                    serve(connection)
        finally:
            os._exit(0)
    listener.close()
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def drain(connection: socket.socket) -> None:
    """Read to the end, then close: the sender sees it."""
    buffer = bytearray(1 << 20)
    while connection.recv_into(buffer):
        pass


def echo(connection: socket.socket) -> None:
    """Send each byte back."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while byte := connection.recv(64):
        connection.sendall(byte)


def gigabits(netns: str, address: str, for_s: float, port: int = PORT) -> float:
    """Gbit/s of one connection from the namespace to a ``drain``, until the far end has read it all."""
    with run_inside(netns, lambda: socket.create_connection((address, port), timeout=10)) as connection:
        connection.settimeout(30)
        sent, began = 0, time.perf_counter()
        while time.perf_counter() - began < for_s:
            connection.sendall(BLOCK)
            sent += len(BLOCK)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        return sent * 8 / (time.perf_counter() - began) / 1e9


def round_trip_us(netns: str, address: str, for_s: float, port: int = PORT) -> float:
    """Microseconds of one byte there and back to an ``echo``, the median (TCP_RR)."""
    with run_inside(netns, lambda: socket.create_connection((address, port), timeout=10)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        took: list[float] = []
        until = time.perf_counter() + for_s
        began = 0.0
        while began < until:
            began = time.perf_counter()
            connection.sendall(b".")
            connection.recv(1)
            took.append(time.perf_counter() - began)
        return statistics.median(took) * 1e6


def connect_us(netns: str, address: str, count: int, port: int = PORT) -> float:
    """Microseconds until a new connection is open, the median of ``count``: the first packets of a flow."""

    def some() -> list[float]:
        took = []
        for _ in range(count):
            began = time.perf_counter()
            with socket.create_connection((address, port), timeout=10):
                took.append(time.perf_counter() - began)
        return took

    return statistics.median(run_inside(netns, some)) * 1e6
