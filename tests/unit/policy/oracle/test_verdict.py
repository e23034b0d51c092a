"""Written situations (cases.yaml): the oracle says what the API's text says, and compiled tables do the same."""

from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from policy.compile.table import compile_table
from policy.oracle.flow import Flow
from policy.oracle.verdict import verdict
from policy.parse.networkpolicy import parse_policy
from policy.world import NamedPort, NamespaceFacts, PodFacts, World

CASES = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text())
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1}


@pytest.fixture
def world(cluster):
    made = cluster(0)
    pods = [
        ("shop", "web", "node-1", {"app": "web"}, ()),
        ("shop", "api", "node-1", {"app": "api"}, (NamedPort("http", 6, 8080),)),
        ("shop", "db", "node-2", {"app": "db"}, (NamedPort("http", 17, 8080),)),
        ("shop", "bare", "node-2", {}, ()),
        ("other", "stray", "node-2", {"app": "stray"}, ()),
        ("other", "lost", "node-1", {"app": "lost"}, ()),
        ("other", "bare", "node-1", {}, ()),
    ]
    facts = {}
    for number, (namespace, name, node, labels, ports) in enumerate(pods, start=2):
        ips = (ip_address(f"10.244.{node[-1]}.{number}"), ip_address(f"fd00:10:244:{node[-1]}::{number}"))
        facts[f"{namespace}/{name}"] = PodFacts(
            namespace, name, f"{namespace}-{name}", labels, ips, frozenset(ports), node
        )
    namespaces = {
        name: NamespaceFacts(name, {"kubernetes.io/metadata.name": name, "team": team})
        for name, team in (("shop", "a"), ("other", "b"))
    }
    return World(facts, namespaces, made.world.nodes)


def flow_of(text, world):
    ends, _, service = text.rpartition(" ")
    protocol, port = service.split("/")
    source, destination = (end_of(end, world) for end in ends.split(" > "))
    version = next((ip.version for ip in (source, destination) if not isinstance(ip, PodFacts)), 4)
    shown = [address_of(end, version) for end in (source, destination)]
    return Flow(source, destination, PROTOCOLS[protocol], int(port), *shown)


def end_of(text, world):
    if text.startswith("node:"):
        return world.nodes[text.removeprefix("node:")].addresses[0]
    return world.pods[text] if "/" in text else ip_address(text)


def address_of(end, version):
    return next(ip for ip in end.ips if ip.version == version) if isinstance(end, PodFacts) else end


SAID = [
    pytest.param(case, text, said, id=f"{case['name']}: {text}")
    for case in CASES
    for said, key in ((True, "allow"), (False, "deny"))
    for text in case.get(key, ())
]


@pytest.mark.parametrize(("case", "text", "said"), SAID)
def test_the_oracle_and_the_tables_say_what_the_text_says(world, kernels, case, text, said):
    policies = [parse_policy(obj) for obj in case.get("policies", ())]
    flow = flow_of(text, world)
    answer = verdict(world, policies, flow)
    assert answer.allowed == said, answer.reason.text

    pod_ranges = {
        "node-1": ("10.244.1.0/24", "fd00:10:244:1::/64"),
        "node-2": ("10.244.2.0/24", "fd00:10:244:2::/64"),
    }
    from ipaddress import ip_network

    tables = {
        node: compile_table(world, policies, node, tuple(ip_network(text) for text in ranges))
        for node, ranges in pod_ranges.items()
    }
    assert kernels(tables, flow.source_address, flow.destination_address, flow) == said


def test_a_reason_names_the_rule_that_allows_and_the_policies_that_deny(world):
    policies = [
        parse_policy({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})
        for name, spec in (
            (
                "a",
                {"podSelector": {}, "ingress": [{"ports": [{"port": 1}]}, {"from": [{"podSelector": {}}]}]},
            ),
            ("b", {"podSelector": {"matchLabels": {"app": "api"}}}),
        )
    ]
    allowed = verdict(world, policies, flow_of("shop/web > shop/api tcp/80", world))
    denied = verdict(world, policies, flow_of("other/stray > shop/api tcp/80", world))

    assert allowed.reason.text == "entering shop/api: allowed by shop/a spec.ingress[1].from[0]"
    assert denied.reason.text == "entering shop/api: default deny by shop/a, shop/b"
    assert [origin.name for origin in denied.reason.isolated_by] == ["a", "b"]
    assert denied.egress.allowed


def test_a_pod_on_the_hosts_network_is_its_node(world):
    deny = [parse_policy({"metadata": {"name": "deny", "namespace": "shop"}, "spec": {"podSelector": {}}})]
    from_node = world.nodes["node-2"].addresses
    host = PodFacts("shop", "host", "h", {"app": "web"}, from_node, node="node-2", host_network=True)
    web = world.pods["shop/web"]

    assert not verdict(world, deny, Flow(host, web, 6, 80)).allowed
    assert verdict(world, deny, Flow(web, host, 6, 80)).allowed, "no policy selects it"
    assert verdict(world, deny, Flow(host, world.pods["shop/db"], 6, 80)).allowed, "db runs on that node"
