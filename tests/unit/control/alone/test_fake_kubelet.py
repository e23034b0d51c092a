"""Addresses of pretended pods."""

from typing import Any

from control.alone.fake_kubelet import PER_NODE, Addresses
from control.alone.fake_nodes import NODE_RANGE, POD_RANGE, fake_nodes, node_object
from control.alone.options import NODES_MOST


def pod(uid: str, address: str = "", *, host_network: bool = False) -> dict[str, Any]:
    return {
        "metadata": {"uid": uid},
        "spec": {"hostNetwork": host_network},
        "status": {"podIP": address} if address else {},
    }


def test_each_pod_has_an_address_of_its_nodes_range_and_keeps_it() -> None:
    node, other = fake_nodes(2)
    addresses = Addresses((node, other))
    first = addresses.of(pod("a"), node)
    assert first is not None
    assert addresses.of(pod("a"), node) == first
    assert {addresses.of(pod(uid), node) for uid in "bcd"}.isdisjoint({first, addresses.of(pod("e"), other)})


def test_what_earlier_pods_hold_is_not_given_again() -> None:
    (node,) = fake_nodes(1)
    addresses = Addresses((node,))
    addresses.note(pod("old", str(node.pods[2])))
    assert str(node.pods[2]) not in {addresses.of(pod(str(number)), node) for number in range(PER_NODE - 1)}


def test_a_full_range_gives_none_until_a_pod_goes() -> None:
    (node,) = fake_nodes(1)
    addresses = Addresses((node,))
    assert len({addresses.of(pod(str(number)), node) for number in range(PER_NODE)}) == PER_NODE
    assert addresses.of(pod("late"), node) is None
    addresses.release("7")
    assert addresses.of(pod("late"), node) is not None


def test_a_pod_on_its_nodes_network_has_the_nodes_address() -> None:
    (node,) = fake_nodes(1)
    assert Addresses((node,)).of(pod("a", host_network=True), node) == str(node.address)


def test_as_many_nodes_as_may_be_asked_for_have_ranges_of_their_own() -> None:
    nodes = fake_nodes(NODES_MOST)
    assert len({node.pods for node in nodes}) == len({node.address for node in nodes}) == NODES_MOST
    assert all(node.pods.subnet_of(POD_RANGE) and node.address in NODE_RANGE for node in nodes)
    assert node_object(nodes[0], "now")["spec"]["podCIDR"] == str(nodes[0].pods)
