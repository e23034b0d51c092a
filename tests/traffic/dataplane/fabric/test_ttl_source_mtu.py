"""TTL, source and size of packets at each hop of a fabric, as a cluster without Services shows them."""

import itertools
import re
import socket
import subprocess
import threading
from ipaddress import ip_address

import pytest

from control.testkit.expect import icmp, tcp, udp
from control.testkit.place import Place
from control.testkit.until import until
from control.testkit.wire import watching
from dataplane.fabric.pod import PodLinks
from dataplane.model.address import Family, IPAddress, MacAddress
from dataplane.netns.enter import run_inside
from dataplane.observe import craft
from dataplane.observe.craft import Ends

pytestmark = pytest.mark.root

_ports = itertools.count(20_000)
_names = itertools.count(1)
UNREACHABLE = re.compile("unreachable|No route")


@pytest.fixture
def pods(fabric):
    """ann and bob on node-1, cyd on node-2: made once a fabric."""
    if not hasattr(fabric, "made"):
        fabric.made = {
            name: fabric.pod(name, node)
            for name, node in (("ann", "node-1"), ("bob", "node-1"), ("cyd", "node-2"))
        }
    return fabric.made


def call(caller: Place, callee: Place, address: IPAddress, size: int = 0) -> IPAddress:
    """One TCP connection, ``size`` bytes sent over it; the source that the callee sees."""
    port = next(_ports)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    listener = run_inside(callee.netns, lambda: _listen(family, port))
    seen: list[str] = []
    received: list[int] = []

    def serve() -> None:
        connection, peer = listener.accept()
        with connection:
            seen.append(peer[0])
            received.append(sum(len(part) for part in iter(lambda: connection.recv(65536), b"")))

    thread = threading.Thread(target=serve)
    thread.start()
    with listener, caller.connect(address, port) as connection:
        connection.sendall(bytes(size))
        connection.shutdown(socket.SHUT_WR)
        thread.join(5)
    assert received == [size]
    return ip_address(seen[0])


def _listen(family: int, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    listener.listen()
    listener.settimeout(5)
    return listener


def test_on_one_node_a_packet_arrives_with_ttl_64(pods, family):
    ann, bob = pods["ann"], pods["bob"]

    with watching(bob.eth0) as wire:
        call(ann, bob, bob.ip[family])

    assert wire.at(bob.eth0).requests == [tcp(ann.ip[family], bob.ip[family], ttl=64)]


def test_across_nodes_a_packet_arrives_with_ttl_62(pods, family):
    ann, cyd = pods["ann"], pods["cyd"]

    with watching(cyd.eth0) as wire:
        call(ann, cyd, cyd.ip[family])

    assert wire.at(cyd.eth0).requests == [tcp(ann.ip[family], cyd.ip[family], ttl=62)]


@pytest.mark.parametrize(
    ("caller", "callee", "ttl"),
    [
        ("ann", "bob", 64),
        ("ann", "cyd", 62),
        ("ann", "node-1", 64),
        ("ann", "node-2", 63),
        ("node-1", "ann", 64),
        ("node-1", "cyd", 63),
        ("node-1", "node-2", 64),
        ("node-1", "internet", 64),
    ],
)
def test_a_packet_has_lost_one_of_its_ttl_for_each_router_that_it_passed(
    fabric, pods, family, caller, callee, ttl
):
    places = {**pods, "internet": fabric.internet, **{n: fabric.node(n) for n in ("node-1", "node-2")}}
    to = places[callee]

    arrives_at = to.interface("cni0") if (caller, callee) == ("ann", "node-1") else to.eth0

    with watching(arrives_at) as wire:
        call(places[caller], to, to.ip[family])

    seen = [packet for packet in wire.at(arrives_at).requests if packet == tcp(dst=to.ip[family])]
    assert [packet.ttl for packet in seen] == [ttl]


def test_a_pod_is_seen_under_its_own_address_by_pods_of_both_nodes(pods, family):
    ann, bob, cyd = pods["ann"], pods["bob"], pods["cyd"]

    assert call(ann, bob, bob.ip[family]) == ann.ip[family]
    assert call(ann, cyd, cyd.ip[family]) == ann.ip[family]


def test_a_pod_sees_its_own_node_as_the_gateway_of_its_range(fabric, pods, family):
    node, ann = fabric.node("node-1"), pods["ann"]

    gateway = {each.version: each.ip for each in fabric.plan.node("node-1").gateways}[family]
    assert call(node, ann, ann.ip[family]) == gateway


def test_a_pod_sees_another_node_as_that_overlays_address(fabric, overlay, pods, family):
    node, ann = fabric.node("node-2"), pods["ann"]
    ranges = {cidr.version: cidr for cidr in fabric.plan.node("node-2").pod_cidrs}
    expected = {"vxlan": ranges[family][0], "direct": node.ip[family]}[overlay]

    assert call(node, ann, ann.ip[family]) == expected


def test_a_node_sees_a_pod_of_another_node_under_its_own_address(fabric, pods, family):
    node, cyd = fabric.node("node-1"), pods["cyd"]

    assert call(cyd, node, node.ip[family]) == cyd.ip[family]


def test_nodes_see_each_other_and_the_internet_sees_a_node_by_their_addresses(fabric, family):
    one, two, internet = fabric.node("node-1"), fabric.node("node-2"), fabric.internet

    assert call(one, two, two.ip[family]) == one.ip[family]
    assert call(one, internet, internet.ip[family]) == one.ip[family]


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (Family.V4, "8.8.8.8"),
        (Family.V4, "203.0.113.1"),
        (Family.V4, "203.0.113.254"),
        (Family.V6, "2001:4860:4860::8888"),
        (Family.V6, "2001:db8::1"),
        (Family.V6, "2001:db8:ffff::1"),
    ],
)
def test_the_internet_answers_under_each_address_of_its_ranges(fabric, family, address):
    node, internet = fabric.node("node-1"), fabric.internet

    with watching(internet.eth0) as wire:
        assert call(node, internet, ip_address(address)) == node.ip[family]

    assert wire.at(internet.eth0).replies == [tcp(ip_address(address), node.ip[family], ttl=64)]


