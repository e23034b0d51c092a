"""A pod's UTS and IPC namespaces, made by the zygote on itself for a moment and kept by descriptor."""

import os
import socket
from contextlib import ExitStack

from control.workload.pods import Pod, clear_cgroup
from control.workload.request import SandboxRequest
from dataplane.host import process


class SandboxMaker:
    """Owns descriptors of the zygote's own namespaces, to come back to. Single-threaded processes only."""

    def __init__(self) -> None:
        def own(name: str) -> int:
            return os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)

        self._uts, self._ipc = own("uts"), own("ipc")

    def make(self, want: SandboxRequest) -> Pod:
        """A sandbox beside a pod's network namespace, which comes with its sysctls. Raises KernelError, OSError."""
        clear_cgroup(want.cgroup)
        with ExitStack() as back:
            back.callback(process.setns, self._ipc, process.CLONE_NEWIPC)
            back.callback(process.setns, self._uts, process.CLONE_NEWUTS)
            process.unshare(process.CLONE_NEWUTS | process.CLONE_NEWIPC)
            socket.sethostname(want.hostname)
            uts = os.open("/proc/self/ns/uts", os.O_RDONLY | os.O_CLOEXEC)
            ipc = os.open("/proc/self/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)
        return Pod(want, uts, ipc)
