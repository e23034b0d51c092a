"""Services by real packets on the real fabric: who answers, and which source it sees."""

import subprocess
import time
from collections import Counter
from dataclasses import replace
from ipaddress import ip_address

import pytest

from dataplane.model.address import Family
from dataplane.model.service import Affinity, Backend, ServicePort, TrafficScope, Transport

pytestmark = pytest.mark.root

AT_ONCE_S = 0.5
DOOR = {Family.V4: ip_address("10.96.0.20"), Family.V6: ip_address("fd00:10:96::20")}
FREE = {Family.V4: ip_address("10.96.9.9"), Family.V6: ip_address("fd00:10:96::9999")}
GATEWAY = {Family.V4: ip_address("10.244.1.1"), Family.V6: ip_address("fd00:10:244:1::1")}
OVERLAY = {Family.V4: ip_address("10.244.1.0"), Family.V6: ip_address("fd00:10:244:1::")}
API = {Family.V4: ip_address("10.96.0.1"), Family.V6: ip_address("fd00:10:96::1")}


@pytest.fixture(params=list(Family), ids=["v4", "v6"])
def version(request) -> Family:
    return request.param


def web(wires, version, *names: str, transport=Transport.TCP, **fields) -> tuple[ServicePort, ...]:
    backends = wires.backends(version, *(wires.pods[name] for name in names))
    return (ServicePort("shop/web", "", DOOR[version], transport, 80, backends, **fields),)


def refused_at_once(wires, *asked) -> bool:
    """A reset or an ICMP error; to a node's own UDP socket the refusing hook says EPERM within send."""
    started = time.monotonic()
    with pytest.raises((ConnectionRefusedError, PermissionError)):
        wires.ask(*asked)
    return time.monotonic() - started < AT_ONCE_S


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_a_pod_reaches_every_endpoint_of_a_cluster_ip_with_its_own_address(wires, version, transport):
    wires.program({"shop/web": web(wires, version, "web-1", "web-2", transport=transport)})
    ann = wires.pods["ann"]

    answers = Counter(wires.ask(ann.netns, DOOR[version], 80, transport) for _ in range(40))

    assert set(answers) == {("web-1", ann.ip[version]), ("web-2", ann.ip[version])}
    assert min(answers.values()) >= 5


@pytest.mark.parametrize(("endpoint", "source"), [("web-1", GATEWAY), ("web-2", OVERLAY)])
def test_a_node_reaches_a_cluster_ip_and_shows_the_address_of_the_link_it_leaves_by(
    wires, version, endpoint, source
):
    wires.program({"shop/web": web(wires, version, endpoint)})

    assert wires.ask(wires.node("node-1"), DOOR[version], 80) == (endpoint, source[version])


@pytest.mark.parametrize(("endpoint", "source"), [("web-1", GATEWAY), ("web-2", OVERLAY)])
def test_the_internet_reaches_a_node_port_at_any_node_and_the_pod_sees_that_node(
    wires, version, endpoint, source
):
    wires.program({"shop/web": web(wires, version, endpoint, node_port=30080)})

    asked = wires.ask(wires.internet, wires.address("node-1", version), 30080, source=wires.outside[version])

    assert asked == (endpoint, source[version])


def test_a_node_port_answers_pods_and_its_own_node(wires, version):
    wires.program({"shop/web": web(wires, version, "web-1", node_port=30080)})
    here, there = wires.address("node-1", version), wires.address("node-2", version)

    assert wires.ask(wires.pods["ann"].netns, here, 30080).who == "web-1"
    assert wires.ask(wires.pods["ann"].netns, there, 30080).who == "web-1"
    assert wires.ask(wires.node("node-1"), here, 30080).who == "web-1"


def test_external_traffic_policy_local_keeps_the_clients_address_and_is_silent_elsewhere(wires, version):
    local = {"node_port": 30080, "external": TrafficScope.LOCAL}
    wires.program({"shop/web": web(wires, version, "web-1", **local)})
    client = wires.outside[version]

    assert wires.ask(wires.internet, wires.address("node-1", version), 30080, source=client) == (
        "web-1",
        client,
    )
    with pytest.raises(TimeoutError):
        wires.ask(wires.internet, wires.address("node-2", version), 30080, source=client)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_a_pod_that_reaches_itself_by_its_service_sees_the_nodes_address(wires, version, transport):
    wires.program({"shop/web": web(wires, version, "web-1", transport=transport)})

    assert wires.ask(wires.pods["web-1"].netns, DOOR[version], 80, transport) == ("web-1", GATEWAY[version])


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_a_service_without_endpoints_refuses_pods_and_nodes_at_once(wires, version, transport):
    wires.program({"shop/web": web(wires, version, transport=transport)})

    assert refused_at_once(wires, wires.pods["ann"].netns, DOOR[version], 80, transport)
    assert refused_at_once(wires, wires.node("node-1"), DOOR[version], 80, transport)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_a_node_port_without_endpoints_refuses_the_internet_at_once(wires, version, transport):
    wires.program({"shop/web": web(wires, version, transport=transport, node_port=30080)})

    assert refused_at_once(
        wires, wires.internet, wires.address("node-1", version), 30080, transport, wires.outside[version]
    )


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_a_port_that_no_service_has_and_an_address_that_none_has_refuse_at_once(wires, version, transport):
    wires.program({"shop/web": web(wires, version, "web-1")})
    ann = wires.pods["ann"].netns

    assert refused_at_once(wires, ann, DOOR[version], 81, transport)
    assert refused_at_once(wires, ann, FREE[version], 80, transport)
    assert refused_at_once(wires, wires.node("node-1"), FREE[version], 80, transport)


