"""Packets and open connections go on while the lab's processes die, one after another."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from control.lab.supervisor import ask
from control.testkit.lab import Lab
from control.testkit.place import Pod, Service
from control.testkit.plugin import podwire
from control.testkit.until import until
from dataplane.model.address import Family
from dataplane.netns.enter import run_inside

pytestmark = pytest.mark.root

EVERY_S = 0.01
# Without the zygote: containers end with it (docs/how/machines.md), their pods are not Ready, the Service refuses.
ROLES = ("api", "controllers", "agents-node-1", "agents-node-2", "internet", "supervisor")


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
        for kind, port in ((socket.SOCK_DGRAM, 7000), (socket.SOCK_STREAM, 7001)):
            plugs.append(echo(server, kind, port))
            plugs.append(dial(client, service, kind, port))
            talk = talks[kind.name] = Talk(plugs[-1])
            for work in (talk.listen, talk.speak):
                threading.Thread(target=work, daemon=True).start()
        yield Scene(lab, talks)
    finally:
        for talk in talks.values():
            talk.stop.set()
        for plug in plugs:
            plug.close()
        podwire("down", "--name", name)


def test_packets_and_an_open_connection_go_on_while_each_role_dies(scene):
    for role in ROLES:
        before = {name: talk.sent for name, talk in scene.talks.items()}
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
    assert ask(scene.lab.directory) is None


def kill(lab: Lab, role: str) -> None:
    """End a role, and wait until it is back; the supervisor does not come back by itself."""
    report = ask(lab.directory)
    assert report is not None
    if role == "supervisor":
        os.kill(report["pid"], signal.SIGKILL)
        until(lambda: ask(lab.directory) is None, what="the supervisor is dead")
        return
    was = next(each for each in report["roles"] if each["name"] == role)
    os.kill(was["pid"], signal.SIGKILL)

    def back() -> bool:
        now = next(each for each in ask(lab.directory)["roles"] if each["name"] == role)
        return now["state"] == "ready" and now["restarts"] > was["restarts"]

    until(back, 30, what=f"{role} is back")
