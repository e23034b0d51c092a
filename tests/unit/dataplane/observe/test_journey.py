"""Sightings and judgements in one order."""

from ipaddress import ip_address

from dataplane.nft.events import TraceEvent, TraceKind
from dataplane.nft.statement import ACCEPT
from dataplane.observe.dissect import Packet
from dataplane.observe.journey import Course, Ends, Judgement, Sighting, merge, shows

POD, SERVICE, SHOP = ip_address("10.244.2.2"), ip_address("10.96.0.1"), ip_address("10.244.1.2")


def _packet(to=SERVICE, port=80) -> Packet:
    return Packet(POD, to, "tcp", 64, 40, 61_234, port, "S")


def _seen(time: int, interface: str, way: str, to=SERVICE, *, outer: bool = False) -> Sighting:
    around = (
        Packet(ip_address("10.0.1.11"), ip_address("10.0.1.10"), "udp", 64, 90, 4, 4789) if outer else None
    )
    return Sighting(time, "node", interface, way == "out", Course.REQUEST, _packet(to), around)


def _rule(chain: str, hook: str, to=SERVICE, *, tunnel: bool = False) -> Judgement:
    event = TraceEvent("inet", "t", chain, 4, TraceKind.RULE, ACCEPT, 1, 2, 0)
    return Judgement("node", Course.REQUEST, event, hook, Ends(POD, 61_234, to, 80, 6, 64), tunnel)


def _order(sightings, judgements) -> list[str]:
    steps = merge(sightings, judgements, ())
    return [step.interface if isinstance(step, Sighting) else step.event.chain for step in steps]


def test_a_rule_stands_behind_the_link_that_its_packet_came_in_by():
    sightings = [_seen(1, "eth0", "in"), _seen(2, "cni0", "out", SHOP)]
    judgements = [(_rule("nat", "prerouting"), "eth0"), (_rule("forward", "forward", SHOP), "eth0")]
    assert _order(sightings, judgements) == ["eth0", "nat", "forward", "cni0"]


def test_on_a_bridge_translation_stands_before_the_bridge_that_shows_its_result():
    sightings = [_seen(1, "veth1", "in"), _seen(2, "cni0", "in", SHOP), _seen(3, "eth0", "out", SHOP)]
    judgements = [(_rule("nat", "prerouting"), "cni0"), (_rule("forward", "forward", SHOP), "cni0")]
    assert _order(sightings, judgements) == ["veth1", "nat", "cni0", "forward", "eth0"]


def test_a_tunnels_own_packet_is_judged_after_the_packet_inside_left_by_the_tunnel():
    sightings = [_seen(1, "veth1", "in"), _seen(2, "vxlan1", "out"), _seen(3, "eth0", "out", outer=True)]
    judgements = [(_rule("forward", "forward"), "veth1"), (_rule("out", "output", tunnel=True), "")]
    assert _order(sightings, judgements) == ["veth1", "forward", "vxlan1", "out", "eth0"]


def test_a_rule_at_the_sender_stands_before_the_first_link():
    assert _order([_seen(1, "eth0", "out")], [(_rule("out", "output"), "")]) == ["out", "eth0"]


def test_a_packet_shows_ends_with_ports_only_where_they_are_known():
    assert shows(_packet(), Ends(POD, 61_234, SERVICE, 80, 6, 64))
    assert not shows(_packet(), Ends(POD, 61_234, SERVICE, 81, 6, 64))
    assert shows(_packet(), Ends(POD, 0, SERVICE, 0, 6, 64))
    assert not shows(_packet(SHOP), Ends(POD, 0, SERVICE, 0, 6, 64))
