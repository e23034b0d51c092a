"""A policy's coming and going, felt by connections that are open."""

import pytest

from control.client.resources import NETWORKPOLICIES

pytestmark = pytest.mark.root

ASK = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"


@pytest.mark.parametrize("place", ["node-1", "node-2"])
def test_a_policy_cuts_a_connection_that_is_open_and_gives_it_back(lab, family, place):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node=place)
    plug = ann.connect(shop.ip[family], 8080)
    plug.sendall(ASK)
    assert plug.recv(4096).startswith(b"HTTP/1.1 200")

    lab.policy("closed", policyTypes=["Ingress"])
    lab.until(lambda: not ann.can_connect(shop.ip[family], 8080, timeout_s=0.2), what="the shop is closed")
    with lab.watch(shop.eth0) as wire:
        plug.sendall(ASK)
        plug.settimeout(0.5)
        with pytest.raises(TimeoutError):
            plug.recv(4096)
    assert [packet for packet in wire.at(shop.eth0) if packet.destination == shop.ip[family]] == []

    lab.delete(NETWORKPOLICIES, "closed")
    plug.settimeout(10)
    assert plug.recv(4096).startswith(b"HTTP/1.1 200"), "TCP sends again what was lost"
    plug.close()


def test_a_new_pod_meets_its_policy_before_its_first_packet(lab, family):
    lab.policy("closed", policyTypes=["Ingress", "Egress"])
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    with lab.watch(shop.eth0) as wire:
        assert not ann.can_connect(shop.ip[family], 8080, timeout_s=0.5)
    assert wire.at(shop.eth0).requests == []


def test_the_nodes_own_probes_pass_a_default_deny(lab):
    lab.policy("closed", policyTypes=["Ingress", "Egress"])
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    shop = lab.pod("shop", node="node-1", listens=8080, spec={"container": {"readinessProbe": probe}})
    assert shop.ip
