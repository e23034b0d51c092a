"""A configuration is read whole or refused by the path of its wrong field."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from cni.errors import ConfigInvalid, VersionUnknown
from cni.spec.config import NodeNetwork, conflist, parse

NODE = NodeNetwork(
    "node-1",
    "podwire-lab-node-1",
    (ip_network("10.244.1.0/24"), ip_network("fd00:10:244:1::/64")),
    1450,
    Path("/var/lib/podwire/lab/nodes/node-1/ipam"),
)


def plugin(**changed: object) -> dict[str, object]:
    """The plugin's configuration, as a runtime makes it of the list."""
    whole = conflist(NODE)
    return {"cniVersion": whole["cniVersion"], "name": whole["name"], **whole["plugins"][0], **changed}


def test_a_network_comes_back_from_its_own_configuration():
    assert parse(plugin()) == NODE


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"cniVersion": None}, "cniVersion"),
        ({"name": "-x"}, "name"),
        ({"name": ""}, "name"),
        ({"type": "bridge"}, "type"),
        ({"mtu": "big"}, "mtu"),
        ({"mtu": 10}, "mtu"),
        ({"node": None}, "node"),
        ({"netns": 7}, "netns"),
        ({"ipam": None}, "ipam"),
        ({"ipam": {"directory": "/x", "ranges": []}}, "ipam.ranges"),
        ({"ipam": {"directory": "/x", "ranges": [{"subnet": "10.0.0.1/24"}]}}, "ipam.ranges[0].subnet"),
        ({"ipam": {"directory": "/x", "ranges": [{"subnet": "10.0.0.0/30"}]}}, "ipam.ranges[0].subnet"),
        ({"ipam": {"directory": "/x", "ranges": [{}]}}, "ipam.ranges[0].subnet"),
        (
            {"ipam": {"directory": "/x", "ranges": [{"subnet": "10.0.0.0/24"}, {"subnet": "10.0.1.0/24"}]}},
            "ipam.ranges[1].subnet",
        ),
        ({"ipam": {"directory": 7, "ranges": [{"subnet": "10.0.0.0/24"}]}}, "ipam.directory"),
        ({"ipam": {"type": "host-local", "ranges": [{"subnet": "10.0.0.0/24"}]}}, "ipam.type"),
        ({"bridge": 7}, "bridge"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(changed, path):
    with pytest.raises(ConfigInvalid) as refused:
        parse(plugin(**changed))

    assert refused.value.msg.startswith(f"{path}:")
    assert refused.value.code == 7


def test_a_version_that_is_not_spoken_has_a_code_of_its_own():
    with pytest.raises(VersionUnknown) as refused:
        parse(plugin(cniVersion="0.2.0"))

    assert refused.value.code == 1


def test_what_is_left_out_is_the_namespace_it_runs_in_and_a_ledger_under_the_networks_name():
    least = {"cniVersion": "1.0.0", "name": "shop", "type": "podwire-cni", "subnets": ["10.1.0.0/24"]}

    network = parse(least, here="/proc/self/fd/7")

    assert network == NodeNetwork(
        "node", "/proc/self/fd/7", (ip_network("10.1.0.0/24"),), 1450, Path("/var/lib/cni/podwire/shop")
    )


def test_sets_of_ranges_as_host_local_has_them_are_read_too():
    ranges = [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00:1::/64"}]]

    network = parse(plugin(ipam={"ranges": ranges, "directory": "/x"}))

    assert [str(cidr) for cidr in network.pod_cidrs] == ["10.1.0.0/24", "fd00:1::/64"]
