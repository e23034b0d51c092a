"""Counters of rules that end packets, from the kernel's answers."""

from dataplane.nft import instruction, wire
from dataplane.nft.element import comment_userdata
from dataplane.nft.expression import userdata
from dataplane.nft.instruction import VerdictCode
from dataplane.nft.ruleset import FAMILIES
from dataplane.nft.tallies import Tally, read_tallies


def _counter(packets: int) -> bytes:
    return instruction.expression(
        "counter", wire.attribute(1, bytes(8)), wire.attribute(2, packets.to_bytes(8, "big"))
    )


def _rule(handle: int, *expressions: bytes, comment: str = "") -> bytes:
    return b"".join((
        wire.text(1, "t"), wire.text(2, "c"), wire.attribute(3, handle.to_bytes(8, "big")),
        wire.nested(4, *expressions), wire.attribute(7, comment_userdata(comment) if comment else userdata(9, b"")),
    ))  # fmt: skip


def _read(*rules: bytes) -> dict[tuple[str, str, str, int], Tally]:
    inet = FAMILIES["inet"]
    return read_tallies(lambda _kind, family, _body: list(rules) if family == inet else [])


def test_a_rule_that_counts_and_drops_or_refuses():
    drop = instruction.immediate_verdict(VerdictCode.DROP)
    found = _read(
        _rule(4, _counter(7), drop, comment="default deny ingress: shop/db"),
        _rule(5, _counter(8), instruction.reject(1, 0)),
    )
    assert found == {
        ("inet", "t", "c", 4): Tally(7, "default deny ingress: shop/db"),
        ("inet", "t", "c", 5): Tally(8, ""),
    }


def test_rules_that_let_pass_or_do_not_count_are_left_out():
    accept, drop = (instruction.immediate_verdict(code) for code in (VerdictCode.ACCEPT, VerdictCode.DROP))
    assert _read(_rule(4, _counter(7), accept), _rule(5, drop), _rule(6, _counter(1))) == {}
