"""Acts survive in a file."""

from ipaddress import ip_network

import pytest

from dataplane.faults.act import (
    AddressDrop,
    Frozen,
    Halted,
    LinkDown,
    PortDrop,
    Shaped,
    as_json,
    from_json,
)


@pytest.mark.parametrize(
    "act",
    [
        LinkDown("ns", "node-1"),
        PortDrop("ns", "f1", (("a", "b"), ("b", "")), 12.5),
        AddressDrop("ns", "f1", ((ip_network("10.0.0.1"), ip_network("10.0.0.0/8")),)),
        AddressDrop("ns", "f1", ((ip_network("fd00::1"), ip_network("fd00::/8")),), 1.0),
        Shaped("ns", "eth0", rate_bit=1000),
        Shaped("ns", "eth0", delay_ms=20.0, jitter_ms=5.0),
        Frozen("/a/b"),
        Halted(1, 2),
    ],
    ids=lambda act: type(act).__name__,
)
def test_an_act_is_the_same_after_json(act):
    import json

    assert from_json(json.loads(json.dumps(as_json(act)))) == act


def test_the_discipline_follows_from_what_is_asked():
    assert Shaped("ns", "eth0", rate_bit=1).kind == "tbf"
    assert Shaped("ns", "eth0", delay_ms=1).kind == "netem"