@pytest.mark.parametrize(("family", "address"), [(Family.V4, "1.1.1.1"), (Family.V6, "2606:4700::1111")])
def test_an_address_that_nobody_owns_is_said_to_be_unreachable_by_the_internet(fabric, family, address):
    node, internet = fabric.node("node-1"), fabric.internet

    with watching(node.eth0) as wire, pytest.raises(OSError, match=UNREACHABLE) as refused:
        node.connect(address, 80, timeout_s=3)

    assert not isinstance(refused.value, TimeoutError)
    assert wire.at(node.eth0).errors[0] == icmp(internet.ip[family], node.ip[family])


def test_the_internet_has_no_way_to_a_pod(fabric, pods, family):
    ann, internet = pods["ann"], fabric.internet

    with watching(ann.eth0) as wire, pytest.raises(OSError, match=UNREACHABLE):
        internet.connect(ann.ip[family], 80, timeout_s=3)

    assert wire.at(ann.eth0).requests == []


def test_a_full_size_segment_crosses_nodes_whole(fabric, overlay, pods, family):
    ann, cyd = pods["ann"], pods["cyd"]
    uplink = fabric.node("node-2").eth0
    mtu = fabric.plan.tunnel.mtu

    with watching(cyd.eth0, uplink) as wire:
        call(ann, cyd, cyd.ip[family], size=100_000)

    arrived = [packet for packet in wire.at(cyd.eth0) if packet.source == ann.ip[family]]
    # Segments may arrive joined (GRO); what counts is that they were full and that nothing was cut or refused.
    assert max(packet.length_bytes for packet in arrived) >= mtu
    assert not any(packet.fragment for packet in wire.at(uplink))
    assert wire.at(cyd.eth0).errors == wire.at(uplink).errors == []
    assert mtu == {"vxlan": 1450, "direct": 1500}[overlay]


def test_a_packet_of_the_pods_mtu_fits_and_one_byte_more_is_refused_by_the_pod_itself(fabric, pods, family):
    ann, cyd = pods["ann"], pods["cyd"]
    room = fabric.plan.tunnel.mtu - (28 if family is Family.V4 else 48)  # IP and ICMP headers
    ping = ("ping", "-c1", "-W2", "-Mdo", "-s")

    with watching(cyd.eth0) as wire:
        ann.run(*ping, str(room), str(cyd.ip[family]))
        with pytest.raises(subprocess.CalledProcessError) as refused:
            ann.run(*ping, str(room + 1), str(cyd.ip[family]))

    assert "message too long" in refused.value.stdout + refused.value.stderr
    assert [packet.length_bytes for packet in wire.at(cyd.eth0).requests] == [fabric.plan.tunnel.mtu]


def test_the_overlay_carries_a_pods_frame_between_the_nodes_primary_addresses(fabric, overlay, pods, family):
    ann, cyd, near, far = pods["ann"], pods["cyd"], fabric.node("node-1"), fabric.node("node-2")

    with watching(far.eth0) as wire:
        call(ann, cyd, cyd.ip[family])

    seen = wire.at(far.eth0)
    inner = tcp(ann.ip[family], cyd.ip[family], ttl=63)
    if overlay == "direct":
        assert seen.requests == [inner]
        assert len(seen.inside) == 0
    else:
        primary = fabric.plan.families[0]
        outer = udp(near.ip[primary], far.ip[primary], dport=4789, vni=1)
        assert outer in list(seen)
        assert seen.inside.requests == [inner]


