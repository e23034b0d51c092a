"""The supervisor: one single-threaded process a lab that forks its roles and starts them again.

No event loop and no thread ever runs here, so that a fork is always safe; roles are forked from this warmed
image. Its death takes the roles with it (PR_SET_PDEATHSIG); containers, rules and connections stay until `up`
or `down`.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from control.lab.directory import LabDirectory
from control.lab.process import adopt_orphans, log_to, proportional_bytes
from control.workload.descriptor_store import DescriptorStore
from dataplane.host.process import die_with_parent, set_name
from dataplane.patience import patient

_HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP)
LONGEST_PAUSE_S = 10.0
HEALTHY_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Role:
    """One process of a lab.

    run: called in the child with a function to call once when ready; its return ends the role.
    needs: roles that must have been ready once. once: its end is its success, it is not started again.
    mend: called in the child before ``run`` unless it is the first: what broke while the role was dead.
    deposits: what ``run`` needs outlives it in the supervisor's store; no other child keeps any of it.
    """

    name: str
    run: Callable[[Callable[[], None]], None]
    needs: tuple[str, ...] = ()
    once: bool = False
    mend: Callable[[], None] = lambda: None
    deposits: bool = False


@dataclass(slots=True)
class _Running:
    """A role as the supervisor sees it."""

    role: Role
    pid: int = 0
    ready: bool = False
    was_ready: bool = False
    started: float = 0.0
    restarts: int = 0
    pause_s: float = 0.0
    start_at: float = 0.0
    pipe: int = -1


@dataclass(slots=True)
class Supervisor:
    """Runs the roles of one lab until it is killed.

    reload: called on SIGHUP for the roles as they should be now: new ones are started, others ended.
    warm: called once, after the roles that need nothing were forked: the imports that all others share.
    report: descriptor on which `up` waits; a JSON object a line, closed when all roles are ready.
    store: what the zygote's containers hang on; they become this process's children when it dies.
    """

    directory: LabDirectory
    roles: tuple[Role, ...]
    warm: Callable[[], None]
    report: int
    reload: Callable[[], tuple[Role, ...]] | None = None
    store: DescriptorStore = field(default_factory=DescriptorStore)
    _stored: socket.socket | None = None
    _running: dict[str, _Running] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _began: float = field(default_factory=time.monotonic)
    _stopping: bool = False
    _reload_wanted: bool = False

    def run(self) -> None:
        """Never returns but by SIGTERM."""
        set_name(f"podwire-{self.directory.name}")
        adopt_orphans()
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in _HEARD:
            signal.signal(number, self._on_signal)
        self._selector.register(wake_read, selectors.EVENT_READ, self._drain)
        control = self._control_socket()
        self._selector.register(control, selectors.EVENT_READ, self._answer)
        self._running = {role.name: _Running(role) for role in self.roles}
        self._start_what_can(warmed=False)
        self.warm()
        gc.collect()
        gc.freeze()
        while not self._stopping:
            if self._reload_wanted:
                self._change_roles()
            self._start_what_can(warmed=True)
            self._watch_store()
            for key, _ in self._selector.select(self._next_start_s()):
                key.data(key.fileobj)
            self._reap()
        for running in self._running.values():
            if running.pid:
                os.kill(running.pid, signal.SIGTERM)
        self.directory.control_socket.unlink(missing_ok=True)

    def _on_signal(self, number: int, _frame: Any) -> None:
        self._stopping = self._stopping or number == signal.SIGTERM
        self._reload_wanted = self._reload_wanted or number == signal.SIGHUP

    def _change_roles(self) -> None:
        """Take up the roles that the lab's directory now asks for; what goes on is left alone."""
        self._reload_wanted = False
        if self.reload is None:
            return
        wanted = {role.name: role for role in self.reload()}
        for name in [name for name in self._running if name not in wanted]:
            running = self._running.pop(name)
            if running.pid:
                self._log(f"{name} is to go, pid {running.pid}")
                os.kill(running.pid, signal.SIGKILL)
        for name, role in wanted.items():
            if name not in self._running:
                self._running[name] = _Running(role)
            else:
                self._running[name].role = role

    def _watch_store(self) -> None:
        """The selector knows the store's present channel, and whether something waits to be said there."""
        wanted = selectors.EVENT_READ | (0 if self.store.flush() else selectors.EVENT_WRITE)
        known, now = self._stored, self.store.sock
        if known is not now:
            if known is not None:
                self._selector.unregister(known)
            if now is not None:
                self._selector.register(now, wanted, lambda _sock: self.store.hear())
            self._stored = now
        elif now is not None and self._selector.get_key(now).events != wanted:
            self._selector.modify(now, wanted, lambda _sock: self.store.hear())

    def _drain(self, descriptor: Any) -> None:
        try:
            os.read(descriptor, 4096)
        except BlockingIOError:
            return

    def _start_what_can(self, *, warmed: bool) -> None:
        now = time.monotonic()
        for running in self._running.values():
            role = running.role
            done = role.once and running.was_ready
            if running.pid or done or running.start_at > now or (not warmed and role.needs):
                continue
            if all(self._running[need].was_ready for need in role.needs):
                self._fork(running)

    def _next_start_s(self) -> float | None:
        """Seconds until a paused role may start; None: wait for an event."""
        now = time.monotonic()
        pauses = [r.start_at - now for r in self._running.values() if not r.pid and r.start_at > now]
        return max(0.0, min(pauses)) if pauses else None

    def _fork(self, running: _Running) -> None:
        read, write = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        if running.role.deposits:
            self.store.open()
        pid = os.fork()
        if pid == 0:
            self._become(running, write, parent)  # never returns
        os.close(write)
        self.store.forked()
        self._watch_store()
        running.pid, running.pipe, running.ready, running.started = pid, read, False, time.monotonic()
        self._selector.register(read, selectors.EVENT_READ, lambda _fd, r=running: self._on_ready(r))
        self._log(f"{running.role.name} started, pid {pid}")

    def _become(self, running: _Running, ready: int, parent: int) -> None:
        """In the child: shed the supervisor, take the role's log, run, exit."""
        role, status = running.role, 1
        try:
            die_with_parent(signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            signal.set_wakeup_fd(-1)
            for number in _HEARD:
                signal.signal(number, signal.SIG_DFL)
            if not role.deposits:
                self.store.close()
            for key in list(self._selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket):
                    key.fileobj.close()
                elif isinstance(key.fileobj, int):
                    os.close(key.fileobj)
            self._selector.close()
            if self.report >= 0:
                os.close(self.report)
            set_name(f"podwire-{role.name}")
            log_to(self.directory.logs / f"{role.name}.log")
            if running.restarts:
                role.mend()
            role.run(lambda: _say_ready(ready))
            if role.once:
                _say_ready(ready)
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 (the border of a process: what ends it goes to its log)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _on_ready(self, running: _Running) -> None:
        said = os.read(running.pipe, 16)
        self._selector.unregister(running.pipe)
        os.close(running.pipe)
        running.pipe = -1
        if not said:
            return  # it ended; _reap decides
        running.ready = running.was_ready = True
        self._tell({"ready": running.role.name})
        if all(r.was_ready for r in self._running.values()):
            self._tell({"all": True})
            if self.report >= 0:
                os.close(self.report)
                self.report = -1

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            running = next((each for each in self._running.values() if each.pid == pid), None)
            if running is not None:
                self._ended(running, os.waitstatus_to_exitcode(status))
            else:
                self.store.ended(pid, status)

    def _ended(self, running: _Running, code: int) -> None:
        lived_s = time.monotonic() - running.started
        if running.pipe >= 0:  # it may have said ready just before
            self._on_ready(running)
        running.pid, running.ready = 0, False
        if running.role.once and running.was_ready:
            return
        running.restarts += 1
        running.pause_s = (
            0.0 if lived_s > HEALTHY_AFTER_S else min(LONGEST_PAUSE_S, max(0.1, running.pause_s * 2))
        )
        running.start_at = time.monotonic() + running.pause_s
        self._log(
            f"{running.role.name} ended with {code} after {lived_s:.1f} s; again in {running.pause_s:g} s"
        )
        self._tell({"ended": running.role.name, "code": code, "restarts": running.restarts})

    def _tell(self, message: dict[str, Any]) -> None:
        """A line to `up`, if it still listens."""
        if self.report < 0:
            return
        message["seconds"] = round(time.monotonic() - self._began, 3)
        try:
            os.write(self.report, json.dumps(message).encode() + b"\n")
        except BrokenPipeError:
            os.close(self.report)
            self.report = -1

    def _log(self, text: str) -> None:
        print(time.strftime("%H:%M:%S"), text, flush=True)  # noqa: T201 (the log is its standard output)

    def _control_socket(self) -> socket.socket:
        path = self.directory.control_socket
        path.unlink(missing_ok=True)
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(path))
        owner = self.directory.owner()
        path.chmod(0o600)
        os.chown(path, owner.uid, owner.gid)
        server.listen(8)
        server.setblocking(False)
        return server

    def _answer(self, server: socket.socket) -> None:
        """One connection: a report of the roles, then closed. Nothing is read, so nobody can hold it up."""
        try:
            connection, _ = server.accept()
        except BlockingIOError:
            return
        with connection:
            connection.setblocking(False)
            try:
                connection.sendall(json.dumps(self._status()).encode())
            except OSError:
                return

    def _status(self) -> dict[str, Any]:
        now = time.monotonic()
        return {
            "pid": os.getpid(),
            "roles": [
                {
                    "name": r.role.name,
                    "pid": r.pid,
                    "state": "ready" if r.ready else "starting" if r.pid else "waits",
                    "restarts": r.restarts,
                    "seconds": round(now - r.started, 1) if r.pid else 0,
                    "memoryBytes": proportional_bytes(r.pid) if r.pid else 0,
                }
                for r in self._running.values()
                if not r.role.once
            ],
            "memoryBytes": proportional_bytes(os.getpid()),
        }


def _say_ready(descriptor: int) -> None:
    """Tell the supervisor, once; later calls find the pipe closed and are harmless."""
    try:
        os.write(descriptor, b"ready")
        os.close(descriptor)
    except OSError:
        return


def ask(directory: LabDirectory) -> dict[str, Any] | None:
    """The supervisor's report; None when it is not there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(patient(5.0))
        try:
            client.connect(str(directory.control_socket))
            chunks = []
            while chunk := client.recv(65536):
                chunks.append(chunk)
        except (FileNotFoundError, ConnectionError, TimeoutError):  # reset: it died just now
            return None
    report: dict[str, Any] = json.loads(b"".join(chunks)) if chunks else {}
    return report or None
