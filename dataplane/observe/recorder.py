"""pcapng files as a capture writes them: a file, or a ring of files; a comment where two addresses first meet."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dataplane.model.address import IPAddress
from dataplane.observe import pcapng
from dataplane.observe.bpf_filter import Program
from dataplane.observe.ring import Captured

_SNAP_BYTES = 262_144
_MOST_PARTS = 1000  # of one writev (IOV_MAX is 1024)
_COMMENTED_BYTES = 160
STANDARD_OUTPUT = Path("-")
_IP4, _IP6 = b"\x08\x00", b"\x86\xdd"


@dataclass(frozen=True, slots=True)
class Spot:
    """A link to listen at. name: as the file's interface shows it. description: whose it is."""

    netns: str
    link: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop, and how much to keep; 0 stands for without end.

    packets: of all spots together. seconds: of time. file_mb, files: a ring of files of that size.
    buffer_mb: memory for each spot's packets that wait to be written.
    """

    packets: int = 0
    seconds: float = 0.0
    file_mb: int = 0
    files: int = 0
    buffer_mb: int = 16


@dataclass(frozen=True, slots=True)
class Count:
    """What passed one spot's filter, and what of that found no room in its buffer.

    kept: was passed on; with a limit on packets some that were received are not. gone: its link went away meanwhile.
    """

    spot: Spot
    received: int
    dropped: int
    kept: int = 0
    gone: bool = False


Bytes = bytes | memoryview
Comment = Callable[[bytes], str]


@dataclass(slots=True)
class Recorder:
    """Writes pcapng files. path: None writes nowhere, ``-`` to standard output. names: of addresses.

    comment: of a first packet between two addresses, from its frame; "" for none. owner: uid and gid that new
    files are given to.
    """

    path: Path | None
    spots: Sequence[Spot]
    names: dict[IPAddress, str]
    comment: Comment
    limits: Limits
    program: Program | None = None
    owner: tuple[int, int] | None = None
    written: list[Path] = field(default_factory=list)
    _file: int = -1
    _bytes: int = 0
    _turns: int = 0
    _known: set[bytes] = field(default_factory=set)
    _parts: list[Bytes] = field(default_factory=list)

    def open(self) -> None:
        """Begin the first file, or the next of the ring."""
        if self.path is None:
            return
        self.close()
        if self.path == STANDARD_OUTPUT:
            self._file = os.dup(1)
        else:
            self._file = self._next_file(self.path)
        self._known.clear()
        self._bytes = 0
        text = self.program.text if self.program is not None else ""
        head = [pcapng.section("podwire")]
        head += [pcapng.interface(spot.name, spot.description, _SNAP_BYTES, text) for spot in self.spots]
        if self.names:
            head.append(pcapng.names(self.names))
        self._parts += head
        self.flush()

    def _next_file(self, path: Path) -> int:
        if self.limits.file_mb:
            path = path.with_name(f"{path.stem}-{self._turns:05d}{path.suffix}")
            self._turns += 1
        new = not path.exists()
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        if new and self.owner is not None:
            os.fchown(made, *self.owner)
        self.written.append(path)
        if self.limits.files and len(self.written) > self.limits.files:
            self.written.pop(0).unlink(missing_ok=True)
        return made

    def add(self, number: int, packet: Captured) -> None:
        """One packet of the spot of that number. ``flush`` while its bytes are still there."""
        if self.path is None:
            return
        way = pcapng.OUTBOUND if packet.outgoing else pcapng.INBOUND
        pair = _pair(packet.data)
        if pair and pair not in self._known:
            self._known.add(pair)
            comment = self.comment(bytes(packet.data[:_COMMENTED_BYTES]))
            if comment:
                whole = pcapng.commented_packet(
                    number, packet.time_ns, packet.length, bytes(packet.data), way, comment
                )
                self._parts.append(whole)
                return
        self._parts += pcapng.packet_parts(number, packet.time_ns, packet.length, packet.data, way)
        if len(self._parts) > _MOST_PARTS - 3:
            self.flush()

    def flush(self) -> None:
        """Write what was added."""
        if self._file < 0:
            return
        parts, self._parts = self._parts, []
        while parts:
            done = os.writev(self._file, parts[:_MOST_PARTS])
            self._bytes += done
            while parts and done >= len(parts[0]):
                done -= len(parts.pop(0))
            if parts and done:
                parts[0] = memoryview(parts[0])[done:]

    @property
    def full(self) -> bool:
        """Time for the next file of the ring."""
        return bool(self.limits.file_mb) and self._bytes >= self.limits.file_mb << 20

    def end(self, counts: Sequence[Count]) -> None:
        """Say at the end of the file what each spot saw and lost."""
        if self._file >= 0:
            now = time.time_ns()
            self._parts += [
                pcapng.statistics(number, now, count.received, count.dropped)
                for number, count in enumerate(counts)
            ]
            self.flush()
            self.close()

    def close(self) -> None:
        """Close the file that is open."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _pair(data: memoryview) -> bytes:
    """Source and destination address of a frame; empty for what is not IP."""
    kind = data[12:14]
    if kind == _IP4:
        return bytes(data[26:34])
    return bytes(data[22:54]) if kind == _IP6 else b""
