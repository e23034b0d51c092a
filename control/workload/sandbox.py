"""A pod's UTS and IPC namespaces, made by the zygote on itself for a moment and kept by descriptor."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path

from control.workload.pods import Pod, clear_cgroup
from control.workload.request import SandboxRequest
from dataplane.host import process

_UNPRIVILEGED = (
    ("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"),  # as containerd 2 sets them for each sandbox
    ("/proc/sys/net/ipv4/ping_group_range", "0 2147483647"),
)


class SandboxMaker:
    """Owns descriptors of the zygote's own namespaces, to come back to. Single-threaded processes only."""

    def __init__(self) -> None:
        def own(name: str) -> int:
            return os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)

        self._uts, self._ipc, self._net = own("uts"), own("ipc"), own("net")

    def make(self, want: SandboxRequest, net: int, *, shared_network: bool = False) -> Pod:
        """A sandbox around a pod's network namespace.

        shared_network: the namespace is the node's; its sysctls are left alone. Raises KernelError, OSError.
        """
        clear_cgroup(want.cgroup)
        with ExitStack() as back:
            if not shared_network:
                back.callback(process.setns, self._net, process.CLONE_NEWNET)
                process.setns(net, process.CLONE_NEWNET)
                for path, value in _UNPRIVILEGED:
                    if os.path.exists(path):
                        Path(path).write_text(value)
            back.callback(process.setns, self._ipc, process.CLONE_NEWIPC)
            back.callback(process.setns, self._uts, process.CLONE_NEWUTS)
            process.unshare(process.CLONE_NEWUTS | process.CLONE_NEWIPC)
            socket.sethostname(want.hostname)
            uts = os.open("/proc/self/ns/uts", os.O_RDONLY | os.O_CLOEXEC)
            ipc = os.open("/proc/self/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)
        return Pod(want, uts, ipc)
