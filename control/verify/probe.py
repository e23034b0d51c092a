"""Real connections from inside namespaces: many at once, no process a probe.

One thread a source namespace, with non-blocking sockets in one selector. A listening socket's kernel completes
the handshake, so what is measured is the wire, not how busy the program behind the port is.
"""

import errno
import os
import resource
import selectors
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from dataplane.errors import NamespaceGone
from dataplane.model.address import Family, IPAddress
from dataplane.netns.enter import inside

TCP, UDP = 6, 17
AT_ONCE, THREADS = 128, 24
_DNS_PORT = 53
_OPEN_FILES = 16_384
_GREETING = b"podwire verify\n"
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}


class Outcome(StrEnum):
    """How a probe ended.

    OPEN: a connection, or an answer. REFUSED: a reset, or port unreachable. BLOCKED: nothing came back in time.
    UNREACHABLE: a router or the own kernel said there is no way. GONE: the source's namespace is not there.
    """

    OPEN = "open"
    REFUSED = "refused"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing to try. netns: of the source. protocol: 6 or 17.

    payload: of UDP; a greeting by default. source: the address to speak from; by default the kernel chooses.
    """

    netns: str
    protocol: int
    address: IPAddress
    port: int
    payload: bytes = b""
    source: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How it went. local: the source address and port that were used; milliseconds until the answer."""

    probe: Probe
    outcome: Outcome
    local: tuple[str, int] = ("", 0)
    milliseconds: float = 0.0
    data: bytes = b""


def run(probes: Sequence[Probe], timeout_s: float) -> list[Answer]:
    """Try them all; answers in the order of the probes. Blocking: call it in a worker thread."""
    _raise_open_files()
    by_source: dict[str, list[int]] = {}
    for index, probe in enumerate(probes):
        by_source.setdefault(probe.netns, []).append(index)
    answers: list[Answer | None] = [None] * len(probes)

    def from_one(netns: str) -> None:
        indexes = by_source[netns]
        try:
            with inside(netns):
                for index, answer in _run_here([(i, probes[i]) for i in indexes], timeout_s):
                    answers[index] = answer
        except NamespaceGone:
            for index in indexes:
                answers[index] = Answer(probes[index], Outcome.GONE)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="probe") as pool:
        list(pool.map(from_one, by_source))
    return [answer for answer in answers if answer is not None]


@dataclass(slots=True)
class _Open:
    index: int
    probe: Probe
    started: float
    deadline: float
    resend: float


def _run_here(probes: Iterable[tuple[int, Probe]], timeout_s: float) -> Iterator[tuple[int, Answer]]:
    """Probes from the calling thread's own namespace."""
    waiting = list(reversed(list(probes)))
    with selectors.DefaultSelector() as selector:
        while waiting or selector.get_map():
            while waiting and len(selector.get_map()) < AT_ONCE:
                index, probe = waiting.pop()
                early = _begin(selector, index, probe, timeout_s)
                if early is not None:
                    yield index, early
            for key, _events in selector.select(_patience(selector)):
                state: _Open = key.data
                assert isinstance(key.fileobj, socket.socket)
                yield state.index, _finish(selector, key.fileobj, state)
            yield from _expire(selector)


def _begin(selector: selectors.BaseSelector, index: int, probe: Probe, timeout_s: float) -> Answer | None:
    """Start one; its answer when it is known at once."""
    family = socket.AF_INET if Family.of(probe.address) is Family.V4 else socket.AF_INET6
    kind = socket.SOCK_STREAM if probe.protocol == TCP else socket.SOCK_DGRAM
    now = time.monotonic()
    made = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if probe.source is not None:
            made.bind((str(probe.source), 0))
        made.connect((str(probe.address), probe.port))
        if probe.protocol == UDP:
            made.send(payload(probe))
    except BlockingIOError:
        pass
    except OSError as error:
        made.close()
        return Answer(probe, _outcome(error.errno))
    again = now + (timeout_s / 2 if probe.protocol == UDP else timeout_s)
    state = _Open(index, probe, now, now + timeout_s, again)
    selector.register(made, selectors.EVENT_WRITE if probe.protocol == TCP else selectors.EVENT_READ, state)
    return None


def _finish(selector: selectors.BaseSelector, made: socket.socket, state: _Open) -> Answer:
    selector.unregister(made)
    took_ms = (time.monotonic() - state.started) * 1000
    data, code, local = b"", 0, ("", 0)
    try:
        if state.probe.protocol == TCP:
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        else:
            data = made.recv(4096)
        local = made.getsockname()[:2]
    except OSError as error:
        code = error.errno or errno.EIO
    made.close()
    return Answer(state.probe, _outcome(code), local, took_ms, data)


def _expire(selector: selectors.BaseSelector) -> Iterator[tuple[int, Answer]]:
    now = time.monotonic()
    for key in list(selector.get_map().values()):
        state: _Open = key.data
        assert isinstance(key.fileobj, socket.socket)
        if now >= state.deadline:
            selector.unregister(key.fileobj)
            local = key.fileobj.getsockname()[:2]
            # A thread that did not run for a while may be late to see what the kernel has long done.
            outcome = Outcome.OPEN if _connected(key.fileobj, state.probe) else Outcome.BLOCKED
            key.fileobj.close()
            yield state.index, Answer(state.probe, outcome, local, (now - state.started) * 1000)
        elif state.probe.protocol == UDP and now >= state.resend:
            state.resend = state.deadline
            try:
                key.fileobj.send(payload(state.probe))
            except OSError:
                continue  # an error on its way: the next select reports it


def _connected(made: socket.socket, probe: Probe) -> bool:
    if probe.protocol != TCP:
        return False
    try:
        made.getpeername()
    except OSError:
        return False
    return True


def _patience(selector: selectors.BaseSelector) -> float:
    states: list[_Open] = [key.data for key in selector.get_map().values()]
    now = time.monotonic()
    return max(0.0, min((min(state.deadline, state.resend) - now for state in states), default=0.0))


def _outcome(code: int | None) -> Outcome:
    if not code:
        return Outcome.OPEN
    if code in (errno.ECONNREFUSED, errno.ECONNRESET):
        return Outcome.REFUSED
    return Outcome.UNREACHABLE if code in _UNREACHABLE else Outcome.BLOCKED


def payload(probe: Probe) -> bytes:
    """What a UDP probe sends: its own, a DNS question to port 53, a greeting elsewhere."""
    if probe.payload:
        return probe.payload
    return dns_question(".", 2) if probe.port == _DNS_PORT else _GREETING


def dns_question(name: str, kind: int) -> bytes:
    """A DNS query (RFC 1035, section 4.1). kind: 1 A, 28 AAAA, 2 NS."""
    labels = [label.encode("idna") for label in name.rstrip(".").split(".") if label]
    packed = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    header = struct.pack(">HHHHHH", int.from_bytes(os.urandom(2)), 0x0100, 1, 0, 0, 0)
    return header + packed + struct.pack(">HH", kind, 1)


def _raise_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
