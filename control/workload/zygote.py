"""The warm process that containers are forked from; one a lab, single-threaded, without a loop library.

It answers requests on a unix socket (``channel``), is the parent of every container, and tells agents how each
ended. Agents come and go; what runs goes on, and ``list`` tells a new agent what that is. So does a zygote: what its
containers hang on lies with its parent (``descriptor_store``), where the next one finds it.
"""

import gc
import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from control.workload.descriptor_store import Deposits
from control.workload.machine import Machine, describe, prepare, rejoin
from control.workload.nursery import Nursery
from control.workload.peers import Peer, Peers
from control.workload.request import ZygoteConfig
from control.workload.wards import Refused, Wards
from dataplane.errors import KernelError
from dataplane.host import process

_WARM = (
    "control.workload.standin.main",
    "control.workload.standin.http",
    "control.workload.standin.http2",
    "control.workload.standin.callers",
    "control.dns.server",
)


def serve(
    config: ZygoteConfig, ready: Callable[[], None] = lambda: None, deposits: Deposits | None = None
) -> None:
    """Serve until SIGTERM or the owner's death. The calling process is changed for good: fork for it first.

    ready: called once requests are answered. SIGTERM ends the containers too; they outlive any other death.
    deposits: with the parent; without them the next zygote knows nothing of what runs: agents end it by its pods'
    cgroups, and so does that zygote when it makes the pod's sandbox anew.
    """
    if config.owner_pid:
        process.die_with_parent(signal.SIGKILL)
        if os.getppid() != config.owner_pid:
            return
    deposits = deposits or Deposits()
    listener = _listen(config.socket_path)
    for name in _WARM:
        try:
            __import__(name)
        except ModuleNotFoundError:  # a lab without that part
            continue
    machine = _machine(config.home, deposits)
    gc.collect()
    gc.freeze()
    zygote = Zygote(listener, machine, config.upper_bytes, deposits)
    ready()
    zygote.run()
    Path(config.socket_path).unlink(missing_ok=True)


def _machine(home: str, deposits: Deposits) -> Machine:
    """Of the zygote before this one, or a new one."""
    had = deposits.found.pop("machine", None)
    if had is not None:
        try:
            return rejoin(had.text, had.descriptors[0])
        finally:
            had.close()
    machine = prepare(home)
    table = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    deposits.put("machine", describe(machine), [table])
    os.close(table)
    return machine


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    Path(path).unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(64)
    listener.setblocking(False)
    return listener


class Zygote:
    """Owns the listener and the loop; what is done for a request is `Wards`' part."""

    def __init__(
        self, listener: socket.socket, machine: Machine, upper_bytes: int, deposits: Deposits
    ) -> None:
        self._epoll = select.epoll()
        self._peers = Peers(listener, self._epoll, self._answer)
        self._nursery = Nursery(self._epoll)
        self._deposits = deposits
        self._stopping = False
        self._wards = Wards(machine, upper_bytes, self._peers, self._nursery, deposits)
        self._wards.adopt()

    def run(self) -> None:
        """Until SIGTERM; the containers end with it."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is the supervisor's to handle
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._epoll.register(woken, select.EPOLLIN)
        parent = self._deposits.channel
        if parent is not None:
            self._epoll.register(parent, select.EPOLLIN)
        while not self._stopping:
            for descriptor, events in self._epoll.poll():
                if descriptor == woken:
                    os.read(woken, 4096)
                elif descriptor in self._nursery:
                    self._nursery.hear(descriptor)
                elif descriptor in self._peers:
                    self._peers.ready(descriptor, events)
                elif parent is not None and descriptor == parent.fileno():
                    for key, status in self._deposits.hear():
                        self._wards.orphan_ended(key, status)
            self._nursery.reap()
        self._wards.kill_all()

    def _stop(self, *_: Any) -> None:
        self._stopping = True

    def _answer(self, peer: Peer, body: dict[str, Any], descriptors: list[int]) -> None:
        number = body.get("n", 0)
        work = self._wards.work.get(str(body.get("op")))
        try:
            if work is None:
                raise Refused(f"no operation is called {body.get('op')!r}")
            words = work(peer, body, descriptors)
        except (Refused, KernelError, OSError) as error:
            words = {"error": str(error)}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        if words is not None:
            self._peers.send(peer, {"n": number, **words})
