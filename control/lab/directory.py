"""A lab's directory: where its state lives, who owns it, and the lock that lets one command at a time in."""

import fcntl
import json
import os
import pwd
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.errors import HomeInvalid, LabBusy, NoSuchLab, NotYours

DEFAULT_HOME = Path("/var/lib/podwire")


def home() -> Path:
    """Where all labs live: ``PODWIRE_HOME``, else /var/lib/podwire."""
    return Path(os.environ.get("PODWIRE_HOME") or DEFAULT_HOME).absolute()


def make_home() -> None:
    """Make the home of labs; HomeInvalid where it can't be."""
    try:
        home().mkdir(mode=0o755, parents=True, exist_ok=True)
        if not os.access(home(), os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise HomeInvalid(
            f"PODWIRE_HOME {home()} can't hold labs: {error.strerror}.",
            "a directory on a disk: /var/lib/podwire",
        ) from error


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who called podwire through sudo (or is root): the lab's files are theirs."""

    uid: int
    gid: int

    @property
    def ids(self) -> tuple[int, int]:
        """uid and gid, as chown wants them."""
        return self.uid, self.gid

    @classmethod
    def current(cls) -> "Caller":
        """SUDO_UID and SUDO_GID when root came through sudo, else the process's own."""
        if os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
            return cls(int(os.environ["SUDO_UID"]), int(os.environ.get("SUDO_GID") or os.environ["SUDO_UID"]))
        return cls(os.geteuid(), os.getegid())


@dataclass(frozen=True, slots=True)
class LabDirectory:
    """Paths of one lab, all below ``root``; nothing of a lab's state is anywhere else."""

    name: str
    root: Path

    @classmethod
    def of(cls, name: str) -> "LabDirectory":
        """The directory of a lab by name; it need not exist."""
        return cls(name, home() / name)

    @property
    def mark(self) -> Path:
        """Says that the directory is a lab's; without it nothing in it is touched."""
        return self.root / ".podwire-lab"

    @property
    def spec(self) -> Path:
        """lab.yaml as it was asked for, in JSON, with what was settled at the first `up`."""
        return self.root / "lab.json"

    @property
    def kubeconfig(self) -> Path:
        """The caller's way in, mode 0600."""
        return self.root / "kubeconfig"

    @property
    def pki(self) -> Path:
        """CA, certificates, keys."""
        return self.root / "pki"

    @property
    def store(self) -> Path:
        """The API's objects."""
        return self.root / "store" / "objects.sqlite"

    @property
    def logs(self) -> Path:
        """One file a component."""
        return self.root / "log"

    @property
    def control_socket(self) -> Path:
        """Where the supervisor answers."""
        return self.root / "control.sock"

    @property
    def zygote_socket(self) -> Path:
        """Where the zygote answers the nodes' agents."""
        return self.root / "zygote.sock"

    @property
    def machine_before(self) -> Path:
        """The root namespace as it was before `up`."""
        return self.root / "machine-before.json"

    @property
    def faults(self) -> Path:
        """Which faults are in force, and what undoes them."""
        return self.root / "faults.json"

    @property
    def memory(self) -> Path:
        """A tmpfs while the lab is up: what the nodes' kubelets write into pods' volumes."""
        return self.root / "memory"

    def node(self, node: str) -> Path:
        """State of a node's agents."""
        return self.root / "nodes" / node

    def exists(self) -> bool:
        """Was the lab brought up, and not yet taken down?"""
        return self.mark.exists()

    def may_exist(self) -> bool:
        """As `exists`; another user's lab can't be looked into, and may be one."""
        try:
            return self.exists()
        except PermissionError:
            return not self.root.name.startswith(".")

    def must_exist(self) -> "LabDirectory":
        """Itself, or NoSuchLab with the labs that are there."""
        if self.root.is_dir() and (self.exists() or not os.access(self.root, os.X_OK)):
            if not os.access(self.root, os.R_OK | os.X_OK):
                raise NotYours(
                    f"Lab {self.name} belongs to {_user(self.root.stat().st_uid)}.",
                    "the same line as that user, or with sudo in front",
                )
            return self
        others = ", ".join(d.name for d in all_labs())
        raise NoSuchLab(
            f"There is no lab {self.name!r}{f' (there are: {others})' if others else ''}.",
            "sudo podwire up" + (f" --name {self.name}" if self.name != "lab" else ""),
        )

    def refuse_foreign(self) -> None:
        """HomeInvalid when something that is no lab's stands in the directory's place."""
        if (
            self.root.exists()
            and not self.exists()
            and not (self.root.is_dir() and not any(self.root.iterdir()))
        ):
            raise HomeInvalid(
                f"{self.root} is there and is no lab of podwire's.", "another --name, or another PODWIRE_HOME"
            )

    def create(self, caller: Caller) -> None:
        """Make the tree: 0700, the caller's own."""
        make_home()
        self.refuse_foreign()
        self.root.mkdir(mode=0o700, exist_ok=True)
        self.mark.touch(mode=0o600)
        for path in (self.root, self.pki, self.store.parent, self.logs, self.root / "nodes"):
            path.mkdir(mode=0o700, exist_ok=True)
        for path in (self.root, self.logs):
            os.chown(path, caller.uid, caller.gid)

    def owner(self) -> Caller:
        """Whose lab it is."""
        status = self.root.stat()
        return Caller(status.st_uid, status.st_gid)

    def read(self) -> dict[str, Any]:
        """What `spec` holds; empty before the first `up`."""
        try:
            document: dict[str, Any] = json.loads(self.spec.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return document

    def write(self, document: dict[str, Any]) -> None:
        """Replace `spec` in one step."""
        write_private(self.spec, json.dumps(document, indent=1), self.owner())

    def remove(self) -> None:
        """Remove all of it, and the home of labs when it is the default one and empty.

        The mark goes last, so that a removal that was killed is finished by the next one.
        """
        if not self.exists():
            return
        for entry in self.root.iterdir():
            if entry == self.mark:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        self.mark.unlink()
        self.root.rmdir()
        if self.root.parent == DEFAULT_HOME:
            try:
                DEFAULT_HOME.rmdir()
            except OSError:
                return  # another lab lives there

    @contextmanager
    def locked(self, command: str) -> Iterator[None]:
        """Hold the lab's lock; waits up to 60 s for another command, says for whom, then LabBusy."""
        make_home()
        path = home() / f".{self.name}.lock"
        descriptor = _take(path, command)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(descriptor)
            if path.parent == DEFAULT_HOME:
                with suppress(OSError):  # another lab lives there, or took it away just now
                    DEFAULT_HOME.rmdir()


def _take(path: Path, command: str) -> int:
    """The locked descriptor of a lock file that still has its name."""
    deadline, said = time.monotonic() + 60, False
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except FileNotFoundError:  # another lab that went took the home with it
            make_home()
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another command"
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise LabBusy(f"{holder} holds this lab since over 60 s.", "wait for it, or end it") from None
            if not said:
                os.write(2, f"waiting for {holder} …\n".encode())
                said = True
            time.sleep(0.05)  # flock has no event to wait on with a deadline
            continue
        try:
            if os.fstat(descriptor).st_ino == path.stat().st_ino:
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"podwire {command} (pid {os.getpid()})".encode(), 0)
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)  # its holder unlinked it in between: take the new one


def write_private(path: Path, text: str, owner: Caller) -> None:
    """Write a 0600 file of the owner's, in one step."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)  # the directory is the caller's: never write through a link that lies there
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if os.geteuid() == 0:
            os.fchown(file.fileno(), owner.uid, owner.gid)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def all_labs() -> list[LabDirectory]:
    """Every lab that has a directory, by name."""
    try:
        return sorted(
            (lab for p in home().iterdir() if (lab := LabDirectory(p.name, p)).may_exist()),
            key=lambda lab: lab.name,
        )
    except (FileNotFoundError, PermissionError):
        return []
