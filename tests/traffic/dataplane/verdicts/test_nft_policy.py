"""Verdict tables in a real kernel: what passes and what does not, by real connections."""

import pytest

from control.verify.probe import Outcome

pytestmark = pytest.mark.root

WEB = {"podSelector": {"matchLabels": {"app": "web"}}}
API = {"matchLabels": {"app": "api"}}


@pytest.fixture
def shop(node):
    """web, api and db on one node."""
    for number, app in enumerate(("web", "api", "db"), start=2):
        node.pod(app, number, app=app, listens=(80, 8080))
    node.judge()
    return node


def test_without_policies_everybody_reaches_everybody(shop):
    web, api = shop.here["web"], shop.here["api"]
    assert (
        shop.tries(
            (web.netns, api.ip, 80),
            (web.netns, api.ip6, 80),
            (shop.outside, api.ip, 80),
            (web.netns, "203.0.113.7", 80),
            (web.netns, "2001:db8::7", 80),
        )
        == [Outcome.OPEN] * 5
    )


def test_an_address_of_the_node_without_a_pod_gets_nothing(node):
    web = node.pod("web", 2, app="web")
    assert not node.opens(node.outside, web.ip)
    node.judge()
    assert node.opens(node.outside, web.ip)
    node.compiler.remove_pod(web.facts.uid)
    node.judge()
    assert not node.opens(node.outside, web.ip)


def test_ingress_by_pod_selector_and_port_in_both_families(shop):
    web, api, db = (shop.here[name] for name in ("web", "api", "db"))
    shop.policy("api", {"podSelector": API, "ingress": [{"from": [WEB], "ports": [{"port": 80}]}]})
    shop.judge()
    for address in (api.ip, api.ip6):
        assert shop.opens(web, address, 80)
        assert not shop.opens(web, address, 8080)
        assert not shop.opens(db, address, 80)
    assert not shop.opens(shop.outside, api.ip, 80)
    assert shop.opens(api, web.ip, 80), "leaving api is not isolated"


def test_the_nodes_own_probes_always_pass(shop):
    shop.policy("api", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    shop.judge()
    api = shop.here["api"]
    assert shop.opens(shop.netns, api.ip, 80)
    assert shop.opens(shop.netns, api.ip6, 80)
    assert not shop.opens(shop.here["web"], api.ip, 80)


def test_egress_by_pod_elsewhere_and_port_range(shop):
    shop.remote("far", "10.244.2.2", "fd00:10:244:2::2", app="far")
    shop.policy(
        "web",
        {
            "podSelector": WEB["podSelector"],
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{"podSelector": {"matchLabels": {"app": "far"}}}],
                    "ports": [{"port": 8000, "endPort": 8100}],
                }
            ],
        },
    )
    shop.judge()
    web = shop.here["web"]
    assert shop.opens(web, "10.244.2.2", 8080)
    assert shop.opens(web, "fd00:10:244:2::2", 8080)
    assert not shop.opens(web, "10.244.2.2", 80)
    assert not shop.opens(web, "10.244.2.3", 8080), "another pod there"
    assert not shop.opens(web, shop.here["api"].ip, 8080)


@pytest.mark.parametrize("ports", [[], [{"port": 80}], [{"port": 50, "endPort": 100}], [{"protocol": "TCP"}]])
def test_ip_blocks_with_except_in_both_directions_with_and_without_ports(shop, ports):
    block = {"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.8/32"]}}
    block6 = {"ipBlock": {"cidr": "2001:db8::/32"}}
    rule = {"ports": ports} if ports else {}
    shop.policy(
        "web",
        {
            "podSelector": WEB["podSelector"],
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [block, block6], **rule}],
            "egress": [{"to": [block, block6], **rule}],
        },
    )
    shop.judge()
    web = shop.here["web"]
    assert shop.opens(web, "203.0.113.7", 80)
    assert shop.opens(web, "2001:db8::7", 80)
    assert not shop.opens(web, "203.0.113.8", 80)
    assert shop.opens(web, "203.0.113.7", 8080) == (not ports or ports == [{"protocol": "TCP"}])
    assert shop.opens(shop.outside, web.ip, 80, by="203.0.113.7")
    assert not shop.opens(shop.outside, web.ip, 80, by="203.0.113.8")
    assert shop.opens(shop.outside, web.ip6, 80, by="2001:db8::7")


