"""Packets between two namespaces are seen at both ends of the cable."""

import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from control.testkit.expect import icmp, udp
from control.testkit.wire import Interface, watching
from dataplane.netns import create
from dataplane.netns.enter import run_inside

pytestmark = pytest.mark.root


@pytest.fixture
def cable() -> Iterator[tuple[Interface, Interface]]:
    """Two namespaces with a veth pair between them: 192.0.2.1 and 192.0.2.2."""
    lab = f"t{os.getpid():x}w"
    left, right = f"podwire-{lab}-left", f"podwire-{lab}-right"
    try:
        for name in (left, right):
            create.create(name)
        commands = [
            f"-n {left} link add eth0 type veth peer name eth0 netns {right}",
            f"-n {left} addr add 192.0.2.1/24 dev eth0",
            f"-n {right} addr add 192.0.2.2/24 dev eth0",
            f"-n {left} link set eth0 up",
            f"-n {right} link set eth0 up",
        ]
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True)
        yield Interface(left, "eth0"), Interface(right, "eth0")
    finally:
        for name in (left, right):
            create.delete(name)


def send(netns: str, port: int, text: bytes) -> None:
    def speak() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            mouth.bind(("0.0.0.0", 4000))
            mouth.sendto(text, ("192.0.2.2", port))

    run_inside(netns, speak)


def test_a_datagram_is_seen_at_both_ends_and_the_refusal_too(cable):
    left, right = cable
    with watching(left, right) as wire:
        send(left.netns, 5353, b"anybody?")

    for end in (left, right):
        assert wire.at(end).requests == [udp("192.0.2.1", "192.0.2.2", sport=4000, dport=5353)]
        assert wire.at(end).errors == [icmp("192.0.2.2", "192.0.2.1", type=3, code=3, about=udp(dport=5353))]
    assert wire.at(right).requests[0].payload == b"anybody?"


def test_every_packet_of_a_burst_is_there_and_none_from_before_or_after(cable):
    left, right = cable
    send(left.netns, 1000, b"before")
    with watching(right) as wire:
        for number in range(500):
            send(left.netns, 2000, str(number).encode())
    send(left.netns, 3000, b"after")
    texts = [packet.payload for packet in wire.at(right) if packet.protocol == "udp"]
    assert texts == [str(number).encode() for number in range(500)]


def test_an_interface_that_is_not_there_is_an_error_not_silence(cable):
    left, _ = cable
    with pytest.raises(OSError, match="No such device"), watching(Interface(left.netns, "eth7")):
        pass
