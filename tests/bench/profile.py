"""What `profiled.py` wrote, read: phases of `up`, steps of a pod's start, CPU by process, and where it goes."""

import json
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

TICK_MS = 4
"""A kernel of 250 Hz: SIGPROF comes at its ticks, whatever is asked for."""
UP = ("podwire", "supervisor", "zygote", "internet", "api", "controllers", "agents")
OURS = ("control", "dataplane", "policy", "cni")


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a wrapped function. at: seconds of CLOCK_MONOTONIC."""

    role: str
    name: str
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a process was at a tick of its CPU time, the innermost first."""

    role: str
    at: float
    frames: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """All processes of one run."""

    all_steps: tuple[Step, ...]
    stacks: tuple[Stack, ...]

    @property
    def until(self) -> float:
        """The last moment that is in it."""
        return max((step.at + step.seconds for step in self.all_steps), default=0.0)

    def since(self, moment: float) -> "Profile":
        """What began later."""
        return replace(
            self,
            all_steps=tuple(step for step in self.all_steps if step.at >= moment),
            stacks=tuple(stack for stack in self.stacks if stack.at >= moment),
        )

    def phases(self) -> str:
        """Steps of a lab's start in their order: when each began and how long it took, longer than 5 ms."""
        first = min(step.at for step in self.all_steps)
        wanted = [
            s for s in self.all_steps if s.seconds >= 0.005 and not s.name.startswith(("ApiClient", "Event"))
        ]
        lines = [f"{s.at - first:7.3f} s  +{s.seconds * 1e3:6.0f} ms  {s.role:14} {s.name}" for s in wanted]
        return "\n".join(lines) + "\n"

    def steps(self) -> str:
        """Steps of the agents: how often, and how long each takes (which is waiting, too)."""
        found: dict[str, list[float]] = defaultdict(list)
        for step in self.all_steps:
            if kind(step.role) == "agents":
                found[step.name].append(step.seconds * 1e3)
        lines = [f"{'step':28} {'calls':>6} {'median ms':>10} {'p95 ms':>9}"]
        for name, values in sorted(found.items(), key=lambda pair: -sum(pair[1])):
            p95 = sorted(values)[int(len(values) * 0.95)]
            lines.append(f"{name:28} {len(values):6} {statistics.median(values):10.1f} {p95:9.1f}")
        return "\n".join(lines) + "\n"

    def cpu(self) -> str:
        """CPU time by kind of process."""
        ticks = Counter(kind(stack.role) for stack in self.stacks)
        return "".join(f"{role:14} {count * TICK_MS:6} ms\n" for role, count in ticks.most_common())

    def hot(self, role: str, most: int = 12) -> str:
        """Of one kind of process: what its CPU time was spent in or below, by function of ours."""
        mine = [stack for stack in self.stacks if kind(stack.role) == role]
        ticks: Counter[str] = Counter()
        for stack in mine:
            ticks.update(
                {frame for frame in stack.frames if frame.startswith(OURS) and not _frame_of_all(frame)}
            )
        lines = [f"of the {role}' {len(mine) * TICK_MS} ms, in or below:"]
        lines += [f"  {count / len(mine):4.0%}  {name}" for name, count in ticks.most_common(most)]
        return "\n".join(lines) + "\n"


def read(directory: Path) -> Profile:
    """All files of a run."""
    steps, stacks = [], []
    for path in directory.glob("spans-*.jsonl"):
        for text in path.read_text().splitlines():
            said = json.loads(text)
            steps.append(Step(said["role"], said["step"], said["at"], said["seconds"]))
    for path in directory.glob("stacks-*.txt"):
        for text in path.read_text().splitlines():
            role, at, frames = text.split(" ", 2)
            stacks.append(Stack(role, float(at), tuple(frames.split(";"))))
    return Profile(tuple(sorted(steps, key=lambda step: step.at)), tuple(stacks))


def kind(role: str) -> str:
    """All nodes' agents are one kind."""
    return "agents" if role.startswith("agents-") else role


def _frame_of_all(frame: str) -> bool:
    """What every role is below of says nothing."""
    return frame.startswith(("control.lab.", "control.cli."))
