"""Where an API alone keeps its files: a directory that goes with it, or one that the user named.

Directories that go stand together under one of the user's own (0700) in the system's temporary directory; each
holds a locked file as long as its process lives, so that whoever comes next removes what a killed one left.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from control.errors import AloneInUse, AloneInvalid

MARK: Final = ".podwire-api"
"""The file that says what the directory is, and whose lock says that its process lives."""


@dataclass(frozen=True, slots=True)
class Place:
    """Paths of one API alone."""

    root: Path
    kept: bool

    @property
    def pki(self) -> Path:
        """CA, certificates, keys."""
        return self.root / "pki"

    @property
    def store(self) -> Path:
        """The API's objects."""
        return self.root / "objects.sqlite"

    @property
    def kubeconfig(self) -> Path:
        """The admin's way in, mode 0600."""
        return self.root / "kubeconfig"

    @property
    def port(self) -> Path:
        """The port it had, so that a kept API has it again."""
        return self.root / "port"

    @property
    def log(self) -> Path:
        """What controllers and server said, where they have no terminal."""
        return self.root / "log"


@contextmanager
def ephemeral() -> Iterator[Place]:
    """A fresh directory, removed at the end; those of dead processes are removed first."""
    with _parent() as parent:
        _sweep(parent)
        root = Path(tempfile.mkdtemp(dir=parent))
        lock = _locked(root / MARK)
    assert lock is not None, "nobody else knows its name"
    try:
        yield Place(root, kept=False)
    finally:
        shutil.rmtree(root, ignore_errors=True)
        os.close(lock)
        with suppress(OSError):  # others' are in it
            root.parent.rmdir()


@contextmanager
def kept(root: Path) -> Iterator[Place]:
    """A directory that stays. Raises AloneInvalid for one of somebody else's, AloneInUse while another runs on it."""
    mend = "--data with an empty or new directory, or without --data for one that goes"
    try:
        root = root.absolute()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (root / MARK).exists() and any(root.iterdir()):
            raise AloneInvalid(f"--data {root} is not empty, and no API of podwire's was kept there.", mend)
        lock = _locked(root / MARK)
    except OSError as error:
        raise AloneInvalid(f"--data {root} can't be used: {error.strerror}.", mend) from error
    if lock is None:
        raise AloneInUse(f"Another API runs on --data {root}.", "end it, or name another directory")
    try:
        yield Place(root, kept=True)
    finally:
        os.close(lock)


def sweep() -> None:
    """Remove what killed processes left."""
    with _parent() as parent:
        _sweep(parent)
    with suppress(OSError):
        parent.rmdir()


@contextmanager
def _parent() -> Iterator[Path]:
    """The user's directory of those that go, locked: nobody else makes or sweeps meanwhile."""
    path = Path(tempfile.gettempdir()) / f"podwire-api-{os.geteuid()}"
    while True:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:  # the last of the others took it away just now
            continue
        except OSError as error:
            raise _not_ours(path) from error
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                raise _not_ours(path)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if path.stat().st_ino == status.st_ino:
                    yield path
                    return
        finally:
            os.close(descriptor)


def _not_ours(path: Path) -> AloneInvalid:
    return AloneInvalid(f"{path} is no directory of yours alone.", "TMPDIR=DIRECTORY podwire api")


def _sweep(parent: Path) -> None:
    for root in parent.iterdir():
        lock = _locked(root / MARK)
        if lock is not None:
            shutil.rmtree(root, ignore_errors=True)
            os.close(lock)


def _locked(path: Path) -> int | None:
    """The locked descriptor of a file, None while another process holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