def test_an_echo_to_a_cluster_ip_is_told_that_the_host_is_unreachable(wires, version):
    wires.program({"shop/web": web(wires, version, "web-1")})
    flag = "-4" if version is Family.V4 else "-6"
    command = ["ip", "netns", "exec", wires.pods["ann"].netns, "ping", flag, "-c1", "-W2", str(DOOR[version])]

    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout

    assert "nreachable" in told, told


def test_a_pod_that_leaves_the_cluster_shows_its_nodes_address(wires, version):
    wires.program({})

    asked = wires.ask(wires.pods["ann"].netns, wires.outside[version], 80)

    assert asked == ("internet", wires.address("node-1", version))


def test_a_pod_keeps_its_address_to_pods_and_to_nodes(wires, version):
    wires.program({})
    ann, far = wires.pods["ann"], wires.pods["web-2"]

    assert wires.ask(ann.netns, far.ip[version], 8080) == ("web-2", ann.ip[version])
    assert wires.ask(ann.netns, wires.address("node-2", version), 10250) == ("node-2", ann.ip[version])


def test_the_api_servers_service_leads_to_its_node_and_shows_who_asks(wires, version):
    backend = Backend(wires.address("cp", version), 6443)
    wires.program(
        {
            "default/kubernetes": (
                ServicePort("default/kubernetes", "https", API[version], Transport.TCP, 443, (backend,)),
            )
        }
    )
    ann = wires.pods["ann"]

    assert wires.ask(ann.netns, API[version], 443) == ("cp", ann.ip[version])
    assert wires.ask(wires.node("node-1"), API[version], 443) == ("cp", wires.address("node-1", version))
    assert wires.ask(wires.node("cp"), API[version], 443).who == "cp"


def test_a_udp_client_that_keeps_its_socket_follows_to_another_endpoint(wires, version):
    wires.program({"shop/web": web(wires, version, "web-1", transport=Transport.UDP)})
    with wires.dial(wires.pods["ann"].netns, DOOR[version], 80, Transport.UDP) as client:
        client.send(b"who")
        assert client.recv(100).startswith(b"web-1 ")

        deleted = wires.change("shop/web", web(wires, version, "web-2", transport=Transport.UDP))
        client.send(b"who")
        assert client.recv(100).startswith(b"web-2 ")

    assert deleted == 1


def test_udp_flows_of_endpoints_that_stay_are_left_alone(wires, version):
    both = web(wires, version, "web-1", "web-2", transport=Transport.UDP)
    wires.program({"shop/web": both})
    clients = [wires.dial(wires.pods["ann"].netns, DOOR[version], 80, Transport.UDP) for _ in range(20)]
    try:
        answered = []
        for client in clients:
            client.send(b"who")
            answered.append(client.recv(100).split()[0])

        deleted = wires.change("shop/web", web(wires, version, "web-2", transport=Transport.UDP))
        for client in clients:
            client.send(b"who")
            assert client.recv(100).startswith(b"web-2 ")
    finally:
        for client in clients:
            client.close()

    assert deleted == answered.count(b"web-1")


def test_a_connection_outlives_its_endpoint_in_the_service(wires, version):
    wires.program({"shop/web": web(wires, version, "web-1")})
    with wires.dial(wires.pods["ann"].netns, DOOR[version], 80) as client:
        assert client.recv(100).startswith(b"web-1 ")
        wires.change("shop/web", web(wires, version, "web-2"))

        client.send(b"still there?")

        assert client.recv(100) == b"still there?"
    assert wires.ask(wires.pods["ann"].netns, DOOR[version], 80).who == "web-2"


def test_no_request_is_lost_while_endpoints_change(wires, version):
    wires.program({"shop/web": web(wires, version, "web-1", "web-2")})
    ann = wires.pods["ann"].netns
    for turn in range(60):
        names = [("web-1",), ("web-2",), ("web-1", "web-2")][turn % 3]
        wires.change("shop/web", web(wires, version, *names))

        assert wires.ask(ann, DOOR[version], 80).who in names


def test_with_session_affinity_a_client_stays_with_its_endpoint(wires, version):
    wires.program({"shop/web": web(wires, version, "web-1", "web-2", affinity=Affinity())})

    answers = {wires.ask(wires.pods["ann"].netns, DOOR[version], 80).who for _ in range(20)}

    assert len(answers) == 1


def test_two_ports_of_a_service_are_two_doors(wires, version):
    (first,) = web(wires, version, "web-1")
    (second,) = web(wires, version, "web-2")
    wires.program({"shop/web": (first, replace(second, port=81, name="other"))})
    ann = wires.pods["ann"].netns

    assert wires.ask(ann, DOOR[version], 80).who == "web-1"
    assert wires.ask(ann, DOOR[version], 81).who == "web-2"


def test_an_answer_may_come_back_by_another_link_than_its_question_left_by(wires, version):
    """From the underlay's address a node's question leaves by the overlay, and its answer comes by the underlay."""
    wires.program({})
    here = wires.address("node-1", version)

    assert wires.ask(wires.node("node-1"), wires.pods["web-2"].ip[version], 8080, source=here) == (
        "web-2",
        here,
    )
