"""Many orders at once: all are done, all are answered, the first refusal is told in the kernel's words."""

import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from dataplane.errors import LinkError, LinkExists, NotSupported
from dataplane.model.address import MacAddress
from dataplane.model.wiring import Link, LinkKind, Route
from dataplane.netlink import link_order, neighbour, path_order
from dataplane.netlink.batch import BatchSocket
from dataplane.netlink.socket import RouteHandle
from dataplane.netns import create
from dataplane.netns.enter import inside
from dataplane.netns.sweep import sweep

pytestmark = pytest.mark.root

LAB = f"ts{os.getpid() % 1_000_000}"
NAME = f"podwire-{LAB}-node"
MAC = MacAddress.parse("0a:58:0a:00:00:01")
BRIDGE = Link("br0", LinkKind.BRIDGE, 1500, MAC)


@pytest.fixture
def node() -> Iterator[BatchSocket]:
    create.create(NAME)
    with inside(NAME):
        socket = BatchSocket(NAME)
    with socket:
        yield socket
    sweep(LAB)


def index(node: BatchSocket) -> int:
    return link_order.index_in(node.send([link_order.make_bridge(BRIDGE), link_order.get_link("br0")])[0])


def known() -> int:
    with RouteHandle(NAME) as handle:
        return len(neighbour.read(handle, {}))


def test_far_more_orders_than_answers_fit_a_sockets_buffer_are_all_done(node):
    at = index(node)
    orders = [
        path_order.add_neighbour(at, ip_address(f"10.0.{n // 250}.{n % 250}"), MAC) for n in range(3000)
    ]

    assert node.send(orders) == []

    assert known() == 3000


def test_after_one_that_is_refused_the_others_are_done_and_the_first_refusal_is_raised(node):
    at = index(node)
    bad = path_order.add_route(at, Route(ip_network("10.9.0.0/16"), "br0", via=ip_address("192.0.2.1")))
    good = [path_order.add_neighbour(at, ip_address(f"10.0.0.{n}"), MAC) for n in range(200)]

    with pytest.raises(LinkError, match=r"route 10\.9\.0\.0/16 via 192\.0\.2\.1 dev br0.*invalid gateway"):
        node.send([*good[:100], bad, *good[100:], bad])

    assert known() == 200


def test_a_link_that_is_there_and_a_kind_that_the_kernel_does_not_know_are_told_apart(node):
    node.send([link_order.make_bridge(BRIDGE)])

    with pytest.raises(LinkExists, match="make link br0"):
        node.send([link_order.make_bridge(BRIDGE)])
    with pytest.raises(NotSupported, match="Unknown device type"):
        node.send([link_order.try_link("nonesuch", "x0")])


def test_an_answer_that_was_expected_is_no_error(node):
    import errno

    node.send([link_order.delete_link("nobody", errno.ENODEV)])
    assert node.send([link_order.get_link("nobody", errno.ENODEV)]) == []


def test_it_speaks_to_its_namespace_wherever_its_user_is(node):
    index(node)

    assert node.send([link_order.get_link("br0")])
    with BatchSocket("here") as here, pytest.raises(LinkError):
        here.send([link_order.get_link("br0")])
