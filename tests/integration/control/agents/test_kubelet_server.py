"""Logs, exec and attach through kubectl, over the wire to the kubelet; and whom the kubelet refuses."""

import json
import os
import signal
import ssl
import subprocess

import pytest

from control.agents.stream_io import resize
from control.client.resources import PODS
from control.lab import kubectl

pytestmark = pytest.mark.root


def words_for(lab, *words):
    return [str(kubectl.find()), "--kubeconfig", str(lab.directory.kubeconfig), "-n", lab.namespace, *words]


def run(lab, *words, stdin=None):
    return subprocess.run(
        words_for(lab, *words), input=stdin, capture_output=True, text=True, timeout=30, check=False
    )


def talker(
    name="talk",
    script="i=0; while [ $i -lt 5 ]; do echo line $i; i=$((i+1)); done; echo err >&2; sleep 1000",
    **more,
):
    container = {"name": "main", "image": "busybox", "command": ["sh", "-c", script], **more}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }


@pytest.fixture
def talk(lab):
    lab.create(talker())
    lab.ready_pod("talk")
    lab.until(lambda: "err" in run(lab, "logs", "talk").stdout)
    return lab


def test_logs_are_cut_as_asked(talk):
    assert sorted(run(talk, "logs", "talk").stdout.splitlines()) == ["err", *(f"line {i}" for i in range(5))]
    assert len(run(talk, "logs", "talk", "--tail=2").stdout.splitlines()) == 2
    assert run(talk, "logs", "talk", "--limit-bytes=6").stdout == "line 0"
    stamped = run(talk, "logs", "talk", "--timestamps", "--tail=1").stdout
    assert stamped[10] == "T"
    assert len(run(talk, "logs", "talk", "--since=1h").stdout.splitlines()) == 6


def test_previous_logs_of_a_first_run_are_a_clear_error(talk):
    done = run(talk, "logs", "talk", "--previous")
    assert done.returncode != 0
    assert 'previous terminated container "main" in pod "talk" not found' in done.stderr


def test_exec_carries_input_output_and_the_exit_code(talk):
    done = run(talk, "exec", "-i", "talk", "--", "sh", "-c", "cat; echo oops >&2; exit 7", stdin="hello\n")
    assert (done.stdout, done.returncode) == ("hello\n", 7)
    assert "oops" in done.stderr


def test_exec_of_a_large_input_arrives_whole(talk):
    done = run(talk, "exec", "-i", "talk", "--", "sh", "-c", "wc -c; exit 0", stdin="x" * 3_000_000)
    assert done.stdout.strip() == "3000000"


def test_exec_on_a_terminal_has_a_terminal_of_the_container_and_its_size(talk):
    """kubectl wants a terminal of its own for -t: this test gives it one of 33 lines and 101 columns."""
    master, slave = os.openpty()
    resize(master, 101, 33)
    command = words_for(talk, "exec", "-it", "talk", "--", "sh", "-c", "tty; read x; stty size; echo got $x")
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    seen = b""
    while b"/dev/pts" not in seen:
        seen += os.read(master, 1000)
    talk.until(
        lambda: "33 101" in run(talk, "exec", "talk", "--", "sh", "-c", "stty size < /dev/pts/0").stdout
    )
    os.write(master, b"word\n")
    while b"got word" not in seen:
        seen += os.read(master, 1000)
    os.close(master)
    assert process.wait(10) == 0
    assert b"/dev/pts/0" in seen
    assert b"33 101" in seen


def test_exec_of_a_missing_command_says_so(talk):
    done = run(talk, "exec", "talk", "--", "nosuch")
    assert done.returncode != 0
    assert 'exec: "nosuch": executable file not found in $PATH' in done.stderr


