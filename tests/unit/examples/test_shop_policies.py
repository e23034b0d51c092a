"""The shop's policies open the arrows of its call graph, and nothing else: as the oracle reads them."""

from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import yaml

from policy.oracle.flow import Flow
from policy.oracle.verdict import verdict
from policy.parse.networkpolicy import parse_policy
from policy.world import NamedPort, NamespaceFacts, PodFacts, World

SHOP = Path(__file__).resolve().parents[3] / "examples" / "shop"
TCP, UDP = 6, 17

OBJECTS: list[dict[str, Any]] = [
    document for file in sorted(SHOP.rglob("*.yaml")) for document in yaml.safe_load_all(file.read_text())
]
DEPLOYMENTS = [obj for obj in OBJECTS if obj["kind"] == "Deployment"]
POLICIES = [
    parse_policy({**obj, "metadata": {**obj["metadata"], "uid": name, "resourceVersion": "1"}})
    for obj in OBJECTS
    if obj["kind"] == "NetworkPolicy" and (name := obj["metadata"]["name"])
]


def port_of(deployment: dict[str, Any]) -> int:
    return deployment["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]


def pod(namespace: str, name: str, number: int, labels: dict[str, str], *ports: NamedPort) -> PodFacts:
    return PodFacts(namespace, name, name, labels, (IPv4Address(f"10.244.1.{number}"),), frozenset(ports))


def named_ports(deployment: dict[str, Any]) -> list[NamedPort]:
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return [NamedPort(port["name"], TCP, port["containerPort"]) for port in container["ports"]]


SHOP_PODS = {
    d["metadata"]["name"]: pod(
        "shop", d["metadata"]["name"], n, {"app": d["metadata"]["name"]}, *named_ports(d)
    )
    for n, d in enumerate(DEPLOYMENTS, 10)
}
STRANGER = pod("default", "stranger", 100, {"app": "payment"})
DNS = pod("kube-system", "podwire-dns", 101, {"k8s-app": "kube-dns"})
WORLD = World(
    {one.uid: one for one in (*SHOP_PODS.values(), STRANGER, DNS)},
    {
        name: NamespaceFacts(name, {"kubernetes.io/metadata.name": name})
        for name in ("shop", "default", "kube-system")
    },
)


def allowed(source: Any, destination: Any, port: int, protocol: int = TCP) -> bool:
    return verdict(WORLD, POLICIES, Flow(source, destination, protocol, port)).allowed


def arrows() -> set[tuple[str, str]]:
    """The call graph as the environment draws it."""
    return {
        (deployment["metadata"]["name"], variable["value"].partition(":")[0])
        for deployment in DEPLOYMENTS
        for variable in deployment["spec"]["template"]["spec"]["containers"][0].get("env", ())
        if variable["name"].endswith("_ADDR")
    }


def test_the_pairs_that_are_open_are_the_arrows_and_the_front_door():
    ports = {deployment["metadata"]["name"]: port_of(deployment) for deployment in DEPLOYMENTS}
    open_pairs = {
        (source, destination)
        for source in SHOP_PODS
        for destination in SHOP_PODS
        if source != destination and allowed(SHOP_PODS[source], SHOP_PODS[destination], ports[destination])
    }
    assert open_pairs == arrows()


def test_a_stranger_reaches_the_storefront_alone_whatever_its_labels_say():
    ports = {deployment["metadata"]["name"]: port_of(deployment) for deployment in DEPLOYMENTS}
    reached = {name for name, port in ports.items() if allowed(STRANGER, SHOP_PODS[name], port)}
    assert reached == {"storefront"}


def test_no_other_port_of_a_pod_is_open_to_its_callers():
    assert not allowed(SHOP_PODS["payment"], SHOP_PODS["ledger"], 22)
    assert not allowed(STRANGER, SHOP_PODS["storefront"], 22)


def test_everybody_may_ask_dns_and_mail_alone_may_leave():
    relay, beyond = ip_address("203.0.113.25"), ip_address("203.0.113.200")
    for name, one in SHOP_PODS.items():
        assert allowed(one, DNS, 53, UDP), name
        assert allowed(one, relay, 587) == (name == "mail"), name
        assert not allowed(one, beyond, 587), name
        assert not allowed(one, relay, 25), name
