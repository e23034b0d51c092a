"""Our executable as a runtime runs it: in a node's namespace, one process a verb."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.fabric.build import build
from dataplane.model.topology import FabricPlan
from dataplane.netlink import observe
from dataplane.netns import create, names
from dataplane.netns.sweep import sweep

pytestmark = pytest.mark.root

LAB = f"tc{os.getpid() % 1_000_000}"
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def plan() -> Iterator[FabricPlan]:
    made = make_plan(LAB, LabSpec(nodes=default_nodes(2)), ipv6=True).fabric
    build(made)
    yield made
    sweep(LAB)


class Plugin:
    """``podwire-cni`` run in node-1, with a ledger of the test's own."""

    def __init__(self, plan: FabricPlan, directory: Path, *, subnets: tuple[str, ...] = ()) -> None:
        self.node = plan.node("node-1")
        ranges = subnets or tuple(str(cidr) for cidr in self.node.pod_cidrs)
        self.config: dict[str, Any] = {
            "cniVersion": "1.1.0",
            "name": "shop",
            "type": "podwire-cni",
            "ipam": {"directory": str(directory), "ranges": [{"subnet": each} for each in ranges]},
        }

    def start(self, verb: str, container: str = "", **config: Any) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "CNI_COMMAND": verb, "PYTHONPATH": str(ROOT)}
        if container:
            netns = str(names.path(f"podwire-{LAB}-pod-{container}"))
            environment |= {"CNI_CONTAINERID": container, "CNI_IFNAME": "eth0", "CNI_NETNS": netns}
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.node.netns, sys.executable, "-m", "cni.plugin.main"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(self.config | config).encode())
        process.stdin.close()
        return process

    def __call__(self, verb: str, container: str = "", *, code: int = 0, **config: Any) -> Any:
        """What it says; ``code`` of an error, 0 for success."""
        process = self.start(verb, container, **config)
        assert process.stdout is not None
        text = process.stdout.read()
        process.wait(30)
        said = json.loads(text) if text else None
        assert (said or {}).get("code", 0) == code, said
        assert (process.returncode != 0) == (code != 0)
        return said

    def pod_links(self) -> set[str]:
        return {name for name in observe.links(self.node.netns) if name.startswith("veth")}


@pytest.fixture
def pods() -> Iterator[list[str]]:
    made = [f"c{number}" for number in range(6)]
    for each in made:
        create.create(f"podwire-{LAB}-pod-{each}")
    yield made
    for each in made:
        create.delete(f"podwire-{LAB}-pod-{each}")


def ping(container: str, address: str) -> int:
    where = f"podwire-{LAB}-pod-{container}"
    return subprocess.run(
        ["ip", "netns", "exec", where, "ping", "-c1", "-W2", address], capture_output=True, check=False
    ).returncode


def test_a_pod_is_added_checked_reached_and_deleted_and_its_namespace_stays(plan, pods, tmp_path):
    plugin = Plugin(plan, tmp_path)
    plugin("STATUS")
    one, two = plugin("ADD", pods[0]), plugin("ADD", pods[1])
    gateways = [each["gateway"] for each in one["ips"]]
    addresses = [each["address"].partition("/")[0] for each in two["ips"]]

    assert len(addresses) == 2
    for target in (*gateways, *addresses, *(str(a) for a in plan.node("node-2").addresses)):
        assert ping(pods[0], target) == 0, target
    plugin("CHECK", pods[0], prevResult=one)
    plugin("CHECK", pods[0], prevResult=two, code=102)
    assert plugin("ADD", pods[0]) == one

    plugin("DEL", pods[0])
    plugin("DEL", pods[0])
    plugin("CHECK", pods[0], prevResult=one, code=102)
    assert create.is_there(f"podwire-{LAB}-pod-{pods[0]}")
    assert ping(pods[0], gateways[0]) != 0
    plugin("DEL", pods[1])
    assert plugin.pod_links() == set()


def test_gc_leaves_the_valid_attachments_alone(plan, pods, tmp_path):
    plugin = Plugin(plan, tmp_path)
    results = {each: plugin("ADD", each) for each in pods[:3]}

    plugin("GC", **{"cni.dev/valid-attachments": [{"containerID": pods[1], "ifname": "eth0"}]})

    assert plugin.pod_links() == {results[pods[1]]["interfaces"][0]["name"]}
    plugin("CHECK", pods[1], prevResult=results[pods[1]])
    plugin("GC", **{"cni.dev/valid-attachments": []})
    assert plugin.pod_links() == set()


def test_a_full_range_is_an_error_with_a_code_and_status_says_so_before(plan, pods, tmp_path):
    plugin = Plugin(plan, tmp_path, subnets=("10.244.1.0/29",))
    for each in pods[:5]:
        plugin("ADD", each)

    plugin("STATUS", code=50)
    assert "10.244.1.0/29" in plugin("ADD", pods[5], code=100)["msg"]
    plugin("DEL", pods[0])
    plugin("ADD", pods[5])
    plugin("GC", **{"cni.dev/valid-attachments": []})


def test_killed_at_random_moments_no_address_leaks_and_none_is_given_twice(plan, pods, tmp_path):
    """Each verb dies somewhere in its 200 ms; afterwards one GC, and the range is whole again."""
    plugin = Plugin(plan, tmp_path, subnets=("10.244.1.0/29",))  # five addresses: one that leaks is missed
    seed = random.randrange(2**32)
    print("seed", seed)
    moments = random.Random(seed)
    finished = killed = 0
    for _ in range(12):
        container = moments.choice(pods[:5])
        process = plugin.start(moments.choice(["ADD", "ADD", "DEL"]), container)
        try:
            process.wait(moments.uniform(0.02, 0.35))
            finished += 1
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    print("killed", killed, "finished", finished)

    plugin("GC", **{"cni.dev/valid-attachments": []})
    assert plugin.pod_links() == set()
    given = [plugin("ADD", each)["ips"][0]["address"] for each in pods[:5]]
    assert sorted(given) == [f"10.244.1.{number}/29" for number in range(2, 7)]
    plugin("GC", **{"cni.dev/valid-attachments": []})
