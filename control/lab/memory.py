"""Memory for what the nodes' kubelets write into pods' volumes: tokens, Secrets, ConfigMaps, projections.

As upstream keeps Secrets, tokens and projections, so none lies on a disk. And a file costs 0.01 ms of CPU there; on
ext4, where many others were deleted just before, 0.5 ms, of which a pod's token volume has ten.
"""

from contextlib import suppress

from control.lab.directory import LabDirectory
from dataplane.host import mounts
from dataplane.host.unmount import unmount_below


def mount_memory(directory: LabDirectory) -> None:
    """Before the zygote is forked, which copies the mount table. Raises KernelError."""
    place = directory.memory
    place.mkdir(mode=0o700, exist_ok=True)
    mounts.mount("podwire", str(place), "tmpfs", mounts.NOSUID | mounts.NODEV, "mode=700")


def drop_memory(directory: LabDirectory) -> None:
    """Gone in every mount table: with its place go the copies that other labs' zygotes have of it."""
    unmount_below(directory.memory)
    with suppress(OSError):
        directory.memory.rmdir()
