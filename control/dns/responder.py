"""From a question's bytes to an answer's: the cluster's zone first, everything else from upstream."""

import asyncio
import random
from collections.abc import Callable

import dns.flags
import dns.message
import dns.name
import dns.rcode

from control.dns.forward import Forwarder
from control.dns.wire import (
    EDNS_LIMIT,
    NotAQuery,
    Query,
    address_of_reverse,
    failure,
    fitted,
    protocol_error,
    read,
    write,
)
from control.dns.zone import Answer, Zone

_IN_FLIGHT = 1000
_CHAIN = 8


class Responder:
    """Answers questions.

    ready: whether the zone is complete; before, its names get SERVFAIL, so that clients ask again.
    """

    def __init__(self, zone: Zone, forwarder: Forwarder, ready: Callable[[], bool]) -> None:
        self._zone, self._forwarder, self._ready = zone, forwarder, ready
        self._tasks: set[asyncio.Task[None]] = set()

    def datagram(self, data: bytes, _peer: tuple[str, int], reply: Callable[[bytes], None]) -> None:
        """Answer a datagram: at once from the zone, later from upstream."""
        try:
            query = read(data)
        except NotAQuery:
            return
        answer = self._at_once(query)
        if answer is not None:
            reply(answer)
        elif len(self._tasks) < _IN_FLIGHT:
            task = asyncio.get_running_loop().create_task(self._later(query, reply))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stream(self, data: bytes) -> bytes | None:
        """Answer a message that came over TCP; None ends the connection."""
        try:
            query = read(data, stream=True)
        except NotAQuery:
            return None
        return self._at_once(query) or await self._forwarded(query)

    async def _later(self, query: Query, reply: Callable[[bytes], None]) -> None:
        reply(await self._forwarded(query))

    def _at_once(self, query: Query) -> bytes | None:
        """The answer when it needs nobody else."""
        wrong = protocol_error(query)
        if wrong is not None:
            return wrong
        name = query.name.lower()
        if self._zone.holds(name):
            if not self._ready():
                return failure(query, dns.rcode.SERVFAIL)
            answer = self._followed(query)
            return None if answer.elsewhere else write(query, _shuffled(answer), self._zone.domain)
        address = address_of_reverse(name)
        if address is None:
            return None
        found = self._zone.reverse(address, query.name)
        if found is None:
            return None
        if query.rtype not in ("PTR", "ANY"):
            found = Answer()
        return write(query, found, self._zone.domain)

    def _followed(self, query: Query) -> Answer:
        """The zone's answer, with aliases followed as long as they stay in the zone."""
        answer = self._zone.answer(query.name, query.rtype)
        if query.rtype == "CNAME":
            answer.elsewhere = ""
        for _ in range(_CHAIN):
            if not answer.elsewhere or not self._zone.holds(answer.elsewhere.lower()):
                break
            further = self._zone.answer(answer.elsewhere, query.rtype)
            answer = Answer(further.rcode, answer.records + further.records, elsewhere=further.elsewhere)
        return answer

    async def _forwarded(self, query: Query) -> bytes:
        """The upstream's answer, or the end of an alias that leads out of the zone."""
        if self._zone.holds(query.name.lower()):
            return await self._alias(query)
        answer = await self._forwarder.ask(query.message)
        if answer is None:
            return failure(query, dns.rcode.SERVFAIL)
        response = dns.message.make_response(query.message, recursion_available=True, our_payload=EDNS_LIMIT)
        response.flags |= answer.flags & dns.flags.AD
        response.set_rcode(answer.rcode())
        response.answer, response.authority = list(answer.answer), list(answer.authority)
        response.additional = list(answer.additional)
        return fitted(response, query.limit)

    async def _alias(self, query: Query) -> bytes:
        answer = self._followed(query)
        further = dns.message.make_query(
            dns.name.from_text(answer.elsewhere), query.message.question[0].rdtype
        )
        found = await self._forwarder.ask(further)
        extra = found.answer if found is not None else []
        return write(query, answer, self._zone.domain, extra)


def _shuffled(answer: Answer) -> Answer:
    """Addresses in random order, so that clients that take the first one spread."""
    if len(answer.records) > 1:
        random.shuffle(answer.records)
    return answer
