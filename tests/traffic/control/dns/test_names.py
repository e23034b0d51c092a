"""Names as a pod in a lab sees them: asked at 10.96.0.10, over real wires."""

from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import pytest

from control.testkit.expect import udp
from dataplane.model.address import Family

pytestmark = pytest.mark.root


def ask(place, server, name, rtype, **options):
    """What a server says; the datagram leaves from that place."""
    query = dns.message.make_query(name, rtype, **options)
    return dns.message.from_wire(place.ask(query.to_wire(), server, 53))


def addresses(answer):
    return {ip_address(r.to_text()) for rrset in answer.answer for r in rrset}


@pytest.fixture
def resolver(lab, family):
    """The cluster's DNS address of the family."""
    chosen = {Family.of(cidr): cidr[10] for cidr in lab.plan.service_cidrs}
    if family not in chosen:
        pytest.skip("DNS has no address of this family")
    return chosen[family]


def record_type(family):
    return "A" if family is Family.V4 else "AAAA"


def test_a_service_has_its_cluster_address_in_each_family(lab, family, resolver):
    shop = lab.pod("shop", listens=8080)
    door = lab.service("door", to=shop, port=80, target=8080)
    ann = lab.pod("ann")

    answer = ask(ann, resolver, f"door.{lab.namespace}.svc.cluster.local", record_type(family))

    assert addresses(answer) == {door.ip[family]}
    assert answer.flags & dns.flags.AA


def test_a_headless_service_has_its_pods_addresses_and_a_name_for_each_hostname(lab, family, resolver):
    labels = {"app": "db"}
    spec = {"clusterIP": "None"}
    lab.service("db", to=labels, port=5432, spec=spec)
    first = lab.pod("db-0", listens=5432, labels=labels, spec={"hostname": "db-0", "subdomain": "db"})
    second = lab.pod("db-1", listens=5432, labels=labels, spec={"hostname": "db-1", "subdomain": "db"})
    name = f"db.{lab.namespace}.svc.cluster.local"

    def both():
        answer = ask(first, resolver, name, record_type(family))
        return addresses(answer) == {first.ip[family], second.ip[family]}

    lab.until(both, 5)
    answer = ask(first, resolver, f"db-1.{name}", record_type(family))
    assert addresses(answer) == {second.ip[family]}


def test_the_search_path_of_a_pod_finds_a_service_by_its_bare_name(lab):
    shop = lab.pod("shop", listens=8080)
    door = lab.service("door", to=shop, port=80, target=8080)
    lab.pod("ann", spec={"container": {"image": "busybox", "command": ["sleep", "600"]}})

    found = lab.kubectl("exec", "ann", "--", "getent", "ahosts", "door")

    assert {ip_address(line.split()[0]) for line in found.splitlines()} == set(door.ip.values())


def test_a_new_name_is_known_within_a_second(lab, family, resolver):
    ann = lab.pod("ann")
    name = f"late.{lab.namespace}.svc.cluster.local"
    assert ask(ann, resolver, name, record_type(family)).rcode() == dns.rcode.NXDOMAIN

    late = lab.service("late", to=None, port=80)

    lab.until(lambda: addresses(ask(ann, resolver, name, record_type(family))) == {late.ip[family]}, 1.0)


def test_other_names_are_asked_of_the_internet_and_its_hosts_answer(lab, family, resolver):
    ann = lab.pod("ann")
    answer = ask(ann, resolver, "www.example.com", record_type(family))
    (address,) = addresses(answer)

    host = f"[{address}]" if address.version == 6 else str(address)
    said = ann.get(f"http://{host}/hello")

    assert not answer.flags & dns.flags.AA
    assert said.status == 200
    assert '"path": "/hello"' in said.text
    assert ask(ann, resolver, "nobody.invalid", record_type(family)).rcode() == dns.rcode.NXDOMAIN


def test_the_question_goes_to_the_service_and_the_answer_comes_from_it(lab, family, resolver):
    ann = lab.pod("ann")

    with lab.watch(ann.eth0) as wire:
        ask(ann, resolver, "kubernetes.default.svc.cluster.local", "A")

    seen = wire.at(ann.eth0)
    assert udp(ann.ip[family], resolver, dport=53) in seen.requests
    assert udp(resolver, ann.ip[family], sport=53) in seen.replies


def test_an_answer_too_long_for_udp_is_whole_over_tcp(lab, family, resolver):
    if family is not Family.V4:
        pytest.skip("one family is enough")
    labels = {"app": "many"}
    lab.service("many", to=labels, port=80, spec={"clusterIP": "None"})
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "many-hand-made", "labels": {"kubernetes.io/service-name": "many"}},
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": [f"203.0.113.{i}"], "conditions": {"ready": True}} for i in range(1, 101)
        ],
        "ports": [],
    }
    lab.create(slice_)
    ann = lab.pod("ann")
    name = f"many.{lab.namespace}.svc.cluster.local"
    lab.until(lambda: ask(ann, resolver, name, "A").flags & dns.flags.TC, 5)

    query = dns.message.make_query(name, "A").to_wire()
    with ann.connect(resolver, 53) as plug:
        plug.sendall(len(query).to_bytes(2, "big") + query)
        length = int.from_bytes(plug.recv(2), "big")
        heard = b""
        while len(heard) < length:
            heard += plug.recv(length - len(heard))

    assert len(addresses(dns.message.from_wire(heard))) == 100
