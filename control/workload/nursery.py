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


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Who hears what becomes of a child.

    told: its first words (``{"runs": …}`` or ``{"error": …}``). noted: waitpid's status, before the kernel forgets
    it; ended: afterwards.
    """

    told: Callable[[dict[str, Any]], None]
    ended: Callable[[int], None]
    noted: Callable[[int], None] = lambda status: None


@dataclass(frozen=True, slots=True)
class Child:
    """A child that waits to begin. status: the pipe of its first words."""

    pid: int
    pidfd: int
    status: int


@dataclass(frozen=True, slots=True)
class Birth:
    """A child to make.

    work: runs in the child with its status and cgroup descriptors. cgroup: where it belongs.
    born: called before the child does anything; the pidfd is the callee's.
    pid_namespace: a pidfd whose PID namespace it joins; None makes a new one.
    """

    work: Callable[[int, int], None]
    cgroup: str
    born: Callable[[Child], None]
    watch: Watch
    pid_namespace: int | None = None


class Nursery:
    """Owns the children of one process, and the pipes of those that have not begun yet."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._children: dict[int, Watch] = {}
        self._pipes: dict[int, Watch] = {}

    def __contains__(self, descriptor: int) -> bool:
        return descriptor in self._pipes

    def bear(self, birth: Birth) -> None:
        """Fork. Raises OSError or KernelError; then no child is there, or it has not begun and ends.

        The child waits for a word: when this process dies before ``born`` has returned, it ends without a trace.
        """
        with ExitStack() as closing:
            procs = make_cgroup(birth.cgroup)
            closing.callback(os.close, procs)
            status, status_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            closing.callback(os.close, status_write)
            go, go_write = os.pipe2(os.O_CLOEXEC)
            closing.callback(os.close, go)
            closing.callback(os.close, go_write)
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
                os.close(go_write)
                if os.read(go, 1):
                    birth.work(status_write, procs)
                os._exit(START_ERROR_CODE)
            # Without cgroup2: dataplane.host.marked reads the list.
            if not os.path.exists(f"{birth.cgroup}/cgroup.events"):
                os.write(procs, f"{pid}\n".encode())
            self._children[pid] = birth.watch
            self.listen(status, birth.watch)
            birth.born(Child(pid, os.pidfd_open(pid), status))
            os.write(go_write, b"g")

    def listen(self, status: int, watch: Watch) -> None:
        """Hear the first words of a child, one's own or an orphan of the process before."""
        self._pipes[status] = watch
        self._epoll.register(status, select.EPOLLIN)

    def hear(self, descriptor: int) -> None:
        """A child said how it began: nothing (its exec closed the pipe), what it runs, or an error."""
        watch = self._pipes.get(descriptor)
        if watch is None:
            return
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return
        self._epoll.unregister(descriptor)
        del self._pipes[descriptor]
        os.close(descriptor)
        watch.told(orjson.loads(data) if data else {"runs": "command"})

    def reap(self) -> None:
        """Collect every child that has ended; each end is noted before the kernel forgets it."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            exited = found.si_code == os.CLD_EXITED
            status = found.si_status << 8 if exited else found.si_status
            watch = self._children.pop(found.si_pid, None)
            if watch is not None:
                watch.noted(status)
            os.waitpid(found.si_pid, 0)
            if watch is not None:
                self.bury(watch, status)

    def bury(self, watch: Watch, status: int) -> None:
        """A child, or an orphan, has ended with waitpid's status: its last words come before that."""
        for descriptor, owner in list(self._pipes.items()):
            if owner is watch:
                self.hear(descriptor)
        watch.ended(status)
