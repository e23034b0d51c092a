"""Probes, hooks and the end of pods on a real node."""

import subprocess
import time

import pytest

from control.client.resources import PODS

from .pods import conditions, container, ended, pod, reasons, shell, standin

pytestmark = pytest.mark.root


def _kubectl(lab, *words):
    from control.lab import kubectl

    return [str(kubectl.find()), "--kubeconfig", str(lab.directory.kubeconfig), "-n", lab.namespace, *words]


def test_readiness_follows_an_exec_probe_within_a_second(lab):
    probe = {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    lab.create(pod("web", shell("touch /tmp/ok; sleep 1000", readinessProbe=probe)))
    lab.ready_pod("web")
    lab.kubectl("exec", "web", "--", "rm", "/tmp/ok")
    lab.until(lambda: conditions(lab, "web")["Ready"] == "False", 3)
    assert "Readiness probe failed" in lab.until(lambda: reasons(lab, "web").get("Unhealthy"))
    lab.kubectl("exec", "web", "--", "touch", "/tmp/ok")
    lab.until(lambda: conditions(lab, "web")["Ready"] == "True", 3)


def test_http_tcp_and_grpc_probes_pass_over_the_pod_s_network(lab):
    for name, probe in {
        "http": {"httpGet": {"path": "/x", "port": 8080, "httpHeaders": [{"name": "X", "value": "1"}]}},
        "tcp": {"tcpSocket": {"port": 8080}},
        "grpc": {"grpc": {"port": 8080}},
    }.items():
        probes = {
            key: {**probe, "periodSeconds": 1} for key in ("startupProbe", "readinessProbe", "livenessProbe")
        }
        lab.create(pod(name, standin(**probes)))
        lab.ready_pod(name)


def test_a_failing_liveness_probe_restarts_the_container(lab):
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/ill"]}, "periodSeconds": 1, "failureThreshold": 1}
    lab.create(pod("web", shell("trap 'exit 0' TERM; while :; do sleep 0.1; done", livenessProbe=probe)))
    lab.ready_pod("web")
    lab.kubectl("exec", "web", "--", "touch", "/tmp/ill")
    lab.until(lambda: container(lab, "web")["restartCount"] == 1, 10)
    lab.ready_pod("web")
    assert lab.until(lambda: reasons(lab, "web").get("Killing")) == (
        "Container main failed liveness probe, will be restarted"
    )


def test_a_container_is_not_started_before_its_startup_probe_passes(lab):
    probe = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 100}
    lab.create(pod("web", shell("sleep 1000", startupProbe=probe)))
    lab.until(lambda: "running" in container(lab, "web")["state"])
    assert (container(lab, "web")["started"], container(lab, "web")["ready"]) == (False, False)
    lab.kubectl("exec", "web", "--", "touch", "/tmp/up")
    lab.ready_pod("web")
    assert container(lab, "web")["started"] is True


def test_the_annotation_takes_readiness_away_at_once_and_gives_it_back(lab):
    made = lab.pod("web", listens=8080, spec={"container": {"readinessProbe": {"tcpSocket": {"port": 8080}}}})
    lab.service("web", to=made, port=80, target=8080)
    lab.api.patch(PODS, "web", lab.namespace, {"metadata": {"annotations": {"podwire.dev/ready": "false"}}})
    lab.until(lambda: lab.endpoints("web") == [], 3, what="the Service has no endpoint")
    assert container(lab, "web")["ready"] is False
    lab.api.patch(PODS, "web", lab.namespace, {"metadata": {"annotations": {"podwire.dev/ready": None}}})
    lab.until(lambda: lab.endpoints("web"), 3, what="the endpoint is back")


def test_pre_stop_then_sigterm_then_the_end(lab):
    lifecycle = {"preStop": {"exec": {"command": ["sh", "-c", "echo stopping > /proc/1/fd/1"]}}}
    script = "trap 'echo term; sleep 0.3; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    lab.create(pod("web", shell(script, lifecycle=lifecycle), terminationGracePeriodSeconds=10))
    lab.ready_pod("web")
    follow = subprocess.Popen(
        ["podwire", "kubectl"] if False else _kubectl(lab, "logs", "-f", "web"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follow.stdout.readline() == "up\n"
    began = time.monotonic()
    lab.kubectl("delete", "pod", "web", "--timeout=20s")
    took = time.monotonic() - began
    assert follow.communicate(timeout=10)[0].split() == ["stopping", "term", "bye"]
    assert took < 8


def test_the_grace_over_a_container_is_killed(lab):
    lab.create(
        pod("deaf", shell("trap '' TERM; while :; do sleep 0.1; done"), terminationGracePeriodSeconds=2)
    )
    lab.ready_pod("deaf")
    began = time.monotonic()
    lab.kubectl("delete", "pod", "deaf", "--timeout=20s")
    assert 1.5 < time.monotonic() - began < 8


def test_a_forced_deletion_leaves_nothing_running(lab):
    made = lab.pod("web", listens=8080)
    lab.kubectl("delete", "pod", "web", "--force", "--grace-period=0")
    names = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    if made.netns in names:
        lab.until(lambda: made.netns not in subprocess.check_output(["ip", "netns"], text=True), 10)


def test_a_post_start_hook_is_done_before_the_container_counts_as_started(lab):
    lifecycle = {"postStart": {"exec": {"command": ["sh", "-c", "sleep 0.3; touch /tmp/hooked"]}}}
    probe = {"exec": {"command": ["test", "-e", "/tmp/hooked"]}, "periodSeconds": 1, "failureThreshold": 1}
    lab.create(pod("web", shell("sleep 1000", lifecycle=lifecycle, readinessProbe=probe)))
    lab.ready_pod("web")
    assert "Unhealthy" not in reasons(lab, "web")


def test_a_pod_over_its_deadline_fails_as_a_whole(lab):
    lab.create(pod("slow", shell("sleep 1000"), activeDeadlineSeconds=1, terminationGracePeriodSeconds=0))
    status = ended(lab, "slow", "Failed")
    assert status["reason"] == "DeadlineExceeded"
    assert "terminated" in status["containerStatuses"][0]["state"]


def test_a_stand_in_answers_its_readiness_path_by_the_annotation(lab):
    probe = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}
    made = lab.pod("web", listens=8080, spec={"container": {"readinessProbe": probe}})
    url = f"http://{made.ip[lab.families[0]]}:8080/ready"
    node = lab.node(made.node)
    assert node.get(url).status == 200
    lab.api.patch(PODS, "web", lab.namespace, {"metadata": {"annotations": {"podwire.dev/ready": "false"}}})
    lab.until(lambda: node.get(url).status == 503, 5)
    lab.api.patch(PODS, "web", lab.namespace, {"metadata": {"annotations": {"podwire.dev/ready": None}}})
    lab.until(lambda: node.get(url).status == 200, 5)
