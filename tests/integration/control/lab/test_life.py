"""A lab's life through the command line: up, down, death, and the machine that must not notice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from control.lab.directory import LabDirectory
from control.lab.supervisor import ask
from dataplane.host.cgroup import cgroup2_root
from dataplane.host.untouched import snapshot
from dataplane.netns.sweep import of_lab

pytestmark = pytest.mark.root


def until(condition: Callable[[], object], within_s: float = 30) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def test_the_machine_is_the_same_before_during_and_after(cli):
    before = snapshot()
    cli("up", "--name", "tlife")
    assert before.differences(snapshot()) == []
    status = json.loads(cli("status", "--name", "tlife", "-o", "json"))
    assert [node["name"] for node in status["nodes"]] == ["cp", "node-1", "node-2"]
    assert {role["state"] for role in status["roles"]} == {"ready"}
    assert len(of_lab("tlife")) == status["namespaces"] > 5  # fabric, internet, three nodes, DNS
    assert "the machine is as it was" in cli("down", "--name", "tlife")
    assert before.differences(snapshot()) == []
    assert cli.left("tlife") == []
    assert "nothing to remove" in cli("down", "--name", "tlife")


def test_two_labs_stand_side_by_side_and_one_goes_alone(cli):
    cli("up", "--name", "tone", "--workers", "1")
    cli("up", "--name", "ttwo", "--workers", "1")
    cli("down", "--name", "tone")
    assert cli.left("tone") == []
    assert "ttwo" in cli("kubectl", "--name", "ttwo", "config", "current-context")
    assert "node-1" in cli("kubectl", "--name", "ttwo", "get", "nodes")


def test_after_kill_9_of_the_supervisor_down_removes_all(cli):
    cli("up", "--name", "tkill", "--workers", "1")
    os.kill(cli.supervisor("tkill"), signal.SIGKILL)
    cli("down", "--name", "tkill")
    assert cli.left("tkill") == []


def test_after_kill_9_of_the_supervisor_up_keeps_what_was_acknowledged(cli):
    cli("up", "--name", "tkeep", "--workers", "1")
    kubeconfig = (cli.home / "tkeep" / "kubeconfig").read_text()
    cli("kubectl", "--name", "tkeep", "create", "configmap", "kept", "--from-literal=a=b")
    os.kill(cli.supervisor("tkeep"), signal.SIGKILL)
    until(lambda: ask(LabDirectory("tkeep", cli.home / "tkeep")) is None)
    said = cli("status", "--name", "tkeep", exits=1)
    assert "The supervisor of lab tkeep died" in said
    assert "sudo podwire start --name tkeep" in said
    cli("up", "--name", "tkeep")
    assert (cli.home / "tkeep" / "kubeconfig").read_text() == kubeconfig
    assert "b" in cli("kubectl", "--name", "tkeep", "get", "configmap", "kept", "-o", "jsonpath={.data.a}")


STEPS = ["podwire 0", "namespaces, bridges", "store, API server"]


def started_until(cli, lab: str, step: str) -> subprocess.Popen[str]:
    """`up` under way, just after it said that a step is done."""
    process = cli.start("up", "--name", lab)
    assert process.stderr is not None
    for line in process.stderr:
        if step in line:
            return process
    pytest.fail(f"up ended before it said {step!r}")


@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_in_up_leaves_nothing(cli, step):
    process = started_until(cli, "tctrl", step)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert cli.left("tctrl") == []


def test_ctrl_c_before_anything_is_made_leaves_nothing(cli):
    process = cli.start("up", "--name", "tearly")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)  # the latter before Python has its handler
    assert cli.left("tearly") == []


@pytest.mark.parametrize("step", STEPS)
def test_after_kill_9_of_up_itself_down_removes_all(cli, step):
    process = started_until(cli, "tkillup", step)
    process.kill()
    process.communicate(timeout=60)
    cli("down", "--name", "tkillup")
    assert cli.left("tkillup") == []


def test_after_kill_9_of_every_process_down_removes_all(cli):
    cli("up", "--name", "tevery", "--workers", "1")
    os.kill(cli.supervisor("tevery"), signal.SIGKILL)
    for pid in cli.processes("tevery"):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    cli("down", "--name", "tevery")
    assert cli.left("tevery") == []


def test_a_killed_role_comes_back_and_the_lab_goes_on(cli):
    cli("up", "--name", "trole", "--workers", "1")
    roles = json.loads(cli("status", "--name", "trole", "-o", "json"))["roles"]
    for role in roles:
        os.kill(role["pid"], signal.SIGKILL)

    def all_back() -> bool:
        now = json.loads(cli("status", "--name", "trole", "-o", "json"))["roles"]
        return all(role["restarts"] >= 1 and role["state"] == "ready" for role in now)

    until(all_back)
    cli("kubectl", "--name", "trole", "wait", "--for=condition=Ready", "node/node-1", "--timeout=30s")


def test_up_on_a_running_lab_mends_what_is_missing(cli):
    cli("up", "--name", "tmend", "--workers", "1")
    route = ["ip", "-n", "podwire-tmend-node-1", "route"]
    subprocess.run([*route, "del", "10.244.0.0/24"], check=True)
    cli("up", "--name", "tmend")
    shown = subprocess.run(
        [*route, "show", "10.244.0.0/24"], check=True, capture_output=True, text=True
    ).stdout
    assert "vxlan1" in shown


@pytest.mark.parametrize(
    ("lab_yaml", "says"),
    [
        ("cidrs: {pods: 10.96.0.0/16}\n", "cidrs.services: 10.96.0.0/12 overlaps cidrs.pods"),
        ("wrokers: 3\n", "did you mean workers?"),
    ],
)
def test_a_wrong_lab_yaml_changes_nothing(cli, tmp_path, lab_yaml, says):
    path = tmp_path / "lab.yaml"
    path.write_text(lab_yaml)
    err = cli("up", "--name", "twrong", "-f", str(path), exits=2)
    assert says in err
    assert "Traceback" not in err
    assert cli.left("twrong") == []


def test_another_lab_yaml_for_a_running_lab_is_refused_and_named(cli):
    cli("up", "--name", "tother", "--workers", "1")
    err = cli("up", "--name", "tother", "--workers", "2", exits=2)
    assert "nodes differ" in err
    assert "podwire down --name tother" in err


def test_a_dry_run_makes_nothing_and_needs_no_root(cli):
    plan = json.loads(cli("up", "--name", "tdry", "--workers", "3", "--dry-run", "-o", "json"))
    assert len(plan["nodes"]) == 4
    assert cli.left("tdry") == []
    assert cgroup2_root().is_dir()


def test_without_root_the_same_line_with_sudo_is_offered(cli):
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    words = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        sys.executable,
        "-m",
        "podwire",
        "up",
        "--name",
        "tnobody",
    ]
    ran = subprocess.run(words, env=cli.environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran.stderr
    assert "sudo podwire up --name tnobody" in ran.stderr


def test_up_on_a_running_lab_mends_what_a_stranger_took_from_the_kernel(cli):
    cli("up", "--name", "tstranger", "--workers", "1")
    node = ["ip", "netns", "exec", "podwire-tstranger-node-1", "nft"]
    listing = [*node, "list", "map", "inet", "podwire-services", "services4"]
    before = elements(listing)
    assert before
    subprocess.run([*node, "flush", "map", "inet", "podwire-services", "services4"], check=True)
    assert elements(listing) == set()
    cli("up", "--name", "tstranger")
    until(lambda: elements(listing) == before)


def elements(listing: list[str]) -> set[str]:
    text = subprocess.run(listing, check=True, capture_output=True, text=True).stdout
    return {
        word.strip()
        for word in text.partition("elements = {")[2].partition("}")[0].split(",")
        if word.strip()
    }


def test_a_lab_of_the_same_name_from_another_home_is_refused_and_left_alone(cli, tmp_path):
    cli("up", "--name", "ttwice", "--workers", "0")
    there = of_lab("ttwice")
    elsewhere = {**cli.environment, "PODWIRE_HOME": str(tmp_path / "elsewhere")}
    words = [sys.executable, "-m", "podwire", "up", "--name", "ttwice"]
    ran = subprocess.run(words, env=elsewhere, capture_output=True, text=True, check=False)
    assert ran.returncode == 2, ran.stderr
    assert "PW-U12" in ran.stderr
    assert of_lab("ttwice") == there
    assert "Ready" in cli("kubectl", "--name", "ttwice", "get", "nodes")
