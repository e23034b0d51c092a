"""A pod's link: attached with the node's end down, enabled when its policy is in force."""

import errno
import os
from collections.abc import Sequence
from contextlib import ExitStack
from ipaddress import ip_network

from dataplane.errors import LinkError, LinkExists
from dataplane.fabric.neighbourhood import Neighbourhood, Resident
from dataplane.model.address import IPAddress
from dataplane.model.topology import IPInterface, PodPort, interface
from dataplane.model.wiring import EVERYWHERE, Route
from dataplane.netlink import carrier, link_order, path_order
from dataplane.netlink.batch import BatchSocket
from dataplane.netlink.link_order import PeerEnd
from dataplane.netlink.order import Order
from dataplane.netns import create
from dataplane.netns.enter import inside, pin
from dataplane.netns.sysctl import Place
from dataplane.patience import patient

_PATIENCE_S = 5.0


class PodLinks:
    """The pods' links of one node. Usable from any thread, one at a time.

    Owns a socket in the node's namespace and one in each pod's, which keeps that namespace alive until ``detach``.
    """

    def __init__(self, node_netns: str) -> None:
        """Raises NamespaceGone."""
        self.node_netns = node_netns
        with inside(node_netns):
            self._node = BatchSocket(node_netns)
        self._pods = Neighbourhood()

    def __enter__(self) -> "PodLinks":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sockets; the links stay."""
        self._pods.close()
        self._node.close()

    def attach(self, port: PodPort) -> None:
        """Namespace, link, addresses, routes and neighbours of a pod; the node's end stays down.

        Doing it again mends what is missing and leaves the node's end as it is. Raises KernelError; then
        nothing is left of what this call made.
        """
        with ExitStack() as undo:
            pod = self._namespace(port, undo)
            undo.callback(pod.close)
            bridge = self._index_of(port.bridge)
            index = self._link(port, bridge, pod)
            undo.callback(self._remove, port.host_interface)
            self._node.send(_node_side(port, bridge))
            pod.send(_pod_side(port, index))
            undo.pop_all()
        if port.isolated:
            pod.close()
        else:
            self._pods.join(port.host_interface, _resident(port, pod, index))

    def adopt(self, port: PodPort) -> None:
        """Know of a pod that an earlier process attached, so that later ones are introduced to it."""
        if port.isolated or not create.is_there(port.netns):
            return
        with inside(port.netns):
            pod = BatchSocket(port.netns)
        found = pod.send([link_order.get_link(port.interface, errno.ENODEV)])
        if found:
            self._pods.settle(port.host_interface, _resident(port, pod, link_order.index_in(found[0])))
        else:
            pod.close()

    def enable(self, host_interface: str, netns: str | None = None, *, bridge: str = "cni0") -> None:
        """Put the node's end up; when it returns, packets pass. Raises LinkError when there is no such link.

        netns: the pod's, whose end is waited for too.
        """
        self._node.send([link_order.set_up(host_interface)])
        within_s = patient(_PATIENCE_S)
        late = carrier.wait(self._node, (host_interface, bridge), within_s)
        if netns and not late:
            with inside(netns):
                pod = BatchSocket(netns)
            with pod:
                late = carrier.wait(pod, ("eth0",), within_s)
        if late:
            raise LinkError(
                self.node_netns,
                f"{host_interface} was put up and after {within_s:g} s {', '.join(late)} carries nothing",
            )

    def detach(
        self,
        host_interface: str,
        addresses: Sequence[IPAddress] = (),
        *,
        netns: str | None = None,
        bridge: str = "cni0",
    ) -> None:
        """Remove the link, the node's neighbours of these addresses, and the namespace where it is named.

        What is gone already is no error. With a namespace the link is only put down (0.5 ms; deleting it
        36 ms, and all of the machine's links wait): the kernel removes it with the namespace, shortly after.
        """
        self._pods.leave(host_interface)
        if netns:
            self._node.send([link_order.set_down(host_interface, errno.ENODEV)])
        else:
            self._remove(host_interface)
        found = self._node.send([link_order.get_link(bridge, errno.ENODEV)])
        if found and addresses:
            index = link_order.index_in(found[0])
            gone = (errno.ENOENT, errno.ENODEV)
            self._node.send([path_order.delete_neighbour(index, address, *gone) for address in addresses])
        if netns:
            create.delete(netns)

    def _namespace(self, port: PodPort, undo: ExitStack) -> BatchSocket:
        """A socket in the pod's namespace, made where it is missing."""

        def opening() -> BatchSocket:
            return BatchSocket(port.netns)

        if create.is_there(port.netns):
            with inside(port.netns):
                return opening()
        ipv6 = any(address.version == 6 for address in port.addresses)
        socket = create.create_with(port.netns, opening, Place.POD, ipv6=ipv6)
        undo.callback(create.delete, port.netns)
        return socket

    def _index_of(self, link: str) -> int:
        return link_order.index_in(self._node.send([link_order.get_link(link)])[0])

    def _make(self, port: PodPort, bridge: int) -> None:
        there = pin(port.netns)
        try:
            peer = PeerEnd(port.interface, port.mac, there)
            self._node.send([link_order.make_veth(port.host_interface, port.mtu, bridge, peer)])
        finally:
            os.close(there)

    def _link(self, port: PodPort, bridge: int, pod: BatchSocket) -> int:
        """The index of the pod's end. A link that is there already is kept, unless it leads elsewhere."""
        try:
            self._make(port, bridge)
        except LinkExists:
            if not pod.send([link_order.get_link(port.interface, errno.ENODEV)]):
                self._remove(port.host_interface)
                self._make(port, bridge)
        return link_order.index_in(pod.send([link_order.get_link(port.interface)])[0])

    def _remove(self, host_interface: str) -> None:
        self._node.send([link_order.delete_link(host_interface, errno.ENODEV)])


def attach(port: PodPort) -> None:
    """``PodLinks.attach`` for one pod."""
    with PodLinks(port.node_netns) as links:
        links.attach(port)


def enable(node_netns: str, host_interface: str, netns: str | None = None) -> None:
    """``PodLinks.enable`` for one pod."""
    with PodLinks(node_netns) as links:
        links.enable(host_interface, netns)


def detach(port: PodPort) -> None:
    """``PodLinks.detach`` for one pod, its namespace included."""
    with PodLinks(port.node_netns) as links:
        addresses = [address.ip for address in port.addresses]
        links.detach(port.host_interface, addresses, netns=port.netns, bridge=port.bridge)


def _node_side(port: PodPort, bridge: int) -> list[Order]:
    neighbours = [path_order.add_neighbour(bridge, address.ip, port.mac) for address in port.addresses]
    ipv6 = any(address.version == 6 for address in port.addresses)
    settings = link_order.set_port(port.host_interface, port.label, ipv6=ipv6, isolated=port.isolated)
    return [link_order.set_master(port.host_interface, bridge), settings, *neighbours]


def _pod_side(port: PodPort, index: int) -> list[Order]:
    """Up first: a link that is down takes no route."""
    return [
        link_order.set_up(port.interface),
        *(path_order.add_address(index, address) for address in _addresses(port)),
        *(path_order.add_neighbour(index, gateway, port.gateway_mac) for gateway in port.gateways),
        *(path_order.add_route(index, route) for route in _routes(port)),
    ]


def _resident(port: PodPort, pod: BatchSocket, index: int) -> Resident:
    return Resident(pod, index, tuple(address.ip for address in port.addresses), port.mac)


def _addresses(port: PodPort) -> list[IPInterface]:
    """As they are; of an isolated port without a network, so that the pod sends everything to its gateway."""
    if not port.isolated:
        return list(port.addresses)
    return [interface(address.ip, address.max_prefixlen) for address in port.addresses]


def _routes(port: PodPort) -> list[Route]:
    on_link = port.gateways if port.isolated else ()
    direct = [Route(ip_network(gateway), port.interface) for gateway in on_link]
    return direct + [
        Route(EVERYWHERE[gateway.version], port.interface, via=gateway) for gateway in port.gateways
    ]
