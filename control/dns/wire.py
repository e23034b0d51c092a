"""DNS messages on the wire: dnspython reads and writes them, our answers are turned into its values."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.NS import NS
from dns.rdtypes.ANY.PTR import PTR
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.SRV import SRV

from control.dns.zone import TTL_S, Answer, Record

PLAIN_LIMIT, EDNS_LIMIT = 512, 1232
"""Bytes of a UDP answer without EDNS (RFC 1035), and the most we send with it (no fragments)."""

_IN = dns.rdataclass.IN
_NAMED: Mapping[str, type] = {"CNAME": CNAME, "PTR": PTR, "NS": NS}


class NotAQuery(Exception):
    """Bytes that get no answer: garbage, or itself an answer."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question. name: as asked, without the last dot; rtype: such as ``A``; stream: it came over TCP."""

    message: dns.message.Message
    name: str
    rtype: str
    stream: bool

    @property
    def limit(self) -> int:
        """Largest answer in bytes."""
        if self.stream:
            return 65535
        if self.message.edns < 0:
            return PLAIN_LIMIT
        return max(PLAIN_LIMIT, min(self.message.payload, EDNS_LIMIT))


def read(data: bytes, *, stream: bool = False) -> Query:
    """Parse a question. Raises NotAQuery."""
    try:
        message = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError) as error:
        raise NotAQuery(str(error)) from error
    if message.flags & dns.flags.QR:
        raise NotAQuery("an answer")
    if not message.question:
        return Query(message, "", "", stream)
    question = message.question[0]
    text = question.name.to_text(omit_final_dot=True)
    return Query(message, "" if text == "." else text, dns.rdatatype.to_text(question.rdtype), stream)


def protocol_error(query: Query) -> bytes | None:
    """The answer to a message that is no ordinary question of class IN, None for one that is."""
    message = query.message
    if message.opcode() != dns.opcode.QUERY:
        return failure(query, dns.rcode.NOTIMP)
    if len(message.question) != 1:
        return failure(query, dns.rcode.FORMERR)
    if message.edns > 0:
        return failure(query, dns.rcode.BADVERS)
    if message.question[0].rdclass != _IN or query.rtype in ("AXFR", "IXFR"):
        return failure(query, dns.rcode.REFUSED)
    return None


def failure(query: Query, rcode: int) -> bytes:
    """An answer without records."""
    response = _response(query)
    response.set_rcode(dns.rcode.Rcode(rcode))
    return bytes(response.to_wire(max_size=query.limit, prefer_truncation=True))


def write(query: Query, answer: Answer, domain: str, extra: Iterable[dns.rrset.RRset] = ()) -> bytes:
    """An authoritative answer.

    domain: the zone whose SOA stands in the authority section when there are no records.
    extra: records of another zone that complete a CNAME.
    """
    response = _response(query)
    response.flags |= dns.flags.AA
    response.set_rcode(dns.rcode.Rcode(answer.rcode))
    _fill(response.answer, answer.records, domain)
    response.answer.extend(extra)
    if answer.records:
        _fill(response.additional, answer.additional, domain)
    else:
        response.authority.append(dns.rrset.from_rdata(_name(domain), TTL_S, soa(domain)))
    return fitted(response, query.limit)


def fitted(response: dns.message.Message, limit: int) -> bytes:
    """The message in at most ``limit`` bytes: without additional records, then with as many answers as fit and TC."""
    try:
        return bytes(response.to_wire(max_size=limit))
    except dns.exception.TooBig:
        response.additional = []
    answers = list(response.answer)
    records = [(i, rdata) for i, rrset in enumerate(answers) for rdata in rrset]
    fits, too_many = 0, len(records) + 1
    while too_many - fits > 1:
        tried = (fits + too_many) // 2
        if _with_first(response, answers, records[:tried], limit) is None:
            too_many = tried
        else:
            fits = tried
    if fits < len(records):
        response.flags |= dns.flags.TC
    return _with_first(response, answers, records[:fits], limit) or bytes(
        response.to_wire(max_size=limit, prefer_truncation=True)
    )


def _with_first(
    response: dns.message.Message,
    answers: list[dns.rrset.RRset],
    records: list[tuple[int, dns.rdata.Rdata]],
    limit: int,
) -> bytes | None:
    """The message with only these of its answers, None when that is still too long."""
    kept: dict[int, dns.rrset.RRset] = {}
    for index, rdata in records:
        whole = answers[index]
        if index not in kept:
            kept[index] = dns.rrset.RRset(whole.name, whole.rdclass, whole.rdtype)
        kept[index].add(rdata, whole.ttl)
    response.answer = list(kept.values())
    try:
        return bytes(response.to_wire(max_size=limit))
    except dns.exception.TooBig:
        return None


def _response(query: Query) -> dns.message.Message:
    response = dns.message.make_response(query.message, recursion_available=True, our_payload=EDNS_LIMIT)
    response.flags &= ~dns.flags.AD
    return response


def _fill(section: list[dns.rrset.RRset], records: Iterable[Record], domain: str) -> None:
    sets: dict[tuple[str, str], dns.rrset.RRset] = {}
    for record in records:
        rrset = sets.get((record.name, record.type))
        if rrset is None:
            rdtype = dns.rdatatype.from_text(record.type)
            rrset = dns.rrset.RRset(_name(record.name), _IN, rdtype)
            sets[(record.name, record.type)] = rrset
            section.append(rrset)
        rrset.add(_rdata(record, domain), TTL_S)


def _rdata(record: Record, domain: str) -> dns.rdata.Rdata:
    data, rtype = record.data, record.type
    if isinstance(data, tuple):
        priority, weight, port, target = data
        return _made(SRV, _IN, dns.rdatatype.SRV, priority, weight, port, _name(target))
    if rtype == "A":
        return _made(A, _IN, dns.rdatatype.A, data)
    if rtype == "AAAA":
        return _made(AAAA, _IN, dns.rdatatype.AAAA, data)
    if rtype == "TXT":
        return _made(TXT, _IN, dns.rdatatype.TXT, [data.encode()])
    if rtype == "SOA":
        return soa(domain)
    return _made(_NAMED[rtype], _IN, dns.rdatatype.from_text(rtype), _name(data))


def _made(kind: Any, *fields: Any) -> dns.rdata.Rdata:
    """An rdata value; the classes of dnspython have untyped constructors."""
    value: dns.rdata.Rdata = kind(*fields)
    return value


@lru_cache(maxsize=4096)
def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text)


def soa(domain: str) -> dns.rdata.Rdata:
    """The zone's SOA, its numbers as CoreDNS gives them."""
    prefix = f"{domain}." if domain else ""
    return _made(
        SOA,
        _IN,
        dns.rdatatype.SOA,
        _name(f"ns.dns.{prefix}"),
        _name(f"hostmaster.{prefix}"),
        int(time.time()),
        7200,
        1800,
        86400,
        TTL_S,
    )


def address_of_reverse(name: str) -> str | None:
    """The address that a name under in-addr.arpa or ip6.arpa stands for, None for any other.

    >>> address_of_reverse("10.0.96.10.in-addr.arpa")
    '10.96.0.10'
    """
    lower = name.lower()
    if not lower.endswith((".in-addr.arpa", ".ip6.arpa")):
        return None
    try:
        return dns.reversename.to_address(dns.name.from_text(lower))
    except (dns.exception.DNSException, ValueError):
        return None
