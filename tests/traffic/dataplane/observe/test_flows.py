"""Tracked flows: what was asked for, and who answers after translation."""

import socket
import subprocess
import uuid
from ipaddress import ip_address

import pytest

from dataplane.model.address import HostPort
from dataplane.netns.create import create, delete
from dataplane.netns.enter import SocketMaker
from dataplane.netns.sysctl import Place
from dataplane.observe.flows import TrackedFlow, tracked

pytestmark = pytest.mark.root

RULES = """table inet t {
 chain o {
  type nat hook output priority -100
  ip daddr 10.96.0.1 tcp dport 80 dnat ip to 127.0.0.1:8080
  ip6 daddr fd00::1 tcp dport 80 dnat ip6 to [::1]:8080
 }
}
"""


@pytest.mark.parametrize(("asked", "answers"), [("10.96.0.1", "127.0.0.1"), ("fd00::1", "::1")])
def test_a_translated_connection_shows_who_answers(asked, answers):
    name = f"podwire-tflow{uuid.uuid4().hex[:5]}-x"
    create(name, Place.NODE)
    try:
        for command in (
            ["route", "add", "local", "10.96.0.1", "dev", "lo"],
            ["-6", "route", "add", "local", "fd00::1", "dev", "lo"],
        ):
            subprocess.run(["ip", "-n", name, *command], check=True)
        subprocess.run(["ip", "netns", "exec", name, "nft", "-f", "-"], input=RULES, text=True, check=True)
        with SocketMaker(name) as maker, maker.socket(socket.AF_INET6, socket.SOCK_STREAM) as door:
            door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            door.bind(("::", 8080))
            door.listen()
            family = socket.AF_INET6 if ":" in asked else socket.AF_INET
            with maker.socket(family, socket.SOCK_STREAM) as client:
                client.settimeout(5)
                client.connect((asked, 80))
                host, port = client.getsockname()[:2]
                flows = tracked(name)
    finally:
        delete(name)

    source = HostPort(ip_address(host), port)
    assert (
        TrackedFlow(6, source, HostPort(ip_address(asked), 80), HostPort(ip_address(answers), 8080)) in flows
    )
