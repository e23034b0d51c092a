"""Probes from inside a namespace, and every way in which they end."""

import socket
import subprocess
import uuid
from ipaddress import ip_address

import pytest

from control.verify.probe import TCP, UDP, Outcome, Probe, dns_question, run
from dataplane.netns.create import create, delete
from dataplane.netns.enter import SocketMaker

pytestmark = pytest.mark.root

HOME, OTHER = ip_address("127.0.0.1"), ip_address("127.0.0.2")


@pytest.fixture
def netns():
    """A namespace where 8080 listens, in both families, and 9999 is dropped."""
    name = f"podwire-tprobe{uuid.uuid4().hex[:5]}-x"
    create(name)
    rules = "table inet t { chain i { type filter hook input priority 0; th dport 9999 drop; }; }"
    subprocess.run(["ip", "netns", "exec", name, "nft", rules], check=True)
    with SocketMaker(name) as maker, maker.socket(socket.AF_INET6, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        door.bind(("::", 8080))
        door.listen(500)
        yield name
    delete(name)


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_refused_and_blocked_are_told_apart(netns, protocol):
    answers = run([Probe(netns, protocol, HOME, port) for port in (81, 9999)], 0.3)

    assert [answer.outcome for answer in answers] == [Outcome.REFUSED, Outcome.BLOCKED]


def test_open_in_both_families_with_the_ends_that_were_used(netns):
    four, six = run([Probe(netns, TCP, HOME, 8080), Probe(netns, TCP, ip_address("::1"), 8080)], 1)

    assert (four.outcome, six.outcome) == (Outcome.OPEN, Outcome.OPEN)
    assert four.local[0] == "127.0.0.1"
    assert four.local[1] > 0


def test_a_probe_speaks_from_the_address_it_is_given(netns):
    (answer,) = run([Probe(netns, TCP, HOME, 8080, source=OTHER)], 1)

    assert answer.local[0] == "127.0.0.2"


def test_an_answer_to_a_datagram_is_kept(netns):
    with SocketMaker(netns) as maker, maker.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo:
        echo.bind(("127.0.0.1", 7))
        import threading

        def once():
            data, who = echo.recvfrom(100)
            echo.sendto(data.upper(), who)

        thread = threading.Thread(target=once)
        thread.start()
        (answer,) = run([Probe(netns, UDP, HOME, 7, b"hello")], 2)
        thread.join()
    assert (answer.outcome, answer.data) == (Outcome.OPEN, b"HELLO")


def test_no_route_and_no_namespace_have_names_of_their_own(netns):
    answers = run(
        [Probe(netns, TCP, ip_address("10.9.9.9"), 80), Probe("podwire-tnone-x", TCP, HOME, 80)], 0.3
    )

    assert [answer.outcome for answer in answers] == [Outcome.UNREACHABLE, Outcome.GONE]


def test_many_at_once_from_several_places_come_back_in_order(netns):
    probes = [Probe(netns, TCP, HOME, 8080 if n % 3 else 81) for n in range(400)]

    answers = run(probes, 3)

    assert [a.probe for a in answers] == probes
    assert [a.outcome is Outcome.OPEN for a in answers] == [bool(n % 3) for n in range(400)]


def test_the_question_is_one_that_dns_understands():
    import dns.message

    asked = dns.message.from_wire(dns_question("api.shop.svc.cluster.local", 1))
    assert str(asked.question[0]) == "api.shop.svc.cluster.local. IN A"
