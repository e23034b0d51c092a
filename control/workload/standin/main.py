"""A stand-in's life: bind every port, say so, serve until SIGTERM, drain, end with 0."""

import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from control.workload.standin.door import Door, Talk
from control.workload.standin.plan import StandInPlan
from control.workload.standin.reactor import Listener, Reactor

_BACKLOG = 1024
_LAST_WORDS_S = 5.0


def main(plan_text: str, listening: Callable[[], None]) -> int:
    """Run a stand-in until it is told to end; ``listening`` is called once every port is bound.

    Raises OSError when a port can't be bound.
    """
    plan = StandInPlan.from_text(plan_text)
    reactor = Reactor()
    talk = Talk(plan, reactor)
    listeners = []
    for port in plan.tcp:
        sock = bound(port, socket.SOCK_STREAM)
        sock.listen(_BACKLOG)
        listeners.append(Listener(reactor, sock, lambda connection: connection.begin(Door(talk, connection))))
    for port in plan.udp:
        _answer_datagrams(reactor, bound(port, socket.SOCK_DGRAM), plan)

    def drained() -> None:
        for listener in listeners:
            listener.close()
        talk.finish(reactor.stop)
        reactor.later(_LAST_WORDS_S, reactor.stop)

    def end() -> None:
        talk.draining = True
        reactor.later(plan.drain_s, drained)

    reactor.on_signal(signal.SIGTERM, end)
    reactor.on_signal(signal.SIGINT, end)
    reactor.on_signal(signal.SIGUSR1, lambda: talk.set_ready(ready=False))
    reactor.on_signal(signal.SIGUSR2, lambda: talk.set_ready(ready=True))
    listening()
    ports = ", ".join([f"{p}/TCP" for p in plan.tcp] + [f"{p}/UDP" for p in plan.udp]) or "no port"
    sys.stdout.write(f"podwire stand-in: {plan.sentence} listens on {ports}\n")
    sys.stdout.flush()
    reactor.run()
    sys.stdout.write("podwire stand-in: drained, ending\n")
    return 0


def _answer_datagrams(reactor: Reactor, sock: socket.socket, plan: StandInPlan) -> None:
    """Each datagram is answered once: who answers, then what came."""
    identity = plan.sentence.encode() + b"\n"

    def ready(_: int) -> None:
        try:
            data, sender = sock.recvfrom(65536)
            sock.sendto((identity + data)[:65000], sender)
        except OSError:  # an ICMP error of an earlier answer, or no room: datagrams get lost
            return

    reactor.watch(sock.fileno(), select.EPOLLIN, ready)
    _kept.append(sock)


_kept: list[Any] = []


def bound(port: int, kind: int) -> socket.socket:
    """A socket on the wildcard address of both families, or of IPv4 where the kernel lacks IPv6."""
    try:
        sock = socket.socket(socket.AF_INET6, kind)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        address = "::"
    except OSError:
        sock, address = socket.socket(socket.AF_INET, kind), "0.0.0.0"
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    try:
        sock.bind((address, port))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"port {port}: {error.strerror}") from error
    return sock
