"""Stops a lab: the kernel's part goes, the directory with the API's objects stays; `start` makes it again."""

from control.errors import LabStopped
from control.lab.directory import LabDirectory
from control.lab.down import Removed, clear_kernel
from control.lab.supervisor import ask


def stop(directory: LabDirectory) -> Removed:
    """End the lab's processes and remove its namespaces. Raises NoSuchLab; a stopped lab stays stopped.

    Containers are killed: to the API they were running, and `start` runs them again, as after a power cut.
    """
    with directory.must_exist().locked("stop"):
        return clear_kernel(directory)


def must_run(directory: LabDirectory) -> None:
    """LabStopped, unless the lab's supervisor answers."""
    if ask(directory.must_exist()) is None:
        raise LabStopped(
            f"Lab {directory.name} is stopped.",
            f"sudo podwire start --name {directory.name}",
        )
