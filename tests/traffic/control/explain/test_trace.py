"""One packet followed through a real lab: every link, every rule that decided, and why it was lost."""

import subprocess

import pytest

from control.explain.causes import Cause
from control.explain.hops import Hop
from control.explain.run import TraceReport
from dataplane.model.address import Family
from dataplane.observe.marking import PREFIX

pytestmark = pytest.mark.root


def _links(report: TraceReport) -> list[tuple[str, str]]:
    """Place and direction of each link that the request passed."""
    return [(hop.place, hop.said.split(" ")[0]) for hop in report.request if hop.what in ("link", "tunnel")]


def _one(report: TraceReport, what: str) -> Hop:
    """The only line of that kind."""
    found = [hop for hop in report.request if hop.what == what]
    assert len(found) == 1, found
    return found[0]


def test_across_nodes_it_passes_the_bridge_the_tunnel_and_the_fabric(lab, trace, family):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    report = trace(ann, f"{lab.namespace}/shop:8080", family=family)

    assert report.fate.delivered
    assert report.fate.answered
    assert _links(report) == [
        (f"{lab.namespace}/ann", "out"),
        ("node-2", "in"),  # its port
        ("node-2", "in"),  # cni0
        ("node-2", "out"),  # vxlan1
        ("node-2", "out"),  # eth0
        ("fabric", "in"),
        ("fabric", "out"),
        ("node-1", "in"),  # eth0
        ("node-1", "in"),  # vxlan1
        ("node-1", "out"),  # cni0
        ("node-1", "out"),  # its port
        (f"{lab.namespace}/shop", "in"),
    ]
    tunnels = [hop for hop in report.request if hop.what == "tunnel"]
    assert all("VXLAN 1, " in hop.said for hop in tunnels)
    assert report.journey.lost == ()
    assert "no policy selects it" in _one(report, "policy").said
    assert shop.name in _one(report, "policy").said


def test_times_of_links_never_go_back(lab, trace):
    lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    report = trace(ann, f"{lab.namespace}/shop:8080")

    times = [hop.time_us for hop in report.request if hop.time_us is not None]
    assert times == sorted(times)
    assert len(times) >= 12


@pytest.mark.parametrize("node", ["node-1", "node-2"])
def test_through_a_clusterip_the_translation_stands_beside_its_service(lab, trace, family, node):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node=node)
    door = lab.service("door", to=shop, port=80, target=8080)

    report = trace(ann, "svc/door", family=family)

    assert report.fate.delivered
    assert report.fate.answered
    proxy = _one(report, "proxy")
    asked = f"[{door.ip[family]}]:80" if family is Family.V6 else f"{door.ip[family]}:80"
    assert f"Service {lab.namespace}/door: DNAT {asked} → " in proxy.said
    assert f"{lab.namespace}/shop, 1 of 1" in proxy.said
    assert proxy.provenance is not None
    assert (proxy.provenance.key, proxy.provenance.field) == (f"{lab.namespace}/door", "spec.ports[0]")


def test_a_pod_that_reaches_itself_through_its_service_is_masqueraded(lab, trace):
    shop = lab.pod("shop", node="node-1", listens=8080)
    lab.service("door", to=shop, port=80, target=8080)

    report = trace(shop, "svc/door")

    assert report.fate.delivered
    assert any("masqueraded" in hop.said and "hairpin" in hop.said for hop in report.request)
    assert _links(report)[0] == (f"{lab.namespace}/shop", "out")
    assert (f"{lab.namespace}/shop", "in") in _links(report)


def test_from_the_internet_a_node_port_masquerades_and_the_policy_local_keeps_the_client(lab, trace):
    shop = lab.pod("shop", node="node-1", listens=8080)
    door = lab.service("door", to=shop, port=80, target=8080, spec={"type": "NodePort"})
    gate = lab.service(
        "gate", to=shop, port=80, target=8080, spec={"type": "NodePort", "externalTrafficPolicy": "Local"}
    )

    through = trace(lab.internet, f"node/node-2:{door.node_port}")
    kept = trace(lab.internet, f"node/node-1:{gate.node_port}")
    nowhere = trace(lab.internet, f"node/node-2:{gate.node_port}")

    assert through.fate.answered
    assert any("masqueraded" in hop.said for hop in through.request)
    assert kept.fate.answered
    assert not any("masqueraded" in hop.said for hop in kept.request)
    assert (nowhere.fate.delivered, nowhere.fate.cause) == (False, Cause.LOCAL_ONLY)


def test_a_headless_services_name_means_its_endpoint(lab, trace):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    lab.service("door", to={"name": "shop"}, port=8080, spec={"clusterIP": "None"})
    lab.until(lambda: lab.endpoints("door"), what="it has its endpoint")

    report = trace(ann, "svc/door")

    assert report.fate.answered
    assert report.aim.address == shop.ip[Family.V4]
    assert not [hop for hop in report.request if hop.what == "proxy"]


def test_each_way_of_not_being_served_has_its_own_cause(lab, trace):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    door = lab.service("door", to=shop, port=80, target=8080)
    lab.service("empty", to={"app": "nobody"}, port=80)
    lab.until(
        lambda: trace(ann, "svc/empty").fate.cause is Cause.NO_ENDPOINTS, what="the empty Service refuses"
    )

    assert trace(ann, f"{door.ip[Family.V4]}:81").fate.cause is Cause.UNDEFINED_PORT
    assert trace(ann, f"{lab.plan.service_cidrs[0][-2]}:80").fate.cause is Cause.UNALLOCATED
    assert trace(ann, f"{lab.namespace}/shop:9999").fate.cause is Cause.NO_LISTENER


