"""Every packet that the kernel drops in some namespaces, with its own reason: our side of the helper process.

A process of its own because bcc is Debian's, for Debian's interpreter, and takes 130 MB. It ends with us, by our
word or by the kernel's (PR_SET_PDEATHSIG); its program is attached through a descriptor of its own and goes with it.
"""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataplane.patience import patient

PYTHON = "/usr/bin/python3"
"""Debian's own, which sees python3-bpfcc."""
OFF = "PODWIRE_NO_EBPF"
_HELPER = Path(__file__).with_name("tell_drops.py")
_START_S, _FLUSH_S = 15.0, 2.0


@dataclass(frozen=True, slots=True)
class KernelDrop:
    """One packet's end. time_ns: since 1970. netns: the namespace's inode. link: that held it, or was to take it.

    reason: the kernel's, without SKB_DROP_REASON_. where: the function that gave it up. length_bytes: of what the
    kernel held. packet: its first bytes, from its IP header on.
    """

    time_ns: int
    netns: int
    link: str
    reason: str
    where: str
    length_bytes: int
    packet: bytes


class DropWatch:
    """A helper that is starting, or runs. Start it early from a thread that stays: it dies with its maker.

    heard: called for each drop, in another thread. missed: packets that found no room or were beyond the limit, by
    namespace's inode, as far as they were told.
    """

    def __init__(self) -> None:
        self.heard: Callable[[KernelDrop], None] = lambda _drop: None
        self.missed: dict[int, int] = {}
        self._why = "" if os.path.exists(PYTHON) else f"there is no {PYTHON}"
        if os.environ.get(OFF):
            self._why = f"{OFF} is set"
        self._told, self._flushed = threading.Event(), threading.Event()
        self._process: subprocess.Popen[str] | None = None
        if self._why:
            self._told.set()
            return
        self._process = subprocess.Popen(
            [PYTHON, "-I", str(_HELPER), str(os.getpid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, name="podwire-drops", daemon=True)
        self._reader.start()

    def why_missing(self) -> str:
        """Wait until it runs: "", or one line that says why it can't."""
        if not self._told.wait(patient(_START_S)):
            self._why = f"the helper did not start within {_START_S:.0f} s"
        return self._why

    def follow(self, inodes: Iterable[int]) -> None:
        """Tell of these namespaces, too."""
        self._order(add=sorted(inodes))

    def leave(self, inodes: Iterable[int]) -> None:
        """Tell of these no more."""
        self._order(remove=sorted(inodes))

    def only(self, protocol: int, number: int) -> None:
        """Tell only of the packet with this protocol and port (or echo's identifier), its answers and its errors."""
        self._order(mark=[protocol, number])

    def at_most(self, per_second: int) -> None:
        """Tell of so many packets a second and CPU; the rest is counted as missed."""
        self._order(most=per_second)

    def flush(self) -> bool:
        """Wait until all that was dropped before this call has been heard; False when it takes too long."""
        self._flushed.clear()
        self._order(flush=1)
        return self._flushed.wait(patient(_FLUSH_S))

    @property
    def ended(self) -> bool:
        """It ended by itself."""
        return self._process is None or self._process.poll() is not None

    def close(self) -> None:
        """End it; the kernel lets its program go with it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._reader.join()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def __enter__(self) -> "DropWatch":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _order(self, **what: Any) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):  # it has ended, and why_missing or ended say so
            return

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            what = json.loads(line)
            if "drop" in what:
                time_ns, netns, link, reason, where, length, packet = what["drop"]
                drop = KernelDrop(time_ns, netns, link, reason, where, length, bytes.fromhex(packet))
                self.heard(drop)
            elif "missed" in what:
                for inode, count in what["missed"].items():
                    self.missed[int(inode)] = self.missed.get(int(inode), 0) + count
            elif "flushed" in what:
                self._flushed.set()
            else:
                self._why = what.get("missing", "")
                self._told.set()
        if not self._told.is_set():
            self._why = "the helper ended before it began"
            self._told.set()
