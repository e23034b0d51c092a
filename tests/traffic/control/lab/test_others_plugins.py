"""A lab whose pods are plugged in by Debian's bridge, host-local and portmap: on the wire as under podwire's own."""

import json
from pathlib import Path

import pytest

from control.lab.spec_cni import USUAL_PATH
from control.testkit.expect import tcp
from control.testkit.lab import Lab
from control.testkit.place import url_of
from control.testkit.plugin import podwire
from control.testkit.until import until
from dataplane.observe.dissect import Packet

pytestmark = [
    pytest.mark.root,
    pytest.mark.podwire(file="../../../../examples/cni/lab.yaml"),
    pytest.mark.skipif(
        not any(Path(folder, "portmap").exists() for folder in USUAL_PATH),
        reason="no CNI plugins here: apt install containernetworking-plugins",
    ),
]


def leases(lab: Lab, node: str) -> set[str]:
    return {
        path.name for path in (lab.directory.node(node) / "cni" / "host-local" / "debian").glob("*.*.*.*")
    }


def on_port(number: int) -> dict[str, object]:
    return {"container": {"ports": [{"containerPort": 8080, "hostPort": number}]}}


@pytest.mark.parametrize("place", ["node-1", "node-2"])
def test_a_connection_between_pods_shows_each_ones_own_address(lab, family, place):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node=place)

    assert str(shop.ip[family]) in leases(lab, "node-1") or family == 6
    ann.run("ping", "-c1", "-W5", str(shop.ip[family]))
    with lab.watch(ann.eth0, shop.eth0) as wire:
        assert ann.get(url_of(shop.ip[family], 8080)).status == 200

    asked = [tcp(ann.ip[family], shop.ip[family], dport=8080)]
    assert wire.at(ann.eth0).requests[:1] == asked
    assert wire.at(shop.eth0).requests[:1] == asked


def test_a_service_is_reached_from_another_node_from_itself_and_from_the_internet(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080, spec={"type": "NodePort"})

    assert ann.get(door.url(family)).status == 200
    assert shop.get(door.url(family)).status == 200
    node = lab.node("node-2")
    lab.until(lambda: lab.internet.can_connect(node.ip[family], door.node_port), what="the NodePort answers")


def test_a_port_mapping_leads_from_the_internet_to_the_pod_until_the_pod_goes(lab, family):
    from control.client.resources import PODS

    number = 8100 + family
    lab.pod("shop", node="node-1", spec=on_port(number))
    there = lab.node("node-1").ip[family]

    assert lab.internet.can_connect(there, number, timeout_s=5)
    assert not lab.internet.can_connect(lab.node("node-2").ip[family], number, timeout_s=0.5)
    lab.delete(PODS, "shop", grace_s=0)
    lab.until(lambda: not lab.internet.can_connect(there, number, timeout_s=0.2), what="nobody is there")


def test_a_policy_is_in_force_before_a_pods_first_packet(lab, family):
    lab.policy("closed", policyTypes=["Ingress"])
    shop = lab.pod("shop", node="node-1", listens=8080)
    for place in ("node-1", "node-2"):
        ann = lab.pod(f"ann-{place}", node=place)
        with lab.watch(shop.eth0) as wire:
            assert not ann.can_connect(shop.ip[family], 8080, timeout_s=0.5)
        assert wire.at(shop.eth0).requests == []


def test_a_forged_source_is_dropped_at_the_pods_port(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-1")
    forged = "10.244.1.250"

    def arrived(packets: list[Packet]) -> list[Packet]:
        return [packet for packet in packets if str(packet.source) == forged]

    ann.run(
        "ping", "-c1", "-W5", str(shop.ip[4])
    )  # so that it knows its neighbour: its forged question is dropped
    ann.run("ip", "addr", "add", f"{forged}/32", "dev", "eth0")
    with lab.watch(ann.eth0, shop.eth0) as wire:
        ann.run("sh", "-c", f"ping -c2 -i0.2 -W0.3 -I {forged} {shop.ip[4]} || true")

    assert arrived(list(wire.at(ann.eth0))) != []
    assert arrived(list(wire.at(shop.eth0))) == []


def test_verify_finds_no_mismatch(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    lab.pod("ann", node="node-2")
    lab.service("door", to=shop, port=80, target=8080)

    said = json.loads(podwire("verify", "--name", lab.name, "-o", "json").stdout)
    assert said["mismatches"] in (0, [])


def test_after_stop_and_start_pods_have_their_addresses_and_answer(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    podwire("stop", "--name", lab.name)
    podwire("start", "--name", lab.name)

    again = Lab.running(lab.name, lab.namespace)
    assert again.ready_pod("shop").ip == shop.ip
    assert again.ready_pod("ann").ip == ann.ip
    for address in shop.ip.values():
        until(lambda to=address: again.ready_pod("ann").can_connect(to, 8080), 20, what=f"{address} answers")
