"""exec, attach, run, cp, port-forward and debug by real kubectls on real pods, over WebSocket and over SPDY/3.1."""

import http.client
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from control.agents.stream_io import resize
from tests.conformance.streamed import TALK

pytestmark = pytest.mark.root


@dataclass
class Kubectl:
    """One kubectl, one way of streaming, on the test's namespace."""

    binary: Path
    lab: Any
    websockets: bool
    environment: dict[str, str] = field(default_factory=dict)

    def words(self, *words: str) -> list[str]:
        config = ["--kubeconfig", str(self.lab.directory.kubeconfig), "-n", self.lab.namespace]
        return [str(self.binary), *config, *words]

    def __post_init__(self) -> None:
        chosen = str(self.websockets).lower()
        self.environment = {
            **os.environ,
            "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": chosen,
            "KUBECTL_PORT_FORWARD_WEBSOCKETS": chosen,
        }

    def __call__(self, *words: str, stdin: bytes | None = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.words(*words),
            input=stdin,
            capture_output=True,
            timeout=40,
            env=self.environment,
            check=False,
        )

    def begin(self, *words: str, **how: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.words(*words), env=self.environment, **how)


@pytest.fixture(params=["v1.37 websocket", "v1.37 spdy", "path websocket", "path spdy"])
def kubectl(request: pytest.FixtureRequest, binaries: dict[str, Path | None], lab: Any) -> Kubectl:
    which, _, how = request.param.partition(" ")
    binary = binaries[which]
    if binary is None:
        pytest.skip("kubectl is not on PATH")
    lab.create(TALK)
    lab.ready_pod("talk")
    return Kubectl(binary, lab, how == "websocket")


