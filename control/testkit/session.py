"""``podwire.Lab``: a lab for a block of a script, or for the life of a notebook."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from control.errors import CommandFailed
from control.lab.directory import LabDirectory
from control.lab.spec import check_lab_name
from control.testkit.lab import Lab as RunningLab

_UP_S = 300.0


class Lab:
    """A lab by the command line's words: ``with Lab(workers=2) as lab: …`` brings one up, and takes it down at the end.

    In the block ``lab`` is the running lab: ``apply``, ``pod``, ``node``, ``internet``, ``service``, ``policy``,
    ``trace``, ``capture``, ``map``, ``fault``, ``verify``; a notebook shows it as its map. Root only.

    name: a new one of its own where it is left out. workers, overlay: as of `podwire up`; file: a lab.yaml that says it
    all. keep: leave it running at the end. A lab of that name that is there already is used, and left running.
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        workers: int | None = None,
        overlay: str | None = None,
        file: str | Path | None = None,
        keep: bool = False,
    ) -> None:
        """Makes nothing yet. Raises NameInvalid."""
        self.name = check_lab_name(name or f"p{os.getpid():x}{os.urandom(2).hex()}")
        options = (("--workers", workers), ("--overlay", overlay), ("-f", file))
        self._words = [word for key, value in options if value is not None for word in (key, str(value))]
        self._keep = keep

    @staticmethod
    def running(name: str = "lab", namespace: str = "default") -> RunningLab:
        """A lab that is up already; it stays. Raises NoSuchLab."""
        return RunningLab.running(name, namespace)

    def up(self) -> RunningLab:
        """Bring it up. Raises CommandFailed with what `podwire up` said."""
        if LabDirectory.of(self.name).exists():
            self._keep = True
        _podwire("up", "--name", self.name, *self._words)
        return RunningLab.running(self.name)

    def down(self) -> None:
        """Remove it and all that it made."""
        _podwire("down", "--name", self.name)

    def __enter__(self) -> RunningLab:
        return self.up()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if not self._keep:
            self.down()


def _podwire(*words: str) -> None:
    """A command in a process of its own: a lab's supervisor must not be forked from a notebook's threads."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "podwire", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_UP_S,
        check=False,
    )
    if done.returncode != 0:
        raise CommandFailed(f"podwire {' '.join(words)}: exit {done.returncode}.\n{done.stderr.strip()}")
