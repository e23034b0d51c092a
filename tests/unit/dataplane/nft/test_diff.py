"""The difference of two rulesets: nothing when they do the same, else the least."""

from dataplane.nft import datatype as t
from dataplane.nft.diff import diff
from dataplane.nft.element import Key
from dataplane.nft.field import IP_SADDR
from dataplane.nft.ruleset import Chain, Hook, RulesetState, Set, Table, rule
from dataplane.nft.statement import ACCEPT, DROP, InSet, Vmap, goto

PEERS = Set("peers", Key.of(t.IPV4_ADDR))
GOES = Set("goes", Key.of(t.IPV4_ADDR), verdicts=True)


def state(*chains: Chain, sets: tuple[Set, ...] = (PEERS,)) -> RulesetState:
    return RulesetState((Table("inet", "podwire-x", sets, chains),))


def lines(have: RulesetState, want: RulesetState) -> list[str]:
    return [blame() for each in diff(have, want).transactions for blame in each.blame]


def test_the_same_twice_is_no_change():
    want = state(Chain("c", (rule(InSet((IP_SADDR,), "peers"), ACCEPT),)))

    assert diff(want, want).empty


def test_a_comment_alone_is_no_change():
    def with_comment(text):
        peers = PEERS.with_elements([PEERS.element("10.0.0.1", comment=text)])
        return state(Chain("c", (rule(ACCEPT, comment=text),)), sets=(peers,))

    assert diff(with_comment("old"), with_comment("new")).empty


def test_one_element_more_is_one_element():
    have = state(sets=(PEERS.with_elements([PEERS.element("10.0.0.1")]),))
    want = state(sets=(PEERS.with_elements([PEERS.element("10.0.0.1"), PEERS.element("10.0.0.2")]),))

    assert lines(have, want) == ["add element inet podwire-x peers { 10.0.0.2 }"]
    assert diff(have, want).elements == 1


def test_an_element_with_other_data_goes_before_it_comes():
    chains = (Chain("a"), Chain("b"))
    have = state(*chains, sets=(GOES.with_elements([GOES.element("10.0.0.1", to=goto("a"))]),))
    want = state(*chains, sets=(GOES.with_elements([GOES.element("10.0.0.1", to=goto("b"))]),))

    assert lines(have, want) == [
        "delete element inet podwire-x goes { 10.0.0.1 : goto a }",
        "add element inet podwire-x goes { 10.0.0.1 : goto b }",
    ]


def test_a_changed_chain_is_flushed_and_written_others_are_left_alone():
    have = state(Chain("a", (rule(ACCEPT),)), Chain("b", (rule(ACCEPT),)))
    want = state(Chain("a", (rule(ACCEPT),)), Chain("b", (rule(DROP),)))

    assert lines(have, want) == ["flush chain inet podwire-x b", "add rule inet podwire-x b drop"]


def test_a_chain_is_made_before_an_element_refers_to_it():
    want = state(
        Chain("a", (rule(DROP),)), sets=(GOES.with_elements([GOES.element("10.0.0.1", to=goto("a"))]),)
    )

    written = lines(RulesetState(), want)

    assert [line.split(" inet")[0] for line in written] == [
        "add table",
        "add chain",
        "add set",
        "add rule",
        "add element",
    ]


def test_a_chain_goes_in_a_transaction_of_its_own_after_its_last_reference():
    have = state(
        Chain("a", (rule(DROP),)), sets=(GOES.with_elements([GOES.element("10.0.0.1", to=goto("a"))]),)
    )
    want = state(sets=(GOES,))

    first, second = diff(have, want).transactions

    assert [blame() for blame in first.blame] == [
        "flush chain inet podwire-x a",
        "delete element inet podwire-x goes { 10.0.0.1 : goto a }",
    ]
    assert [blame() for blame in second.blame] == ["delete chain inet podwire-x a"]


def test_a_set_goes_after_the_rule_that_used_it():
    have = state(Chain("c", (rule(Vmap((IP_SADDR,), "goes")),)), sets=(GOES,))
    want = state(Chain("c"), sets=())

    assert lines(have, want) == ["flush chain inet podwire-x c", "delete set inet podwire-x goes"]


def test_a_set_of_another_shape_rebuilds_the_table():
    have, want = state(sets=(PEERS,)), state(sets=(Set("peers", Key.of(t.IPV6_ADDR)),))

    assert lines(have, want) == [
        "delete table inet podwire-x",
        "add table inet podwire-x",
        "add set inet podwire-x peers",
    ]


def test_a_base_chain_on_another_hook_rebuilds_the_table():
    have = state(Chain("c", hook=Hook("filter", "forward", 0)))
    want = state(Chain("c", hook=Hook("filter", "forward", 10)))

    assert lines(have, want)[0] == "delete table inet podwire-x"


def test_a_table_that_is_not_wanted_is_deleted():
    assert lines(state(), RulesetState()) == ["delete table inet podwire-x"]


def test_many_elements_are_one_transaction_of_messages_below_64_kilobytes():
    many = PEERS.with_elements(
        [PEERS.element(f"10.{n >> 8}.{n & 255}.1", comment="who" * 20) for n in range(5000)]
    )

    batch = diff(state(), state(sets=(many,)))

    (transaction,) = batch.transactions
    assert batch.elements == 5000
    assert len(transaction.blame) > 5
    assert len(transaction.data) / len(transaction.blame) < 65_000
