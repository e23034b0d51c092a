"""Stops a lab: the kernel's part goes, the directory with the API's objects stays; `start` makes it again."""

from control.errors import LabStopped
from control.lab.directory import LabDirectory
from control.lab.down import Removed, clear_kernel
from control.lab.supervisor import ask
from dataplane.host.cgroup import LabCgroup


def stop(directory: LabDirectory) -> Removed:
    """End the lab's processes and remove its namespaces. Raises NoSuchLab; a stopped lab stays stopped.

    Containers are killed: to the API they were running, and `start` runs them again, as after a power cut.
    """
    with directory.must_exist().locked("stop"):
        return clear_kernel(directory)


def must_run(directory: LabDirectory) -> None:
    """LabStopped, unless the lab's supervisor answers."""
    if ask(directory.must_exist()) is None:
        raise stopped(directory)


def stopped(directory: LabDirectory) -> LabStopped:
    """The error that says so. When a supervisor died, what it ran but the roles goes on, with nobody to mend it."""
    if LabCgroup(directory.name).populated():
        return LabStopped(
            f"The supervisor of lab {directory.name} died, and its roles with it. Containers and connections go on, "
            "but nothing changes or mends them any more. `start` makes everything anew from the stored objects.",
            f"sudo podwire start --name {directory.name}",
        )
    return LabStopped(
        f"Lab {directory.name} is stopped: its objects are there, its processes are not.",
        f"sudo podwire start --name {directory.name}",
    )
