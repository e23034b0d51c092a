"""The layout as the real nft lists it, in policy.nft and guard.nft; our own values print the same.

But for two things that nft 1.0.6 does to sets of concatenated ranges: it lists them in an order of its own, and
it shows (and takes) an identity with its bytes turned round, 300:100 for 1:3.
"""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from dataplane.model.address import MacAddress
from dataplane.model.origin import Origin
from dataplane.verdicts.guard import PortSources, guard_table
from dataplane.verdicts.nft_layout import table_state
from policy.compile.table import compile_table
from policy.parse.networkpolicy import parse_policy
from policy.world import NamedPort, NamespaceFacts, PodFacts, World

HERE = Path(__file__).parent
LOCAL = (ip_network("10.244.1.0/24"), ip_network("fd00:10:244:1::/64"))


def pod(name, node, number, *ports, **labels):
    ips = (ip_address(f"10.244.{node}.{number}"), ip_address(f"fd00:10:244:{node}::{number}"))
    origin = Origin("Pod", "shop", name)
    return PodFacts("shop", name, name, labels, ips, frozenset(ports), f"node-{node}", origin=origin)


@pytest.fixture
def table():
    """One policy for every form that an allowance can have, in both directions."""
    pods = [
        pod("web", 1, 2, app="web"),
        pod("api", 1, 3, NamedPort("http", 6, 8080), app="api"),
        pod("far", 2, 2, app="far"),
    ]
    web, api = {"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "api"}}
    blocks = [
        {"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.8/30"]}},
        {"ipBlock": {"cidr": "2001:db8::/32"}},
    ]
    rules = [
        {"peers": [{"podSelector": web}], "ports": [{"port": "http"}]},
        {"peers": [{"podSelector": {"matchLabels": {"app": "far"}}}]},
        {"peers": [{"namespaceSelector": {}, "podSelector": web}], "ports": [{"port": 8000, "endPort": 8100}]},
        {"ports": [{"port": 9, "protocol": "SCTP"}, {"port": 53, "protocol": "UDP"}]},
        {"ports": [{"port": 30000, "endPort": 32767}]},
        {"peers": blocks},
        {"peers": blocks, "ports": [{"port": 443}, {"protocol": "UDP"}]},
    ]  # fmt: skip

    def section(field):
        return [
            {**({field: rule["peers"]} if "peers" in rule else {}), **({"ports": rule["ports"]} if "ports" in rule else {})}
            for rule in rules
        ]  # fmt: skip

    both = {
        "podSelector": api,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": section("from"),
        "egress": section("to"),
    }
    policies = [
        parse_policy({"metadata": {"namespace": "shop", "name": name}, "spec": spec})
        for name, spec in (("all-forms", both), ("deny", {"podSelector": {}}))
    ]
    world = World({made.uid: made for made in pods}, {"shop": NamespaceFacts("shop", {})})
    return compile_table(world, policies, "node-1", LOCAL)


def test_our_values_print_the_golden_policy(table):
    golden = (HERE / "policy.nft").read_text()
    assert in_order(str(table_state(table))) == in_order(golden.replace("300:100 . tcp", "1:3 . tcp"))


def test_our_values_print_the_golden_guard():
    assert str(guard_table([sources()])) == (HERE / "guard.nft").read_text()


def in_order(text):
    """Sets with their elements sorted."""

    def elements(match):
        return "elements = {\n" + "\n".join(sorted(e.strip() for e in match[1].split(",\n"))) + "}"

    return re.sub(r"elements = \{ (.*?) \}", elements, text, flags=re.DOTALL)


def sources():
    address = ip_address("10.244.1.2")
    own = (address, ip_address("fd00:10:244:1::2"))
    return PortSources("veth1f2e3d4c", MacAddress.for_address(address), own, Origin("Pod", "shop", "web"))


@pytest.mark.root
@pytest.mark.skipif(not Path("/etc/protocols").exists(), reason="nft names protocols from Debian's netbase")
def test_nft_lists_the_golden_policy_back(node, table):
    node.nft("delete table inet podwire-policy")  # chains are listed in the order in which they were made
    node.verdicts.sync(table, [sources()])
    assert node.nft("list table inet podwire-policy") == (HERE / "policy.nft").read_text()
    assert node.nft("list table bridge podwire-guard") == (HERE / "guard.nft").read_text()


@pytest.mark.root
def test_nft_takes_the_golden_policy_and_it_is_no_other(node, table):
    node.verdicts.sync(table, [sources()])
    node.nft("delete table inet podwire-policy\n" + (HERE / "policy.nft").read_text())
    assert node.verdicts.sync(table, [sources()]).elements == 0
