"""Whether containers can have a writable layer over the machine's files."""

import errno
from pathlib import Path

from dataplane.host.denied import Ability, is_denied
from dataplane.netns import syscalls


def has_overlayfs() -> bool:
    """In the kernel's list, or loaded by asking for it: without its options the mount itself is refused."""
    if is_denied(Ability.OVERLAYFS):
        return False
    if "\toverlay\n" in Path("/proc/filesystems").read_text():
        return True
    try:
        syscalls.mount("none", "/", "overlay", 0)
    except OSError as error:
        return error.errno not in {errno.ENODEV, errno.EPERM}
    syscalls.umount("/", syscalls.MNT_DETACH)
    return True
