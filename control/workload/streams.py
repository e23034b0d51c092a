"""A container's standard streams: pipes, or a terminal that the child makes itself."""

import os
import socket
from contextlib import ExitStack

from control.workload.request import ContainerRequest


class Console:
    """Where a container with a terminal leaves the terminal's master."""

    def __init__(self, closing: ExitStack, *, wanted: bool) -> None:
        self._ours: socket.socket | None = None
        self.theirs: int | None = None
        if wanted:
            self._ours, theirs = socket.socketpair()
            closing.callback(theirs.close)
            self.theirs = theirs.fileno()

    def take(self) -> list[int]:
        """The master; empty without a terminal, or when the child died before it made one."""
        if self._ours is None:
            return []
        self._ours.setblocking(False)
        try:
            _, found, _, _ = socket.recv_fds(self._ours, 1, 1)
        except BlockingIOError:
            found = []
        self._ours.close()
        self._ours = None
        for descriptor in found:
            os.set_inheritable(descriptor, False)
            os.set_blocking(descriptor, False)
        return list(found)


def standard_streams(
    want: ContainerRequest, null: int, closing: ExitStack
) -> tuple[tuple[int, int, int], list[int]]:
    """Ends for the child (closed with ``closing``), and the ends that an agent reads and writes."""
    if want.tty:
        return (null, null, null), []
    out_read, out_write = os.pipe2(os.O_CLOEXEC)
    err_read, err_write = os.pipe2(os.O_CLOEXEC)
    ends = []
    for end in (out_write, err_write):
        # Open for reading, too: when nobody of the lab is left to read, it waits with a full pipe and gets no SIGPIPE.
        ends.append(os.open(f"/proc/self/fd/{end}", os.O_RDWR | os.O_CLOEXEC))
        closing.callback(os.close, ends[-1])
        os.close(end)
    out_write, err_write = ends
    kept, stdin = [out_read, err_read], null
    if want.stdin:
        stdin, in_write = os.pipe2(os.O_CLOEXEC)
        closing.callback(os.close, stdin)
        kept.append(in_write)
    return (stdin, out_write, err_write), kept
