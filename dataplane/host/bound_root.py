"""A container's file tree without overlayfs: the machine's directories bound read-only, tmpfs where programs write.

The top of the tree is a tmpfs of the container's own, so it can be written there; a directory in which something
must be made that the machine has not is opened: a tmpfs directory too, with all that the machine has in it bound.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dataplane.host import mounts
from dataplane.host.mounts import BIND

_WRITTEN = ("/tmp", "/var/tmp", "/run", "/var/log", "/var/cache", "/var/spool", "/mnt", "/media")  # noqa: S108
_KERNEL = frozenset(["/proc", "/sys", "/dev"])


@dataclass(frozen=True, slots=True)
class BoundRoot:
    """What the tree is made of.

    stage: a tmpfs of the container's, writable; the tree is its ``root``. lower: mount points below ``/`` that it
    must have. hidden: directories that are empty. files: (path, text). targets: paths that will be made or mounted
    on later.
    """

    stage: str
    lower: tuple[str, ...]
    hidden: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    targets: tuple[str, ...]

    @property
    def root(self) -> str:
        """Where the tree stands."""
        return f"{self.stage}/root"


def build(want: BoundRoot) -> None:
    """Make the tree; ``want.root`` is a mount point afterwards. Raises KernelError, OSError."""
    os.mkdir(want.root)
    like("/", want.root)
    mounts.mount(want.root, want.root, "", BIND)
    blank = frozenset(path for path in (*want.hidden, *_WRITTEN) if _is_real_directory(path))
    own = frozenset(_place(path) for path, _ in want.files if not _is_plain_file(path))
    opened = _opened((*own, *want.targets), blank)
    _fill("/", want.root, opened, blank | _KERNEL | own)
    for path in want.lower:
        if not _is_at_or_below(path, opened | blank) and os.path.isdir(want.root + path):
            mounts.bind(path, want.root + path, read_only=True)
    for number, path in enumerate(sorted(blank, key=len)):
        if os.path.dirname(path) not in opened and not _is_at_or_below(os.path.dirname(path), blank):
            empty = f"{want.stage}/blank{number}"
            os.mkdir(empty)
            like(path, empty)
            mounts.bind(empty, want.root + path)
    for number, (path, text) in enumerate(want.files):
        _write(want, number, _place(path), text)


def like(below: str, above: str) -> None:
    """The owner and mode of one directory for another; without the first nothing changes."""
    try:
        model = os.stat(below)
    except FileNotFoundError:
        return
    os.chown(above, model.st_uid, model.st_gid)
    os.chmod(above, model.st_mode & 0o7777)


def _fill(below: str, above: str, opened: frozenset[str], empty: frozenset[str]) -> None:
    for entry in os.scandir(below):
        path, place = entry.path, f"{above}/{entry.name}"
        if entry.is_symlink():
            if path not in empty:
                os.symlink(os.readlink(path), place)
        elif entry.is_dir():
            os.mkdir(place)
            like(path, place)
            if path in opened:
                _fill(path, place, opened, empty)
            elif path not in empty:
                mounts.bind(path, place, read_only=True)
        elif entry.is_file() and path not in empty:
            Path(place).touch()
            mounts.bind(path, place, read_only=True)


def _write(want: BoundRoot, number: int, path: str, text: str) -> None:
    """A file of the container's own: where the machine has one it is bound over, else made in an opened directory."""
    if not _is_plain_file(path):
        Path(want.root + path).write_text(text, encoding="utf-8")
        return
    source = Path(f"{want.stage}/file{number}")
    source.write_text(text, encoding="utf-8")
    mounts.bind(str(source), want.root + path)


def _opened(targets: Iterable[str], blank: frozenset[str]) -> frozenset[str]:
    """Directories in which a target must be made, and those above them."""
    found = {"/"}
    for target in targets:
        path = _place(target)
        if os.path.exists(path) and not os.path.islink(path):
            continue
        above = os.path.dirname(path)
        while not os.path.isdir(above):
            above = os.path.dirname(above)
        if not _is_at_or_below(above, blank):
            while above != "/":
                found.add(above)
                above = os.path.dirname(above)
    return frozenset(found)


def _place(path: str) -> str:
    """The path without links in the directories above it."""
    directory, name = os.path.split(path.rstrip("/"))
    return os.path.join(os.path.realpath(directory), name)


def _is_plain_file(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)


def _is_real_directory(path: str) -> bool:
    return os.path.isdir(path) and os.path.realpath(path) == path


def _is_at_or_below(path: str, places: frozenset[str]) -> bool:
    return any(place != "/" and (path == place or path.startswith(place + "/")) for place in places)