def test_a_packet_whose_ttl_ends_on_the_way_is_told_of_by_the_node(fabric, pods, family):
    ann, cyd, node = pods["ann"], pods["cyd"], fabric.plan.node("node-1")
    packet = craft.udp(Ends(ann.ip[family], cyd.ip[family], ttl=1), 40_000, 9, b"short-lived")
    gateway = {each.version: each.ip for each in node.gateways}[family]
    frame = craft.frame(packet, MacAddress.for_address(ann.ip[Family.V4]), node.bridge_mac)

    with watching(ann.eth0) as wire:
        craft.inject(ann.netns, "eth0", frame)
        until(lambda: wire.at(ann.eth0).errors, what="the node answers")

    exceeded = {Family.V4: 11, Family.V6: 3}[family]
    about = udp(ann.ip[family], cyd.ip[family], dport=9)
    assert wire.at(ann.eth0).errors == [icmp(gateway, ann.ip[family], type=exceeded, about=about)]


def test_no_packet_of_a_pod_passes_before_it_is_enabled(fabric, family):
    name = f"late{next(_names)}"
    port = fabric.port(name, "node-1")
    with PodLinks(port.node_netns) as links:
        links.attach(port)
        pod = Place(name, port.netns, {Family.of(each.ip): each.ip for each in port.addresses})
        node = fabric.node("node-1")

        with watching(node.interface("cni0")) as wire:
            assert not pod.can_connect(node.ip[family], 6443, timeout_s=0.2)
        assert not [packet for packet in wire.at(node.interface("cni0")) if packet.source == pod.ip[family]]

        links.enable(port.host_interface, port.netns)
        assert call(pod, node, node.ip[family]) == pod.ip[family]


def test_each_datagram_to_a_closed_port_is_refused_however_many_there_are(pods, family):
    """Linux answers six at once and one a second, to each host, and 50 at once to all: a lab does not depend on that."""
    ann, cyd = pods["ann"], pods["cyd"]
    for number in range(200):
        with run_inside(ann.netns, lambda: _datagrams(family)) as one:
            one.connect((str(cyd.ip[family]), 40_000 + number))
            one.send(b"?")
            with pytest.raises(ConnectionRefusedError):
                one.recv(10)


def test_the_very_first_packet_of_an_enabled_pod_passes(fabric, family):
    """The kernel activates a link some time after it was put up, and drops what is sent before: enable waits."""
    node = fabric.node("node-1")
    with run_inside(node.netns, lambda: _datagrams(family)) as listener, PodLinks(node.netns) as links:
        for number in range(20):
            port = fabric.port(f"early{next(_names)}", "node-1")
            links.attach(port)
            with run_inside(port.netns, lambda: _datagrams(family)) as pod:
                links.enable(port.host_interface, port.netns)
                pod.sendto(b"%d" % number, (str(node.ip[family]), listener.getsockname()[1]))
            assert listener.recv(100) == b"%d" % number


def _datagrams(family: Family) -> socket.socket:
    kind = socket.AF_INET if family is Family.V4 else socket.AF_INET6
    made = socket.socket(kind, socket.SOCK_DGRAM)
    made.bind(("0.0.0.0" if family is Family.V4 else "::", 0))
    made.settimeout(2)
    return made


def test_a_pods_first_packets_wait_for_no_neighbour(fabric, family):
    one, two = fabric.pod(f"first{next(_names)}", "node-1"), fabric.pod(f"second{next(_names)}", "node-2")
    uplink = fabric.node("node-1").eth0

    with watching(one.eth0, uplink) as wire:
        call(one, two, two.ip[family])

    asked = [*_questions(wire.frames(one.eth0)), *_questions(wire.frames(uplink))]
    assert asked == []


def _questions(frames: tuple[bytes, ...]) -> list[str]:
    """ARP requests and neighbour solicitations but those for link-local addresses."""
    arp = [frame for frame in frames if frame[12:14] == b"\x08\x06"]
    solicitations = [
        frame for frame in frames if frame[12:14] == b"\x86\xdd" and frame[20] == 58 and frame[54] == 135
    ]
    return [frame.hex() for frame in arp + [f for f in solicitations if f[62:64] != b"\xfe\x80"]]


def test_a_packet_turned_back_to_its_sender_gets_there(fabric, family):
    """What hairpin Service traffic needs of the bridge: a frame may leave by the port it came in by."""
    pod = fabric.pod(f"hairpin{next(_names)}", "node-1")
    port = fabric.plan.node("node-1")
    own = MacAddress.for_address(pod.ip[Family.V4])
    packet = craft.udp(Ends(pod.ip[family], pod.ip[family]), 40_001, 9, b"to myself")

    with watching(pod.eth0) as wire:
        craft.inject(pod.netns, "eth0", craft.frame(packet, port.bridge_mac, own))
        until(lambda: len([p for p in wire.at(pod.eth0) if p.payload == b"to myself"]) == 2)
