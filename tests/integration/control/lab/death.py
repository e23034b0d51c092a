"""Death at any moment: commands and roles of a lab killed with SIGKILL, and what they were at just then."""

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from control.lab.directory import LabDirectory
from control.lab.supervisor import ask
from dataplane.host.cgroup import LabCgroup
from dataplane.netns.sweep import of_lab

ROLES = ("supervisor", "zygote", "api", "controllers", "agents-cp", "agents-node-1", "internet")


@dataclass
class Reaper:
    """Kills what belongs to one lab of a `Cli` at moments that ``dice`` chooses.

    took: seconds that a command needs, to choose a moment within; hit: how often in which phase.
    """

    cli: Any
    lab: str
    dice: random.Random
    took: dict[str, float] = field(default_factory=dict)
    hit: Counter[str] = field(default_factory=Counter)

    def run(self, *words: str) -> None:
        """A command to its end."""
        began = time.monotonic()
        self.cli(*words, *self._named())
        self.took[" ".join(words[:2])] = time.monotonic() - began

    def kill(self, *words: str, guess_s: float) -> None:
        """A command, killed at a random moment; half the time all processes of its lab with it.

        guess_s: how long it takes, while that was not measured yet.
        """
        key = " ".join(words[:2])
        moment = self.dice.uniform(0.02, self.took.get(key, guess_s) * 1.05)
        everything = self.dice.random() < 0.5
        began = time.monotonic()
        process = self.cli.start(*words, *self._named())
        time.sleep(max(0.0, began + moment - time.monotonic()))  # a random moment: nothing is waited for
        ended = process.poll() is not None
        process.kill()
        if everything:
            self._kill_all()
        phase = self.phase()
        process.communicate(timeout=60)
        what = " ".join(words[:2]) if words[0] == "node" else words[0]
        self.hit[f"{what}: {'was done' if ended else phase}"] += 1

    def kill_role(self, role: str) -> None:
        """One role, wherever it is in its life; the supervisor takes the others with it."""
        report = ask(self._directory())
        if report is None:
            self.hit[f"role {role}: the supervisor was dead"] += 1
            return
        pids = {each["name"]: (each["pid"], each["state"]) for each in report["roles"]}
        pid, state = (report["pid"], "ready") if role == "supervisor" else pids.get(role, (0, "unknown"))
        if pid:
            _end(pid)
        self.hit[f"role {role}: {state}"] += 1

    def phase(self) -> str:
        """How far the lab is, from its directory and the kernel."""
        directory, spaces = self._directory(), of_lab(self.lab)
        cgroup = LabCgroup(self.lab).path.is_dir()
        log = directory.logs / "supervisor.log"
        started = re.findall(r"(\S+) started", log.read_text()) if log.exists() else []
        if not directory.exists():
            return (
                "no directory" + (" but namespaces" if spaces else "") + (" but a cgroup" if cgroup else "")
            )
        if not directory.spec.exists():
            return f"a directory with {len(list(directory.pki.glob('*')))} files of keys, no plan"
        if not cgroup:
            return f"a plan, no cgroup, {len(spaces)} namespaces"
        pods = sum(1 for name in spaces if "-pod-" in name)
        last = started[-1] if started else "none"
        return f"{len(spaces) - pods} namespaces of nodes, {pods} of pods, last role {last}"

    def inventory(self) -> list[str]:
        """All that is left of the lab."""
        return [*self.cli.left(self.lab), *self._processes_of_home()]

    def down(self) -> None:
        """One `down`, after which nothing is left."""
        self.run("down")
        left = self.inventory()
        assert left == [], f"left after down; phases so far: {dict(self.hit)}: {left}"

    def until_ready(self) -> None:
        """Returns once the supervisor says that all roles are ready."""
        deadline = time.monotonic() + 60
        while True:
            report = ask(self._directory())
            if report and all(role["state"] == "ready" for role in report["roles"]):
                return
            assert time.monotonic() < deadline, report
            time.sleep(0.05)

    def _named(self) -> tuple[str, str]:
        return "--name", self.lab

    def _directory(self) -> LabDirectory:
        return LabDirectory(self.lab, self.cli.home / self.lab)

    def _kill_all(self) -> None:
        for pid in LabCgroup(self.lab).pids():
            _end(pid)

    def _processes_of_home(self) -> list[str]:
        """Processes that escaped the cgroup and still carry the home of the test's labs."""
        mark = f"PODWIRE_HOME={self.cli.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(f"process {entry.name}: {(entry / 'comm').read_text().strip()}")
            except OSError:
                continue
        return found


def _end(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def of_up(reaper: Reaper) -> int:
    """`up` killed; a third of the time another `up` takes over what it finds."""
    reaper.kill("up", "--workers", "1", guess_s=2.5)
    if reaper.dice.random() < 0.34:
        reaper.run("up")
    reaper.down()
    return 1


def of_down(reaper: Reaper) -> int:
    """`down` of a whole lab killed."""
    reaper.run("up", "--workers", "1")
    reaper.kill("down", guess_s=0.3)
    reaper.down()
    return 1


def of_stop_and_start(reaper: Reaper) -> int:
    """`stop` killed, and the `start` after it."""
    reaper.run("up", "--workers", "1")
    reaper.kill("stop", guess_s=0.3)
    reaper.run("stop")
    reaper.kill("start", guess_s=2.5)
    if reaper.dice.random() < 0.34:
        reaper.run("start")
    reaper.down()
    return 2


def of_node_add(reaper: Reaper) -> int:
    """`node add` killed; half the time `up` completes what it began."""
    reaper.run("up", "--workers", "1")
    reaper.kill("node", "add", "node-2", guess_s=1.0)
    if reaper.dice.random() < 0.5:
        reaper.run("up")
        reaper.run("node", "add", "node-3")
    reaper.down()
    return 1


def of_node_remove(reaper: Reaper) -> int:
    """`node remove` killed; then the same name is added again, or `up` finishes it, or nobody does."""
    reaper.run("up", "--workers", "1")
    reaper.run("node", "add", "node-2")
    reaper.kill("node", "remove", "node-2", guess_s=1.0)
    if reaper.dice.random() < 0.5:
        reaper.run("up")
    reaper.down()
    return 1


def of_roles(reaper: Reaper) -> int:
    """Roles killed one after another at random moments, some while they start again; the supervisor last."""
    reaper.run("up", "--workers", "1")
    order = list(ROLES[1:])
    reaper.dice.shuffle(order)
    for role in order:
        time.sleep(reaper.dice.uniform(0.0, 0.5))  # a random moment, as above
        reaper.kill_role(role)
        if reaper.dice.random() < 0.5:
            time.sleep(reaper.dice.uniform(0.1, 0.4))  # while it starts again
            reaper.kill_role(role)
    if reaper.dice.random() < 0.5:
        reaper.until_ready()
    reaper.kill_role("supervisor")
    reaper.down()
    return len(ROLES)


def slaughter(reaper: Reaper, kills: int, kinds: tuple[Callable[[Reaper], int], ...]) -> int:
    """So many kills, the kinds in turn; how many there were."""
    done, turn = 0, 0
    while done < kills:
        done += kinds[turn % len(kinds)](reaper)
        turn += 1
    return done
