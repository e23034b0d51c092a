"""Names outside the zone: asked of the upstream resolvers, each time from a fresh port with a fresh id."""

import asyncio
import secrets
from collections.abc import Sequence

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from control.client.clock import Clock
from control.dns.stream import ask_stream

_TRY_S = 2.0
_CACHE_MOST = 9984
_SUCCESS_S, _DENIAL_S = 30, 30
Question = tuple[str, str, bool]
"""Name in lower case, type, and whether DNSSEC records were asked for."""


class _Exchange(asyncio.DatagramProtocol):
    """One question on one socket; an answer with another id or question is not ours."""

    def __init__(self, query: dns.message.Message) -> None:
        self.query = query
        self.answer: asyncio.Future[dns.message.Message] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        try:
            message = dns.message.from_wire(data, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError):
            return
        if not self.answer.done() and self.query.is_response(message):
            self.answer.set_result(message)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


class Forwarder:
    """Asks upstreams in turn, and remembers answers for a short while."""

    def __init__(self, upstreams: Sequence[str], clock: Clock, *, port: int = 53) -> None:
        self._upstreams, self._clock, self._port = tuple(upstreams), clock, port
        self._cache: dict[Question, tuple[float, float, dns.message.Message]] = {}

    async def ask(self, query: dns.message.Message) -> dns.message.Message | None:
        """The answer to a client's question (with the id of the upstream's query), None when nobody answers."""
        question = query.question[0]
        key = (
            question.name.to_text().lower(),
            str(question.rdtype),
            bool(query.ednsflags & dns.flags.DO),
        )
        cached = self._cached(key)
        if cached is not None:
            return cached
        for upstream in self._upstreams:
            answer = await self._exchange(upstream, query)
            if answer is not None and answer.rcode() not in (dns.rcode.SERVFAIL, dns.rcode.REFUSED):
                self._remember(key, answer)
                return answer
        return None

    def _cached(self, key: Question) -> dns.message.Message | None:
        kept = self._cache.get(key)
        if kept is None:
            return None
        since, until, answer = kept
        now = self._clock.monotonic()
        if now >= until:
            del self._cache[key]
            return None
        aged = dns.message.from_wire(answer.to_wire())
        for section in (aged.answer, aged.authority, aged.additional):
            for rrset in section:
                rrset.ttl = max(0, rrset.ttl - int(now - since))
        return aged

    def _remember(self, key: Question, answer: dns.message.Message) -> None:
        ttls = [rrset.ttl for rrset in (*answer.answer, *answer.authority)]
        longest = _SUCCESS_S if answer.answer else _DENIAL_S
        life = min([longest, *ttls]) if ttls else 0
        if life <= 0:
            return
        if len(self._cache) >= _CACHE_MOST:
            self._cache.pop(next(iter(self._cache)))
        now = self._clock.monotonic()
        self._cache[key] = (now, now + life, answer)

    async def _exchange(self, upstream: str, query: dns.message.Message) -> dns.message.Message | None:
        outgoing = dns.message.make_query(
            query.question[0].name,
            query.question[0].rdtype,
            use_edns=0,
            payload=1232,
            want_dnssec=bool(query.ednsflags & dns.flags.DO),
        )
        outgoing.id = secrets.randbelow(65536)
        loop = asyncio.get_running_loop()
        try:
            transport, exchange = await loop.create_datagram_endpoint(
                lambda: _Exchange(outgoing), remote_addr=(upstream, self._port)
            )
        except OSError:
            return None
        try:
            transport.sendto(outgoing.to_wire())
            async with asyncio.timeout(_TRY_S):
                answer = await exchange.answer
            if answer.flags & dns.flags.TC:
                async with asyncio.timeout(_TRY_S):
                    answer = dns.message.from_wire(await ask_stream(upstream, self._port, outgoing.to_wire()))
        except (TimeoutError, OSError, asyncio.IncompleteReadError, dns.exception.DNSException):
            return None
        finally:
            transport.close()
        return answer
