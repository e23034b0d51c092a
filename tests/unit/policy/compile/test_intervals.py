"""Ranges that the kernel's interval sets take: disjoint, and together exactly what was asked for."""

import random
from ipaddress import ip_address, ip_network

import pytest

from dataplane.model.origin import Origin
from dataplane.model.verdict import AddressRange, Allowance, PortRange
from policy.compile.intervals import block_ranges, disjoint
from policy.model import BlockPeer

ORIGIN = Origin("NetworkPolicy", "shop", "p")


def block(cidr, *excepts):
    return BlockPeer(ip_network(cidr), tuple(ip_network(hole) for hole in excepts), ORIGIN)


@pytest.mark.parametrize(
    ("peer", "ranges"),
    [
        (block("10.0.0.0/30"), ["10.0.0.0-10.0.0.3"]),
        (block("10.0.0.0/29", "10.0.0.2/31"), ["10.0.0.0-10.0.0.1", "10.0.0.4-10.0.0.7"]),
        (block("10.0.0.0/29", "10.0.0.0/30"), ["10.0.0.4-10.0.0.7"]),
        (block("10.0.0.0/30", "10.0.0.0/31", "10.0.0.2/31"), []),
        (block("10.0.0.0/29", "10.0.0.2/32", "10.0.0.0/30"), ["10.0.0.4-10.0.0.7"]),
        (block("::/0", "8000::/1"), ["::-7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]),
    ],
)
def test_a_block_less_its_excepts(peer, ranges):
    assert [f"{span.first}-{span.last}" for span in block_ranges(peer)] == ranges


@pytest.mark.parametrize("seed", range(40))
def test_disjoint_ranges_allow_exactly_what_the_overlapping_ones_do(seed):
    dice = random.Random(seed)
    allows = {}
    for _ in range(dice.randint(1, 8)):
        first = dice.randrange(24)
        span = AddressRange(ip_address(first), ip_address(first + dice.randrange(8)))
        low = dice.randrange(12)
        ports = PortRange(dice.choice((6, 17)), low, low + dice.randrange(6)) if dice.random() < 0.8 else None
        peer = dice.choice((span, span, 1, None))
        if peer is not None or ports is not None:
            allows[Allowance(peer, ports)] = ORIGIN

    made = disjoint(allows)

    for address in range(34):
        for protocol in (6, 17):
            for port in range(20):
                hits = [a for a in made if matches(a, address, protocol, port)]
                assert bool(hits) == any(matches(a, address, protocol, port) for a in allows)
                by_form = [(isinstance(a.peer, AddressRange), a.ports is None, a.peer if isinstance(a.peer, int) else 0,
                            a.ports is not None and a.ports.first == a.ports.last and not isinstance(a.peer, AddressRange)) for a in hits]  # fmt: skip
                assert len(by_form) == len(set(by_form)), hits


def matches(allowance, address, protocol, port):
    peer, ports = allowance
    if isinstance(peer, AddressRange) and not int(peer.first) <= address <= int(peer.last):
        return False
    return ports is None or (ports.protocol == protocol and ports.first <= port <= ports.last)
