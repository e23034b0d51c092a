"""One port of a Service as elements of the table."""

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from dataplane.model.origin import Origin
from dataplane.model.service import Affinity, Backend, ServicePort, TrafficScope, Transport
from dataplane.nft.element import Element
from dataplane.nft.text import element_text
from dataplane.services.contract import ServiceNode
from dataplane.services.nft_entries import entries
from dataplane.services.nft_layout import STICKY_SLOTS, skeleton

NODE = ServiceNode(
    (ip_address("10.0.1.10"), ip_address("fd00:10:1::a")),
    (ip_network("10.244.0.0/16"), ip_network("fd00:10:244::/48")),
    (ip_network("10.96.0.0/12"), ip_network("fd00:10:96::/112")),
)
HERE = Backend(ip_address("10.244.1.5"), 8080, local=True)
THERE = Backend(ip_address("10.244.2.6"), 8080)
WEB = ServicePort(
    "default/web", "http", ip_address("10.96.0.20"), Transport.TCP, 80, (HERE, THERE),
    origin=Origin("Service", "default", "web", field="spec.ports[0]"),
)  # fmt: skip


def shown(port: ServicePort) -> list[str]:
    """Elements as text, without comments."""
    made = entries(port, NODE)
    sets = skeleton(NODE).set_by_name
    return [
        f"{name} {element_text(sets[name], replace(element, comment=''))}"
        for name, element in (*made.own, *made.hairpin)
    ]


def test_a_cluster_ip_is_one_look_up_and_one_element_an_endpoint():
    assert shown(WEB) == [
        "services4 10.96.0.20 . tcp . 80 : goto spread-2",
        "endpoints4 10.96.0.20 . tcp . 80 . 0 : 10.244.1.5 . 8080",
        "endpoints4 10.96.0.20 . tcp . 80 . 1 : 10.244.2.6 . 8080",
        "hairpin4 10.244.1.5 . 10.244.1.5",
    ]
    assert entries(WEB, NODE).spreads == {"spread-2"}


def test_every_element_names_its_service_and_field():
    assert {element.comment for _name, element in entries(WEB, NODE).own} == {
        "Service default/web spec.ports[0]"
    }


def test_a_node_port_is_answered_at_the_nodes_address_of_the_family():
    six = replace(
        WEB,
        cluster_ip=ip_address("fd00:10:96::20"),
        node_port=30080,
        backends=(Backend(ip_address("fd00:10:244:1::5"), 8080),),
    )

    assert "services4 10.0.1.10 . tcp . 30080 : goto spread-2" in shown(replace(WEB, node_port=30080))
    assert "services6 fd00:10:1::a . tcp . 30080 : goto spread-1" in shown(six)


def test_without_endpoints_it_is_refused():
    assert shown(replace(WEB, backends=(), node_port=30080)) == [
        "refused4 10.96.0.20 . tcp . 80 : goto refuse",
        "refused4 10.0.1.10 . tcp . 30080 : goto refuse",
    ]


def test_draining_endpoints_serve_only_when_none_is_ready():
    draining = replace(HERE, draining=True)

    assert shown(replace(WEB, backends=(draining, THERE)))[1:] == [
        "endpoints4 10.96.0.20 . tcp . 80 . 0 : 10.244.2.6 . 8080"
    ]
    assert "endpoints4 10.96.0.20 . tcp . 80 . 0 : 10.244.1.5 . 8080" in shown(
        replace(WEB, backends=(draining,))
    )


def test_external_traffic_policy_local_serves_from_this_node_and_keeps_the_clients_address():
    local = shown(replace(WEB, node_port=30080, external=TrafficScope.LOCAL))

    assert "services4 10.96.0.20 . tcp . 80 : goto spread-2" in local
    assert "services4 10.0.1.10 . tcp . 30080 : goto spread-1" in local
    assert "kept-tcp 30080" in local


def test_local_without_an_endpoint_here_is_silence():
    elsewhere = replace(WEB, backends=(THERE,), internal=TrafficScope.LOCAL)

    assert shown(elsewhere) == ["refused4 10.96.0.20 . tcp . 80 : goto unserved"]


def slots(port: ServicePort) -> list[bytes]:
    made = [element for name, element in entries(port, NODE).own if name.startswith("endpoints")]
    return [element.data for element in made if isinstance(element.data, bytes)]


def test_with_session_affinity_a_slot_moves_only_when_its_endpoint_goes():
    many = tuple(Backend(ip_address(f"10.244.1.{n}"), 80) for n in range(1, 6))
    sticky = replace(WEB, affinity=Affinity(), backends=many)

    before, after = slots(sticky), slots(replace(sticky, backends=many[:-1]))

    gone = many[-1].address.packed
    assert len(before) == len(after) == STICKY_SLOTS
    assert all(old == new for old, new in zip(before, after, strict=True) if not old.startswith(gone))
    assert min(Counter(before).values()) >= 5


@pytest.mark.parametrize("transport", list(Transport))
def test_each_transport_has_its_own_key(transport):
    assert shown(replace(WEB, transport=transport))[0].split(" . ")[1] == transport.name.lower()


def test_the_same_endpoint_for_two_ports_is_one_hairpin_element():
    assert entries(WEB, NODE).hairpin == entries(replace(WEB, port=81), NODE).hairpin
    assert entries(WEB, NODE).hairpin == (("hairpin4", Element(HERE.address.packed * 2)),)
