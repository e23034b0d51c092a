"""Which rules a drop becomes."""

from ipaddress import ip_network

from dataplane.faults.act import AddressDrop, PortDrop
from dataplane.faults.cut import chains_of, table_of


def _lines(act: PortDrop | AddressDrop) -> list[tuple[str, str]]:
    return [
        (chain.hook.hook if chain.hook else "", str(rule))
        for chain in chains_of(act, "f1")
        for rule in chain.rules
    ]


def test_a_pair_of_ports_is_met_where_the_bridge_forwards():
    act = PortDrop("ns", "f1", (("a", "b"), ("b", "a")))
    assert table_of(act).family == "bridge"
    assert _lines(act) == [
        ("forward", 'iifname "a" oifname "b" counter packets 0 bytes 0 drop comment "f1"'),
        ("forward", 'iifname "b" oifname "a" counter packets 0 bytes 0 drop comment "f1"'),
    ]


def test_one_port_is_met_where_frames_come_in_and_go_out():
    assert [hook for hook, _ in _lines(PortDrop("ns", "f1", (("a", ""), ("", "a"))))] == [
        "prerouting",
        "postrouting",
    ]


def test_a_loss_is_a_random_number():
    (line,) = _lines(PortDrop("ns", "f1", (("a", ""),), 2.5))
    assert line[1].startswith('iifname "a" numgen random mod 10000 < 250 counter')


def test_addresses_are_met_at_each_hook_of_the_node_in_their_family():
    act = AddressDrop("ns", "f1", ((ip_network("fd00::1"), ip_network("fd00:8::/32")),))
    assert table_of(act).family == "inet"
    assert [(hook, rule.split(" counter")[0]) for hook, rule in _lines(act)] == [
        (hook, "ip6 saddr fd00::1 ip6 daddr fd00:8::/32") for hook in ("forward", "input", "output")
    ]
