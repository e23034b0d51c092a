"""Ephemeral containers on real pods: namespaces, the target's processes, ends, and kubelets that come and go."""

import json
import subprocess

import pytest

from control.client.resources import PODS
from tests.integration.control.agents.pods import output, pod, shell, status_of

pytestmark = pytest.mark.root


def add(lab, name, *containers):
    had = lab.api.get(PODS, name, lab.namespace)["spec"].get("ephemeralContainers") or []
    patch = {"spec": {"ephemeralContainers": [*had, *containers]}}
    lab.kubectl("patch", "pod", name, "--subresource=ephemeralcontainers", "-p", json.dumps(patch))


def state(lab, name, container):
    found = status_of(lab, name).get("ephemeralContainerStatuses") or []
    return next((one["state"] for one in found if one["name"] == container), {})


@pytest.fixture
def host(lab):
    lab.create(pod("host", shell("echo main; exec sleep 1000"), shell("exec sleep 2000", name="other")))
    lab.ready_pod("host")
    return lab


def test_it_has_the_pod_s_network_and_name_and_a_process_table_of_its_own(host):
    before = host.api.get(PODS, "host", host.namespace)["status"]
    add(
        host,
        "host",
        shell("hostname; cat /proc/1/cmdline | tr '\\0' ' '; echo; ip -o -4 addr show eth0", name="d"),
    )
    host.until(lambda: "terminated" in state(host, "host", "d"))
    name, first, address = output(host, "host", "-c", "d").splitlines()
    assert name == "host"
    assert first.startswith("sh -c"), "it is the first of its own processes"
    assert before["podIP"] in address
    after = status_of(host, "host")
    assert after["ephemeralContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert after["phase"] == "Running"
    assert [c["restartCount"] for c in after["containerStatuses"]] == [0, 0]


def test_it_sees_and_signals_its_target_s_processes_and_leaves_none_behind(host):
    script = "cat /proc/1/cmdline | tr '\\0' ' '; echo; sleep 3000 & exec sleep 0.2"
    add(host, "host", shell(script, name="d", targetContainerName="main"))
    host.until(lambda: "terminated" in state(host, "host", "d"))
    assert output(host, "host", "-c", "d").strip() == "sleep 1000"
    look = "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline; echo; done"
    host.until(lambda: "sleep 3000" not in host.kubectl("exec", "host", "-c", "main", "--", "sh", "-c", look))
    add(host, "host", shell("kill -9 1; sleep 0.5; kill -TERM $(pgrep -f 'sleep 1000') ", name="k",
                            targetContainerName="other"))  # fmt: skip
    host.until(lambda: "terminated" in state(host, "host", "k"))
    assert "running" in status_of(host, "host")["containerStatuses"][1]["state"], "PID 1 has no way to die so"


def test_a_target_that_does_not_run_is_waited_for(lab):
    lab.create(pod("late", shell("sleep 1000"), initContainers=[shell("sleep 1000", name="first")]))
    lab.until(lambda: (status_of(lab, "late").get("initContainerStatuses") or [{}])[0].get("started"))
    add(lab, "late", shell("echo here", name="d", targetContainerName="main"))
    waiting = lab.until(lambda: state(lab, "late", "d").get("waiting", {}).get("message"))
    assert waiting == 'target container "main" is not running'
    add(lab, "late", shell("echo there", name="e", targetContainerName="first"))
    lab.until(lambda: "terminated" in state(lab, "late", "e"))


def test_it_is_killed_when_the_pod_has_ended(lab):
    lab.create(pod("short", shell("while [ ! -e /tmp/go ]; do sleep 0.05; done"), restartPolicy="Never"))
    lab.ready_pod("short")
    add(lab, "short", shell("trap 'exit 0' TERM; while :; do sleep 0.05; done", name="d"))
    lab.until(lambda: "running" in state(lab, "short", "d"))
    lab.kubectl("exec", "short", "-c", "main", "--", "touch", "/tmp/go")
    lab.until(lambda: status_of(lab, "short")["phase"] == "Succeeded")
    lab.until(lambda: "terminated" in state(lab, "short", "d"))


def test_what_may_not_be_is_refused_and_nothing_is_written(host):
    for fields, words in (
        ({"targetContainerName": "nobody"}, "targetContainerName: Not found"),
        ({"ports": [{"containerPort": 1}]}, "ports: Forbidden: cannot be set for an Ephemeral Container"),
    ):
        with pytest.raises(subprocess.CalledProcessError) as refused:
            add(host, "host", shell("x", name="d", **fields))
        assert words in refused.value.stderr
    assert "ephemeralContainers" not in json.dumps(host.api.get(PODS, "host", host.namespace)["spec"])
