"""HTTP/2 as a stand-in speaks it: gRPC health checks are SERVING, other gRPC methods UNIMPLEMENTED by name."""

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from control.workload.standin.http import answer

if TYPE_CHECKING:
    from control.workload.standin.door import Door

_HEALTH = "/grpc.health.v1.Health/"
_SERVING, _NOT_SERVING = 1, 2
_UNIMPLEMENTED = 12


class Http2Speaker:
    """One connection with its streams."""

    def __init__(self, door: "Door") -> None:
        self._door = door
        config = H2Configuration(client_side=False, header_encoding="utf-8")
        self._connection = H2Connection(config)
        self._connection.initiate_connection()
        self._requests: dict[int, dict[str, str]] = {}
        self._send()

    def feed(self, data: bytes) -> None:
        """See Speaker."""
        try:
            events: list[Any] = self._connection.receive_data(data)
        except ProtocolError:
            self._send()
            self._door.close()
            return
        for event in events:
            self._take(event)
        self._send()

    def idle(self) -> bool:
        """See Speaker."""
        return not self._requests

    def lost(self) -> None:
        """See Speaker."""
        self._requests.clear()

    def _send(self) -> None:
        data = self._connection.data_to_send()
        if data:
            self._door.write(data)

    def _take(self, event: Any) -> None:
        if isinstance(event, RequestReceived):
            self._requests[event.stream_id] = {str(name): str(value) for name, value in event.headers}
        elif isinstance(event, DataReceived):
            self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self._answer(event.stream_id, self._requests.get(event.stream_id, {}))
        elif isinstance(event, StreamReset):
            self._requests.pop(event.stream_id, None)
        elif isinstance(event, ConnectionTerminated):
            self._door.close()
        elif isinstance(event, WindowUpdated):
            return

    def _answer(self, stream: int, headers: dict[str, str]) -> None:
        path = headers.get(":path", "/")
        if not headers.get("content-type", "").startswith("application/grpc"):
            self._plain(stream, headers)
        elif path == _HEALTH + "Check":
            self._grpc_head(stream)
            self._connection.send_data(stream, self._health())
            self._trailers(stream, 0, "")
        elif path == _HEALTH + "Watch":
            # Stays open, as the protocol asks: the status is sent once, and its stream ends with the peer.
            self._grpc_head(stream)
            self._connection.send_data(stream, self._health())
        else:
            self._grpc_head(stream)
            self._trailers(stream, _UNIMPLEMENTED, f"podwire stand-in: {self._door.talk.plan.sentence}")

    def _plain(self, stream: int, headers: dict[str, str]) -> None:
        plain = {name: value for name, value in headers.items() if not name.startswith(":")}
        status, body = answer(self._door, headers.get(":method", "GET"), headers.get(":path", "/"), plain)
        data = orjson.dumps(body)[: self._connection.max_outbound_frame_size]
        self._connection.send_headers(
            stream, [(":status", str(status)), ("content-type", "application/json")], end_stream=False
        )
        self._connection.send_data(stream, data, end_stream=True)
        self._requests.pop(stream, None)

    def _health(self) -> bytes:
        status = _SERVING if self._door.talk.ready else _NOT_SERVING
        return b"\0" + (2).to_bytes(4, "big") + bytes([0x08, status])  # gRPC frame around HealthCheckResponse

    def _grpc_head(self, stream: int) -> None:
        identity = self._door.talk.plan
        self._connection.send_headers(
            stream,
            [
                (":status", "200"),
                ("content-type", "application/grpc"),
                ("x-podwire-pod", f"{identity.namespace}/{identity.pod}"),
                ("x-podwire-node", identity.node),
                ("x-podwire-source", self._door.peer),
            ],
        )

    def _trailers(self, stream: int, status: int, message: str) -> None:
        trailers = [("grpc-status", str(status))]
        if message:
            trailers.append(("grpc-message", quote(message, safe=" ():/.-")))
        self._connection.send_headers(stream, trailers, end_stream=True)
        self._requests.pop(stream, None)
