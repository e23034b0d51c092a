"""The zygote dies by SIGKILL: what it ran goes on under the next one, and nothing of a container runs twice."""

import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from control.client.resources import PODS
from control.lab.supervisor import ask
from dataplane.host.cgroup import LabCgroup

from .pods import container, ended, output, pod, shell, standin, status_of

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


@contextmanager
def without_a_zygote(lab):
    """It is dead for the block: the supervisor sleeps meanwhile."""
    before, supervisor = report(lab)["zygote"]["pid"], ask(lab.directory)["pid"]
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(before, signal.SIGKILL)
        lab.until(lambda: not is_alive(before), what="the zygote is dead")
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)
    lab.until(
        lambda: report(lab)["zygote"]["pid"] != before and report(lab)["zygote"]["state"] == "ready", 30
    )


def is_alive(pid):
    state = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return bool(state) and state[0] != "Z"


def beating(lab, name):
    """The processes of a pod, as the kernel has them."""
    found = lab.api.get(PODS, name, lab.namespace)
    place = LabCgroup(lab.name).path / "nodes" / found["spec"]["nodeName"] / found["metadata"]["uid"]
    return lambda: {
        int(pid) for file in place.glob("**/cgroup.procs") for pid in _read(file).split() if pid != "0"
    }


def inits(pids):
    """Those that are the first of their PID namespace: one a container."""
    return {pid for pid in pids if first_of_its_namespace(pid)}


def first_of_its_namespace(pid):
    line = next((x for x in _read(Path(f"/proc/{pid}/status")).splitlines() if x.startswith("NSpid:")), "0 0")
    return line.split()[-1] == "1"


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


@pytest.mark.parametrize("agents", [False, True], ids=["zygote", "zygote-and-agents"])
def test_containers_go_on_and_their_logs_have_no_gap(lab, agents):
    script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done"
    lab.create(pod("count", shell(script)))
    lab.ready_pod("count")
    alive = beating(lab, "count")
    old = inits(alive())
    node = lab.api.get(PODS, "count", lab.namespace)["spec"]["nodeName"]
    with killed(lab, "zygote", *([f"agents-{node}"] if agents else [])):
        pass
    said = len(output(lab, "count").split())
    lab.until(lambda: len(output(lab, "count").split()) > said + 50, 20, what="it counts on")
    assert inits(alive()) == old
    assert container(lab, "count")["restartCount"] == 0
    assert "running" in container(lab, "count")["state"]
    numbers = [int(word) for word in output(lab, "count").split()]
    assert numbers == list(range(len(numbers)))
    assert lab.kubectl("exec", "count", "--", "hostname").strip() == "count"


@pytest.mark.parametrize(
    ("last", "code"), [("exit 7", 7), ("kill -9 $PPID; exit 3", 3), ("exit 0", 0)], ids=["7", "3", "0"]
)
def test_the_exit_code_of_an_adopted_container_is_its_own(lab, last, code):
    lab.create(
        pod("ends", shell(f"until [ -e /tmp/go ]; do sleep 0.05; done; {last}"), restartPolicy="Never")
    )
    lab.ready_pod("ends")
    with killed(lab, "zygote"):
        pass
    lab.kubectl("exec", "ends", "--", "touch", "/tmp/go")
    state = ended(lab, "ends", "Failed" if code else "Succeeded")["containerStatuses"][0]
    assert state["state"]["terminated"]["exitCode"] == code
    assert state["restartCount"] == 0


def test_the_exit_code_is_right_when_it_ends_while_no_zygote_is_there(lab):
    lab.create(
        pod("orphan", shell("until read go < /tmp/go; do sleep 0.02; done; exit 9"), restartPolicy="Never")
    )
    lab.ready_pod("orphan")
    alive = beating(lab, "orphan")
    (init,) = inits(alive())
    with without_a_zygote(lab):
        Path(f"/proc/{init}/root/tmp/go").write_text("go\n")
        lab.until(lambda: not is_alive(init), what="it ended")
    terminated = ended(lab, "orphan", "Failed")["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (9, "Error")


def test_a_container_that_ends_is_started_again_in_the_same_memory_volume(lab):
    mount = {"volumeMounts": [{"name": "memory", "mountPath": "/memory"}]}
    script = "echo run >> /memory/runs; until [ -e /tmp/go ]; do sleep 0.05; done"
    volume = {"name": "memory", "emptyDir": {"medium": "Memory"}}
    lab.create(pod("again", shell(script, **mount), volumes=[volume]))
    lab.ready_pod("again")
    with killed(lab, "zygote"):
        pass
    lab.kubectl("exec", "again", "--", "touch", "/tmp/go")
    lab.until(lambda: container(lab, "again")["restartCount"] == 1 and container(lab, "again")["ready"], 20)
    assert lab.kubectl("exec", "again", "--", "cat", "/memory/runs").split() == ["run", "run"]


@pytest.mark.slow  # half a minute
def test_pods_that_are_being_made_while_it_dies_have_one_instance_each(lab):
    names = [f"born-{number}" for number in range(12)]
    for name in names:
        lab.create(pod(name, standin()))
    for _ in range(3):
        with killed(lab, "zygote"):
            pass
    lab.until(
        lambda: all(
            status_of(lab, name)["phase"] == "Running" and container(lab, name)["ready"] for name in names
        ),
        60,
        what="all run",
    )
    for name in names:
        assert len(inits(beating(lab, name)())) == 1, name
        assert container(lab, name)["restartCount"] == 0, name
