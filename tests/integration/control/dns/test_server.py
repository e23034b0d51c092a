"""The cluster's DNS server beside a real API server, with a ServiceAccount's token, over real sockets."""

import asyncio
import socket
import time

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from control.client.resources import ENDPOINTSLICES, NAMESPACES, SERVICEACCOUNTS, SERVICES
from control.dns.server import DnsServer, DnsSettings, _client, settings


@pytest.fixture
async def account(running_api, admin, tmp_path):
    """A directory as the kubelet mounts it into the pod."""
    await admin.create(SERVICEACCOUNTS, {"metadata": {"name": "podwire-dns", "namespace": "kube-system"}})
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made = await admin.create(
        SERVICEACCOUNTS, request, "kube-system", name="podwire-dns", subresource="token"
    )
    directory = tmp_path / "serviceaccount"
    directory.mkdir()
    (directory / "token").write_text(made["status"]["token"])
    (directory / "ca.crt").write_bytes(running_api.ca.files.cert.read_bytes())
    return directory


def _free_port():
    """A port that is free for UDP and TCP, in both families."""
    for _ in range(50):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET6) as tcp:
            udp.bind(("::", 0))
            try:
                tcp.bind(("::", udp.getsockname()[1]))
            except OSError:
                continue
            return udp.getsockname()[1]
    raise AssertionError("no free port")


@pytest.fixture
async def server(running_api, account, background):
    config = DnsSettings(
        "cluster.local", (), running_api.url, account, _free_port(), health_port=0, ready_port=0
    )
    async with _client(config) as client:
        server = DnsServer(config, client)
        async with background(server.run()):
            await asyncio.wait_for(server.listening.wait(), 5)
            server.port = config.port
            yield server


async def _get(port, path):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    return int(answer.split()[1])


async def _ready(server):
    return await _get(server.ports["/ready"], "/ready") == 200


async def _addresses(server, name, rtype="A"):
    query = dns.message.make_query(name, rtype)
    answer = await dns.asyncquery.udp(query, "127.0.0.1", port=server.port, timeout=5)
    return sorted(r.to_text() for rrset in answer.answer for r in rrset)


async def test_it_is_ready_soon_and_knows_the_kubernetes_service(server, until):
    begun = time.monotonic()
    await until(lambda: _ready(server), "ready")
    taken = time.monotonic() - begun

    assert await _addresses(server, "kubernetes.default.svc.cluster.local") == ["10.96.0.1"]
    assert await _get(server.ports["/health"], "/health") == 200
    assert await _get(server.ports["/health"], "/other") == 404
    assert taken < 2, "150 ms is the aim; this allows for a busy machine"


async def test_a_new_service_and_its_endpoints_have_names_within_a_moment(server, admin, until):
    await until(lambda: _ready(server), "ready")
    await admin.create(NAMESPACES, {"metadata": {"name": "shop"}})
    headless = {
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"clusterIP": "None", "selector": {"app": "db"}, "ports": [{"name": "pg", "port": 5432}]},
    }
    await admin.create(SERVICES, headless)
    slice_ = {
        "metadata": {"name": "db-1", "namespace": "shop", "labels": {"kubernetes.io/service-name": "db"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.244.1.5"], "conditions": {"ready": True}, "hostname": "db-0"}],
        "ports": [{"name": "pg", "port": 5432, "protocol": "TCP"}],
    }
    await admin.create(ENDPOINTSLICES, slice_)

    async def named():
        return await _addresses(server, "db-0.db.shop.svc.cluster.local") == ["10.244.1.5"]

    await until(named, "the endpoint's name")
    assert await _addresses(server, "_pg._tcp.db.shop.svc.cluster.local", "SRV") == [
        "0 100 5432 db-0.db.shop.svc.cluster.local."
    ]
    assert await _addresses(server, "5.1.244.10.in-addr.arpa", "PTR") == ["db-0.db.shop.svc.cluster.local."]


async def test_over_tcp_two_questions_are_answered_on_one_connection(server, until):
    await until(lambda: _ready(server), "ready")
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for name in ("kubernetes.default.svc.cluster.local", "nobody.default.svc.cluster.local"):
        wire = dns.message.make_query(name, "A").to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
    codes = []
    for _ in range(2):
        length = int.from_bytes(await reader.readexactly(2), "big")
        codes.append(dns.message.from_wire(await reader.readexactly(length)).rcode())
    writer.close()

    assert codes == [dns.rcode.NOERROR, dns.rcode.NXDOMAIN]


def test_arguments_and_environment_are_those_of_a_container():
    env = {"KUBERNETES_SERVICE_HOST": "fd00:10:96::1", "KUBERNETES_SERVICE_PORT": "443"}

    got = settings(["-domain", "lab.test", "-upstream=1.1.1.1", "-upstream=9.9.9.9"], env)

    assert (got.domain, got.upstreams, got.api_url) == (
        "lab.test",
        ("1.1.1.1", "9.9.9.9"),
        "https://[fd00:10:96::1]:443",
    )