def test_named_ports_are_those_of_the_pod_that_is_reached(node):
    web = node.pod("web", 2, app="web")
    one = node.pod("one", 3, app="api", ports={"http": 80}, listens=(80, 8080))
    two = node.pod("two", 4, app="api", ports={"http": 8080}, listens=(80, 8080))
    node.policy("in", {"podSelector": API, "ingress": [{"ports": [{"port": "http"}]}]})
    node.policy(
        "out",
        {
            "podSelector": WEB["podSelector"],
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": API}], "ports": [{"port": "http"}]}],
        },
    )
    node.judge()
    assert [node.opens(web, pod.ip, port) for pod in (one, two) for port in (80, 8080)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_cut_is_one_element_and_stops_a_live_connection_and_allowing_again_resumes_it(shop):
    web, api = shop.here["web"], shop.here["api"]
    shop.policy("api", {"podSelector": API, "ingress": [{"from": [WEB], "ports": [{"port": 81}]}]})
    shop.judge()
    with shop.maker(api.netns).socket(2, 1) as door:
        door.bind(("0.0.0.0", 81))
        door.listen()
        with shop.maker(web.netns).socket(2, 1) as client:
            client.settimeout(5)
            client.connect((str(api.ip), 81))
            server, _ = door.accept()
            server.settimeout(5)
            client.sendall(b"one")
            assert server.recv(9) == b"one"

            shop.policy("api", {"podSelector": API, "ingress": []})
            delta = shop.compiler.take()
            applied = shop.verdicts.apply(delta)
            assert applied.elements <= 4, "a few elements, whatever the number of flows"
            client.sendall(b"two")
            server.settimeout(shop.patience_s)
            with pytest.raises(TimeoutError):
                server.recv(9)

            shop.policy("api", {"podSelector": API, "ingress": [{"from": [WEB], "ports": [{"port": 81}]}]})
            shop.judge()
            server.settimeout(10)
            assert server.recv(9) == b"two"
            server.close()


def test_a_second_sync_changes_nothing_and_a_restart_from_the_kernel_neither(shop):
    from policy.compile.delta import Compiler

    shop.remote("far", "10.244.2.2", app="far")
    shop.policy("api", {"podSelector": API, "ingress": [{"from": [WEB], "ports": [{"port": 80}]}]})
    shop.policy("block", {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]})
    shop.judge()
    shop.verdicts.sync(shop.compiler.table(), shop.ports)

    again = Compiler("node-1", shop.compiler.table().local, shop.verdicts.identities())
    for namespace in shop.namespaces.values():
        again.set_namespace(namespace)
    for pod in reversed([*shop.world.pods.values()]):
        again.set_pod(pod)
    for policy in shop.policies.values():
        again.set_policy(policy)
    again.take()
    assert again.table() == shop.compiler.table()
    assert shop.verdicts.sync(again.table(), shop.ports).elements == 0


def test_a_sync_mends_what_somebody_else_changed(shop):
    shop.policy("api", {"podSelector": API, "ingress": [{"from": [WEB], "ports": [{"port": 80}]}]})
    shop.judge()
    shop.nft(f"delete element inet podwire-policy ingress4 {{ {shop.here['api'].ip} }}")
    assert not shop.opens(shop.here["web"], shop.here["api"].ip)
    applied = shop.verdicts.sync(shop.compiler.table(), shop.ports)
    assert applied.elements == 1
    assert shop.opens(shop.here["web"], shop.here["api"].ip)


def test_the_kernel_prints_the_layout_and_names_the_policies(shop):
    shop.policy("api", {"podSelector": API, "ingress": [{"from": [WEB], "ports": [{"port": 80}]}]})
    shop.judge()
    listed = shop.nft("list table inet podwire-policy")
    assert 'comment "NetworkPolicy shop/api spec.ingress[0].from[0]"' in listed
    assert 'comment "Pod' in listed
    assert "default deny ingress: shop/api" in listed
    shop.nft("delete table inet podwire-policy\n" + listed)
    assert shop.opens(shop.here["web"], shop.here["api"].ip), "what nft prints, nft takes"
