"""Names for addresses, namespaces and links."""

from ipaddress import ip_address

import pytest


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("10.244.2.3", "shop/db"),
        ("10.96.0.20", "Service shop/db"),
        ("10.0.1.10", "node node-1"),
        ("10.244.1.1", "node node-1"),
        ("10.244.1.0", "node node-1, its overlay address"),
        ("8.8.8.8", "internet"),
        ("10.0.1.1", "internet"),
        ("10.96.9.9", ""),
    ],
)
def test_an_address_has_an_owner_or_none(atlas, address, who):
    assert atlas.who(ip_address(address)) == who


def test_a_pods_namespace_and_its_port_carry_its_name(atlas):
    db = next(pod for pod in atlas.view.world.pods.values() if pod.name == "db")
    netns = atlas.pod_netns(db)
    assert atlas.place(netns) == "shop/db"
    assert atlas.place("podwire-t-node-1") == "node-1"
    assert atlas.link("podwire-t-node-2", "veth" + netns.rsplit("-", 1)[1]).endswith(" (shop/db)")
    assert atlas.link("podwire-t-node-2", "eth0") == "eth0"


def test_a_services_port_is_found_by_its_clusterip_and_by_every_nodes_address(atlas):
    by_ip = atlas.service_port(ip_address("10.96.0.20"), 80, 6)
    assert by_ip is not None
    assert by_ip is atlas.service_port(ip_address("10.0.1.11"), 30080, 6)
    assert atlas.service_port(ip_address("10.96.0.20"), 80, 17) is None
    assert atlas.service_port(ip_address("8.8.8.8"), 30080, 6) is None


def test_watched_are_all_nodes_the_fabric_the_internet_and_both_ends(atlas):
    names = atlas.watched("here", [ip_address("10.244.2.3")])
    assert names[0] == "here"
    assert {"podwire-t-cp", "podwire-t-node-1", "podwire-t-fabric", "podwire-t-internet"} < set(names)
    assert any("shop-db" in name for name in names)
    assert not any("shop-web" in name for name in names)
