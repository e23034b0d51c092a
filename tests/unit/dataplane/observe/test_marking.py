"""The table that asks for trace events, as nft text."""

import pytest

from dataplane.observe.marking import Mark, marking_tables


@pytest.mark.parametrize("family", ["inet", "bridge"])
def test_it_hooks_before_everything_and_only_sets_nftrace(family):
    table = next(each for each in marking_tables(Mark(6, 61_234)) if each.family == family)
    assert [(chain.hook.hook, chain.hook.priority) for chain in table.chains if chain.hook] == [
        ("prerouting", -(1 << 31)),
        ("output", -(1 << 31)),
    ]
    assert all(str(rule).endswith("meta nftrace set 1") for chain in table.chains for rule in chain.rules)


def test_both_directions_errors_and_what_vxlan_carries_are_marked():
    rules = [str(rule) for rule in marking_tables(Mark(6, 61_234))[0].chains[0].rules]
    assert "meta l4proto tcp @th,0,16 61234 meta nftrace set 1" in rules
    assert "meta l4proto tcp @th,16,16 61234 meta nftrace set 1" in rules
    assert "meta l4proto icmp @th,224,16 61234 meta nftrace set 1" in rules
    assert "meta l4proto udp @th,400,16 61234 meta nftrace set 1" in rules


def test_an_echo_is_known_by_its_identifier():
    rules = [str(rule) for rule in marking_tables(Mark(1, 7))[0].chains[0].rules]
    assert rules[0] == "meta l4proto icmp @th,32,16 7 meta nftrace set 1"
