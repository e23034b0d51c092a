"""Length-framed JSON with descriptors over a unix stream socket, without blocking; both ends use it."""

import array
import os
import socket
import struct
from typing import Any

import orjson

_HEADER = struct.Struct("=IB")  # bytes of JSON, descriptors that belong to the message
_MAX_FDS = 16


class ChannelClosed(Exception):
    """The other side is gone."""


class Channel:
    """One end. Descriptors arrive with or before the last byte of their message, and in order."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._received = bytearray()
        self._descriptors: list[int] = []
        self._waiting: list[tuple[bytes, list[int]]] = []

    def fileno(self) -> int:
        """For a selector."""
        return self.sock.fileno()

    def receive(self) -> list[tuple[dict[str, Any], list[int]]]:
        """All whole messages that have arrived. Raises ChannelClosed at the end of the stream."""
        ended = False
        while True:
            try:
                data, ancillary, _, _ = self.sock.recvmsg(
                    65536, socket.CMSG_SPACE(_MAX_FDS * 4), socket.MSG_CMSG_CLOEXEC
                )
            except BlockingIOError:
                break
            except ConnectionError:
                data, ancillary = b"", []
            for level, kind, body in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    numbers = array.array("i")
                    numbers.frombytes(body[: len(body) - len(body) % numbers.itemsize])
                    self._descriptors.extend(numbers)
            if not data:
                ended = True
                break
            self._received += data
        messages = self._whole_messages()
        if ended and not messages:
            raise ChannelClosed
        return messages

    def _whole_messages(self) -> list[tuple[dict[str, Any], list[int]]]:
        found = []
        while len(self._received) >= _HEADER.size:
            length, count = _HEADER.unpack_from(self._received)
            end = _HEADER.size + length
            if len(self._received) < end:
                break
            body = orjson.loads(memoryview(self._received)[_HEADER.size : end])
            del self._received[:end]
            descriptors, self._descriptors = self._descriptors[:count], self._descriptors[count:]
            found.append((body, descriptors))
        return found

    def send(self, body: dict[str, Any], descriptors: list[int] | None = None) -> bool:
        """Queue a message and send what fits; False when something waits for the socket to be writable.

        The descriptors are duplicated: the caller keeps and closes its own.
        """
        data = orjson.dumps(body)
        kept = [os.dup(number) for number in descriptors or []]
        self._waiting.append((_HEADER.pack(len(data), len(kept)) + data, kept))
        return self.flush()

    def flush(self) -> bool:
        """Send what waits; True when nothing waits any more. Raises ChannelClosed."""
        while self._waiting:
            data, descriptors = self._waiting[0]
            ancillary = []
            if descriptors:
                ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
            try:
                sent = self.sock.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                return False
            except OSError as error:
                raise ChannelClosed from error
            for number in descriptors:
                os.close(number)
            if sent == len(data):
                self._waiting.pop(0)
            else:
                self._waiting[0] = (data[sent:], [])
        return True

    def close(self) -> None:
        """Close the socket and every descriptor that nobody took."""
        for number in self._descriptors:
            os.close(number)
        for _, descriptors in self._waiting:
            for number in descriptors:
                os.close(number)
        self._descriptors, self._waiting = [], []
        self.sock.close()
