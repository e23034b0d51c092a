"""A new namespace wired in a few system calls, without reading and without pyroute2: a lab's first build.

What ``converge`` would find to do there, done in one go; so ``converge`` after it has nothing to do, and the
tests hold each of the two against the other.
"""

import os

from dataplane.model.wiring import Link, Wiring
from dataplane.netlink import link_order, path_order
from dataplane.netlink.batch import BatchSocket
from dataplane.netlink.link_order import PeerEnd
from dataplane.netns.enter import inside, pin

_LOOPBACK = {"lo": 1}


def make(want: Wiring) -> int:
    """Wire a namespace that has no link but those that came from elsewhere (``eth0``); the number of things made.

    Raises KernelError; ``converge.apply`` goes on where it stopped.
    """
    with inside(want.netns):
        socket = BatchSocket(want.netns)
    with socket:
        indexes = dict(_LOOPBACK)
        for link in want.links:
            indexes[link.name] = _make(socket, link, indexes)
        orders = [link_order.set_right(link) for link in want.links]
        orders += [path_order.add_address(indexes[each.link], each.address) for each in want.addresses]
        orders += [path_order.add_forwarding(indexes[each.link], each) for each in want.forwarding]
        orders += [
            path_order.add_neighbour(indexes[each.link], each.address, each.mac) for each in want.neighbours
        ]
        orders += [path_order.add_route(indexes[each.link], each) for each in want.routes]
        socket.send(orders)
        return len(want.links) + len(orders)


def _make(socket: BatchSocket, link: Link, indexes: dict[str, int]) -> int:
    """The index of the link, once it is there."""
    find = link_order.get_link(link.name)
    if link.peer:
        there = pin(link.peer.netns)
        try:
            peer = PeerEnd(link.peer.name, link.peer.mac, there)
            made = link_order.make_veth(link.name, link.mtu, indexes[link.master], peer)
            answers = socket.send([made, find])
        finally:
            os.close(there)
    elif link.vxlan:
        answers = socket.send([link_order.make_vxlan(link, link.vxlan, indexes[link.vxlan.parent]), find])
    elif link.kind == "bridge":
        answers = socket.send([link_order.make_bridge(link), find])
    else:
        answers = socket.send([find])
    return link_order.index_in(answers[0])
