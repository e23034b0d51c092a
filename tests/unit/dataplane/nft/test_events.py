"""Trace events from their bytes."""

import struct

from dataplane.nft import wire
from dataplane.nft.events import TraceKind, parse
from dataplane.nft.instruction import VerdictCode


def _message(*attributes: bytes) -> bytes:
    return struct.pack(">BBH", 1, 0, 0) + b"".join(attributes)


def test_a_rule_that_matched():
    event = parse(
        _message(
            wire.text(1, "podwire-policy"),
            wire.text(2, "forward"),
            wire.attribute(3, (27).to_bytes(8, "big")),
            wire.u32(4, 3),
            wire.nested(5, wire.u32(1, VerdictCode.GOTO), wire.text(2, "ok")),
            wire.u32(6, 99),
            wire.u32(10, 3),
        )
    )
    assert (event.family, event.table, event.chain, event.handle) == ("inet", "podwire-policy", "forward", 27)
    assert (event.kind, event.verdict.code, event.verdict.chain) == (TraceKind.RULE, VerdictCode.GOTO, "ok")
    assert (event.packet, event.incoming, event.drops) == (99, 3, False)


def test_a_chains_policy_that_drops_and_a_verdict_with_more_bits():
    policy = parse(_message(wire.text(1, "t"), wire.text(2, "c"), wire.u32(4, 1), wire.u32(16, 0)))
    assert policy.drops
    reject = parse(_message(wire.u32(4, 3), wire.nested(5, wire.u32(1, 0x00050000))))
    assert reject.verdict.code is VerdictCode.DROP
