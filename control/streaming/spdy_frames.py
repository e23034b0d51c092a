"""Frames of SPDY/3.1: to bytes, and from bytes as they come, in any pieces.

The reader holds at most one control frame (64 KiB); data is given out as it arrives, however long its frame is.
Source: SPDY protocol draft 3.1, section 2.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from control.streaming.spdy_headers import HeaderPacker, HeaderUnpacker, SpdyError

VERSION: Final = 3
FIN: Final = 1
UNIDIRECTIONAL: Final = 2
CONTROL_MOST: Final = 64 << 10
"""Bytes of a control frame's body that are taken."""
DATA_MOST: Final = 64 << 10
"""Bytes of a data frame that we send; longer writes become several."""
_HEAD: Final = 8
_ID: Final = 0x7FFF_FFFF


class Kind(IntEnum):
    """Types of control frames."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


class Reset(IntEnum):
    """Why a stream was reset."""

    PROTOCOL_ERROR = 1
    INVALID_STREAM = 2
    REFUSED_STREAM = 3
    CANCEL = 5


@dataclass(frozen=True, slots=True)
class SynStream:
    """A stream begins; ``fin``: its opener sends nothing on it."""

    stream: int
    headers: dict[str, str]
    fin: bool = False
    unidirectional: bool = False
    priority: int = 0


@dataclass(frozen=True, slots=True)
class SynReply:
    """A stream is accepted."""

    stream: int
    headers: dict[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Headers:
    """More headers of a stream."""

    stream: int
    headers: dict[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of a stream; of a frame that came in pieces only the last has ``fin``."""

    stream: int
    data: bytes
    fin: bool = False


@dataclass(frozen=True, slots=True)
class RstStream:
    """A stream ends at once, both ways."""

    stream: int
    status: int


@dataclass(frozen=True, slots=True)
class Ping:
    """An echo is asked for, or this is it."""

    id: int


@dataclass(frozen=True, slots=True)
class GoAway:
    """No further streams; the last that was taken."""

    last_stream: int
    status: int = 0


@dataclass(frozen=True, slots=True)
class WindowUpdate:
    """So many more bytes may be sent on a stream (0: on the connection)."""

    stream: int
    delta: int


@dataclass(frozen=True, slots=True)
class Settings:
    """A peer's settings; none of them means anything to us."""


Frame = SynStream | SynReply | Headers | Data | RstStream | Ping | GoAway | WindowUpdate | Settings


class FrameWriter:
    """One direction's frames to bytes. Stateful: header blocks are packed in the order of the calls."""

    def __init__(self) -> None:
        self._packer = HeaderPacker()

    def pack(self, frame: Frame) -> bytes:
        """The frame's bytes; long data become several frames."""
        match frame:
            case Data(stream, data, fin):
                return _data(stream, data, fin=fin)
            case SynStream(stream, headers, fin, unidirectional, priority):
                flags = FIN * fin | UNIDIRECTIONAL * unidirectional
                body = struct.pack(">IIBB", stream, 0, priority << 5, 0) + self._packer.pack(headers)
                return _control(Kind.SYN_STREAM, flags, body)
            case SynReply(stream, headers, fin):
                return _control(Kind.SYN_REPLY, FIN * fin, _word(stream) + self._packer.pack(headers))
            case Headers(stream, headers, fin):
                return _control(Kind.HEADERS, FIN * fin, _word(stream) + self._packer.pack(headers))
            case RstStream(stream, status):
                return _control(Kind.RST_STREAM, 0, struct.pack(">II", stream, status))
            case Ping(number):
                return _control(Kind.PING, 0, _word(number))
            case GoAway(last, status):
                return _control(Kind.GOAWAY, 0, struct.pack(">II", last, status))
            case WindowUpdate(stream, delta):
                return _control(Kind.WINDOW_UPDATE, 0, struct.pack(">II", stream, delta))
            case Settings():
                return _control(Kind.SETTINGS, 0, _word(0))


def _word(number: int) -> bytes:
    return struct.pack(">I", number)


def _control(kind: Kind, flags: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x8000 | VERSION, kind, flags << 24 | len(body)) + body


def _data(stream: int, data: bytes, *, fin: bool) -> bytes:
    if len(data) <= DATA_MOST:
        return struct.pack(">II", stream, (FIN * fin) << 24 | len(data)) + data
    packed = bytearray()
    for at in range(0, len(data), DATA_MOST):
        piece = data[at : at + DATA_MOST]
        last = fin and at + DATA_MOST >= len(data)
        packed += struct.pack(">II", stream, (FIN * last) << 24 | len(piece)) + piece
    return bytes(packed)


class FrameReader:
    """Frames from one direction's bytes."""

    def __init__(self) -> None:
        self._unpacker = HeaderUnpacker()
        self._waiting = bytearray()
        self._stream = 0
        self._left = 0
        self._fin = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete, and the data among them. Raises SpdyError; then it is done with."""
        self._waiting += data
        waiting = self._waiting
        while True:
            if self._left:
                piece = bytes(waiting[: self._left])
                if not piece:
                    return
                del waiting[: len(piece)]
                self._left -= len(piece)
                yield Data(self._stream, piece, self._fin and not self._left)
                continue
            if len(waiting) < _HEAD:
                return
            first, second = struct.unpack_from(">II", waiting)
            flags, size = second >> 24, second & 0xFF_FFFF
            if not first >> 31:
                del waiting[:_HEAD]
                self._stream, self._left, self._fin = first, size, bool(flags & FIN)
                if not size:
                    yield Data(first, b"", self._fin)
                continue
            if first >> 16 & 0x7FFF != VERSION:
                raise SpdyError(f"a frame of version {first >> 16 & 0x7FFF}, not {VERSION}")
            if size > CONTROL_MOST:
                raise SpdyError(f"a control frame of {size} bytes; {CONTROL_MOST} are the most")
            if len(waiting) < _HEAD + size:
                return
            body = bytes(waiting[_HEAD : _HEAD + size])
            del waiting[: _HEAD + size]
            frame = self._parse(first & 0xFFFF, flags, body)
            if frame is not None:
                yield frame

    def _parse(self, kind: int, flags: int, body: bytes) -> Frame | None:
        fin = bool(flags & FIN)
        match kind:
            case Kind.SYN_STREAM:
                stream, _, priority, _ = _fields(">IIBB", body)
                headers = self._unpacker.unpack(body[10:])
                return SynStream(stream & _ID, headers, fin, bool(flags & UNIDIRECTIONAL), priority >> 5)
            case Kind.SYN_REPLY:
                return SynReply(_fields(">I", body)[0] & _ID, self._unpacker.unpack(body[4:]), fin)
            case Kind.HEADERS:
                return Headers(_fields(">I", body)[0] & _ID, self._unpacker.unpack(body[4:]), fin)
            case Kind.RST_STREAM:
                stream, status = _fields(">II", body)
                return RstStream(stream & _ID, status)
            case Kind.PING:
                return Ping(_fields(">I", body)[0])
            case Kind.GOAWAY:
                last, status = _fields(">II", body)
                return GoAway(last & _ID, status)
            case Kind.WINDOW_UPDATE:
                stream, delta = _fields(">II", body)
                return WindowUpdate(stream & _ID, delta & _ID)
            case Kind.SETTINGS:
                return Settings()
        return None  # what is not known is left out (section 2.2.1)


def _fields(layout: str, body: bytes) -> tuple[int, ...]:
    if len(body) < struct.calcsize(layout):
        raise SpdyError(f"a control frame of {len(body)} bytes is too short")
    return struct.unpack_from(layout, body)
