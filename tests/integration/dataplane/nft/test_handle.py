"""Applying and reading rulesets in a real kernel."""

import time

import pytest

from dataplane.errors import NamespaceGone, RulesetError, RulesetRejected
from dataplane.nft import datatype as t
from dataplane.nft.batch import BatchWriter
from dataplane.nft.diff import diff
from dataplane.nft.element import Key
from dataplane.nft.field import IP_DADDR, IP_SADDR, L4PROTO, TH_DPORT
from dataplane.nft.handle import NftHandle
from dataplane.nft.ruleset import Chain, Hook, RulesetState, Set, Table, rule
from dataplane.nft.statement import ACCEPT, DROP, Between, InSet, Vmap, goto, jump

pytestmark = pytest.mark.root

PEERS = Set("peers", Key.of(t.IPV4_ADDR))
GOES = Set("goes", Key.of(t.IPV4_ADDR), verdicts=True)
RANGES = Set("ranges", Key.of(t.INET_SERVICE), interval=True)
NAME = ("inet", "podwire-x")


def state(*chains: Chain, sets: tuple[Set, ...] = ()) -> RulesetState:
    return RulesetState((Table(*NAME, sets, chains),))


def test_a_namespace_without_the_table_dumps_as_nothing(handle):
    assert handle.dump(*NAME) == RulesetState()


def test_a_dump_brings_back_elements_comments_chains_and_rules(handle):
    peers = PEERS.with_elements([PEERS.element("10.0.0.1", comment="who")])
    goes = GOES.with_elements([GOES.element("10.0.0.1", to=goto("a"))])
    want = state(
        Chain("a", (rule(DROP, comment="no"),)),
        Chain("f", (rule(Vmap((IP_SADDR,), "goes")),), Hook("filter", "forward", -5, "drop")),
        sets=(peers, goes),
    )

    handle.apply(diff(RulesetState(), want))

    table = handle.dump(*NAME).table(*NAME)
    assert table.set_by_name["goes"].elements == goes.elements
    (peer,) = table.set_by_name["peers"].elements.values()
    assert peer.comment == "who"
    assert table.chain_by_name["a"].rules[0].comment == "no"
    assert table.chain_by_name["a"].rules[0].handle > 0
    assert table.chain_by_name["f"].hook == Hook("filter", "forward", -5, "drop")


@pytest.mark.parametrize(
    "ports",
    [[Between(80, 89), Between(90, 99)], [Between(0, 65535)], [Between(65000, 65535), 7], [1, 2, 3]],
    ids=["adjacent", "all", "last", "single"],
)
def test_ranges_come_back_as_they_went(handle, ports):
    want = state(sets=(RANGES.with_elements([RANGES.element(port) for port in ports]),))

    handle.apply(diff(RulesetState(), want))

    assert diff(handle.dump(*NAME), want).empty


def test_any_of_these_states_becomes_any_other(handle):
    a, b = Chain("a", (rule(DROP),)), Chain("b", (rule(jump("a")), rule(ACCEPT)))
    hook = Chain("f", (rule(InSet((IP_SADDR,), "peers"), ACCEPT),), Hook("filter", "forward", 0))
    peers = PEERS.with_elements([PEERS.element("10.0.0.1"), PEERS.element("10.0.0.2")])
    ranges = RANGES.with_elements([RANGES.element(Between(10, 20)), RANGES.element(22)])
    moved = RANGES.with_elements([RANGES.element(Between(10, 15)), RANGES.element(Between(16, 22))])
    states = [
        RulesetState(),
        state(),
        state(a, b, sets=(GOES.with_elements([GOES.element("10.0.0.1", to=goto("b"))]),)),
        state(a, sets=(GOES.with_elements([GOES.element("10.0.0.1", to=goto("a"))]), ranges)),
        state(a, hook, sets=(peers, moved)),
        state(hook, sets=(PEERS,)),
        state(Chain("f", (), Hook("filter", "input", 0))),
        state(sets=(Set("peers", Key.of(t.IPV6_ADDR)),)),
    ]
    for before in states:
        for after in states:
            handle.apply(diff(handle.dump(*NAME), before))
            handle.apply(diff(handle.dump(*NAME), after))
            assert diff(handle.dump(*NAME), after).empty


def test_a_refused_transaction_names_the_line_and_changes_nothing(handle, netns):
    want = state(
        Chain("f", (rule(ACCEPT), rule(InSet((IP_SADDR,), "missing"), DROP)), Hook("filter", "forward", 0))
    )

    with pytest.raises(RulesetRejected) as refused:
        handle.apply(diff(RulesetState(), want))

    assert refused.value.where == netns
    assert refused.value.what == "add rule inet podwire-x f ip saddr @missing drop"
    assert "ENOENT" in refused.value.kernel
    assert handle.dump(*NAME) == RulesetState()


def test_an_element_that_is_there_with_other_data_names_itself(handle):
    goes = GOES.with_elements([GOES.element("10.0.0.1", to=goto("a"))])
    want = state(Chain("a"), Chain("b"), sets=(goes,))
    handle.apply(diff(RulesetState(), want))
    writer = BatchWriter()
    writer.add_elements(want.tables[0], GOES, [GOES.element("10.0.0.1", to=goto("b"))])

    with pytest.raises(RulesetRejected, match=r"add element inet podwire-x goes { 10\.0\.0\.1 : goto b }"):
        handle.apply(writer.batch())


def test_after_a_refusal_the_handle_goes_on(handle):
    with pytest.raises(RulesetRejected):
        handle.apply(diff(state(Chain("gone")), RulesetState()))

    handle.apply(diff(RulesetState(), state(Chain("a"))))

    assert diff(handle.dump(*NAME), state(Chain("a"))).empty


def test_fifty_thousand_elements_are_compiled_applied_and_read_back_whole(handle):
    key = Key.typeof(IP_DADDR, L4PROTO, TH_DPORT)
    services = Set("services", key)
    elements = [
        services.element(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 6, 80, comment="Service a/b")
        for n in range(50_000)
    ]
    want = state(sets=(services.with_elements(elements),))

    started = time.perf_counter()
    batch = diff(RulesetState(), want)
    compiled_s = time.perf_counter() - started
    applied = handle.apply(batch)

    assert applied.elements == 50_000
    assert compiled_s < 5, "this is 0.1 s; ten times as much, and more, is a mistake"
    assert diff(handle.dump(*NAME), want).empty


def test_the_same_batch_serves_a_second_namespace(handle, netns):
    batch = diff(RulesetState(), state(Chain("a", (rule(DROP),))))
    handle.apply(batch)
    handle.apply(diff(handle.dump(*NAME), RulesetState()))

    with NftHandle(netns) as second:
        second.apply(batch)

    assert diff(handle.dump(*NAME), state(Chain("a", (rule(DROP),)))).empty


def test_a_namespace_that_is_not_there_is_said_so():
    with pytest.raises(NamespaceGone):
        NftHandle("podwire-tnft-nowhere")


def test_a_closed_handle_says_what_it_could_not_send(netns):
    handle = NftHandle(netns)
    handle.close()

    with pytest.raises(RulesetError, match=f"{netns}: a transaction of .* bytes can't be sent"):
        handle.apply(diff(RulesetState(), state(Chain("a"))))