def test_attach_sees_what_comes_and_may_speak(lab):
    lab.create(talker("ear", "while read line; do echo heard $line; done; echo done", stdin=True))
    lab.ready_pod("ear")
    process = subprocess.Popen(
        words_for(lab, "attach", "-i", "ear"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        lab.until(lambda: _say(process), 10)
        assert process.stdout.readline() == "heard hello\n"
    finally:
        process.kill()
        process.communicate()


def _say(process):
    process.stdin.write("hello\n")
    process.stdin.flush()
    return True


def test_the_kubelet_speaks_to_nobody_without_a_certificate(lab):
    node = lab.node("node-1")
    plug = node.connect(next(iter(node.ip.values())), 10250)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    heard = b""
    try:
        tls = context.wrap_socket(plug)
        tls.sendall(b"GET /pods HTTP/1.1\r\nHost: x\r\n\r\n")
        heard = tls.recv(1000)
    except OSError:  # with TLS 1.3 the refusal may come at any of these calls
        pass
    assert heard == b""


def agent_of(lab, node):
    """The process that listens on the node's :10250."""
    listing = lab.node(node).run("ss", "-Hltnp", "sport = :10250")
    return int(listing.split("pid=")[1].split(",")[0])


def test_containers_outlive_their_kubelet_and_the_next_one_takes_them_over(lab):
    made = lab.pod("web", node="node-1", listens=8080)
    lab.create({**talker("count", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"),
                "spec": {**talker("count", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done")["spec"],
                         "nodeSelector": {"kubernetes.io/hostname": "node-1"}}})  # fmt: skip
    lab.ready_pod("count")
    before = {name: lab.api.get(PODS, name, lab.namespace) for name in ("web", "count")}
    pid = agent_of(lab, "node-1")
    os.kill(pid, signal.SIGKILL)
    assert lab.node("node-1").can_connect(next(iter(made.ip.values())), 8080)
    lab.until(lambda: agent_of(lab, "node-1") != pid, 20, what="a new kubelet listens")
    lab.until(lambda: run(lab, "exec", "web", "--", "true").returncode == 0, 10)
    after = {name: lab.api.get(PODS, name, lab.namespace) for name in ("web", "count")}
    assert after == before, "the new kubelet wrote a status although nothing had changed"
    lines = [int(line) for line in run(lab, "logs", "count").stdout.split()]
    assert lines == list(range(1, len(lines) + 1)), "a line was lost or doubled"


def with_kubelet_killed(lab, node, meanwhile):
    """Kill the node's kubelet, do something before the next one has taken over, wait for that one."""
    pid = agent_of(lab, node)
    os.kill(pid, signal.SIGKILL)
    meanwhile()
    lab.until(lambda: agent_of(lab, node) != pid, 20, what="a new kubelet listens")


def packed(lab, name):
    """The pod's conditions as text: type and status first."""
    conditions = lab.api.get(PODS, name, lab.namespace)["status"]["conditions"]
    return json.dumps([{"type": c["type"], "status": c["status"]} for c in conditions], separators=(",", ":"))


def on_node(manifest, node, **spec):
    return {
        **manifest,
        "spec": {**manifest["spec"], "nodeSelector": {"kubernetes.io/hostname": node}, **spec},
    }


def test_a_new_kubelet_leaves_what_has_ended_as_it_was_and_stops_what_is_deleted_in_order(lab):
    lab.create(on_node(talker("done", "echo result; exit 3"), "node-2", restartPolicy="Never"))
    script = "trap 'echo term; sleep 0.2; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    lab.create(on_node(talker("polite", script), "node-2", terminationGracePeriodSeconds=20))
    lab.ready_pod("polite")
    lab.until(lambda: lab.api.get(PODS, "done", lab.namespace)["status"]["phase"] == "Failed")
    lab.until(lambda: '"PodReadyToStartContainers","status":"False"' in packed(lab, "done"))
    before = lab.api.get(PODS, "done", lab.namespace)["status"]
    follow = subprocess.Popen(
        words_for(lab, "get", "pod", "polite", "-o", "json", "-w"), stdout=subprocess.PIPE, text=True
    )
    with_kubelet_killed(lab, "node-2", lambda: lab.kubectl("delete", "pod", "polite", "--wait=false"))
    lab.until(lambda: lab.api.find(PODS, "polite", lab.namespace) is None, 20)
    follow.kill()
    seen = follow.communicate()[0]
    assert '"exitCode": 0' in seen, "it was not given time to end by itself"
    after = lab.api.get(PODS, "done", lab.namespace)["status"]
    assert after == before
    assert run(lab, "logs", "done").stdout == "result\n"
