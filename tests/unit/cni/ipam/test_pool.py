"""The next free address: properties that hold for any history."""

import random
from ipaddress import ip_address, ip_network

import pytest

from cni.ipam.pool import Pool

RANGES = ["10.244.1.0/24", "10.0.0.0/29", "10.0.255.240/28", "fd00:10:244:1::/64", "::/120"]


@pytest.mark.parametrize("cidr", ["10.0.0.0/29", "10.0.255.240/28", "fd00::/125", "::/124"])
def test_every_address_of_a_range_is_given_once_before_any_is_given_again(cidr):
    pool = Pool(ip_network(cidr))
    latest, given = None, []
    for _ in range(pool.size):
        latest = pool.next_free(frozenset(), latest)
        given.append(latest)

    assert len(set(given)) == pool.size
    assert pool.next_free(frozenset(), latest) == given[0]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("cidr", RANGES)
def test_an_address_returns_only_after_every_other_one_was_in_use_since(cidr, seed):
    pick, pool = random.Random(seed), Pool(ip_network(cidr))
    held: set = set()
    in_use_since: dict = {}
    latest = None
    for _ in range(300):
        if held and pick.random() < 0.4:
            held.remove(pick.choice(sorted(held)))
            continue
        address = pool.next_free(frozenset(held), latest)
        if address is None:
            assert len(held) == pool.size
            continue
        assert address in pool
        assert address not in held
        assert address not in in_use_since or len(in_use_since[address]) == pool.size
        latest = address
        held.add(address)
        for others in in_use_since.values():
            others.add(address)
        in_use_since[address] = set(held)


@pytest.mark.parametrize(
    ("cidr", "never"),
    [
        ("10.244.1.0/24", ["10.244.1.0", "10.244.1.1", "10.244.1.255", "10.244.2.2"]),
        ("fd00:10:244:1::/64", ["fd00:10:244:1::", "fd00:10:244:1::1", "fd00:10:244:2::2"]),
    ],
)
def test_network_gateway_and_broadcast_are_never_given(cidr, never):
    pool = Pool(ip_network(cidr))

    assert not [address for address in never if ip_address(address) in pool]


def test_a_full_range_gives_none_and_the_one_given_back_is_found():
    pool = Pool(ip_network("10.0.0.0/29"))
    everyone = {ip_address(f"10.0.0.{host}") for host in range(2, 7)}

    assert pool.next_free(frozenset(everyone), ip_address("10.0.0.4")) is None
    assert pool.next_free(
        frozenset(everyone - {ip_address("10.0.0.3")}), ip_address("10.0.0.4")
    ) == ip_address("10.0.0.3")


def test_addresses_of_another_range_do_not_count():
    pool = Pool(ip_network("10.0.0.0/29"))
    others = frozenset(ip_address(f"10.9.0.{host}") for host in range(200))

    assert pool.next_free(others, None) == ip_address("10.0.0.2")
