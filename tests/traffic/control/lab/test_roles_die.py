"""Packets, open connections and containers go on while the lab's processes die, one after another."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from control.client.resources import PODS
from control.lab.supervisor import ask
from control.testkit.lab import Lab
from control.testkit.place import Pod, Service
from control.testkit.plugin import podwire
from control.testkit.until import until
from dataplane.host.cgroup import LabCgroup
from dataplane.model.address import Family
from dataplane.netns.enter import run_inside

pytestmark = pytest.mark.root

EVERY_S = 0.01
ROLES = ("api", "controllers", "zygote", "agents-node-1", "agents-node-2", "internet", "dns", "supervisor")

ECHO = """
import socket
ear = socket.create_server(("0.0.0.0", 9000))
while True:
    mouth, _ = ear.accept()
    while word := mouth.recv(4096):
        mouth.sendall(word)
"""
COUNTER = """
import socket, sys, time
number, plug = 0, socket.create_connection((sys.argv[1], 9000))
while True:
    plug.sendall(number.to_bytes(4, "big"))
    word = plug.recv(4, socket.MSG_WAITALL)
    assert int.from_bytes(word, "big") == number, word
    number += 1
    if number % 100 == 0:
        print(number, flush=True)
    time.sleep(0.005)
"""
"""One connection for its whole life: without it the container ends, and a restart is counted."""


@dataclass
class Talk:
    """A numbered word every 10 ms to an echo, and what came back."""

    plug: socket.socket
    sent: int = 0
    heard: bytearray = field(default_factory=bytearray)
    trouble: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def speak(self) -> None:
        beat = time.monotonic()
        while not self.stop.is_set():
            try:
                self.plug.send(self.sent.to_bytes(4, "big"))
                self.sent += 1
            except OSError as error:
                self.trouble.append(f"after {self.sent}: {error!r}")
                return
            beat += EVERY_S
            self.stop.wait(max(0.0, beat - time.monotonic()))

    def listen(self) -> None:
        while True:
            try:
                word = self.plug.recv(4096)
            except OSError:
                return
            if not word:
                return
            self.heard += word

    def answered(self) -> set[int]:
        heard = bytes(self.heard)
        return {int.from_bytes(heard[at : at + 4], "big") for at in range(0, len(heard) - 3, 4)}

    def missing(self) -> set[int]:
        """Words so far without an answer."""
        return set(range(self.sent)) - self.answered()


@dataclass(frozen=True)
class Scene:
    """A client that talks, over UDP and over one open TCP connection, through a Service of a pod elsewhere."""

    lab: Lab
    talks: dict[str, Talk]
    counter: Pod

    def counted(self) -> int:
        """Bytes that the counting container has heard on its connection, as the kernel tells it; 0 without one."""
        said = self.counter.run("ss", "-Htin", "state", "established", "dport", "=", ":9000")
        found = re.findall(r"bytes_received:(\d+)", said)
        return int(found[0]) if found else 0

    def restarts(self) -> dict[str, int]:
        """Of the containers of the test's namespace."""
        return {
            pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
            for pod in self.lab.api.list(PODS, self.lab.namespace)
        }


def program(text: str, *words: str) -> dict[str, object]:
    """A pod's spec that runs Python of the machine's in its container."""
    return {"container": {"image": "python", "command": ["/usr/bin/python3", "-c", text, *words]}}


def echo(pod: Pod, kind: socket.SocketKind, port: int) -> socket.socket:
    """An echo in a pod's namespace, in a thread, until its socket is closed."""

    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET, kind)
        made.bind(("0.0.0.0", port))
        if kind is socket.SOCK_STREAM:
            made.listen()
        return made

    def serve() -> None:
        try:
            if kind is socket.SOCK_DGRAM:
                while True:
                    word, who = ear.recvfrom(4096)
                    ear.sendto(word, who)
            connection, _ = ear.accept()
            with connection:
                while word := connection.recv(4096):
                    connection.sendall(word)
        except OSError:
            return

    ear = run_inside(pod.netns, make)
    threading.Thread(target=serve, daemon=True).start()
    return ear


def dial(pod: Pod, service: Service, kind: socket.SocketKind, port: int) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET, kind)
        made.settimeout(10)
        made.connect((str(service.ip[Family.V4]), port))
        return made

    return run_inside(pod.netns, make)


