"""What the zone says, name by name."""

import pytest

from control.dns.records import ClusterRecords
from control.dns.zone import NOERROR, NXDOMAIN, TTL_S, Zone


def _service(name, *, namespace="shop", ips=("10.96.0.20", "fd00:10:96::20"), ports=(("http", 80),), **spec):
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "clusterIP": ips[0] if ips else None,
            "clusterIPs": list(ips),
            "ports": [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports],
            **spec,
        },
    }


def _slice(service, *endpoints, namespace="shop", ports=(("http", 8080),), name="s1"):
    return {
        "metadata": {
            "name": f"{service}-{name}",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": [address], "conditions": {"ready": ready}, **({"hostname": host} if host else {})}
            for address, host, ready in endpoints
        ],
        "ports": [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports],
    }


@pytest.fixture
def records():
    records = ClusterRecords()
    for name in ("shop", "kube-system"):
        records.put_namespace(None, {"metadata": {"name": name}})
    records.put_service(None, _service("web"))
    records.put_slice(None, _slice("web", ("10.244.1.7", "", True)))
    records.put_service(None, _service("db", ips=("None",), ports=(("pg", 5432),)))
    endpoints = (("10.244.1.5", "db-0", True), ("10.244.2.6", "", True), ("10.244.2.9", "", False))
    records.put_slice(None, _slice("db", *endpoints, ports=(("pg", 5432),)))
    records.put_service(None, _service("empty", ips=("None",)))
    out = _service("out", ips=(), type="ExternalName", externalName="www.example.com")
    records.put_service(None, out)
    return records


@pytest.fixture
def zone(records):
    return Zone("cluster.local", records)


def _data(answer):
    return sorted(str(record.data) for record in answer.records)


@pytest.mark.parametrize(
    ("name", "rtype", "want"),
    [
        ("web.shop.svc.cluster.local", "A", ["10.96.0.20"]),
        ("web.shop.svc.cluster.local", "AAAA", ["fd00:10:96::20"]),
        ("WEB.Shop.svc.Cluster.local", "A", ["10.96.0.20"]),
        ("_http._tcp.web.shop.svc.cluster.local", "A", ["10.96.0.20"]),
        ("_http._tcp.web.shop.svc.cluster.local", "SRV", ["(0, 100, 80, 'web.shop.svc.cluster.local')"]),
        ("10-244-1-7.web.shop.svc.cluster.local", "A", ["10.244.1.7"]),
        ("db.shop.svc.cluster.local", "A", ["10.244.1.5", "10.244.2.6"]),
        ("db-0.db.shop.svc.cluster.local", "A", ["10.244.1.5"]),
        ("10-244-2-6.db.shop.svc.cluster.local", "A", ["10.244.2.6"]),
        ("10-1-2-3.shop.pod.cluster.local", "A", ["10.1.2.3"]),
        ("fd00-10-244-1--5.shop.pod.cluster.local", "AAAA", ["fd00:10:244:1::5"]),
        ("dns-version.cluster.local", "TXT", ["1.1.0"]),
        ("out.shop.svc.cluster.local", "A", ["www.example.com"]),
    ],
)
def test_a_name_of_the_cluster_has_these_records(zone, name, rtype, want):
    answer = zone.answer(name, rtype)

    assert (answer.rcode, _data(answer)) == (NOERROR, sorted(want))


def test_srv_of_a_headless_service_names_each_endpoint_and_carries_its_address(zone):
    answer = zone.answer("_pg._tcp.db.shop.svc.cluster.local", "SRV")

    assert _data(answer) == [
        "(0, 50, 5432, '10-244-2-6.db.shop.svc.cluster.local')",
        "(0, 50, 5432, 'db-0.db.shop.svc.cluster.local')",
    ]
    assert {(r.name.split(".")[0], r.data) for r in answer.additional} == {
        ("db-0", "10.244.1.5"),
        ("10-244-2-6", "10.244.2.6"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "nobody.shop.svc.cluster.local",
        "web.nowhere.svc.cluster.local",
        "nowhere.svc.cluster.local",
        "_https._tcp.web.shop.svc.cluster.local",
        "db-7.db.shop.svc.cluster.local",
        "10-244-2-9.db.shop.svc.cluster.local",
        "empty.shop.svc.cluster.local",
        "10-1-2-3.nowhere.pod.cluster.local",
        "ten.shop.pod.cluster.local",
        "a.b.cluster.local",
        "x.out.shop.svc.cluster.local",
    ],
)
def test_a_name_that_is_not_there_does_not_exist(zone, name):
    assert zone.answer(name, "A").rcode == NXDOMAIN


@pytest.mark.parametrize(
    ("name", "rtype"),
    [
        ("web.shop.svc.cluster.local", "MX"),
        ("db.shop.svc.cluster.local", "AAAA"),
        ("shop.svc.cluster.local", "A"),
        ("svc.cluster.local", "A"),
        ("pod.cluster.local", "A"),
        ("shop.pod.cluster.local", "A"),
        ("cluster.local", "A"),
    ],
)
def test_a_name_that_exists_without_such_records_is_no_data(zone, name, rtype):
    answer = zone.answer(name, rtype)

    assert (answer.rcode, answer.records) == (NOERROR, [])


def test_addresses_lead_back_to_services_and_headless_endpoints_only(zone):
    def name_of(address):
        answer = zone.reverse(address, "x")
        return _data(answer) if answer else None

    assert name_of("10.96.0.20") == ["web.shop.svc.cluster.local"]
    assert name_of("fd00:10:96::20") == ["web.shop.svc.cluster.local"]
    assert name_of("10.244.1.5") == ["db-0.db.shop.svc.cluster.local"]
    assert name_of("10.244.1.7") is None
    assert name_of("10.9.9.9") is None


def test_an_endpoint_that_stops_being_ready_is_gone_from_names_and_reverse(zone, records):
    old = _slice("db", ("10.244.1.5", "db-0", True), ("10.244.2.6", "", True), ports=(("pg", 5432),))
    new = _slice("db", ("10.244.1.5", "db-0", False), ("10.244.2.6", "", True), ports=(("pg", 5432),))
    records.put_slice(old, new)

    assert _data(zone.answer("db.shop.svc.cluster.local", "A")) == ["10.244.2.6"]
    assert zone.reverse("10.244.1.5", "x") is None


def test_a_service_that_is_gone_leaves_nothing_behind(zone, records):
    web = _service("web")
    records.put_service(web, None)
    records.put_slice(_slice("web", ("10.244.1.7", "", True)), None)

    assert zone.answer("web.shop.svc.cluster.local", "A").rcode == NXDOMAIN
    assert zone.reverse("10.96.0.20", "x") is None


def test_time_to_live_is_kubeadms():
    assert TTL_S == 30
