"""What is broken while a node's agents are dead, the restarted ones mend; what was acknowledged is never lost."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from control.lab.supervisor import ask
from control.testkit.lab import Lab
from control.testkit.plugin import podwire
from control.testkit.until import until
from dataplane.model.address import Family

pytestmark = pytest.mark.root

AGENTS = "agents-node-1"


@pytest.fixture(scope="module")
def whole() -> Iterator[Lab]:
    name = f"td{os.getpid():x}"
    podwire("up", "--name", name, "--workers", "1")
    try:
        yield Lab.running(name).in_namespace("mend")
    finally:
        podwire("down", "--name", name)


def role(lab: Lab, name: str) -> dict[str, object]:
    report = ask(lab.directory)
    assert report is not None
    return next(each for each in report["roles"] if each["name"] == name)


@contextmanager
def agents_dead(lab: Lab) -> Iterator[None]:
    """The supervisor sleeps meanwhile, so that nobody starts them again before the block's end."""
    report = ask(lab.directory)
    assert report is not None
    was = role(lab, AGENTS)
    os.kill(report["pid"], signal.SIGSTOP)
    try:
        os.kill(was["pid"], signal.SIGKILL)
        yield
    finally:
        os.kill(report["pid"], signal.SIGCONT)
    until(
        lambda: (
            role(lab, AGENTS)["restarts"] == was["restarts"] + 1 and role(lab, AGENTS)["state"] == "ready"
        ),
        30,
    )


def test_a_route_an_nft_element_and_a_veth_are_mended_by_the_restarted_agents(whole):
    node = whole.node("node-1")
    far = whole.pod("far", node="cp", listens=8080, spec={"tolerations": [{"operator": "Exists"}]})
    near = whole.pod("near", node="node-1", listens=8080)
    service = whole.service("far", to=far, port=80, target=8080)
    route = node.run("ip", "route", "show", "10.244.0.0/24").strip()
    assert near.get(service.url(Family.V4)).status == 200
    with agents_dead(whole):
        node.run("ip", "route", "del", "10.244.0.0/24")
        broken = break_service(node, str(service.ip[Family.V4]))
        near.run("ip", "link", "del", "eth0")
    until(lambda: node.run("ip", "route", "show", "10.244.0.0/24").strip() == route, what="the route is back")
    until(lambda: str(service.ip[Family.V4]) in elements(node, broken), what="the nft element is back")
    until(
        lambda: near.get(service.url(Family.V4), timeout_s=1).status == 200, 20, what="the pod's link is back"
    )


def tables(node) -> list[dict]:
    listed = json.loads(node.run("nft", "-j", "list", "table", "inet", "podwire-services"))
    return [each["map"] for each in listed["nftables"] if "map" in each]


def elements(node, name: str) -> str:
    return node.run("nft", "list", "map", "inet", "podwire-services", name)


def break_service(node, address: str) -> str:
    """Empties the first map that holds the address; its name."""
    name = next(each["name"] for each in tables(node) if address in json.dumps(each.get("elem", [])))
    node.run("nft", "flush", "map", "inet", "podwire-services", name)
    assert address not in elements(node, name)
    return name


@pytest.mark.parametrize("victim", ["api", "supervisor"])
def test_no_acknowledged_write_is_lost(whole, victim):
    acknowledged: list[str] = []
    over = threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            name = f"{victim}-{number}"
            try:
                whole.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
            except Exception:  # noqa: BLE001 (whatever a dead API looks like: not acknowledged)
                if victim == "supervisor":
                    return
            else:
                acknowledged.append(name)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    until(lambda: len(acknowledged) > 50)
    report = ask(whole.directory)
    assert report is not None
    pid = report["pid"] if victim == "supervisor" else role(whole, "api")["pid"]
    count = len(acknowledged)
    os.kill(pid, signal.SIGKILL)
    if victim == "api":
        until(lambda: len(acknowledged) > count + 50, 30, what="the API takes writes again")
    else:
        writer.join(30)
        podwire("start", "--name", whole.name)
    over.set()
    writer.join(30)
    found = whole.kubectl("get", "configmaps", "-o", "name").split()
    assert set(acknowledged) <= {name.removeprefix("configmap/") for name in found}
