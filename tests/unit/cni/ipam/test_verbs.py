"""Addresses are given to who asks, the same ones again, and refused by name when there are none."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from cni.errors import AddressHeld, ConfigInvalid, PoolExhausted
from cni.ipam import verbs
from cni.ipam.ledger import Ledger
from cni.spec.config import AttachRequest, NodeNetwork


def network(directory: Path, *cidrs: str) -> NodeNetwork:
    return NodeNetwork("node-1", "ns", tuple(ip_network(cidr) for cidr in cidrs), 1450, directory)


def request(number: int, *addresses: str) -> AttachRequest:
    wanted = tuple(ip_address(address) for address in addresses)
    return AttachRequest(f"uid-{number}", f"ns-{number}", "shop", f"web-{number}", addresses=wanted)


def test_a_pod_gets_an_address_of_each_range_and_the_same_ones_again(tmp_path):
    ledger, node = Ledger(tmp_path), network(tmp_path, "10.244.1.0/24", "fd00:10:244:1::/64")

    first = verbs.give(ledger, node, request(1))
    assert [str(address) for address in first.addresses] == ["10.244.1.2", "fd00:10:244:1::2"]
    assert verbs.give(Ledger(tmp_path), node, request(1)) == first


def test_a_full_range_names_itself_its_size_its_holders_and_what_to_do(tmp_path):
    ledger, node = Ledger(tmp_path), network(tmp_path, "10.0.0.0/29")
    for number in range(5):
        verbs.give(ledger, node, request(number))

    with pytest.raises(PoolExhausted) as full:
        verbs.give(ledger, node, request(9))

    assert full.value.msg == "node-1: no room for one more pod: its range 10.0.0.0/29 holds 5, 5 are in use"
    assert full.value.holders == tuple(f"shop/web-{number}" for number in range(5))
    assert "podsPerNode" in full.value.mend


def test_the_address_given_back_last_is_not_given_again_while_there_is_another(tmp_path):
    ledger, node = Ledger(tmp_path), network(tmp_path, "10.0.0.0/29")
    given = []
    for number in range(5):
        given.append(verbs.give(ledger, node, request(number)).addresses[0])
        verbs.give_back(ledger, f"uid-{number}")

    assert len(set(given)) == 5
    assert verbs.give(Ledger(tmp_path), node, request(9)).addresses[0] == given[0]


def test_giving_back_what_nobody_holds_is_no_error(tmp_path):
    assert verbs.give_back(Ledger(tmp_path), "nobody") is None


def test_an_address_that_was_asked_for_is_given_or_its_holder_is_named(tmp_path):
    ledger, node = Ledger(tmp_path), network(tmp_path, "10.244.1.0/24", "fd00:10:244:1::/64")

    wanted = verbs.give(ledger, node, request(1, "10.244.1.77"))
    assert [str(address) for address in wanted.addresses] == ["10.244.1.77", "fd00:10:244:1::2"]
    with pytest.raises(AddressHeld, match=r"10\.244\.1\.77 is held by shop/web-1"):
        verbs.give(ledger, node, request(2, "10.244.1.77"))
    with pytest.raises(ConfigInvalid, match=r"10\.244\.9\.9"):
        verbs.give(ledger, node, request(2, "10.244.9.9"))
    assert [held.container_id for held in verbs.holders(ledger)] == ["uid-1"]