@pytest.fixture
def scene() -> Iterator[Scene]:
    name = f"td{os.getpid():x}"
    podwire("up", "--name", name)
    plugs: list[socket.socket] = []
    talks: dict[str, Talk] = {}
    try:
        lab = Lab.running(name).in_namespace("talk")
        server = lab.pod("server", node="node-1", listens=8080)
        client = lab.pod("client", node="node-2", listens=8080)
        service = lab.service("echo", to=server, port=["7000/UDP", 7001])
        inside = lab.pod("inside", node="node-1", spec=program(ECHO))
        door = lab.service("inside", to=inside, port=9000)
        counter = lab.pod("counter", node="node-2", spec=program(COUNTER, str(door.ip[Family.V4])))
        for kind, port in ((socket.SOCK_DGRAM, 7000), (socket.SOCK_STREAM, 7001)):
            plugs.append(echo(server, kind, port))
            plugs.append(dial(client, service, kind, port))
            talk = talks[kind.name] = Talk(plugs[-1])
            for work in (talk.listen, talk.speak):
                threading.Thread(target=work, daemon=True).start()
        yield Scene(lab, talks, counter)
    finally:
        for talk in talks.values():
            talk.stop.set()
        for plug in plugs:
            plug.close()
        podwire("down", "--name", name)


def test_packets_connections_and_containers_go_on_while_each_role_dies(scene):
    until(lambda: scene.counted() > 0, what="the container counts")
    for role in ROLES:
        before = {name: talk.sent for name, talk in scene.talks.items()}
        counted = scene.counted()
        kill(scene.lab, role)
        for name, talk in scene.talks.items():
            until(
                lambda t=talk, b=before[name]: t.trouble or t.sent > b + 50,
                what=f"{role} died: {name} talks on",
            )
            assert talk.trouble == [], f"{role} died"
            until(
                lambda t=talk: not {w for w in t.missing() if w < t.sent - 5},
                3,
                what=f"{role} died: {name} is answered",
            )
        until(lambda c=counted: scene.counted() > c + 400, what=f"{role} died: the container counts on")
        if role != "supervisor":
            assert set(scene.restarts().values()) == {0}, f"{role} died"
            scene.lab.pod(f"after-{role}", node="node-2", listens=8080)
    assert ask(scene.lab.directory) is None
    assert "podwire start" in told_by_status(scene.lab)
    podwire("start", "--name", scene.lab.name)
    afterwards = scene.lab.pod("afterwards", node="node-1", listens=8080)
    assert afterwards.get(f"http://{scene.lab.ready_pod('after-api').ip[Family.V4]}:8080/").status == 200


def told_by_status(lab: Lab) -> str:
    """What `podwire status` says of a lab whose supervisor is dead; it fails."""
    words = [sys.executable, "-m", "podwire", "status", "--name", lab.name]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr


def kill(lab: Lab, role: str) -> None:
    """End a role, and wait until it is back; the supervisor does not come back by itself."""
    report = ask(lab.directory)
    assert report is not None
    if role == "supervisor":
        os.kill(report["pid"], signal.SIGKILL)
        until(lambda: ask(lab.directory) is None, what="the supervisor is dead")
        return
    if role == "dns":
        kill_dns(lab)
        return
    was = next(each for each in report["roles"] if each["name"] == role)
    os.kill(was["pid"], signal.SIGKILL)

    def back() -> bool:
        now = next(each for each in ask(lab.directory)["roles"] if each["name"] == role)
        return now["state"] == "ready" and now["restarts"] > was["restarts"]

    until(back, 30, what=f"{role} is back")


def kill_dns(lab: Lab) -> None:
    """Its container ends, and the kubelet starts it again."""

    def pod() -> dict:
        (found,) = (p for p in lab.api.list(PODS, "kube-system") if "podwire-dns" in p["metadata"]["name"])
        return found

    was = pod()
    place = LabCgroup(lab.name).path / "nodes" / was["spec"]["nodeName"] / was["metadata"]["uid"]
    (place / "cgroup.kill").write_text("1")
    count = was["status"]["containerStatuses"][0]["restartCount"]

    def back() -> bool:
        (now,) = pod()["status"]["containerStatuses"]
        return now["restartCount"] == count + 1 and now["ready"]

    until(back, 30, what="DNS is back")
