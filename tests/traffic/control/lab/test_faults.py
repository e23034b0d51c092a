"""`podwire fault` on a real lab: what breaks, what the cluster says of it, and that healing brings it back."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest

from control.client.resources import NODES, PODS
from control.testkit.lab import Lab
from control.testkit.plugin import podwire
from control.testkit.until import until
from dataplane.host.capabilities import probe

pytestmark = [pytest.mark.root, pytest.mark.podwire(file="quick.yaml")]


@pytest.fixture(autouse=True)
def _healed(lab):
    yield
    podwire("fault", "heal", "--name", lab.name, "--all")


def fault(lab: Lab, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """`podwire fault WORDS` of the test's lab."""
    return podwire("fault", words[0], "--name", lab.name, *words[1:], check=check)


def in_force(lab: Lab) -> list[str]:
    """The faults that are listed."""
    return [entry["text"] for entry in json.loads(fault(lab, "list", "-o", "json").stdout)]


def ready(lab: Lab, node: str) -> bool:
    """Whether a node is Ready."""
    conditions = lab.api.get(NODES, node)["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def restarts(lab: Lab, pod: str) -> int:
    """How often a pod's containers were started anew."""
    return sum(
        one["restartCount"] for one in lab.api.get(PODS, pod, lab.namespace)["status"]["containerStatuses"]
    )


def test_a_cut_node_is_not_ready_because_its_packets_died_and_ready_again_once_healed(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    lease = lab.node("node-1")
    fault(lab, "cut", "node-1")

    with lab.watch(lease.eth0) as wire:
        until(lambda: not ready(lab, "node-1"), 30, what="node-1 is NotReady")
    assert not ann.can_connect(next(iter(shop.ip.values())), 8080)
    assert wire.at(lease.eth0).requests == [] or all(
        packet.source in lease.ip.values() for packet in wire.at(lease.eth0).requests
    ), "nobody's packets reach it"

    fault(lab, "heal", "node-1")
    until(lambda: ready(lab, "node-1"), 30, what="node-1 is Ready again")
    assert ann.can_connect(next(iter(shop.ip.values())), 8080, timeout_s=5)
    assert restarts(lab, "shop") == 0
    assert lab.api.get(PODS, "shop", lab.namespace)["metadata"]["uid"] == shop.uid


def test_with_a_time_it_says_what_happens_and_heals_at_its_end(lab):
    done = fault(lab, "cut", "node-2", "--for", "9s")

    assert re.search(r"s  f1: cut node-2\n.*s  node node-2 NotReady\n", done.stdout, re.DOTALL)
    assert re.search(r"healed f1\n.*s  node node-2 Ready again\n", done.stdout, re.DOTALL)
    assert in_force(lab) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_heals(lab, number):
    with _staying(lab, "throttle", "node-1", "1gbit") as command:
        command.send_signal(number)
        assert command.wait(20) == 128 + number
    assert in_force(lab) == []


def test_after_kill_9_the_fault_is_listed_and_healed(lab):
    with _staying(lab, "cut", "node-1", "node-2") as command:
        command.kill()
        command.wait(20)
    assert in_force(lab) == ["cut node-1 node-2"]
    assert "cut node-1 node-2" in podwire("status", "--name", lab.name).stdout
    fault(lab, "heal", "--all")
    assert in_force(lab) == []
    assert "podwire-fault" not in lab.fabric.run("nft", "list", "tables")


def test_killed_at_any_moment_it_leaves_nothing_that_heal_does_not_know(lab):
    kinds = (("cut", "node-1"), ("throttle", "node-2", "1gbit"), ("lose", "node-1", "node-2", "50"))
    for round_ in range(12):
        words = kinds[round_ % len(kinds)]
        command = subprocess.Popen(
            [sys.executable, "-I", "-m", "podwire", "fault", words[0], "--name", lab.name, *words[1:]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(random.uniform(0.2, 0.8))
        command.kill()
        command.wait()
    fault(lab, "heal", "--all")

    assert "podwire-fault" not in lab.fabric.run("nft", "list", "tables")
    assert "tbf" not in lab.fabric.run("tc", "qdisc") + lab.node("node-2").run("tc", "qdisc")
    assert not re.search("node-1.*state DOWN", lab.fabric.run("ip", "link", "show", "node-1"))
    assert not lab.directory.faults.exists()


def _staying(lab: Lab, *words: str) -> subprocess.Popen[str]:
    """A fault command with --for, once it has said that the fault is in force."""
    command = subprocess.Popen(
        [sys.executable, "-I", "-u", "-m", "podwire", "fault", words[0], "--name", lab.name, *words[1:], "--for", "300s"],
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert command.stdout is not None
    assert "f1: " in command.stdout.readline()
    return command


def test_a_pair_of_pods_is_cut_in_both_families_and_others_go_on(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann, bob = lab.pod("ann", node="node-2"), lab.pod("bob", node="node-1")
    here = lab.namespace
    fault(lab, "cut", f"{here}/ann", f"{here}/shop")

    assert not ann.can_connect(shop.ip[family], 8080)
    assert bob.can_connect(shop.ip[family], 8080, timeout_s=5)

    fault(lab, "heal", "ann")
    assert ann.can_connect(shop.ip[family], 8080, timeout_s=5)


def test_agents_do_not_mend_a_cut_pod_and_up_does(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-1")
    fault(lab, "cut", f"{lab.namespace}/shop")
    assert not ann.can_connect(shop.ip[family], 8080)
    before = _role(lab, "agents-node-1")["pid"]

    fault(lab, "kill", "agents-node-1")
    until(
        lambda: (
            _role(lab, "agents-node-1")["pid"] not in (0, before)
            and _role(lab, "agents-node-1")["state"] == "ready"
        ),
        30,
        what="the agents are there again",
    )
    bob = lab.pod("bob", node="node-1")  # they work: and compared all there is
    assert not bob.can_connect(shop.ip[family], 8080)
    assert in_force(lab) == [f"cut {lab.namespace}/shop"]

    podwire("up", "--name", lab.name)
    assert in_force(lab) == []
    assert ann.can_connect(shop.ip[family], 8080, timeout_s=5)


def test_a_node_added_does_not_mend_a_cut_and_a_node_removed_takes_its_faults_along(lab):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    address = next(iter(shop.ip.values()))
    fault(lab, "cut", "node-1")
    podwire("node", "add", "--name", lab.name, "node-3")
    try:
        fault(lab, "cut", "node-3")
        assert not ann.can_connect(address, 8080)
        assert in_force(lab) == ["cut node-1", "cut node-3"]
    finally:
        podwire("node", "remove", "--name", lab.name, "node-3")
    assert in_force(lab) == ["cut node-1"]


def _role(lab: Lab, name: str) -> dict[str, object]:
    roles = json.loads(podwire("status", "--name", lab.name, "-o", "json").stdout)["roles"]
    return next(role for role in roles if role["name"] == name)


def test_what_the_kernel_no_longer_has_is_not_listed(lab):
    fault(lab, "cut", "node-1")
    fault(lab, "lose", "node-2", "10")
    lab.fabric.run("ip", "link", "set", "node-1", "up")
    assert in_force(lab) == ["cut node-1", "lose node-2 10 %"], "half of a fault is one"
    lab.fabric.run("nft", "delete", "table", "bridge", "podwire-fault")
    assert in_force(lab) == []


def test_a_second_amount_replaces_the_first(lab):
    fault(lab, "lose", "node-2", "10")
    fault(lab, "lose", "node-2", "20")
    assert in_force(lab) == ["lose node-2 20 %"]
    assert "mod 10000 < 1000 " not in lab.fabric.run("nft", "list", "table", "bridge", "podwire-fault")


def test_a_paused_pod_is_silent_and_answers_again(lab, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    url = f"http://{f'[{shop.ip[family]}]' if family.value == 6 else shop.ip[family]}:8080/"
    fault(lab, "pause", f"{lab.namespace}/shop")
    with pytest.raises(TimeoutError):
        ann.get(url, timeout_s=1)
    fault(lab, "heal", "shop")
    assert ann.get(url).status == 200


def test_a_paused_role_does_nothing_until_healed(lab):
    fault(lab, "pause", "controllers")
    lab.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}}})  # fmt: skip
    assert lab.api.list(PODS, lab.namespace, labelSelector="app=web") == []
    fault(lab, "heal", "controllers")
    until(lambda: lab.api.list(PODS, lab.namespace, labelSelector="app=web"), 20, what="its pod is made")


def test_a_killed_pod_is_started_anew(lab):
    lab.pod("shop", node="node-1", listens=8080)
    fault(lab, "kill", f"{lab.namespace}/shop")
    until(lambda: restarts(lab, "shop") == 1, 30, what="its container is started anew")


def test_a_throttled_node_is_slow_both_ways(lab):
    fault(lab, "throttle", "node-1", "1mbit")
    assert "tbf" in lab.fabric.run("tc", "qdisc", "show", "dev", "node-1")
    assert "tbf" in lab.node("node-1").run("tc", "qdisc", "show", "dev", "eth0")
    fault(lab, "heal", "node-1")
    assert "tbf" not in lab.fabric.run("tc", "qdisc", "show", "dev", "node-1")
    assert "tbf" not in lab.node("node-1").run("tc", "qdisc", "show", "dev", "eth0")


def test_delay_wants_netem(lab):
    done = fault(lab, "delay", "node-1", "20", "--jitter", "5", check=False)
    if probe().netem:
        assert done.returncode == 0, done.stderr
        assert "netem" in lab.fabric.run("tc", "qdisc", "show", "dev", "node-1")
    else:
        assert done.returncode == 2
        assert "sch_netem" in done.stderr
        assert in_force(lab) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("cut", "nobody"), "No place 'nobody'"),
        (("cut", "fabric"), "none of its own"),
        (("cut", "node-1", "node-1"), "itself"),
        (("lose", "node-1", "0"), "no percentage"),
        (("lose", "node-1"), "How much?"),
        (("throttle", "node-1", "fast"), "no rate"),
        (("pause", "nobody"), "roles are"),
        (("kill", "node-1"), "agents-node-1"),
        (("heal", "node-1"), "No fault at 'node-1'"),
        (("heal",), "--all"),
        (("cut", "node-1", "--for", "soon"), "no time"),
    ],
)
def test_bad_use_is_one_clear_line_and_changes_nothing(lab, words, says):
    done = fault(lab, *words, check=False)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert in_force(lab) == []


def test_faults_of_lab_yaml_are_made_last_and_again_by_up(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text("workers: 1\nfaults:\n- lose: node-1\n  percent: 1\n- cut: internet\n")
    name = f"f{os.getpid():x}"
    try:
        podwire("up", "--name", name, "-f", str(file))
        lab = Lab.running(name)
        assert in_force(lab) == ["lose node-1 1 %", "cut internet"]
        fault(lab, "heal", "--all")
        podwire("up", "--name", name)
        assert in_force(lab) == ["lose node-1 1 %", "cut internet"]
        podwire("stop", "--name", name)
        assert not lab.directory.faults.exists()
    finally:
        podwire("down", "--name", name)
