"""A container's root: the machine's files below, a bounded tmpfs above, thrown away with the container.

Called in the child between fork and exec, already in the pod's network namespace and its own PID namespace.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from dataplane.errors import KernelError
from dataplane.host import bound_root, mounts
from dataplane.host.bound_root import BoundRoot, like
from dataplane.host.mounts import BIND, NODEV, NOEXEC, NOSUID, RDONLY, REMOUNT
from dataplane.host.process import CLONE_NEWNS, unshare

_OVERLAY_OPTIONS = "index=off,metacopy=off,xino=off,volatile"
_MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/proc/kmsg", "/sys/firmware",
    "/sys/devices/virtual/powercap",
)  # fmt: skip
_SHM = "/dev/shm"  # noqa: S108 (where POSIX shared memory lives)
_READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


NODE_ROOT = "/"


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """One volume in a container.

    source: a directory or file of the kubelet's; NODE_ROOT for the files of the machine as the container itself
    sees them, without what is mounted into it. sub_path: below it, followed without symbolic links, made as a
    directory when missing. target: path in the container. read_only: nothing can be written there.
    """

    source: str
    target: str
    read_only: bool = False
    sub_path: str = ""


@dataclass(frozen=True, slots=True)
class ContainerRoot:
    """What one container's file tree is made of.

    stage: an empty directory to build on. devices: see ``mounts.device_template``. lower: see ``mounts.layers``.
    hidden: directories that are empty in the container. files: (path, text), written above the machine's.
    binds: (source, target) of podwire's own, read-only, submounts included. upper_bytes: all that it may write.
    cwd: a directory that the container needs. overlay: False where the kernel has no overlayfs; see bound_root.
    """

    stage: str
    devices: str
    lower: tuple[str, ...]
    hidden: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    binds: tuple[tuple[str, str], ...] = ()
    volumes: tuple[VolumeMount, ...] = ()
    upper_bytes: int = 256 * 1024 * 1024
    read_only: bool = False
    cwd: str = "/"
    overlay: bool = True


def enter(root: ContainerRoot) -> None:
    """Unshare the mount namespace and make ``root`` the root of the calling process, at its directory ``/``.

    Raises KernelError; the process is then good for nothing but to exit.
    """
    unshare(CLONE_NEWNS)
    sources = [(_open_source(volume), volume) for volume in root.volumes if volume.source != NODE_ROOT]
    stage = root.stage
    mounts.mount("tmpfs", stage, "tmpfs", NOSUID | NODEV, f"mode=755,size={root.upper_bytes},nr_inodes=65536")
    if root.overlay:
        _fill_uppers(root)
        for number, lower in enumerate(("/", *root.lower)):
            _overlay(stage, number, lower)
    else:
        targets = (
            *(volume.target for volume in root.volumes),
            *(target for _, target in root.binds),
            root.cwd,
        )
        bound_root.build(BoundRoot(stage, root.lower, root.hidden, root.files, targets))
    new = f"{stage}/root"
    mounts.mount("proc", f"{new}/proc", "proc", NOSUID | NODEV | NOEXEC)
    mounts.mount("sysfs", f"{new}/sys", "sysfs", NOSUID | NODEV | NOEXEC | RDONLY)
    mounts.mount(root.devices, f"{new}/dev", "", BIND)
    mounts.mount(
        "devpts", f"{new}/dev/pts", "devpts", NOSUID | NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"
    )
    mounts.mount("shm", f"{new}{_SHM}", "tmpfs", NOSUID | NODEV | NOEXEC, "mode=1777,size=64m")
    for source, target in root.binds:
        os.makedirs(new + target, exist_ok=True)
        mounts.bind(source, new + target, read_only=True, recursive=True)
    old = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.chdir(new)
    mounts.pivot_here()
    # Paths resolve in the new root from here on, so a link in a target can't lead out of it.
    for descriptor, volume in sources:
        _bind_volume(descriptor, volume)
    for volume in root.volumes:
        if volume.source == NODE_ROOT:
            _bind_volume(_open_source(volume), volume)
    _guard_kernel_files()
    os.fchdir(old)
    mounts.detach(".")
    os.close(old)
    os.chdir("/")
    if root.read_only:
        mounts.mount("", "/", "", REMOUNT | BIND | RDONLY | NODEV)


def _overlay(stage: str, number: int, lower: str) -> None:
    work = f"{stage}/work{number}"
    os.mkdir(work)
    target = f"{stage}/root" + ("" if lower == "/" else lower)
    options = f"lowerdir={lower},upperdir={stage}/upper{number},workdir={work},{_OVERLAY_OPTIONS}"
    try:
        mounts.mount("overlay", target, "overlay", NODEV, options)
    except KernelError as error:
        raise KernelError(
            f"container root over {lower}",
            "overlayfs was refused",
            error.kernel,
            "podwire needs overlayfs on tmpfs",
        ) from error


def _fill_uppers(root: ContainerRoot) -> None:
    """Hide and write before the overlay is there: an opaque directory costs no mount."""
    os.mkdir(f"{root.stage}/root")
    uppers = {lower: f"{root.stage}/upper{number}" for number, lower in enumerate(("/", *root.lower))}
    for lower, upper in uppers.items():
        os.mkdir(upper)
        like(lower, upper)
    for path in root.hidden:
        lower, upper = _upper_of(path, uppers)
        if not os.path.isdir(path):
            continue
        place = _make_parents(lower, upper, path, whole=True)
        os.setxattr(place, "trusted.overlay.opaque", b"y")
    for path, text in root.files:
        lower, upper = _upper_of(path, uppers)
        place = _make_parents(lower, upper, path)
        with open(place, "w", encoding="utf-8") as file:
            file.write(text)


def _upper_of(path: str, uppers: dict[str, str]) -> tuple[str, str]:
    best = max((low for low in uppers if low in {"/", path} or path.startswith(low + "/")), key=len)
    return best, uppers[best]


def _make_parents(lower: str, upper: str, path: str, *, whole: bool = False) -> str:
    """The place of ``path`` in an upper directory, its parents made with the owner and mode of the lower ones."""
    relative = path.removeprefix(lower).strip("/")
    parts = relative.split("/") if relative else []
    below, above = lower.rstrip("/"), upper
    for part in parts if whole else parts[:-1]:
        below, above = f"{below}/{part}", f"{above}/{part}"
        try:
            os.mkdir(above)
        except FileExistsError:
            continue
        like(below, above)
    return above if whole or not parts else f"{above}/{parts[-1]}"


def _open_source(volume: VolumeMount) -> int:
    """A descriptor of what is to be mounted; no link below the volume is followed (a container may have made it)."""
    descriptor = os.open(volume.source, os.O_PATH | os.O_CLOEXEC)
    for part in (p for p in volume.sub_path.split("/") if p not in {"", "."}):
        try:
            os.mkdir(part, 0o777, dir_fd=descriptor)
        except (FileExistsError, NotADirectoryError):
            pass
        deeper = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
        if stat.S_ISLNK(os.fstat(deeper).st_mode):
            raise KernelError(volume.target, f"subPath {volume.sub_path!r} passes a symbolic link")
        os.close(descriptor)
        descriptor = deeper
    return descriptor


def _bind_volume(descriptor: int, volume: VolumeMount) -> None:
    source = f"/proc/self/fd/{descriptor}"
    target = volume.target
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        Path(target).touch()
    # Not recursive: read-only and nodev would hold for the top mount alone.
    mounts.bind(source, target, read_only=volume.read_only)
    os.close(descriptor)


def _guard_kernel_files() -> None:
    for path in _READ_ONLY:
        if os.path.exists(path):
            mounts.mount(path, path, "", BIND | mounts.REC)
            mounts.mount("", path, "", REMOUNT | BIND | RDONLY | NOSUID | NODEV | NOEXEC)
    for path in _MASKED:
        if os.path.isdir(path):
            mounts.mount("tmpfs", path, "tmpfs", RDONLY | NOSUID | NODEV | NOEXEC, "size=0")
        elif os.path.exists(path):
            mounts.mount("/dev/null", path, "", BIND)
