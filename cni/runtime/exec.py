"""One plugin called: another's as a process in the node's namespace, ours in this one."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cni.errors import CNIError, PluginFailed, PluginMissing, TryAgain
from cni.plugin import main as ours
from cni.spec.call import Call
from cni.spec.config import TYPE
from dataplane.netns.enter import inside

Json = Mapping[str, Any]
_COMMANDS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Plugins:
    """Calls plugins for one node. Synchronous; the calling thread is in the node's namespace meanwhile."""

    def __init__(
        self, netns: str, path: tuple[str, ...], timeout_s: float = 30.0, *, lock: Path | None = None
    ) -> None:
        """netns: the node's. path: where executables are looked for. timeout_s: of one call.

        lock: a file whose lock every executable inherits and so holds while it runs, even after our death.
        """
        self.netns, self.path, self.timeout_s, self._lock = netns, path, timeout_s, lock

    def ended(self) -> bool:
        """Wait until no executable that a predecessor began is under way; False when one still is in the end."""
        deadline = time.monotonic() + self.timeout_s
        with self._locked(fcntl.LOCK_UN) as descriptors:
            while descriptors:
                try:
                    fcntl.flock(descriptors[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(0.02)
                else:
                    return True
        return True

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[tuple[int, ...]]:
        """The lock's descriptor, none where there is no lock."""
        if self._lock is None:
            yield ()
            return
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield (descriptor,)
        finally:
            os.close(descriptor)

    def find(self, kind: str) -> str:
        """The executable of a type. Raises PluginMissing."""
        for directory in self.path:
            candidate = os.path.join(directory, kind)
            if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
                return candidate
        raise PluginMissing(
            f"there is no CNI plugin {kind!r} in {', '.join(self.path)}",
            mend="apt install containernetworking-plugins, or name its folder in lab.yaml: cni.path",
        )

    def __call__(self, kind: str, call: Call, config: Json) -> Json | None:
        """Its result; None where it said nothing.

        Raises PluginMissing, PluginFailed (with the plugin's code), TryAgain after the time-out, and for our
        own plugin whatever it raises.
        """
        if kind == TYPE:
            return ours.run(call, config, self.netns)
        return self._executed(kind, call, config)

    def _executed(self, kind: str, call: Call, config: Json) -> Json | None:
        executable = self.find(kind)
        own = {key: value for key, value in os.environ.items() if not key.startswith("CNI_")}
        path = ":".join(part for part in (own.get("PATH"), _COMMANDS) if part)
        with self._locked(fcntl.LOCK_SH) as inherited, inside(self.netns):
            process = subprocess.Popen(
                [executable],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=own | {"PATH": path} | call.environment() | {"CNI_PATH": ":".join(self.path)},
                process_group=0,
                pass_fds=inherited,
            )
        try:
            out, err = process.communicate(json.dumps(config).encode(), self.timeout_s)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            late = TryAgain(f"{kind}: {call.verb} took longer than {self.timeout_s:g} s and was ended")
            late.plugin = kind
            raise late from error
        return answer(kind, process.returncode, out, err)


def answer(kind: str, status: int, out: bytes, err: bytes) -> Json | None:
    """What a plugin that has ended with that status said. Raises PluginFailed."""
    try:
        said = json.loads(out) if out.strip() else None
    except ValueError as error:
        raise PluginFailed(
            kind, CNIError.code, f"exit {status}, and its answer is not JSON", _start(out)
        ) from error
    if status == 0:
        if said is not None and not isinstance(said, dict):
            raise PluginFailed(kind, CNIError.code, "its answer is not an object", _start(out))
        return said
    if isinstance(said, dict) and "msg" in said:
        code = said.get("code")
        raise PluginFailed(
            kind,
            code if isinstance(code, int) else CNIError.code,
            str(said["msg"]),
            str(said.get("details") or ""),
        )
    how = f"exit {status}" if status > 0 else f"ended by signal {-status}"
    raise PluginFailed(kind, CNIError.code, f"{how}, without an error in words", _start(err or out))


def _start(text: bytes) -> str:
    return text[:500].decode(errors="replace").strip()
