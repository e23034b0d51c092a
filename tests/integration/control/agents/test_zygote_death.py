"""The zygote dies by SIGKILL: what it ran is ended by the kubelet, and nothing of a container runs twice."""

import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from control.client.resources import PODS
from control.lab.supervisor import ask
from dataplane.host.cgroup import LabCgroup

from .pods import container, ended, pod, shell, status_of

pytestmark = pytest.mark.root


def report(lab):
    return {role["name"]: role for role in ask(lab.directory)["roles"]}


@contextmanager
def killed(lab, *names):
    """SIGKILL to roles, then the block; returns once others serve in their places."""
    before = report(lab)
    for name in names:
        os.kill(before[name]["pid"], signal.SIGKILL)
    yield
    lab.until(
        lambda: all(
            report(lab)[name]["pid"] not in {0, before[name]["pid"]} and report(lab)[name]["state"] == "ready"
            for name in names
        ),
        30,
        what=f"{names} serve again",
    )


def beating(lab, name):
    """The processes of a pod, as the kernel has them."""
    found = lab.api.get(PODS, name, lab.namespace)
    place = LabCgroup(lab.name).path / "nodes" / found["spec"]["nodeName"] / found["metadata"]["uid"]
    return lambda: {
        int(pid) for file in place.glob("**/cgroup.procs") for pid in _read(file).split() if pid != "0"
    }


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


@pytest.mark.parametrize("how", [("--grace-period=1",), ("--grace-period=0", "--force")])
def test_a_pod_deleted_after_the_zygote_s_death_takes_its_processes_with_it(lab, how):
    lab.create(pod("web", shell("trap '' TERM; while :; do sleep 0.2; done"), restartPolicy="Never"))
    lab.ready_pod("web")
    alive = beating(lab, "web")
    assert alive()
    node = lab.api.get(PODS, "web", lab.namespace)["spec"]["nodeName"]
    with killed(lab, "zygote", f"agents-{node}"):
        lab.kubectl("delete", "pod", "web", "--wait=false", *how)
    lab.until(lambda: lab.api.find(PODS, "web", lab.namespace) is None, 20)
    lab.until(lambda: alive() == set() if how[-1] == "--force" else True, 10)
    assert alive() == set()


@pytest.mark.parametrize("policy", ["Never", "Always"])
def test_what_ran_is_ended_before_it_counts_as_ended(lab, policy):
    lab.create(pod("web", shell("while :; do sleep 0.2; done"), restartPolicy=policy))
    lab.ready_pod("web")
    alive = beating(lab, "web")
    old = alive()
    with killed(lab, "zygote"):
        pass
    if policy == "Never":
        state = ended(lab, "web", "Failed")["containerStatuses"][0]["state"]["terminated"]
        assert state["reason"] == "ContainerStatusUnknown"
        assert alive() == set()
    else:
        lab.until(lambda: container(lab, "web")["restartCount"] == 1 and container(lab, "web")["ready"], 20)
        inits = [pid for pid in alive() if parent_namespace(pid)]
        assert not old & alive()
        assert len(inits) == 1, "two instances of one container"
        assert status_of(lab, "web")["phase"] == "Running"


def parent_namespace(pid):
    """Whether a process is the first of its PID namespace."""
    line = next(x for x in _read(Path(f"/proc/{pid}/status")).splitlines() if x.startswith("NSpid:"))
    return line.split()[-1] == "1"
