"""A list is read whole, filled in for its node, and each plugin is given its part."""

from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from cni.errors import ConfigInvalid, VersionUnknown
from cni.spec.config import NodeNetwork, parse
from cni.spec.conflist import fill_in, read

V4, V6 = ip_network("10.244.1.0/24"), ip_network("fd00:10:244:1::/64")
NODE = NodeNetwork("node-1", "podwire-lab-node-1", (V4, V6), 1450, Path("/state"))


def listed(*plugins: dict[str, object], **more: object) -> dict[str, object]:
    return {"cniVersion": "1.0.0", "name": "net", "plugins": list(plugins) or [{"type": "bridge"}], **more}


def test_placeholders_are_the_nodes_own_and_a_lone_mtu_is_a_number():
    filled = fill_in(
        listed(
            {
                "type": "bridge",
                "mtu": "${mtu}",
                "note": "${node}: ${mtu}",
                "ipam": {
                    "ranges": [
                        [{"subnet": "${podCIDRv4}", "gateway": "${gatewayV4}"}],
                        [{"subnet": "${podCIDRv6}"}],
                    ]
                },
            }
        ),
        NODE,
    )

    plugin = filled["plugins"][0]
    assert (plugin["mtu"], plugin["note"]) == (1450, "node-1: 1450")
    assert plugin["ipam"]["ranges"] == [
        [{"subnet": "10.244.1.0/24", "gateway": "10.244.1.1"}],
        [{"subnet": "fd00:10:244:1::/64"}],
    ]


def test_the_primary_familys_range_and_gateway_have_names_of_their_own():
    v6_first = NodeNetwork("node-1", "ns", (V6, V4), 1450, Path("/state"))

    filled = fill_in(listed({"type": "x", "range": "${podCIDR}", "via": "${gateway}"}), v6_first)

    assert filled["plugins"][0]["range"] == "fd00:10:244:1::/64"
    assert filled["plugins"][0]["via"] == "fd00:10:244:1::1"


def test_host_locals_leases_are_the_nodes_own_unless_the_list_says_where():
    there = {"type": "host-local", "dataDir": "/elsewhere"}
    filled = fill_in(
        listed({"type": "bridge", "ipam": {"type": "host-local"}}, {"type": "x", "ipam": there}), NODE
    )

    assert [plugin["ipam"]["dataDir"] for plugin in filled["plugins"]] == ["/state/host-local", "/elsewhere"]


@pytest.mark.parametrize(
    ("placeholder", "said"),
    [("${podCidr}", "is unknown"), ("${}", "is unknown"), ("${podCIDRv6}", "does not speak that family")],
)
def test_a_placeholder_that_has_no_value_is_named_with_its_path(placeholder, said):
    v4_only = NodeNetwork("node-1", "ns", (V4,), 1450, Path("/state"))
    with pytest.raises(ConfigInvalid, match=said) as refused:
        fill_in(listed({"type": "x", "filter": [placeholder]}), v4_only)

    assert refused.value.msg.startswith("plugins[0].filter[0]:")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], "conflist"),
        (listed(name=""), "name"),
        (listed(name="-x"), "name"),
        (listed() | {"plugins": []}, "plugins"),
        (listed({"kind": "bridge"}), "plugins[0].type"),
        (listed({"type": "bridge"}, {"type": "../sh"}), "plugins[1].type"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(document, path):
    with pytest.raises(ConfigInvalid) as refused:
        read(document)

    assert refused.value.msg.startswith(f"{path}:")


def test_the_highest_version_that_is_known_is_spoken():
    assert read(listed(cniVersions=["0.4.0", "1.1.0", "9.0.0"])).version == "1.1.0"
    with pytest.raises(VersionUnknown):
        read(listed(cniVersion="9.0.0"))


def test_a_single_plugins_configuration_is_a_list_of_one():
    network = read({"cniVersion": "1.0.0", "name": "net", "type": "bridge", "mtu": 1400})

    assert [plugin["type"] for plugin in network.plugins] == ["bridge"]
    assert network.configuration(network.plugins[0], {})["mtu"] == 1400


def test_a_plugin_is_given_what_it_declared_to_take_and_nothing_else():
    network = read(listed({"type": "portmap", "capabilities": {"portMappings": True, "bandwidth": False}}))
    said = {"portMappings": [{"hostPort": 80}], "bandwidth": {"rate": 1}, "ips": ["10.0.0.1"]}

    config = network.configuration(network.plugins[0], said, previous={"ips": []})

    assert config == {
        "type": "portmap",
        "cniVersion": "1.0.0",
        "name": "net",
        "runtimeConfig": {"portMappings": [{"hostPort": 80}]},
        "prevResult": {"ips": []},
    }
    assert "runtimeConfig" not in network.configuration(network.plugins[0], {"portMappings": []})


def test_a_range_of_a_family_that_the_lab_does_not_speak_is_left_out():
    v4_only = NodeNetwork("node-1", "ns", (V4,), 1450, Path("/state"))
    both = [[{"subnet": "${podCIDRv4}"}], [{"subnet": "${podCIDRv6}"}]]

    filled = fill_in(listed({"type": "bridge", "ipam": {"ranges": both}}), v4_only)

    assert filled["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]
    with pytest.raises(ConfigInvalid, match="does not speak"):
        fill_in(listed({"type": "bridge", "ipam": {"ranges": both[1:]}}), v4_only)


def test_our_own_plugin_needs_no_more_than_its_type():
    (plugin,) = fill_in(listed({"type": "podwire-cni"}), NODE)["plugins"]

    whole = {"cniVersion": "1.0.0", "name": "net", **plugin}
    assert parse(whole, here=NODE.netns) == replace(NODE, directory=Path("/state/podwire-cni"))
