"""Processes that get no time: a cgroup frozen, or one process stopped."""

import os
import signal
from contextlib import suppress
from pathlib import Path

from dataplane.errors import KernelError, NotSupported
from dataplane.faults.act import Frozen, Halted

_STATE, _START = 2, 21  # fields of /proc/PID/stat, counted from 0 (proc(5))


def freeze(act: Frozen) -> None:
    """Freeze a cgroup. Raises NotSupported where processes are not grouped (no cgroup2), KernelError."""
    switch = Path(act.path, "cgroup.freeze")
    if not switch.exists():
        raise NotSupported(
            act.path,
            "can't be frozen: its processes are in no cgroup2 group",
            mend="cgroup2, which docs/how/machines.md tells how to mount; or kill in place of pause",
        )
    try:
        switch.write_text("1")
    except OSError as error:
        raise KernelError(act.path, "can't be frozen", str(error)) from error


def is_frozen(act: Frozen) -> bool:
    """Whether the group is there and was told to freeze."""
    try:
        return Path(act.path, "cgroup.freeze").read_text().strip() == "1"
    except OSError:
        return False


def thaw(act: Frozen) -> None:
    """Let a group go on; one that is gone is no error."""
    with suppress(OSError):
        Path(act.path, "cgroup.freeze").write_text("0")


def born(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 when there is none."""
    fields = _stat(pid)
    return int(fields[_START]) if fields else 0


def halt(act: Halted) -> None:
    """Stop a process. Raises KernelError when it is gone."""
    if born(act.pid) != act.born:
        raise KernelError(f"process {act.pid}", "is gone", mend="the same line again")
    os.kill(act.pid, signal.SIGSTOP)


def is_halted(act: Halted) -> bool:
    """Whether the process is there and stopped."""
    fields = _stat(act.pid)
    return bool(fields) and int(fields[_START]) == act.born and fields[_STATE] == "T"


def resume(act: Halted) -> None:
    """Let a process go on; one that is gone is no error."""
    if born(act.pid) == act.born:
        with suppress(ProcessLookupError):
            os.kill(act.pid, signal.SIGCONT)


def _stat(pid: int) -> list[str]:
    """The fields; the name, which may hold anything, as one."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    head, _, rest = text.rpartition(")")
    number, _, name = head.partition("(")
    return [number.strip(), name, *rest.split()]
