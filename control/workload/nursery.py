"""Forks children into PID namespaces, hears how each began, and reaps it: the zygote's part as a parent."""

import os
import select
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import orjson

from control.workload.container import START_ERROR_CODE
from control.workload.pods import make_cgroup
from dataplane.host import process


@dataclass(frozen=True, slots=True)
class Birth:
    """A child to make.

    work: runs in the child with its status and cgroup descriptors. cgroup: where it belongs.
    told: hears its first words (``{"runs": …}`` or ``{"error": …}``). ended: hears waitpid's status.
    pid_namespace: a pidfd whose PID namespace it joins; None makes a new one.
    """

    work: Callable[[int, int], None]
    cgroup: str
    told: Callable[[dict[str, Any]], None]
    ended: Callable[[int], None]
    pid_namespace: int | None = None


class Nursery:
    """Owns the children of one process, and the pipes of those that have not begun yet."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._children: dict[int, Birth] = {}
        self._pipes: dict[int, int] = {}

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._pipes

    def bear(self, birth: Birth) -> int:
        """Fork; returns the child's PID as this process sees it. Raises OSError or KernelError."""
        with ExitStack() as closing:
            procs = make_cgroup(birth.cgroup)
            closing.callback(os.close, procs)
            status, status_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            closing.callback(os.close, status_write)
            sys.stdout.flush()
            pid = -1
            try:
                if birth.pid_namespace is None:
                    process.unshare(process.CLONE_NEWPID)
                else:
                    process.setns(birth.pid_namespace, process.CLONE_NEWPID)
                pid = os.fork()
            finally:
                if pid != 0:
                    # pid_for_children stays set: without this the next fork would land in the same namespace.
                    process.setns(self._own, process.CLONE_NEWPID)
                if pid < 0:
                    os.close(status)
            if pid == 0:
                birth.work(status_write, procs)
                os._exit(START_ERROR_CODE)
            # Without cgroup2: dataplane.host.marked reads the list.
            if not os.path.exists(f"{birth.cgroup}/cgroup.events"):
                os.write(procs, f"{pid}\n".encode())
        self._children[pid] = birth
        self._pipes[status] = pid
        self._epoll.register(status, select.EPOLLIN)
        return pid

    def hear(self, descriptor: int) -> None:
        """A child said how it began: nothing (its exec closed the pipe), what it runs, or an error."""
        pid = self._pipes.get(descriptor)
        if pid is None:
            return
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        self._epoll.unregister(descriptor)
        del self._pipes[descriptor]
        os.close(descriptor)
        self._children[pid].told(orjson.loads(data) if data else {"runs": "command"})

    def reap(self) -> None:
        """Collect every child that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            birth = self._children.get(pid)
            if birth is None:
                continue
            for descriptor, owner in list(self._pipes.items()):
                if owner == pid:
                    self.hear(descriptor)  # its last words come before its end
            del self._children[pid]
            birth.ended(status)
