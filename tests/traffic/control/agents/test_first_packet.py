"""No packet of a new pod passes before its policies are in force, and none to it."""

import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from dataplane.model.address import Family
from dataplane.netns.enter import run_inside

pytestmark = pytest.mark.root

KNOCK = "while :; do wget -q -T 1 -t 1 -O /dev/null $URL; done"


def eager(url):
    """A container that asks for the URL from its first instruction on."""
    env = [{"name": "URL", "value": url}]
    return {"container": {"image": "busybox", "command": ["sh", "-c", KNOCK], "env": env}}


def test_a_pod_that_may_not_leave_sends_nothing_from_its_first_instruction_on(lab):
    sink = lab.pod("sink", node="node-1", listens=8080)
    url = f"http://{sink.ip[Family.V4]}:8080/"
    lab.policy("shut", podSelector={"matchLabels": {"may": "not"}}, policyTypes=["Egress"])

    with lab.watch(sink.eth0) as wire:
        pods = [
            lab.pod(f"eager-{n}", node=node, labels={"may": "not"}, spec=eager(url))
            for n, node in enumerate(("node-1", "node-2", "node-1"))
        ]
    sources = {pod.ip[Family.V4] for pod in pods}
    assert not [packet for packet in wire.at(sink.eth0) if packet.source in sources]

    with lab.watch(sink.eth0) as wire:
        free = lab.pod("free", node="node-2", spec=eager(url))
        lab.until(lambda: any(packet.source == free.ip[Family.V4] for packet in wire.at(sink.eth0)), 5)


def test_a_pod_that_admits_nobody_hears_nothing_from_its_first_moment_on(lab):
    """Somebody knocks at its address before it has it, and goes on."""
    lab.policy("shut", podSelector={"matchLabels": {"may": "not"}})
    knocker = lab.pod("knocker", node="node-2", listens=8080)
    first = lab.pod("first", node="node-1", labels={"may": "not"}, listens=8080)
    following = [first.ip[Family.V4] + more for more in range(1, 6)]

    bridge = lab.node("node-1").interface("cni0")

    with knocking(knocker, following, 8080), lab.watch(bridge) as wire:
        shut = [lab.pod(f"shut-{n}", node="node-1", labels={"may": "not"}, listens=8080) for n in range(3)]
        open_pod = lab.pod("open", node="node-1", listens=8080)
        lab.until(lambda: open_pod.ip[Family.V4] in reached(wire.at(bridge), knocker), 5)

    assert {pod.ip[Family.V4] for pod in (*shut, open_pod)} <= set(following), "all were knocked at"
    assert reached(wire.at(bridge), knocker) == {open_pod.ip[Family.V4]}


def reached(seen, knocker):
    """Where the knocker's packets got to."""
    return {packet.destination for packet in seen if packet.source == knocker.ip[Family.V4]}


@contextmanager
def knocking(place, addresses, port):
    """A datagram to each address every millisecond, for the block."""
    stop = threading.Event()

    def body():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            mouth.setblocking(False)
            while not stop.wait(0.001):
                for address in addresses:
                    with suppress(OSError):
                        mouth.sendto(b"knock", (str(address), port))

    thread = threading.Thread(target=lambda: run_inside(place.netns, body), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