def test_a_denied_packet_dies_at_the_rule_that_its_policy_made(lab, trace):
    lab.pod("shop", node="node-1", listens=8080, labels={"app": "shop"})
    ann = lab.pod("ann", node="node-2", labels={"app": "ann"})
    friend = lab.pod("friend", node="node-2", labels={"app": "friend"})
    lab.policy(
        "friends-only",
        podSelector={"matchLabels": {"app": "shop"}},
        ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}], "ports": [{"port": 8080}]}],
    )
    to = f"{lab.namespace}/shop:8080"
    lab.until(lambda: trace(ann, to).fate.cause is Cause.POLICY, what="the policy is in force")

    denied, allowed = trace(ann, to), trace(friend, to)

    assert denied.fate.place == "node-1"
    assert denied.agrees is True
    drop = denied.request[-1]
    assert drop.said.startswith(
        f"DROPPED: entering {lab.namespace}/shop: default deny by {lab.namespace}/friends-only"
    )
    assert drop.provenance is not None
    assert (drop.provenance.kind, drop.provenance.field) == ("NetworkPolicy", "spec.podSelector")
    assert f"the kernel knows {ann.ip[Family.V4]} as: Pod {lab.namespace}/ann" in drop.because
    assert allowed.fate.answered
    said = [hop for hop in allowed.request if hop.what == "policy"]
    assert [hop.said for hop in said] == [
        f"entering {lab.namespace}/shop: allowed by {lab.namespace}/friends-only spec.ingress[0].from[0]"
    ]


def test_a_packet_that_may_not_leave_dies_on_its_own_node(lab, trace):
    lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2", labels={"app": "ann"})
    lab.policy("stay", podSelector={"matchLabels": {"app": "ann"}}, policyTypes=["Egress"], egress=[])
    to = f"{lab.namespace}/shop:8080"
    lab.until(lambda: trace(ann, to).fate.cause is Cause.POLICY, what="the policy is in force")

    denied = trace(ann, to)

    assert denied.fate.place == "node-2"
    assert f"leaving {lab.namespace}/ann: default deny by {lab.namespace}/stay" in denied.request[-1].said


def test_ttl_1_dies_at_the_first_router_and_too_big_at_the_sender(lab, trace):
    lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    to = f"{lab.namespace}/shop:8080"

    short, big = trace(ann, to, ttl=1), trace(ann, to, size_bytes=1600)

    assert (short.fate.cause, short.fate.place) == (Cause.TTL, "node-2")
    assert (big.fate.cause, big.fate.place) == (Cause.MTU, f"{lab.namespace}/ann")


def test_faults_that_podwire_knows_nothing_of_are_found_where_they_are(lab, trace):
    shop = lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")
    far, near, to = lab.node("node-1"), lab.node("node-2"), f"{lab.namespace}/shop:8080"
    address = shop.ip[Family.V4]
    assert trace(ann, to).fate.answered

    far.run("nft", "add table ip strange; add chain ip strange c { type filter hook forward priority 5; };"
                   f'add rule ip strange c ip daddr {address} drop comment "who did this?"')  # fmt: skip
    try:
        foreign = trace(ann, to)
    finally:
        far.run("nft", "delete table ip strange")
    assert (foreign.fate.cause, foreign.fate.place) == (Cause.FOREIGN_RULE, "node-1")
    assert "who did this?" in foreign.fate.said
    assert foreign.agrees is False

    near.run("ip", "route", "add", "prohibit", f"{address}/32")
    try:
        no_way = trace(ann, to)
    finally:
        near.run("ip", "route", "del", "prohibit", f"{address}/32")
    assert (no_way.fate.cause, no_way.fate.place) == (Cause.NO_ROUTE, "node-2")

    far.run(
        "ip",
        "neigh",
        "replace",
        str(address),
        "dev",
        "cni0",
        "lladdr",
        "02:00:00:00:00:99",
        "nud",
        "permanent",
    )
    try:
        wrong = trace(ann, to)
    finally:
        far.run("ip", "neigh", "del", str(address), "dev", "cni0")
    assert (wrong.fate.cause, wrong.fate.place) == (Cause.DEAD_LINK, "node-1")
    assert "02:00:00:00:00:99" in wrong.fate.said


def test_a_cut_wire_is_a_dead_link(lab, trace):
    lab.pod("shop", node="node-1", listens=8080)
    ann = lab.pod("ann", node="node-2")

    lab.fabric.run("ip", "link", "set", "node-1", "down")
    try:
        report = trace(ann, f"{lab.namespace}/shop:8080")
    finally:
        lab.fabric.run("ip", "link", "set", "node-1", "up")

    assert (report.fate.cause, report.fate.place) == (Cause.DEAD_LINK, "fabric")


def test_nothing_is_left_when_a_trace_is_killed(lab):
    lab.pod("shop", node="node-1", listens=8080)
    lab.pod("ann", node="node-2")
    words = ["trace", "--name", lab.name, f"{lab.namespace}/ann", "10.244.9.9:80", "--timeout", "30"]

    with subprocess.Popen(
        ["podwire", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        lab.until(lambda: PREFIX in lab.node("node-2").run("nft", "list tables"), what="it is tracing")
        running.kill()

    lab.until(
        lambda: PREFIX not in lab.node("node-2").run("nft", "list tables"), what="its table went with it"
    )
