"""podwire-cni under the CNI project's own runtime: cnitool adds, checks, collects and deletes. Slow: Go compiles it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from control.lab.plan import make_plan
from control.lab.spec import LabSpec, default_nodes
from dataplane.fabric.build import build
from dataplane.model.topology import FabricPlan
from dataplane.netlink import observe
from dataplane.netns import create
from dataplane.netns.sweep import sweep

MODULE = "github.com/containernetworking/cni/cnitool@v1.3.0"
LAB = f"tt{os.getpid() % 1_000_000}"
POD = f"podwire-{LAB}-pod-shop"

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("go") is None, reason="needs Go's compiler"),
]


@pytest.fixture(scope="module")
def cnitool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("go")
    built = subprocess.run(
        ["go", "install", MODULE],
        env={**os.environ, "GOBIN": str(where), "GOFLAGS": "-buildvcs=false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode:
        pytest.skip(f"{MODULE} can't be had here: {built.stderr.strip().splitlines()[-1]}")
    return where / "cnitool"


@pytest.fixture(scope="module")
def plan() -> Iterator[FabricPlan]:
    made = make_plan(LAB, LabSpec(nodes=default_nodes(2)), ipv6=True).fabric
    build(made)
    create.create(POD)
    yield made
    create.delete(POD)
    sweep(LAB)


@pytest.fixture
def tool(cnitool, plan, tmp_path) -> Callable[..., Any]:
    """cnitool in node-1, with a conflist that says no more than a person would."""
    node = plan.node("node-1")
    (tmp_path / "net.d").mkdir()
    plugin = {
        "type": "podwire-cni",
        "ipam": {
            "directory": str(tmp_path / "ledger"),
            "ranges": [{"subnet": str(cidr)} for cidr in node.pod_cidrs],
        },
    }
    network = {"cniVersion": "1.1.0", "name": "shop", "plugins": [plugin]}
    (tmp_path / "net.d" / "shop.conflist").write_text(json.dumps(network))
    environment = {
        **os.environ,
        "NETCONFPATH": str(tmp_path / "net.d"),
        "CNI_PATH": str(Path(sys.executable).parent),
    }

    def run(verb: str, *, fails: bool = False) -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", node.netns, str(cnitool), verb, "shop", f"/run/netns/{POD}"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    return run


def ports(plan: FabricPlan) -> list[str]:
    return [name for name in observe.links(plan.node("node-1").netns) if name.startswith("veth")]


def test_cnitool_adds_checks_and_deletes_and_the_pod_talks_meanwhile(tool, plan):
    tool("status")
    result = json.loads(tool("add"))
    assert [each["gateway"] for each in result["ips"]] == [
        str(cidr[1]) for cidr in plan.node("node-1").pod_cidrs
    ]
    for address in plan.node("node-2").addresses:
        subprocess.run(
            ["ip", "netns", "exec", POD, "ping", "-c1", "-W2", str(address)], check=True, capture_output=True
        )
    tool("check")

    subprocess.run(["ip", "-n", POD, "link", "set", "eth0", "down"], check=True)
    subprocess.run(["ip", "-n", POD, "addr", "flush", "dev", "eth0"], check=True)
    assert "has lost" in tool("check", fails=True)

    tool("del")
    tool("del")
    assert ports(plan) == []
    assert create.is_there(POD)


def test_cnitool_collects_what_it_does_not_know(tool, plan, tmp_path):
    tool("add")
    for kept in Path("/var/lib/cni/results").glob("shop-*"):  # as if the runtime had died and forgotten
        kept.unlink()

    tool("gc")
    assert ports(plan) == []
