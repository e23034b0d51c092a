"""Header blocks of SPDY/3.1: names and values behind one zlib stream a direction, with SPDY's own dictionary.

Source: SPDY protocol draft 3.1, sections 2.6.10 and 2.6.10.1.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

_WORDS: Final = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age "
    "allow authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
)
_LOOSE: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
BLOCK_MOST: Final = 64 << 10
"""Bytes of names and values in one header block, unpacked. Kubernetes' streams carry some 60."""


class SpdyError(Exception):
    """What came is no SPDY/3.1, or more than a peer may send. The connection can't go on."""


def _counted(words: Iterable[str]) -> bytes:
    return b"".join(struct.pack(">I", len(word)) + word.encode() for word in words)


DICTIONARY: Final = (
    _counted(_WORDS.split())
    + _counted(["200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin"])
    + _LOOSE.encode()
)
"""What both ends' zlib streams know from the start; Adler-32 e3c6a7c2."""


class HeaderPacker:
    """Packs the header blocks of one direction, in the order in which they are sent."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zdict=DICTIONARY)

    def pack(self, headers: Mapping[str, str]) -> bytes:
        """A block, flushed so that the peer can read it now. Names go out in lower case."""
        plain = struct.pack(">I", len(headers))
        for name, value in headers.items():
            for text in (name.lower(), value):
                encoded = text.encode()
                plain += struct.pack(">I", len(encoded)) + encoded
        return self._zlib.compress(plain) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


class HeaderUnpacker:
    """Unpacks the header blocks of one direction, in the order in which they came."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def unpack(self, block: bytes) -> dict[str, str]:
        """Names in lower case; of several values the first. Raises SpdyError."""
        try:
            plain = self._zlib.decompress(block, BLOCK_MOST + 1)
        except zlib.error as error:
            raise SpdyError(f"header block: {error}") from error
        if len(plain) > BLOCK_MOST or self._zlib.unconsumed_tail:
            raise SpdyError(f"header block: more than {BLOCK_MOST} bytes")
        return _parsed(plain)


def _parsed(plain: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    at = 0

    def number() -> int:
        nonlocal at
        if at + 4 > len(plain):
            raise SpdyError("header block: it ends within a number")
        at += 4
        return int.from_bytes(plain[at - 4 : at], "big")

    def text() -> str:
        nonlocal at
        size = number()
        if at + size > len(plain):
            raise SpdyError("header block: it ends within a text")
        at += size
        return plain[at - size : at].decode(errors="replace")

    for _ in range(number()):
        name, value = text().lower(), text()
        if not name or name in headers:
            raise SpdyError(f"header block: name {name!r} twice or empty")
        headers[name] = value.split("\0", 1)[0]
    return headers
