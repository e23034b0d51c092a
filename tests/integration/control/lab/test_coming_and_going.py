"""stop and start, node add and node remove: what stays the same, and what is gone everywhere."""

import json
import subprocess

import pytest

from dataplane.netns import create
from dataplane.netns.sweep import of_lab

pytestmark = pytest.mark.root


def pods_of(cli, lab: str) -> dict[str, str]:
    rows = cli(
        "kubectl", "--name", lab, "get", "pods", "-A", "-o",
        'jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{"\\n"}{end}',
    )  # fmt: skip
    return dict(row.split() for row in rows.splitlines())


def web(cli, lab: str, replicas: int) -> None:
    cli(
        "kubectl",
        "--name",
        lab,
        "create",
        "deployment",
        "web",
        "--image=x/web",
        "--port=80",
        f"--replicas={replicas}",
    )
    cli("kubectl", "--name", lab, "rollout", "status", "deployment/web", "--timeout=60s")


def test_after_stop_and_start_the_same_pods_have_the_same_addresses(cli):
    cli("up", "--name", "tstop", "--workers", "1")
    web(cli, "tstop", 4)
    cli("kubectl", "--name", "tstop", "expose", "deployment", "web")
    before, kubeconfig = pods_of(cli, "tstop"), (cli.home / "tstop" / "kubeconfig").read_text()
    assert "the machine is as it was" in cli("stop", "--name", "tstop")
    assert of_lab("tstop") == ()
    cli("start", "--name", "tstop")
    cli(
        "kubectl", "--name", "tstop", "wait", "--for=condition=Ready", "pod", "-l", "app=web", "--timeout=60s"
    )
    assert pods_of(cli, "tstop") == before
    assert (cli.home / "tstop" / "kubeconfig").read_text() == kubeconfig
    report = json.loads(cli("verify", "--name", "tstop", "-n", "default", "-o", "json"))
    assert report["mismatches"] == []


def test_a_node_comes_and_goes_and_no_other_kernel_knows_it_afterwards(cli):
    cli("up", "--name", "tnode", "--workers", "1")
    cli("node", "add", "--name", "tnode", "extra", "--label", "zone=b")
    assert "extra" in cli("kubectl", "--name", "tnode", "get", "nodes", "-l", "zone=b")
    web(cli, "tnode", 6)
    assert "extra" in cli("kubectl", "--name", "tnode", "get", "pods", "-o", "wide")
    assert "10.244.2.0/24" in everything(["podwire-tnode-cp", "podwire-tnode-node-1"])
    cli("node", "remove", "--name", "tnode", "extra")
    cli("kubectl", "--name", "tnode", "rollout", "status", "deployment/web", "--timeout=60s")
    assert not create.is_there("podwire-tnode-extra")
    assert [name for name in of_lab("tnode") if "extra" in name] == []
    known = everything([name for name in of_lab("tnode") if "-pod-" not in name])
    for trace in (
        "10.244.2.",
        "10.0.1.11",
        "0a:59:0a:00:01:0b",
        "0a:58:0a:00:01:0b",
        "fd00:10:244:2:",
        "fd00:10:1::b",
    ):
        assert trace not in known, f"{trace} is still known"
    assert "extra" not in cli("kubectl", "--name", "tnode", "get", "nodes,leases,pods", "-A", "-o", "wide")
    assert [path for path in (cli.home / "tnode").rglob("*extra*") if path.suffix != ".log"] == []


def test_the_control_plane_and_unknown_nodes_can_not_be_removed(cli):
    cli("up", "--name", "tdeny", "--workers", "1")
    assert "goes with the lab" in cli("node", "remove", "--name", "tdeny", "cp", exits=2)
    assert "no node nope" in cli("node", "remove", "--name", "tdeny", "nope", exits=2)
    assert "a node node-1 already" in cli("node", "add", "--name", "tdeny", "node-1", exits=2)
    assert "can't name a node" in cli("node", "add", "--name", "tdeny", "fabric", exits=2)


def everything(namespaces: list[str]) -> str:
    """Routes, neighbours, FDB and our rulesets of these namespaces, as ip, bridge and nft tell them."""
    return "\n".join(
        subprocess.run(words, capture_output=True, text=True, check=False).stdout
        for name in namespaces
        for words in (
            ["ip", "-n", name, "route", "show", "table", "all"],
            ["ip", "-n", name, "-6", "route", "show", "table", "all"],
            ["ip", "-n", name, "neigh"],
            ["ip", "-n", name, "link"],
            ["bridge", "-n", name, "fdb"],
            ["ip", "netns", "exec", name, "nft", "list", "table", "inet", "podwire-services"],
            ["ip", "netns", "exec", name, "nft", "list", "table", "inet", "podwire-policy"],
        )
    )


def test_up_completes_what_a_killed_node_add_began_and_removes_what_a_killed_remove_left(cli):
    cli("up", "--name", "thalf", "--workers", "1")
    spec = cli.home / "thalf" / "lab.json"
    before = spec.read_text()
    cli("node", "add", "--name", "thalf", "extra")
    after = spec.read_text()
    spec.write_text(before)  # as a remove that was killed before it touched the kernel
    cli("up", "--name", "thalf")
    assert not create.is_there("podwire-thalf-extra")
    assert "10.244.2.0/24" not in everything(["podwire-thalf-cp"])
    spec.write_text(after)  # as an add that was killed before it made anything
    cli("up", "--name", "thalf")
    assert "10.244.2.0/24" in everything(["podwire-thalf-cp"])
    cli("kubectl", "--name", "thalf", "wait", "--for=condition=Ready", "node/extra", "--timeout=30s")
    cli("node", "add", "--name", "thalf", "more")
    assert "10.244.3.0/24" in everything(["podwire-thalf-cp"])
