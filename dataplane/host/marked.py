"""A lab's processes without cgroup2: found by ``PODWIRE_LAB`` in the environment that they were started with.

What `LabCgroup` is elsewhere. Its directories are plain ones; in a container's, ``cgroup.procs`` is a file that
lists who was born there, each the first of a PID namespace whose processes go with it.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dataplane.errors import KernelError
from dataplane.host.cgroup import LabCgroup
from dataplane.patience import patient

VARIABLE = "PODWIRE_LAB"
_PATIENCE_S = 20.0
_EVERY_S = 0.005


class MarkedLab(LabCgroup):
    """As its base; the caller's own process never counts."""

    def create(self) -> None:
        """Make the directories, and note that the lab is one of these."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._own / "marked").touch()
        super().create()

    def enter(self, sub: str, pid: int = 0) -> None:
        """What the caller executes from here on is the lab's."""
        self.make(sub)
        if pid in {0, os.getpid()}:
            os.environ[VARIABLE] = self.lab

    @contextmanager
    def visiting(self, sub: str) -> Iterator[None]:
        """Nothing to do: what is forked has the caller's mark."""
        self.make(sub)
        yield

    def pids(self) -> tuple[int, ...]:
        """All marked processes; of a part of the lab those that were born there and still run."""
        if self.path.parent == self._own:
            return self._marked()
        born = {int(pid) for file in self.path.rglob("cgroup.procs") for pid in file.read_text().split()}
        return tuple(pid for pid in self._marked() if pid in born)

    def populated(self) -> bool:
        """Has it a process that runs?"""
        return bool(self.pids())

    def kill(self) -> None:
        """SIGKILL until none is left. Raises KernelError when one is still there after 20 s."""
        deadline = time.monotonic() + patient(_PATIENCE_S)
        while pids := self.pids():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline:
                raise KernelError(
                    str(self.path), f"processes don't end: {' '.join(map(str, pids))}", mend="a reboot"
                )
            time.sleep(_EVERY_S)  # the kernel tells nobody but a parent of an end

    def remove(self) -> None:
        """Remove the directories; of the whole lab the note, too."""
        if self.path.parent != self._own:
            shutil.rmtree(self.path, ignore_errors=True)
            return
        shutil.rmtree(self._own, ignore_errors=True)
        with suppress(OSError):  # other labs live there
            self._own.parent.rmdir()
            self._own.parent.parent.rmdir()

    def _marked(self) -> tuple[int, ...]:
        mark = f"{VARIABLE}={self.lab}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with suppress(OSError):  # gone meanwhile
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return tuple(sorted(found))
