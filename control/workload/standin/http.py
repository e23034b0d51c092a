"""HTTP/1.1 as a stand-in speaks it: any path is answered with who it is and what it saw of the request."""

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson

if TYPE_CHECKING:
    from control.workload.standin.door import Door

_MAX_HEAD = 64 * 1024


class HttpSpeaker:
    """One connection, requests answered in order."""

    def __init__(self, door: "Door") -> None:
        self._door = door
        self._buffer = b""
        self._skip = 0
        self._chunked = False
        self._calling = False
        self._gone = False

    def feed(self, data: bytes) -> None:
        """See Speaker."""
        self._buffer += data
        self._go_on()

    def idle(self) -> bool:
        """See Speaker."""
        return not self._calling and not self._buffer and self._skip == 0

    def lost(self) -> None:
        """See Speaker."""
        self._gone = True

    def _go_on(self) -> None:
        while not self._calling:
            if self._skip:
                taken = min(self._skip, len(self._buffer))
                self._buffer, self._skip = self._buffer[taken:], self._skip - taken
                if self._skip:
                    return
            if self._chunked:
                head, mark, rest = self._buffer.partition(b"0\r\n\r\n")
                if not mark:
                    self._buffer = head[-8:]
                    return
                self._buffer, self._chunked = rest, False
            head, mark, rest = self._buffer.partition(b"\r\n\r\n")
            if not mark:
                if len(self._buffer) > _MAX_HEAD:
                    self._door.close()
                return
            self._buffer = rest
            self._request(head.decode("latin-1"))

    def _request(self, head: str) -> None:
        lines = head.split("\r\n")
        method, target, version = (*lines[0].split(" "), "", "")[:3]
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self._door.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._chunked = "chunked" in headers.get("transfer-encoding", "").lower()
        length = headers.get("content-length", "0")
        self._skip = int(length) if length.isdigit() else 0
        keep = headers.get("connection", "").lower() != "close" and version != "HTTP/1.0"
        if urlsplit(target).path in {"/call", "/calls"}:
            self._call(method, target, keep=keep)
        else:
            status, body = answer(self._door, method, target, headers)
            self._reply(method, status, body, keep=keep)

    def _call(self, method: str, target: str, *, keep: bool) -> None:
        place = urlsplit(target)
        query = parse_qs(place.query)
        talk = self._door.talk
        if place.path == "/call":
            targets, path = tuple(query.get("target", [])[:1]), query.get("path", ["/"])[0]
        else:
            targets, path = talk.plan.upstreams, "/"

        def work() -> list[dict[str, Any]]:
            from control.workload.standin.callers import call_all

            return call_all(targets, path)

        def done(results: list[dict[str, Any]]) -> None:
            self._calling = False
            if self._gone:
                return
            body = {"from": talk.plan.identity, "calls": results}
            well = bool(results or place.path == "/calls") and all(result["ok"] for result in results)
            self._reply(method, 200 if well else 502, body, keep=keep)
            self._go_on()

        self._calling = True
        talk.reactor.in_thread(work, done)

    def _reply(self, method: str, status: int, body: dict[str, Any], *, keep: bool) -> None:
        keep = keep and not self._door.talk.draining
        data = orjson.dumps(body) + b"\n"
        reason = {200: "OK", 502: "Bad Gateway", 503: "Service Unavailable"}[status]
        head = (
            f"HTTP/1.1 {status} {reason}\r\nServer: podwire-stand-in\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        )
        self._door.write(head.encode() + (b"" if method == "HEAD" else data))
        if not keep:
            self._door.close()


def answer(door: "Door", method: str, target: str, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Status and body for any request but a call."""
    talk = door.talk
    path = urlsplit(target).path
    body: dict[str, Any] = {
        **talk.plan.identity,
        "hostname": socket.gethostname(),
        "method": method,
        "path": target,
        "source": door.peer,
        "reached": door.local,
        "headers": headers,
    }
    if not talk.ready and path in talk.plan.unready_paths:
        return 503, {**body, "error": "podwire.dev/ready is false"}
    return 200, body
