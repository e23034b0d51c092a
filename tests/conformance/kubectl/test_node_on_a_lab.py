"""Logs, nodes/proxy, pods/proxy, tokens and auth by real kubectls on a lab."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.root


def container(name: str, script: str) -> dict[str, Any]:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script]}


POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "talk", "labels": {"app": "talk"}},
    "spec": {
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {"kubernetes.io/hostname": "node-1"},
        "initContainers": [container("first", "echo from first")],
        "containers": [
            container("main", "echo one; echo two; sleep 1000"),
            container("again", "echo run $(ls /seen | wc -l); touch /seen/$(ls /seen | wc -l);"
                      " [ $(ls /seen | wc -l) -gt 1 ] && sleep 1000"),
            {"name": "web", "image": "nginx", "ports": [{"containerPort": 80}]},
        ],
        "volumes": [{"name": "seen", "emptyDir": {}}],
    },
}  # fmt: skip
POD["spec"]["containers"][1]["volumeMounts"] = [{"name": "seen", "mountPath": "/seen"}]


@pytest.fixture(params=["v1.37", "path"])
def run(request: pytest.FixtureRequest, binaries: dict[str, Path | None], lab: Any) -> Any:
    """kubectl with words → what it prints, and on stderr; in the test's namespace, where pod talk runs."""
    binary = binaries[request.param]
    if binary is None:
        pytest.skip("kubectl is not on PATH")
    lab.create(POD)
    lab.ready_pod("talk")
    environment = {**os.environ, "KUBECONFIG": str(lab.directory.kubeconfig)}

    def kubectl(*words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [str(binary), "-n", lab.namespace, *words],
            input=stdin, capture_output=True, text=True, timeout=40, env=environment, check=False,
        )  # fmt: skip
        return done.stdout + done.stderr

    def begin(*words: str) -> subprocess.Popen[str]:
        command = [str(binary), "-n", lab.namespace, *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    kubectl.lab, kubectl.begin = lab, begin  # type: ignore[attr-defined]
    return kubectl


def test_logs(run: Any) -> None:
    assert run("logs", "talk", "-c", "main") == "one\ntwo\n"
    assert run("logs", "talk", "-c", "main", "--tail=1") == "two\n"
    assert run("logs", "talk", "-c", "again", "--previous") == "run 0\n"
    assert run("logs", "talk", "-c", "again") == "run 1\n"
    assert run("logs", "talk", "-c", "main", "--since=1h") == "one\ntwo\n"
    assert run("logs", "talk", "-c", "main", "--since-time=2100-01-01T00:00:00Z") == ""
    stamp, word = run("logs", "talk", "-c", "main", "--timestamps", "--tail=1").split()
    assert (stamp[10], stamp[-1], word) == ("T", "Z", "two")
    prefixed = run("logs", "-l", "app=talk", "--all-containers", "--prefix", "--tail=1").splitlines()
    found = {line.split("] ")[0].removeprefix("[pod/talk/"): line.split("] ")[1] for line in prefixed}
    assert found.keys() == {"first", "main", "again", "web"}
    assert (found["first"], found["main"], found["again"]) == ("from first", "two", "run 1")
    assert "is not valid for pod talk" in run("logs", "talk", "-c", "nobody")


def test_logs_follow_a_container_to_its_end(run: Any) -> None:
    lab = run.lab
    script = "while [ ! -e /tmp/go ]; do sleep 0.02; done; for i in 1 2 3; do echo line $i; done"
    spec = {"restartPolicy": "Never", "containers": [container("main", script)]}
    lab.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "slow"}, "spec": spec})
    lab.ready_pod("slow")
    following = run.begin("logs", "-f", "slow")
    run("exec", "slow", "--", "touch", "/tmp/go")
    assert following.communicate(timeout=20)[0] == "line 1\nline 2\nline 3\n"


def test_a_node_s_kubelet_through_the_api_server(run: Any) -> None:
    node = "/api/v1/nodes/node-1/proxy"
    namespace = run.lab.namespace
    assert run("get", "--raw", f"{node}/healthz") == "ok"
    pods = json.loads(run("get", "--raw", f"{node}/pods"))
    names = {(one["metadata"]["namespace"], one["metadata"]["name"]) for one in pods["items"]}
    assert (namespace, "talk") in names
    metrics = run("get", "--raw", f"{node}/metrics").splitlines()
    assert 'kubelet_node_name{node="node-1"} 1' in metrics
    assert f"kubelet_running_pods {len(names)}" in metrics
    summary = json.loads(run("get", "--raw", f"{node}/stats/summary"))
    (talk,) = (
        one
        for one in summary["pods"]
        if (one["podRef"]["namespace"], one["podRef"]["name"]) == (namespace, "talk")
    )
    assert {one["name"] for one in talk["containers"]} == {"first", "main", "again", "web"}
    assert "pods" in run("get", "--raw", f"{node}/logs/")
    assert run("get", "--raw", f"{node}/containerLogs/{namespace}/talk/main") == "one\ntwo\n"
    assert run("get", "--raw", "/api/v1/nodes/node-1:10250/proxy/healthz") == "ok"
    for path in ("logs/../../../../etc/passwd", "logs/%2e%2e/%2e%2e/kubelet.conf", "nosuch"):
        refused = run("get", "--raw", f"{node}/{path}")
        assert "Error from server" in refused, refused
    assert 'nodes "node-9" not found' in run("get", "--raw", "/api/v1/nodes/node-9/proxy/healthz")


def test_a_pod_through_the_api_server(run: Any) -> None:
    answer = json.loads(
        run("get", "--raw", f"/api/v1/namespaces/{run.lab.namespace}/pods/talk:80/proxy/here?a=b")
    )
    assert (answer["pod"], answer["path"]) == ("talk", "/here?a=b")


def test_who_am_i_and_what_may_i_do(run: Any) -> None:
    who = json.loads(run("auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert who["username"] == "podwire-admin"
    assert "system:masters" in who["groups"]
    assert run("auth", "can-i", "delete", "pods") == "yes\n"
    assert "*.*" in run("auth", "can-i", "--list")


def test_tokens(run: Any) -> None:
    namespace = run.lab.namespace
    token = run("create", "token", "default", "--duration=11m").strip()
    review = {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {"name": "x"},
        "spec": {"token": token},
    }  # fmt: skip
    status = json.loads(run("create", "-f", "-", "-o", "json", stdin=json.dumps(review)))["status"]
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:default"
    review["spec"] = {"token": token[:-3] + "abc"}
    status = json.loads(run("create", "-f", "-", "-o", "json", stdin=json.dumps(review)))["status"]
    assert not status.get("authenticated")
    place = "/var/run/secrets/kubernetes.io/serviceaccount"
    mine = run("exec", "talk", "-c", "main", "--", "cat", f"{place}/token").strip()
    review["spec"] = {"token": mine}
    user = json.loads(run("create", "-f", "-", "-o", "json", stdin=json.dumps(review)))["status"]["user"]
    assert user["extra"]["authentication.kubernetes.io/pod-name"] == ["talk"]
    assert user["extra"]["authentication.kubernetes.io/node-name"] == ["node-1"]
    assert run("exec", "talk", "-c", "main", "--", "cat", f"{place}/namespace") == namespace
    assert "may not specify a duration less than 10 minutes" in run(
        "create", "token", "default", "--duration=1m"
    )
