"""Mounts that a lab may have left in the machine's own mount table."""

from contextlib import suppress
from pathlib import Path

from dataplane.netns import syscalls

_MNT_DETACH = 2


def mounts_below(directory: Path) -> list[str]:
    """Mount points at or below a directory, deepest first (proc(5), mountinfo)."""
    prefix = str(directory)
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        target = line.split(" ")[4].encode().decode("unicode_escape")
        if target == prefix or target.startswith(f"{prefix}/"):
            found.append(target)
    return sorted(found, key=len, reverse=True)


def unmount_below(directory: Path) -> int:
    """Detach all mounts at or below a directory; how many there were."""
    targets = mounts_below(directory)
    for target in targets:
        with suppress(OSError):  # gone with the one above it
            syscalls.umount(target, _MNT_DETACH)
    return len(targets)
