"""A sample of policies by chance in a real kernel: every connection goes as the oracle says."""

import random
from ipaddress import ip_address

import pytest

from control.verify import probe
from control.verify.probe import Outcome, Probe
from policy.oracle.flow import Flow
from policy.oracle.verdict import verdict

pytestmark = pytest.mark.root

APPS = ("web", "api", "db")
PORTS = (80, 8080)


def peer(dice):
    return dice.choice(
        [
            {"podSelector": {"matchLabels": {"app": dice.choice(APPS)}}},
            {
                "podSelector": {
                    "matchExpressions": [{"key": "app", "operator": "NotIn", "values": [dice.choice(APPS)]}]
                }
            },
            {"namespaceSelector": {}},
            {"namespaceSelector": {"matchLabels": {"team": "b"}}, "podSelector": {}},
            {"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.8/32"]}},
            {"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.1.2/31"]}},
            {"ipBlock": {"cidr": "2001:db8::/32"}},
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}},
        ]
    )


def ports(dice):
    made = dice.choice(
        [
            [],
            [{"port": 80}],
            [{"port": "http"}],
            [{"port": 8000, "endPort": 9000}],
            [{"protocol": "TCP"}],
            [{"port": 80}, {"port": 8080}],
            [{"port": 80, "protocol": "UDP"}],
        ]
    )
    return {"ports": made} if made else {}


def policy(dice):
    spec = {"podSelector": dice.choice([{}, {"matchLabels": {"app": dice.choice(APPS)}}])}
    spec["policyTypes"] = dice.choice((["Ingress"], ["Egress"], ["Ingress", "Egress"]))
    for section, field in (("ingress", "from"), ("egress", "to")):
        rules = []
        for _ in range(dice.randrange(3)):
            peers = {field: [peer(dice) for _ in range(dice.randint(1, 2))]} if dice.random() < 0.8 else {}
            rules.append({**peers, **ports(dice)})
        spec[section] = rules
    return spec


@pytest.mark.parametrize("seed", range(3))
def test_every_connection_goes_as_the_oracle_says(node, seed):
    dice = random.Random(seed)
    node.namespace("other", team="b")
    for number, app in enumerate(APPS, start=2):
        node.pod(app, number, app=app, ports={"http": dice.choice(PORTS)}, listens=PORTS)
    node.pod("stray", 9, namespace="other", app="web", listens=PORTS)
    node.remote("far", "10.244.2.2", "fd00:10:244:2::2", namespace="other", app="api")
    node.judge()

    for _change in range(5):
        node.policy(f"p{dice.randrange(3)}", policy(dice))
        node.judge()
        flows, probes = [], []
        for source, netns in ends(node):
            for to, _netns in ends(node):
                if source == to or source.version != to.version or netns == _netns == node.outside:
                    continue
                for port in PORTS:
                    flows.append(Flow(source, to, probe.TCP, port))
                    probes.append(Probe(netns, probe.TCP, to, port, source=source))
        wrong = [
            (str(flow.source), str(flow.destination), flow.port, answer.outcome, said.reason.text)
            for flow, answer in zip(flows, probe.run(probes, node.patience_s), strict=True)
            if (answer.outcome is Outcome.OPEN)
            != (said := verdict(node.world, node.policies.values(), flow)).allowed
        ]
        assert not wrong, (len(wrong), len(flows), wrong[:3])


def ends(node):
    here = [(ip, pod.netns) for pod in node.here.values() for ip in pod.facts.ips]
    far = (
        "10.244.2.2",
        "10.244.2.3",
        "fd00:10:244:2::2",
        "203.0.113.7",
        "203.0.113.8",
        "2001:db8::7",
        "10.0.1.11",
    )
    return here + [(ip_address(address), node.outside) for address in far]