@contextmanager
def on_a_terminal(kubectl: Kubectl, *words: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """(the terminal's other end, the process): 33 lines of 101 characters."""
    master, slave = os.openpty()
    resize(master, 101, 33)
    process = kubectl.begin(*words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    try:
        yield master, process
    finally:
        process.kill()
        process.wait(10)
        os.close(master)


def read_until(master: int, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        seen += os.read(master, 4096)
    return seen


def test_exec(kubectl: Kubectl) -> None:
    script = "wc -c; echo complaint >&2; exit 7"
    done = kubectl("exec", "-i", "talk", "-c", "main", "--", "sh", "-c", script, stdin=b"x" * 3_000_000)
    assert (done.returncode, done.stdout) == (7, b"3000000\n")
    assert b"complaint\n" in done.stderr
    much = kubectl("exec", "talk", "-c", "main", "--", "head", "-c", "5000000", "/dev/zero")
    assert much.stdout == bytes(5_000_000)
    missing = kubectl("exec", "talk", "-c", "main", "--", "nosuch")
    assert b'exec: "nosuch": executable file not found in $PATH' in missing.stderr
    nobody = kubectl("exec", "talk", "-c", "nobody", "--", "true")
    assert b"container nobody is not valid for pod talk" in nobody.stderr


def test_exec_on_a_terminal_that_changes_its_size(kubectl: Kubectl) -> None:
    script = "trap 'echo size $(stty size)' WINCH; echo up; while :; do sleep 0.05; done"
    with on_a_terminal(kubectl, "exec", "-it", "talk", "-c", "main", "--", "bash", "-c", script) as (
        master,
        process,
    ):
        read_until(master, b"up")
        resize(master, 77, 22)
        os.killpg(process.pid, signal.SIGWINCH)  # the kernel sends it only to who is in the foreground
        read_until(master, b"size 22 77")


def test_attach_speaks_and_hears_and_leaves_the_container_its_input(kubectl: Kubectl) -> None:
    for word in ("one", "two"):
        process = kubectl.begin(
            "attach", "-i", "-q", "talk", "-c", "ear", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{word}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == f"heard {word}\n".encode()
        finally:
            process.kill()
            process.communicate()
    assert b"over" not in kubectl("logs", "talk", "-c", "ear").stdout


def test_attach_to_a_terminal(kubectl: Kubectl) -> None:
    with on_a_terminal(kubectl, "attach", "-it", "talk", "-c", "tty") as (master, _):
        os.write(master, b"\n")
        read_until(master, b"# ")
        os.write(master, b"stty size; echo $((6 * 7))\n")
        seen = read_until(master, b"42")
        assert b"33 101" in seen


def test_run_with_input_that_ends_and_rm(kubectl: Kubectl) -> None:
    words = ("run", "-i", "--rm", "-q", "once", "--image=busybox", "--restart=Never", "--")
    done = kubectl(*words, "sh", "-c", "cat; echo read; exit 4", stdin=b"hello\n")
    assert (done.returncode, done.stdout) == (4, b"hello\nread\n"), done.stderr
    assert b"NotFound" in kubectl("get", "pod", "once").stderr


def test_run_on_a_terminal(kubectl: Kubectl) -> None:
    words = ("run", "-it", "--rm", "-q", "shell", "--image=busybox", "--restart=Never", "--", "sh")
    with on_a_terminal(kubectl, *words) as (master, process):
        os.write(master, b"\n")
        read_until(master, b"# ")
        os.write(master, b"hostname; exit\n")
        read_until(master, b"shell\r\n")
        assert process.wait(20) == 0


def test_cp_there_and_back(kubectl: Kubectl, tmp_path: Path) -> None:
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    (tmp_path / "tree" / "deep" / "big").write_bytes(os.urandom(3_000_000))
    (tmp_path / "tree" / "small").write_text("small")
    there = kubectl("cp", str(tmp_path / "tree"), "talk:/tmp/copied", "-c", "main")
    assert there.returncode == 0, there.stderr
    back = kubectl("cp", "talk:/tmp/copied", str(tmp_path / "back"), "-c", "main")
    assert back.returncode == 0, back.stderr
    for name in ("deep/big", "small"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "tree" / name).read_bytes()


@contextmanager
def forwarded(kubectl: Kubectl, *ports: int) -> Iterator[tuple[list[int], subprocess.Popen[bytes]]]:
    """(local ports, the process)."""
    process = kubectl.begin(
        "port-forward",
        "pod/talk",
        *(f":{port}" for port in ports),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    found: dict[int, int] = {}
    try:
        while len(found) < len(ports):
            line = process.stdout.readline().decode()
            assert line, process.stderr and process.stderr.read()
            match = re.search(r"127\.0\.0\.1:(\d+) -> (\d+)", line)
            if match:
                found[int(match[2])] = int(match[1])
        yield [found[port] for port in ports], process
    finally:
        process.kill()
        process.communicate()


def asked(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", "/")
    return connection.getresponse().read().decode()


def test_port_forward_of_many_connections_of_several_ports(kubectl: Kubectl) -> None:
    with forwarded(kubectl, 80, 9000) as ((web, echo), _):
        answers: list[str] = []
        threads = [threading.Thread(target=lambda: answers.append(asked(web))) for _ in range(16)]
        for thread in threads:
            thread.start()
        with socket.create_connection(("127.0.0.1", echo), timeout=20) as idle:
            for thread in threads:
                thread.join()
            assert len(answers) == 16
            assert all('"pod":"talk"' in answer for answer in answers)
            sent = os.urandom(4_000_000)
            assert echoed(echo, sent) == sent + b"bye"
            idle.sendall(b"still here")
            assert idle.recv(100) == b"still here"


def echoed(port: int, sent: bytes) -> bytes:
    """What comes back of what is sent; the end of it is told by half-closing."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plug:

        def send() -> None:
            plug.sendall(sent)
            plug.shutdown(socket.SHUT_WR)

        sending = threading.Thread(target=send)
        sending.start()
        found = b""
        while data := plug.recv(65536):
            found += data
        sending.join()
        return found


def test_port_forward_to_a_port_that_nobody_listens_on_is_told(kubectl: Kubectl) -> None:
    with forwarded(kubectl, 81) as ((local,), process):
        with socket.create_connection(("127.0.0.1", local), timeout=20) as plug:
            assert plug.recv(100) == b""
        assert process.stderr is not None
        said = process.stderr.readline().decode()
    assert "error forwarding port 81 to pod" in said
    assert "IPv4: dial tcp4 127.0.0.1:81: connect: connection refused" in said


def test_debug_of_a_pod_sees_its_processes(kubectl: Kubectl) -> None:
    words = (
        "debug",
        "-i",
        "-q",
        "talk",
        "--image=busybox",
        "--target=ear",
        "-c",
        "debug",
        "--profile=general",
        "--",
    )
    done = kubectl(
        *words, "sh", "-c", "read x; tr '\\0' ' ' < /proc/1/cmdline; echo; hostname", stdin=b"go\n"
    )
    first, name = done.stdout.decode().splitlines()
    assert first.startswith("sh -c while read l"), done.stderr
    assert name == "talk"
    missing = kubectl(
        "debug", "talk", "--image=busybox", "--target=nobody", "--profile=general", "--", "true"
    )
    assert b'targetContainerName: Not found: "nobody"' in missing.stderr


def test_debug_of_a_copy_and_of_a_node(kubectl: Kubectl) -> None:
    copy = ("debug", "talk", "--copy-to=copy", "--image=busybox", "-c", "more", "--profile=general", "--")
    assert kubectl(*copy, "sleep", "1000").returncode == 0
    names = kubectl("get", "pod", "copy", "-o", "jsonpath={.spec.containers[*].name}").stdout
    assert names == b"main web ear tty more"
    node = ("debug", "node/node-1", "-i", "-q", "--image=busybox", "--profile=general", "--")
    done = kubectl(*node, "sh", "-c", "read x; hostname; ls -d /host/etc", stdin=b"go\n")
    assert done.stdout == b"node-1\n/host/etc\n", done.stderr
