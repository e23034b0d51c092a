"""lab.yaml: what is accepted, and how what is wrong is told."""

from pathlib import Path

import pytest

from control.errors import NameInvalid, SpecInvalid
from control.lab.plan import make_plan
from control.lab.spec import LabSpec, check_lab_name, default_nodes, node_prefix, parse_spec, read_spec
from control.lab.spec_json import as_json, from_json


def test_an_empty_file_is_the_default_lab():
    assert parse_spec(None) == LabSpec(nodes=default_nodes(2))


def test_a_full_file_becomes_the_values_it_names():
    spec = parse_spec(
        {
            "nodes": [
                {"name": "boss", "role": "control", "taints": [{"key": "busy", "effect": "NoExecute"}]},
                {"name": "w1", "labels": {"zone": "a"}},
            ],
            "overlay": "direct",
            "cidrs": {"pods": "172.20.0.0/16", "services": "172.21.0.0/20"},
            "dualStack": False,
            "podsPerNode": 30,
            "periods": {"nodeLease": "2s", "nodeMonitorGracePeriod": "8s", "evictionToleration": "1m"},
        }
    )
    assert spec.nodes[0].taints == (("busy", "", "NoExecute"),)
    assert spec.nodes[1].labels == (("zone", "a"),)
    assert (spec.overlay, spec.dual_stack, spec.pods_per_node) == ("direct", False, 30)
    assert [str(cidr) for cidr in spec.pod_cidrs] == ["172.20.0.0/16", "fd00:10:244::/48"]
    assert (spec.periods.lease_s, spec.periods.monitor_grace_s) == (2, 8)
    assert spec.periods.eviction_toleration_s == 60


@pytest.mark.parametrize(
    ("document", "names", "mend"),
    [
        ({"cidrs": {"pods": "10.96.0.0/16"}}, "cidrs.services", "172.20.0.0/16"),
        ({"cidrs": {"pods": "203.0.0.0/8"}}, "cidrs.pods", "172.20.0.0/16"),
        ({"cidrs": {"podsV6": "fd00:10:96::/48"}}, "cidrs.servicesV6", "fd00:20::/48"),
        ({"cidrs": {"pods": "10.244.0.1/16"}}, "cidrs.pods", "10.244.0.0/16"),
        ({"cidrs": {"pods": "fd00::/48"}}, "cidrs.pods", "10.244.0.0/16"),
        ({"ovrelay": "vxlan"}, "ovrelay: unknown field", "did you mean overlay?"),
        ({"overlay": "bgp"}, "overlay: 'bgp'", "overlay: vxlan"),
        ({"nodes": [{"name": "a"}]}, "nodes: one node must have role control", "role: control"),
        ({"nodes": [{"name": "a", "role": "control"}, {"name": "a"}]}, "nodes[1].name", "its own name"),
        ({"nodes": [{"name": "fabric", "role": "control"}]}, "nodes[0].name", "node-1"),
        ({"nodes": [{"name": "A_b", "role": "control"}]}, "nodes[0].name", "small letters"),
        ({"nodes": [{"name": "a", "role": "control", "lables": {}}]}, "nodes[0].lables", "labels"),
        ({"nodes": [{"name": "a", "role": "control", "labels": {"x": 1}}]}, "nodes[0].labels.x", 'x: "1"'),
        ({"workers": "two"}, "workers", "workers: 2"),
        ({"workers": 2, "nodes": [{"name": "a", "role": "control"}]}, "workers", "leave one"),
        ({"podsPerNode": 2000}, "podsPerNode", "podsPerNode: 110"),
        ({"mtu": 9}, "mtu", "mtu: 1500"),
        ({"dualStack": "yes"}, "dualStack", "dualStack: true"),
        ({"periods": {"nodeLease": "soon"}}, "periods.nodeLease", "10s"),
        ({"periods": {"nodeMonitorGracePeriod": "5s"}}, "periods.nodeMonitorGracePeriod", "50s"),
        ({"cidrs": {"pods": "10.244.0.0/25"}}, "cidrs.pods", "shorter prefix"),
        (["a"], "expected fields", "docs/lab.md"),
    ],
)
def test_what_is_wrong_is_named_with_its_mend(document, names, mend):
    with pytest.raises(SpecInvalid) as caught:
        parse_spec(document)
    assert names in caught.value.what
    assert mend in caught.value.mend
    assert caught.value.exit_code == 2


def test_a_file_that_is_not_yaml_is_told_with_its_line(tmp_path: Path):
    path = tmp_path / "lab.yaml"
    path.write_text("workers: 2\noverlay: [vxlan\n")
    with pytest.raises(SpecInvalid, match=r"lab\.yaml: line 3"):
        read_spec(path)


@pytest.mark.parametrize("name", ["lab", "a", "t12345678901"])
def test_names_of_labs(name):
    assert check_lab_name(name) == name


@pytest.mark.parametrize("name", ["", "Lab", "my-lab", "1st", "t123456789012", "../x"])
def test_a_name_that_could_match_another_labs_sweep_is_refused(name):
    with pytest.raises(NameInvalid):
        check_lab_name(name)


def test_a_spec_survives_its_json():
    spec = parse_spec({"workers": 3, "overlay": "direct", "periods": {"nodeLease": "1s"}})
    assert from_json(as_json(spec)) == spec


def test_the_plan_has_the_reference_documents_addresses():
    plan = make_plan("lab", parse_spec({}), ipv6=True)
    assert [str(node.addresses[0]) for node in plan.fabric.nodes] == ["10.0.1.9", "10.0.1.10", "10.0.1.11"]
    assert [str(node.pod_cidrs[0]) for node in plan.fabric.nodes] == [
        "10.244.0.0/24",
        "10.244.1.0/24",
        "10.244.2.0/24",
    ]
    assert str(plan.fabric.nodes[2].pod_cidrs[1]) == "fd00:10:244:2::/64"
    assert (str(plan.api_service_ip), str(plan.dns_ip)) == ("10.96.0.1", "10.96.0.10")
    assert plan.api_url == "https://10.0.1.9:6443"
    assert plan.fabric.tunnel.mtu == 1450


def test_without_ipv6_in_the_kernel_the_lab_is_ipv4_alone():
    plan = make_plan("lab", parse_spec({}), ipv6=False)
    assert [family.value for family in plan.families] == [4]
    assert all(len(node.addresses) == len(node.pod_cidrs) == 1 for node in plan.fabric.nodes)
    assert all(network.version == 4 for network in plan.fabric.internet.ranges)


def test_a_node_of_many_pods_gets_a_larger_range():
    assert node_prefix(110, 4) == node_prefix(253, 4) == 24
    assert node_prefix(254, 4) == 23
    assert node_prefix(1000, 4) == 22
