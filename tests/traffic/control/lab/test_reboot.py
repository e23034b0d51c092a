"""A reboot, in order or by a power cut: `start` brings back the same pods at the same addresses, and they answer."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.client.resources import PODS, SERVICES
from control.lab.directory import LabDirectory
from control.lab.supervisor import ask
from control.testkit.lab import Lab
from control.testkit.plugin import podwire
from control.testkit.until import until
from dataplane.host.cgroup import LabCgroup
from dataplane.model.address import Family
from dataplane.netns.sweep import of_lab

pytestmark = pytest.mark.root


@pytest.fixture
def lab() -> Iterator[Lab]:
    name = f"tdb{os.getpid():x}"
    podwire("up", "--name", name)
    try:
        yield Lab.running(name).in_namespace("kept")
    finally:
        podwire("down", "--name", name)


def lose_power(name: str) -> None:
    """What a reboot takes: every process, namespace, mount, cgroup and socket; the disk stays."""
    group = LabCgroup(name)
    for pid in group.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not group.populated(), what="all processes are dead")
    for namespace in of_lab(name):
        subprocess.run(["ip", "netns", "delete", namespace], check=True)
    for place, _, _ in os.walk(group.path, topdown=False):
        os.rmdir(place)
    root = LabDirectory.of(name).root
    for line in Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[1].startswith(f"{root}/"):
            subprocess.run(["umount", "-l", line.split()[1]], check=True)
    for entry in root.rglob("*"):
        if entry.is_socket():
            entry.unlink()
    assert of_lab(name) == ()
    assert ask(LabDirectory.of(name)) is None


def identity(lab: Lab) -> dict[str, tuple[str, ...]]:
    """What must not change: uid and addresses of each pod and Service."""
    return {
        f"{kind} {one['metadata']['name']}": (
            one["metadata"]["uid"],
            *addresses(one),
            json.dumps(one["spec"].get("ports")),
        )
        for kind, resource, addresses in (
            ("pod", PODS, lambda one: [entry["ip"] for entry in one["status"]["podIPs"]]),
            ("service", SERVICES, lambda one: one["spec"]["clusterIPs"]),
        )
        for one in lab.api.list(resource, lab.namespace)
    }


@pytest.mark.parametrize("stopped", [True, False], ids=["stop", "power-cut"])
def test_after_a_reboot_start_brings_back_the_same_and_it_answers(lab, stopped):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2", listens=8080)
    door = lab.service("door", to=shop, port=80, target=8080)
    for family in Family:
        assert ann.get(door.url(family)).status == 200
    lab.kubectl("create", "configmap", "acknowledged", "--from-literal=a=b")
    before, kubeconfig = identity(lab), lab.directory.kubeconfig.read_text()
    assert len(before) == 3
    if stopped:
        podwire("stop", "--name", lab.name)
    lose_power(lab.name)
    podwire("start", "--name", lab.name)
    there, here = lab.ready_pod("shop"), lab.ready_pod("ann")
    assert identity(lab) == before
    assert lab.directory.kubeconfig.read_text() == kubeconfig
    assert lab.kubectl("get", "configmap", "acknowledged", "-o", "jsonpath={.data.a}") == "b"
    for family in Family:
        assert here.get(door.url(family)).status == 200
        assert here.get(f"http://{socketed(there.ip[family])}:8080/").status == 200


def socketed(address) -> str:
    """In a URL."""
    return f"[{address}]" if address.version == 6 else str(address)
