"""What the zygote remembers of pods and containers, and the descriptors that keep them: its only state."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.workload.request import ContainerRecord, ContainerRequest, SandboxRequest
from dataplane.errors import KernelError
from dataplane.host import mounts


@dataclass(slots=True, eq=False)
class Container:
    """One container, running or exited; it stays until it is removed, so that a new agent can learn its end."""

    request: ContainerRequest
    pid: int = 0
    pidfd: int = -1
    runs: str = ""
    """Empty until it has said how it began."""
    failed: str = ""
    """Why its command could not be started."""
    started: float = field(default_factory=time.time)
    finished: float = 0.0
    exit_code: int | None = None
    killed_by: int = 0
    streams: list[int] = field(default_factory=list)
    starters: list[Any] = field(default_factory=list)
    """Replies that wait for its beginning."""

    @property
    def key(self) -> str:
        """Of its deposit."""
        return f"container/{self.request.id}"

    @property
    def begun(self) -> bool:
        """Whether it has said how it began."""
        return bool(self.runs or self.failed)

    def signal(self, number: int) -> None:
        """To its first process, whoever its parent is; nothing when it has ended."""
        if self.exit_code is None and self.pidfd >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, number)

    def record(self) -> ContainerRecord:
        """As an agent gets it."""
        want = self.request
        return ContainerRecord(
            id=want.id,
            uid=want.uid,
            node=want.node,
            container=want.container,
            attempt=want.attempt,
            pid=self.pid,
            runs=self.runs or "command",
            started=self.started,
            finished=self.finished,
            exit_code=self.exit_code,
            signal=self.killed_by,
            labels=want.labels,
        )

    def end(self, wait_status: int, at: float = 0.0) -> None:
        """What waitpid told; ``at``: when, if not now."""
        self.finished = at or time.time()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        if os.WIFSIGNALED(wait_status):
            self.killed_by = os.WTERMSIG(wait_status)
            self.exit_code = 128 + self.killed_by
        else:
            self.exit_code = os.WEXITSTATUS(wait_status)

    def close(self) -> None:
        """Let go of its output."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        for descriptor in self.streams:
            os.close(descriptor)
        self.streams = []


@dataclass(slots=True, eq=False)
class Pod:
    """A sandbox: namespaces that live by descriptor, and its containers."""

    request: SandboxRequest
    uts: int
    ipc: int
    containers: dict[str, Container] = field(default_factory=dict)
    tmpfs: list[str] = field(default_factory=list)
    removers: list[Any] = field(default_factory=list)
    """Replies that wait for the pod's end."""

    @property
    def key(self) -> str:
        """Of its deposit."""
        return f"pod/{self.request.uid}"

    def kill(self) -> None:
        """SIGKILL to everything in the pod's cgroup."""
        try:
            with open(os.open(f"{self.request.cgroup}/cgroup.kill", os.O_WRONLY), "w") as switch:
                switch.write("1")
        except OSError:  # the group is gone, or the kernel (before 5.14) has no cgroup.kill: kill the inits
            for container in self.containers.values():
                container.signal(signal.SIGKILL)

    def close(self) -> None:
        """Namespaces, memory volumes and cgroups go. Every container has ended."""
        os.close(self.uts)
        os.close(self.ipc)
        for container in self.containers.values():
            container.close()
        for place in self.tmpfs:
            try:
                mounts.detach(place)
            except KernelError:  # the directory was removed with its mount
                continue
        remove_cgroup(self.request.cgroup)


def make_cgroup(path: str) -> int:
    """The group, made when missing; a descriptor of its cgroup.procs for a child to write itself into."""
    os.makedirs(path, exist_ok=True)
    return os.open(f"{path}/cgroup.procs", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def kill_cgroup(path: str) -> None:
    """SIGKILL to everything in a group; nothing where it is gone, or the kernel has no cgroup.kill."""
    try:
        Path(path, "cgroup.kill").write_text("1")
    except OSError:
        return


def remove_cgroup(path: str) -> None:
    """Remove a group and those below it, when nothing runs there any more."""
    for place, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(place)
        except OSError:  # a last process is still being torn down; the lab's end removes the tree
            continue


def clear_cgroup(path: str, deadline_s: float = 2.0) -> None:
    """The group, made when missing; what a zygote before us left running there is killed first.

    Raises KernelError when something still runs after that time: no container may run twice.
    """
    os.makedirs(path, exist_ok=True)
    events = Path(path, "cgroup.events")
    if not events.exists():  # without cgroup2 the kubelet has ended them by their list
        return
    if "populated 1" not in events.read_text():
        return
    Path(path, "cgroup.kill").write_text("1")
    until = time.monotonic() + deadline_s
    while "populated 1" in events.read_text():
        if time.monotonic() > until:
            raise KernelError(path, "what ran there before does not end")
        time.sleep(0.002)
