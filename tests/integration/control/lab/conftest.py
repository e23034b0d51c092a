"""podwire on the command line, as a person and a script meet it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.lab.directory import LabDirectory
from control.lab.supervisor import ask
from dataplane.host.cgroup import labs_with_cgroup
from dataplane.netns.sweep import of_lab

PODWIRE = [sys.executable, "-m", "podwire"]
_DEFAULT_SIGINT = ["env", "--default-signal=INT"]  # what runs in the back of a shell ignores it


class Cli:
    """podwire on the command line, its labs in a home of the test's own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {**os.environ, "PODWIRE_HOME": str(home), "TMPDIR": str(home.parent)}
        self.environment.pop("PODWIRE_LAB_NAME", None)
        self.labs: set[str] = set()

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command under way, in a process group of its own."""
        if "--name" in words:
            self.labs.add(words[words.index("--name") + 1])
        return subprocess.Popen(
            [*_DEFAULT_SIGINT, *PODWIRE, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    def __call__(self, *words: str, exits: int = 0) -> str:
        """Standard output of a command that must end with that code (standard error when it fails)."""
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        assert process.returncode == exits, f"{words}: exit {process.returncode}\n{out}\n{err}"
        return out if exits == 0 else err

    def processes(self, lab: str) -> list[int]:
        """Processes in the lab's cgroup that live."""
        return _processes_of(lab)

    def supervisor(self, lab: str) -> int:
        """The supervisor's pid."""
        report = ask(LabDirectory(lab, self.home / lab))
        assert report is not None
        return int(report["pid"])

    def left(self, lab: str) -> list[str]:
        """All that the machine still has of a lab."""
        found = list(of_lab(lab))
        found += [f"cgroup {name}" for name in labs_with_cgroup() if name == lab]
        found += [f"process {pid}" for pid in self.processes(lab)]
        for table in ("/proc/self/mountinfo", "/proc/net/unix"):
            found += [line for line in Path(table).read_text().splitlines() if f"{self.home}/{lab}/" in line]
        found += [str(path) for path in self.home.glob(f"*{lab}*")] if self.home.exists() else []
        return found


def _processes_of(lab: str) -> list[int]:
    """Processes in the lab's cgroup, by what each says of itself; the dead whom init has yet to bury aside."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                dead = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
                if not dead and f"/podwire-{lab}/" in (entry / "cgroup").read_text():
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    made = Cli(tmp_path / "home")
    yield made
    for lab in made.labs:
        made("down", "--name", lab)
        assert made.left(lab) == []
