"""The helper process: Debian's own Python, which alone sees bcc. Reads orders, tells of drops, a JSON line each.

Run as a script, by path. Orders on standard input: ``{"add": [inode…]}``, ``{"remove": [inode…]}`` of namespaces,
``{"mark": [protocol, number]}``, ``{"most": per_second}``, ``{"flush": number}``. On standard output:
``{"ready": true}`` or ``{"missing": why}`` first, then ``{"drop": […]}``, ``{"missed": {inode: packets}}``,
``{"flushed": number}``. It ends with its parent, and when its input ends; the kernel then takes the program away.
"""

import ctypes
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
_PR_SET_PDEATHSIG = 1
_POLL_MS = 1000
_TICKS = 8
_PREFIX = "SKB_DROP_REASON_"


class _Drop(ctypes.Structure):
    """``struct drop`` of drops.c."""

    _fields_ = (
        ("time_ns", ctypes.c_uint64),
        ("where", ctypes.c_uint64),
        ("netns", ctypes.c_uint32),
        ("reason", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
        ("copied", ctypes.c_uint32),
        ("link", ctypes.c_char * 16),
        ("packet", ctypes.c_uint8 * 128),
    )


class _Mark(ctypes.Structure):
    """``struct mark`` of drops.c."""

    _fields_ = tuple((name, ctypes.c_uint32) for name in ("protocol", "number", "most", "unused"))


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what, separators=(",", ":")) + "\n")


def _offsets(btf: Any) -> dict[str, int]:
    return {
        "HEAD": btf.offset("sk_buff", "head"),
        "TAIL": btf.offset("sk_buff", "tail"),
        "LEN": btf.offset("sk_buff", "len"),
        "NETWORK_HEADER": btf.offset("sk_buff", "network_header"),
        "DEV": btf.offset("sk_buff", "dev"),
        "SK": btf.offset("sk_buff", "sk"),
        "DST": btf.offset("sk_buff", "_skb_refdst"),
        "DST_DEV": btf.offset("dst_entry", "dev"),
        "DEV_NET": btf.offset("net_device", "nd_net", "net"),
        "DEV_NAME": btf.offset("net_device", "name"),
        "SK_NET": btf.offset("sock", "__sk_common", "skc_net", "net"),
        "NET_INUM": btf.offset("net", "ns", "inum"),
    }


class _Watch:
    """The loaded program and its maps."""

    def __init__(self, bpf: Any, reasons: dict[int, str]) -> None:
        self._bpf, self._reasons = bpf, reasons
        self._mark = _Mark()
        self._missed: dict[int, int] = {}
        self._ahead_ns = _realtime_ahead_ns()
        bpf["drops"].open_ring_buffer(self._told)

    @property
    def descriptor(self) -> int:
        """Readable when drops wait."""
        return int(self._bpf["drops"].map_fd)

    def obey(self, order: dict[str, Any]) -> None:
        """Do what a line of input says."""
        places = self._bpf["places"]
        for inode in order.get("add", ()):
            places[ctypes.c_uint32(inode)] = ctypes.c_uint8(1)
        for inode in order.get("remove", ()):
            places.pop(ctypes.c_uint32(inode), None)
        if "mark" in order:
            self._mark.protocol, self._mark.number = order["mark"]
        if "most" in order:
            self._mark.most = order["most"]
        if "mark" in order or "most" in order:
            self._bpf["marks"][ctypes.c_int(0)] = self._mark
        if "flush" in order:
            self.tell()
            _say(flushed=order["flush"])

    def tell(self) -> None:
        """All drops that wait, and what found no room since the last call."""
        self._ahead_ns = _realtime_ahead_ns()
        self._bpf.ring_buffer_consume()
        now = {key.value: value.value for key, value in self._bpf["missed"].items()}
        if now != self._missed:
            _say(missed={inode: count - self._missed.get(inode, 0) for inode, count in now.items()})
            self._missed = now

    def _told(self, _context: Any, data: Any, _size: int) -> int:
        seen = ctypes.cast(data, ctypes.POINTER(_Drop)).contents
        reason = self._reasons.get(seen.reason, f"{seen.reason:#x}" if self._reasons else "NOT_SPECIFIED")
        if not reason.startswith("SKB_"):  # SKB_CONSUMED: used, not dropped
            where = self._bpf.ksym(seen.where).decode()
            _say(drop=[
                seen.time_ns + self._ahead_ns, seen.netns, seen.link.decode(errors="replace"), reason, where,
                seen.length, bytes(seen.packet[: seen.copied]).hex(),
            ])  # fmt: skip
        return 0


def _realtime_ahead_ns() -> int:
    """How far the clock of packet sockets (since 1970) is ahead of the kernel's own; the tightest of some readings."""
    readings = []
    for _ in range(_TICKS):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        now = time.clock_gettime_ns(time.CLOCK_REALTIME)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        readings.append((after - before, now - (before + after) // 2))
    return min(readings)[1]


def _load() -> _Watch:
    """Compile and attach. Raises whatever is missing."""
    os.environ["BCC_KERNEL_SOURCE"] = str(_HERE / "kernel")
    sys.path.append(str(_HERE.parents[1]))
    import bcc

    from dataplane.ebpf.btf import Btf

    btf = Btf.of_kernel()
    named = btf.enumeration("skb_drop_reason")
    flags = [f"-DOFFSET_{name}={offset}" for name, offset in _offsets(btf).items()]
    flags += ["-DHAS_REASON"] if named else []
    bpf = bcc.BPF(text=(_HERE / "drops.c").read_text(), cflags=flags)
    return _Watch(bpf, {value: name.removeprefix(_PREFIX) for value, name in named.items()})


def main(parent: int) -> None:
    """Until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    try:
        watch = _load()
    except Exception as error:  # noqa: BLE001 - bcc raises bare Exception; the parent goes on without us
        _say(missing=" ".join(f"{type(error).__name__}: {error}".split()))
        sys.stdout.flush()
        return
    _say(ready=True)
    sys.stdout.flush()
    poll, left = select.poll(), b""
    poll.register(0, select.POLLIN)
    poll.register(watch.descriptor, select.POLLIN)
    while True:
        poll.poll(_POLL_MS)
        watch.tell()
        if select.select([0], [], [], 0)[0]:
            data = os.read(0, 1 << 16)
            if not data:
                return
            *lines, left = (left + data).split(b"\n")
            for line in lines:
                watch.obey(json.loads(line))
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
