"""Namespaces made, listed and removed under /run/netns, so that ``ip netns`` shows and enters them.

A name appears only after the sysctls are written and ``lo`` is up: who finds a namespace finds it complete.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from dataplane.errors import NamespaceError, NameTaken
from dataplane.netns import names, syscalls, sysctl
from dataplane.netns.sysctl import Place

T = TypeVar("T")

OWN_NAMESPACE = "/proc/thread-self/ns/net"
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1


def create(name: str, place: Place = Place.POD, *, ipv6: bool = True) -> None:
    """Make a namespace. ipv6: False switches the family off inside. Raises NameTaken, NamespaceError."""
    create_with(name, lambda: None, place, ipv6=ipv6)


def create_with(name: str, opening: Callable[[], T], place: Place = Place.POD, *, ipv6: bool = True) -> T:
    """The same; the value of ``opening``, which runs in the new namespace just before it has its name.

    The calling thread is inside for that moment and back at home after it.
    """
    target = str(names.path(name))
    if is_there(name):
        raise NameTaken(name, "a namespace of that name is there already", mend=f"ip netns delete {name}")
    _prepare_directory()
    home = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        try:
            sysctl.write(name, sysctl.settings(place, ipv6=ipv6))
            _loopback_up()
            opened = opening()
            _bind(target)
        finally:
            syscalls.setns(home, syscalls.CLONE_NEWNET)
    except OSError as error:
        raise NamespaceError(name, "can't make the namespace", str(error), _mend(error)) from error
    finally:
        os.close(home)
    return opened


def ensure(name: str, place: Place = Place.POD, *, ipv6: bool = True) -> bool:
    """Make the namespace unless it is there; True when it was made."""
    try:
        create(name, place, ipv6=ipv6)
    except NameTaken:
        return False
    return True


def is_there(name: str) -> bool:
    """Whether a namespace is bound at that name; a bare file, left by a crash, is none."""
    try:
        return os.stat(names.path(name)).st_dev != os.stat(names.DIRECTORY).st_dev
    except OSError:
        return False


def delete(name: str) -> None:
    """Take the name away; the kernel drops the namespace with its last process. Gone already is no error."""
    target = str(names.path(name))
    try:
        syscalls.umount(target, syscalls.MNT_DETACH | syscalls.UMOUNT_NOFOLLOW)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.EINVAL}:
            raise NamespaceError(name, "can't remove the namespace", str(error), _mend(error)) from error
    with suppress(FileNotFoundError):
        os.unlink(target)


def listing() -> list[str]:
    """All of podwire's namespaces, of every lab, sorted; files left by a crash included."""
    try:
        entries = os.listdir(names.DIRECTORY)
    except FileNotFoundError:
        return []
    return sorted(entry for entry in entries if names.lab_of(entry))


def _mend(error: OSError) -> str:
    return "run as root" if error.errno in {errno.EPERM, errno.EACCES} else ""


def _bind(target: str) -> None:
    os.close(os.open(target, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
    try:
        syscalls.mount(OWN_NAMESPACE, target, None, syscalls.MS_BIND)
    except OSError:
        os.unlink(target)
        raise


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _IFF_UP))


_prepared: set[tuple[int, int]] = set()


def _prepare_directory() -> None:
    """/run/netns as ``ip netns`` wants it: a shared mount, so that a name removed is removed everywhere."""
    directory = str(names.DIRECTORY)
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        found = os.stat(directory)
    except OSError as error:
        raise NamespaceError(directory, "can't be made", str(error), "run as root") from error
    if (found.st_dev, found.st_ino) in _prepared:
        return
    try:
        syscalls.mount("", directory, "none", syscalls.MS_SHARED | syscalls.MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise NamespaceError(
                directory, "can't be made a shared mount", str(error), "run as root"
            ) from error
        syscalls.mount(directory, directory, "none", syscalls.MS_BIND | syscalls.MS_REC)
        syscalls.mount("", directory, "none", syscalls.MS_SHARED | syscalls.MS_REC)
    _prepared.add((found.st_dev, found.st_ino))
