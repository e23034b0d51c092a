"""The internet and a cluster's resolver in front of it, over real sockets of the loopback."""

import asyncio
import json
import socket

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from control.client.clock import SystemClock
from control.dns.datagram import DatagramPort, bound
from control.dns.forward import Forwarder
from control.dns.internet import InternetPlan, addresses_of, serve
from control.dns.records import ClusterRecords
from control.dns.responder import Responder
from control.dns.zone import Zone


def _free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
async def internet():
    plan = InternetPlan((socket.AF_INET,), _free_port(), _free_port(), (_free_port(),), _free_port())
    listening = asyncio.Event()
    task = asyncio.create_task(serve(plan, socket.socket, listening.set))
    await asyncio.wait_for(listening.wait(), 5)
    yield plan
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _ask(name, rtype, port, where="127.0.0.1"):
    query = dns.message.make_query(name, rtype)
    return await dns.asyncquery.udp(query, where, port=port, timeout=5)


async def test_a_name_under_example_com_has_addresses_of_both_families_that_never_change(internet):
    first = await _ask("shop.example.com", "A", internet.dns_port)
    second = await _ask("shop.example.com", "AAAA", internet.dns_port)

    assert first.answer[0][0].to_text() == addresses_of("shop.example.com")[0]
    assert first.answer[0][0].to_text().startswith("203.0.113.")
    assert second.answer[0][0].to_text().startswith("2001:db8::")


@pytest.mark.parametrize("name", ["shop.example.invalid", "web.shop.svc.cluster.local", "nobody.io"])
async def test_other_names_do_not_exist(internet, name):
    answer = await _ask(name, "A", internet.dns_port)

    assert answer.rcode() == dns.rcode.NXDOMAIN


async def test_an_answer_comes_from_the_address_that_was_asked(internet):
    """dnspython drops answers of another source: 127.0.0.7 is asked and must answer."""
    answer = await _ask("example.com", "A", internet.dns_port, where="127.0.0.7")

    assert answer.answer[0][0].to_text() == "203.0.113.10"


async def test_hosts_tell_the_source_that_they_saw(internet):
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", internet.http_port, local_addr=("127.0.0.9", 0)
    )
    writer.write(b"GET /x HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    seen = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert (seen["source"], seen["host"], seen["path"]) == ("127.0.0.9", "example.com", "/x")


async def test_a_line_and_an_echo_on_tcp(internet):
    reader, writer = await asyncio.open_connection("127.0.0.1", internet.line_ports[0])
    writer.write(b"hello\n")
    line, echo = await reader.readline(), await reader.readline()
    writer.close()

    assert (line.split()[:3], echo) == ([b"you", b"are", b"127.0.0.1"], b"hello\n")


async def test_the_cluster_forwards_what_is_not_its_own_and_remembers_it(internet):
    forwarder = Forwarder(("127.0.0.1",), SystemClock(), port=internet.dns_port)
    responder = Responder(Zone("cluster.local", ClusterRecords()), forwarder, lambda: True)
    sock = bound(socket.socket, socket.AF_INET, 0, stream=False)
    port = sock.getsockname()[1]
    resolver = DatagramPort(sock, responder.datagram)
    try:
        first = await _ask("www.example.org", "A", port)
        second = await _ask("www.example.org", "A", port)
        missing = await _ask("nobody.io", "A", port)
    finally:
        resolver.close()

    assert first.answer[0][0].to_text() == addresses_of("www.example.org")[0]
    assert second.answer[0][0] == first.answer[0][0]
    assert missing.rcode() == dns.rcode.NXDOMAIN


async def test_an_external_name_is_followed_out_of_the_cluster(internet):
    records = ClusterRecords()
    records.put_namespace(None, {"metadata": {"name": "shop"}})
    records.put_service(
        None,
        {
            "metadata": {"name": "out", "namespace": "shop"},
            "spec": {"type": "ExternalName", "externalName": "www.example.com"},
        },
    )
    forwarder = Forwarder(("127.0.0.1",), SystemClock(), port=internet.dns_port)
    responder = Responder(Zone("cluster.local", records), forwarder, lambda: True)
    query = dns.message.make_query("out.shop.svc.cluster.local", "A")

    answer = dns.message.from_wire(await responder.stream(query.to_wire()))

    assert [rrset.to_text().split()[3:5] for rrset in answer.answer] == [
        ["CNAME", "www.example.com."],
        ["A", "203.0.113.10"],
    ]
