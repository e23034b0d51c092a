"""Our policies on a real network: who reaches the database, who does not, and where a packet dies."""

from pathlib import Path

import pytest

from control.testkit.expect import tcp

POLICIES = Path(__file__).with_name("policies.yaml")


@pytest.fixture
def town(lab):
    """The database, the shop and a stranger, on two nodes, with our policies over them."""
    db = lab.pod("db", node="node-1", labels={"app": "db"}, listens=[5432, 9187])
    shop = lab.pod("shop", node="node-2", labels={"app": "shop"}, listens=8080)
    stranger = lab.pod("stranger", node="node-2", labels={"app": "stranger"})
    lab.apply(POLICIES)
    lab.until(lambda: not stranger.can_connect(db.ip[4], 5432), what="the policies hold")
    return db, shop, stranger


def test_the_shop_reaches_the_database_at_its_port_only(town):
    db, shop, _ = town
    assert shop.can_connect(db.ip[4], 5432)
    assert not shop.can_connect(db.ip[4], 9187)


def test_a_strangers_packet_never_reaches_the_database(lab, town):
    db, _, stranger = town
    with lab.watch(stranger, db) as wire:
        assert not stranger.can_connect(db.ip[4], 5432)
    assert wire.at(stranger.eth0).requests == [tcp(stranger.ip[4], db.ip[4], dport=5432)]
    assert tcp(stranger.ip[4], db.ip[4]) not in wire.at(db.eth0)
