"""A configuration is read whole or refused by the path of its wrong field."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from cni.errors import ConfigInvalid
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
        ({"cniVersion": "0.2.0"}, "cniVersion"),
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
        ({"ipam": {"ranges": [{"subnet": "10.0.0.0/24"}]}}, "ipam.directory"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(changed, path):
    with pytest.raises(ConfigInvalid) as refused:
        parse(plugin(**changed))

    assert refused.value.msg.startswith(f"{path}:")
    assert refused.value.code == 7
