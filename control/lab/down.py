"""Takes a lab down with no memory but the kernel's state and the lab's directory."""

import json
from dataclasses import dataclass, replace

from control.errors import Leftovers
from control.lab.directory import LabDirectory, all_labs
from control.lab.memory import drop_memory
from dataplane.host.cgroup import LabCgroup, labs_with_cgroup
from dataplane.host.unmount import unmount_below
from dataplane.host.untouched import RootState, snapshot
from dataplane.netns import sweep
from dataplane.netns.names import FABRIC, lab_of, place_of


@dataclass(frozen=True, slots=True)
class Removed:
    """What `down` removed, and how the machine compares with before `up`.

    cables: every namespace but the fabric hangs on one.
    differences: lines; empty when the root namespace is as it was; None when nobody noted how it was.
    """

    lab: str
    processes: int
    namespaces: int
    cables: int
    directory: bool
    differences: tuple[str, ...] | None

    @property
    def anything(self) -> bool:
        """Was there anything to remove?"""
        return bool(self.processes or self.namespaces or self.directory)

    def sentence(self) -> str:
        """One line for the terminal."""
        if not self.anything:
            return f"lab {self.lab}: nothing to remove"
        what = f"removed {self.namespaces} namespaces, {self.cables} cables, {self.processes} processes"
        if self.differences is None:
            return f"{what}; how the machine was before is not known"
        if self.differences:
            return f"{what}; the machine differs from before `up`:"
        return (
            f"{what}; the machine is as it was (links, addresses, routes, rules, ruleset, sysctls compared)"
        )


def known_labs() -> list[str]:
    """Every lab that has a directory, a namespace or a cgroup."""
    names = {lab.name for lab in all_labs()} | set(sweep.labs()) | set(labs_with_cgroup())
    return sorted(name for name in names if lab_of(f"podwire-{name}-x"))


def take_down(directory: LabDirectory) -> Removed:
    """Remove processes, namespaces, mounts, cgroup and directory of a lab; fine when they are gone already.

    The caller holds the lab's lock. Raises Leftovers naming what would not go.
    """
    cleared = clear_kernel(directory)
    existed = directory.exists()
    directory.remove()
    left = [*(f"process {pid}" for pid in LabCgroup(directory.name).pids()), *sweep.of_lab(directory.name)]
    if directory.exists():
        left.append(str(directory.root))
    if left:
        raise Leftovers(
            f"lab {directory.name}: still there after down: {', '.join(left[:8])}.",
            f"sudo podwire down --name {directory.name}   once more",
        )
    return replace(cleared, directory=existed)


def clear_kernel(directory: LabDirectory) -> Removed:
    """Remove what the kernel still has of a lab; its directory, and with it the API's objects, stays.

    The caller holds the lab's lock.
    """
    before = _state_before(directory)
    cgroup = LabCgroup(directory.name)
    processes = len(cgroup.pids())
    cgroup.kill()
    swept = sweep.sweep(directory.name).namespaces
    unmount_below(directory.root)
    drop_memory(directory)
    cgroup.remove()
    for file in (directory.control_socket, directory.zygote_socket, directory.faults):
        file.unlink(missing_ok=True)
    differences = tuple(before.differences(snapshot())) if before else None
    cables = sum(1 for namespace in swept if place_of(namespace) != FABRIC)
    return Removed(directory.name, processes, len(swept), cables, directory=False, differences=differences)


def _state_before(directory: LabDirectory) -> RootState | None:
    try:
        return RootState.from_json(json.loads(directory.machine_before.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return None
