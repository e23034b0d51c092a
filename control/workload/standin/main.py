"""A stand-in's life: bind every port, say so, serve until SIGTERM, drain, end with 0."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable

from control.workload.standin.door import Door, Talk
from control.workload.standin.plan import StandInPlan
from control.workload.standin.udp import Answerer

_BACKLOG = 1024


def main(plan_text: str, listening: Callable[[], None]) -> int:
    """Run a stand-in until it is told to end; ``listening`` is called once every port is bound.

    Raises OSError when a port can't be bound.
    """
    plan = StandInPlan.from_text(plan_text)
    return asyncio.run(_serve(plan, listening))


async def _serve(plan: StandInPlan, listening: Callable[[], None]) -> int:
    loop = asyncio.get_running_loop()
    talk = Talk(plan)
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, stopped.set)
    loop.add_signal_handler(signal.SIGUSR1, talk.set_ready, False)
    loop.add_signal_handler(signal.SIGUSR2, talk.set_ready, True)
    servers = [
        await loop.create_server(lambda: Door(talk), sock=bound(port, socket.SOCK_STREAM), backlog=_BACKLOG)
        for port in plan.tcp
    ]
    for port in plan.udp:
        await loop.create_datagram_endpoint(lambda: Answerer(plan), sock=bound(port, socket.SOCK_DGRAM))
    listening()
    ports = ", ".join([f"{p}/TCP" for p in plan.tcp] + [f"{p}/UDP" for p in plan.udp]) or "no port"
    print(f"podwire stand-in: {plan.sentence} listens on {ports}", flush=True)  # noqa: T201
    await stopped.wait()
    talk.draining = True
    await asyncio.sleep(plan.drain_s)
    for server in servers:
        server.close()
    await talk.finish(deadline_s=5.0)
    print("podwire stand-in: drained, ending", file=sys.stdout, flush=True)  # noqa: T201
    return 0


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
