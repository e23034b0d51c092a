"""Messages in, messages out: flags, sections, truncation, names of others."""

import dns.flags
import dns.message
import dns.rcode
import pytest

from control.client.clock import FakeClock
from control.dns.forward import Forwarder
from control.dns.records import ClusterRecords
from control.dns.responder import Responder
from control.dns.zone import Zone


@pytest.fixture
def records():
    records = ClusterRecords()
    records.put_namespace(None, {"metadata": {"name": "shop"}})
    return records


@pytest.fixture
def ask(records):
    def ask(name, rtype="A", *, ready=True, stream=False, **options):
        responder = Responder(Zone("cluster.local", records), Forwarder((), FakeClock()), lambda: ready)
        query = dns.message.make_query(name, rtype, **options)
        answers = []
        if stream:
            return responder.stream(query.to_wire())
        responder.datagram(query.to_wire(), ("10.0.0.1", 4242), answers.append)
        return query, dns.message.from_wire(answers[0])

    return ask


def _many_endpoints(records, count):
    records.put_service(
        None,
        {
            "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"clusterIP": "None", "clusterIPs": ["None"]},
        },
    )
    records.put_slice(
        None,
        {
            "metadata": {
                "name": "db-1",
                "namespace": "shop",
                "labels": {"kubernetes.io/service-name": "db"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [f"10.244.1.{i}"]} for i in range(1, count + 1)],
            "ports": [],
        },
    )


def test_an_answer_is_authoritative_and_repeats_the_question_as_it_was_spelt(ask, records):
    _many_endpoints(records, 2)

    query, answer = ask("DB.shop.SVC.cluster.local.")

    assert query.is_response(answer)
    assert answer.question[0].name.to_text() == "DB.shop.SVC.cluster.local."
    assert answer.flags & dns.flags.AA
    assert answer.flags & dns.flags.RA
    assert answer.answer[0].ttl == 30
    assert {r.to_text() for r in answer.answer[0]} == {"10.244.1.1", "10.244.1.2"}


def test_a_name_that_is_not_there_comes_with_the_zones_soa(ask):
    _, answer = ask("nobody.shop.svc.cluster.local")

    assert answer.rcode() == dns.rcode.NXDOMAIN
    assert (
        answer.authority[0]
        .to_text()
        .startswith("cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local.")
    )


def test_before_the_zone_is_known_nothing_is_denied(ask):
    _, answer = ask("web.shop.svc.cluster.local", ready=False)

    assert answer.rcode() == dns.rcode.SERVFAIL


def test_too_long_an_answer_is_truncated_to_512_bytes_without_edns_and_to_1232_with_it(ask, records):
    _many_endpoints(records, 100)

    _, plain = ask("db.shop.svc.cluster.local")
    _, extended = ask("db.shop.svc.cluster.local", use_edns=0, payload=4096)

    assert plain.flags & dns.flags.TC
    assert extended.flags & dns.flags.TC
    assert len(plain.to_wire()) <= 512
    assert 512 < len(extended.to_wire()) <= 1232


async def test_over_tcp_the_whole_answer_fits(ask, records):
    _many_endpoints(records, 100)

    answer = dns.message.from_wire(await ask("db.shop.svc.cluster.local", stream=True))

    assert not answer.flags & dns.flags.TC
    assert len(answer.answer[0]) == 100


async def test_without_an_upstream_that_answers_other_names_fail(records):
    responder = Responder(Zone("cluster.local", records), Forwarder((), FakeClock()), lambda: True)
    query = dns.message.make_query("www.example.com", "A")

    answer = dns.message.from_wire(await responder.stream(query.to_wire()))

    assert answer.rcode() == dns.rcode.SERVFAIL


def test_garbage_and_answers_get_no_answer(records):
    responder = Responder(Zone("cluster.local", records), Forwarder((), FakeClock()), lambda: True)
    said = []
    response = dns.message.make_response(dns.message.make_query("web.cluster.local", "A"))

    responder.datagram(b"\x00\x01", ("10.0.0.1", 1), said.append)
    responder.datagram(response.to_wire(), ("10.0.0.1", 1), said.append)

    assert said == []


@pytest.mark.parametrize(("opcode", "rcode"), [(4, dns.rcode.NOTIMP), (5, dns.rcode.NOTIMP)])
def test_other_operations_are_not_implemented(records, opcode, rcode):
    responder = Responder(Zone("cluster.local", records), Forwarder((), FakeClock()), lambda: True)
    query = dns.message.make_query("cluster.local", "SOA")
    query.set_opcode(dns.opcode.Opcode(opcode))
    said = []

    responder.datagram(query.to_wire(), ("10.0.0.1", 1), said.append)

    assert dns.message.from_wire(said[0]).rcode() == rcode
