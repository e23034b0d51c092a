"""The four kinds of probe, asked from the node's own namespace: HTTP, TCP, gRPC health, exec."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from h2.exceptions import ProtocolError

MakeSocket = Callable[[int, int, int], socket.socket]
RunCommand = Callable[[tuple[str, ...], float], Awaitable[tuple[int, bytes]]]

USER_AGENT = "kube-probe/1.37"
_BODY_BYTES = 10 * 1024
_MOST_REDIRECTS = 10
_HEALTH_STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer. message: what ``Unhealthy`` says, in upstream's words."""

    healthy: bool
    message: str = ""


async def dial(make_socket: MakeSocket, host: str, port: int) -> socket.socket:
    """A connected socket of the node's namespace. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = make_socket(family, socket.SOCK_STREAM, 0)
    sock.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (host, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def probe_tcp(make_socket: MakeSocket, host: str, port: int, timeout_s: float) -> Outcome:
    """Whether a connection is accepted."""
    try:
        async with asyncio.timeout(timeout_s):
            sock = await dial(make_socket, host, port)
    except TimeoutError:
        return Outcome(healthy=False, message=f"dial tcp {_joined(host, port)}: i/o timeout")
    except OSError as error:
        return Outcome(healthy=False, message=_dial_message(host, port, error))
    sock.close()
    return Outcome(healthy=True)


async def probe_http(
    make_socket: MakeSocket, host: str, port: int, action: dict[str, Any], timeout_s: float
) -> Outcome:
    """Whether 200 to 399 is answered; redirects to the same host are followed, others count as fine."""
    scheme = str(action.get("scheme") or "HTTP").lower()
    url = f"{scheme}://{_joined(host, port)}{_rooted(action.get('path') or '/')}"
    headers = {"Host": _joined(host, port), "User-Agent": USER_AGENT, "Accept": "*/*"}
    for header in action.get("httpHeaders") or []:
        canonical = "-".join(part.capitalize() for part in header["name"].split("-"))
        headers[canonical] = header.get("value", "")
    try:
        async with asyncio.timeout(timeout_s):
            return await _get(make_socket, url, headers)
    except TimeoutError:
        reason = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Outcome(healthy=False, message=f'Get "{url}": {reason}')
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        words = _dial_message(host, port, error) if isinstance(error, ConnectionRefusedError) else str(error)
        return Outcome(healthy=False, message=f'Get "{url}": {words or "EOF"}')


async def http_get(
    make_socket: MakeSocket, url: str, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    """One GET over a new connection: status, headers (lower case), the start of the body."""
    place = urlsplit(url)
    host, secure = place.hostname or "", place.scheme == "https"
    sock = await dial(make_socket, host, place.port or (443 if secure else 80))
    context = _unverified() if secure else None
    reader, writer = await asyncio.open_connection(
        sock=sock, ssl=context, server_hostname="" if secure else None
    )
    try:
        target = (place.path or "/") + (f"?{place.query}" if place.query else "")
        lines = [f"GET {target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "Connection: close"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        words = head[0].split(" ")
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
            raise ValueError(
                f'net/http: HTTP/1.x transport connection broken: malformed HTTP response "{head[0]}"'
            )
        found = {
            n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.read(_BODY_BYTES) if found.get("content-length") != "0" else b""
        return int(words[1]), found, body
    finally:
        writer.close()


async def _get(make_socket: MakeSocket, url: str, headers: dict[str, str]) -> Outcome:
    first = urlsplit(url).hostname
    for _ in range(_MOST_REDIRECTS):
        status, found, _body = await http_get(make_socket, url, headers)
        if 300 <= status < 400 and found.get("location"):
            url = urljoin(url, found["location"])
            if urlsplit(url).hostname != first:
                return Outcome(healthy=True, message="Probe terminated redirects")
            continue
        if 200 <= status < 400:
            return Outcome(healthy=True)
        return Outcome(healthy=False, message=f"HTTP probe failed with statuscode: {status}")
    return Outcome(healthy=False, message=f'Get "{url}": stopped after {_MOST_REDIRECTS} redirects')


async def probe_grpc(
    make_socket: MakeSocket, host: str, port: int, service: str, timeout_s: float
) -> Outcome:
    """Whether ``grpc.health.v1.Health/Check`` answers SERVING."""
    where = _joined(host, port)
    try:
        async with asyncio.timeout(timeout_s):
            sock = await dial(make_socket, host, port)
            reader, writer = await asyncio.open_connection(sock=sock)
            try:
                return await _health_check(reader, writer, where, service)
            finally:
                writer.close()
    except (TimeoutError, OSError):
        return Outcome(
            healthy=False,
            message=f'timeout: failed to connect service "{where}" within {_go_seconds(timeout_s)}: '
            "context deadline exceeded",
        )
    except ProtocolError as error:
        return Outcome(healthy=False, message=f"error: health rpc failed: {error}")


async def _health_check(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authority: str, service: str
) -> Outcome:
    connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    name = service.encode()
    message = b"\x0a" + bytes([len(name)]) + name if name else b""
    connection.send_headers(
        stream,
        [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/grpc.health.v1.Health/Check"),
            (":authority", authority),
            ("content-type", "application/grpc"),
            ("user-agent", USER_AGENT),
            ("te", "trailers"),
        ],
    )
    connection.send_data(stream, b"\0" + len(message).to_bytes(4, "big") + message, end_stream=True)
    writer.write(connection.data_to_send())
    body, headers, ended = b"", {}, False
    while not ended:
        data = await reader.read(65536)
        if not data:
            return Outcome(healthy=False, message="error: health rpc failed: connection closed")
        for event in connection.receive_data(data):
            if isinstance(event, DataReceived):
                body += event.data or b""
            elif isinstance(event, ResponseReceived | TrailersReceived):
                headers.update({str(key): str(value) for key, value in event.headers or []})
            elif isinstance(event, StreamEnded | StreamReset):
                ended = True
        writer.write(connection.data_to_send())
    code = headers.get("grpc-status", "2")
    if code == "12":
        return Outcome(
            healthy=False,
            message="error: this server does not implement the grpc health protocol (grpc.health.v1.Health): "
            + headers.get("grpc-message", ""),
        )
    if code != "0":
        return Outcome(
            healthy=False, message=f"error: health rpc failed: {headers.get('grpc-message', code)}"
        )
    state = body[6] if len(body) >= 7 and body[5] == 0x08 else 0
    if state == 1:
        return Outcome(healthy=True)
    return Outcome(
        healthy=False, message=f'service unhealthy (responded with "{_HEALTH_STATES.get(state, state)}")'
    )


async def probe_exec(run: RunCommand, command: tuple[str, ...], timeout_s: float) -> Outcome:
    """Whether a command in the container ends with 0 in time."""
    try:
        code, output = await run(command, timeout_s)
    except TimeoutError:
        words = f'command "{" ".join(command)}" timed out'
        return Outcome(healthy=False, message=f"{words} after {_go_seconds(timeout_s)}")
    text = output.decode(errors="replace")[:_BODY_BYTES]
    return Outcome(healthy=code == 0, message=text)


def _unverified() -> ssl.SSLContext:
    """As upstream: a probe does not check certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _dial_message(host: str, port: int, error: BaseException) -> str:
    words = {
        "ConnectionRefusedError": "connection refused",
        "ConnectionResetError": "connection reset by peer",
    }.get(type(error).__name__, (getattr(error, "strerror", "") or str(error)).lower())
    return f"dial tcp {_joined(host, port)}: connect: {words}"


def _rooted(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _go_seconds(seconds: float) -> str:
    return f"{seconds:g}s"
