"""NetworkPolicy JSON to values: defaults, empty against missing, and errors that name the field."""

from ipaddress import ip_network

import pytest

from policy.errors import CidrInvalid, FieldInvalid, PolicyError, PortRangeInvalid, SelectorInvalid
from policy.model import SCTP, TCP, UDP, Operator, Selector
from policy.parse.networkpolicy import parse_policy


def parse(**spec):
    meta = {"namespace": "shop", "name": "p", "uid": "u", "resourceVersion": "7"}
    return parse_policy({"metadata": meta, "spec": spec})


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ({}, True, False),
        ({"ingress": []}, True, False),
        ({"egress": []}, True, False),
        ({"egress": [{}]}, True, True),
        ({"policyTypes": []}, True, False),
        ({"policyTypes": ["Egress"]}, False, True),
        ({"policyTypes": ["Egress"], "ingress": [{}]}, False, True),
        ({"policyTypes": ["Ingress", "Egress"]}, True, True),
    ],
)
def test_policy_types_default_to_ingress_and_to_egress_where_it_has_rules(spec, ingress, egress):
    policy = parse(**spec)
    assert (policy.ingress is not None, policy.egress is not None) == (ingress, egress)


def test_rules_without_peers_or_ports_mean_everybody_and_everything():
    (missing, empty) = parse(ingress=[{}, {"from": [], "ports": []}]).ingress
    assert (missing.peers, missing.ports) == (empty.peers, empty.ports) == ((), ())


def test_a_null_rule_is_an_empty_one():
    (rule,) = parse(ingress=[None]).ingress
    assert rule.peers == ()


def test_empty_selectors_are_told_from_missing_ones():
    peers = parse(
        ingress=[{"from": [{"podSelector": {}}, {"namespaceSelector": {}}, {"podSelector": {}, "namespaceSelector": {}}]}]
    ).ingress[0].peers  # fmt: skip
    assert [(p.namespaces, p.pods) for p in peers] == [
        (None, Selector()),
        (Selector(), None),
        (Selector(), Selector()),
    ]


def test_selectors_with_every_operator():
    made = parse(
        podSelector={
            "matchLabels": {"b": "2", "a": ""},
            "matchExpressions": [
                {"key": "k", "operator": "In", "values": ["y", "x"]},
                {"key": "k", "operator": "NotIn", "values": ["z"]},
                {"key": "example.com/k", "operator": "Exists"},
                {"key": "k", "operator": "DoesNotExist", "values": []},
            ],
        }
    ).pods
    assert made.match_labels == (("a", ""), ("b", "2"))
    assert [(e.operator, e.values) for e in made.expressions] == [
        (Operator.IN, ("x", "y")),
        (Operator.NOT_IN, ("z",)),
        (Operator.EXISTS, ()),
        (Operator.DOES_NOT_EXIST, ()),
    ]


def test_ports_by_number_name_range_and_protocol():
    ports = parse(
        egress=[{"ports": [{"port": 80}, {"port": "dns", "protocol": "UDP"}, {"port": 1, "endPort": 9, "protocol": "SCTP"}, {}]}]
    ).egress[0].ports  # fmt: skip
    assert [(p.protocol, p.port, p.end_port) for p in ports] == [
        (TCP, 80, None),
        (UDP, "dns", None),
        (SCTP, 1, 9),
        (TCP, None, None),
    ]


def test_an_ip_block_with_except():
    (peer,) = (
        parse(ingress=[{"from": [{"ipBlock": {"cidr": "10.1.2.3/8", "except": ["10.1.0.0/16"]}}]}])
        .ingress[0]
        .peers
    )
    assert (peer.cidr, peer.excepts) == (ip_network("10.0.0.0/8"), (ip_network("10.1.0.0/16"),))


def test_every_part_knows_the_field_it_came_from_and_equality_does_not():
    made = parse(egress=[{}, {"to": [{"podSelector": {}}], "ports": [{"port": 1}]}])
    rule = made.egress[1]
    assert rule.peers[0].origin.field == "spec.egress[1].to[0]"
    assert rule.ports[0].origin.field == "spec.egress[1].ports[0]"
    assert rule.peers[0].origin.comment() == "NetworkPolicy shop/p spec.egress[1].to[0]"
    again = parse_policy(
        {"metadata": {"namespace": "shop", "name": "p", "resourceVersion": "8"}, "spec": {"egress": [{}, {"to": [{"podSelector": {}}], "ports": [{"port": 1}]}]}}
    )  # fmt: skip
    assert made == again


@pytest.mark.parametrize(
    ("spec", "error", "field"),
    [
        ({"policyTypes": ["Both"]}, FieldInvalid, "spec.policyTypes[0]"),
        ({"podSelector": "all"}, FieldInvalid, "spec.podSelector"),
        ({"podSelector": {"matchLabels": {"a b": "c"}}}, SelectorInvalid, "spec.podSelector.matchLabels"),
        (
            {"podSelector": {"matchLabels": {"a": "x" * 64}}},
            SelectorInvalid,
            "spec.podSelector.matchLabels.a",
        ),
        (
            {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}},
            SelectorInvalid,
            "spec.podSelector.matchExpressions[0].operator",
        ),
        (
            {"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}},
            SelectorInvalid,
            "spec.podSelector.matchExpressions[0].values",
        ),
        (
            {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}},
            SelectorInvalid,
            "spec.podSelector.matchExpressions[0].values",
        ),
        ({"ingress": "no"}, FieldInvalid, "spec.ingress"),
        ({"ingress": [{"from": [{}]}]}, FieldInvalid, "spec.ingress[0].from[0]"),
        (
            {"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}]},
            FieldInvalid,
            "spec.ingress[0].from[0]",
        ),
        (
            {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0"}}]}]},
            CidrInvalid,
            "spec.egress[0].to[0].ipBlock.cidr",
        ),
        (
            {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["11.0.0.0/8"]}}]}]},
            CidrInvalid,
            "spec.egress[0].to[0].ipBlock.except[0]",
        ),
        (
            {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]}]},
            CidrInvalid,
            "spec.egress[0].to[0].ipBlock.except[0]",
        ),
        ({"ingress": [{"ports": [{"port": 0}]}]}, PortRangeInvalid, "spec.ingress[0].ports[0].port"),
        ({"ingress": [{"ports": [{"port": 65536}]}]}, PortRangeInvalid, "spec.ingress[0].ports[0].port"),
        ({"ingress": [{"ports": [{"port": "no_name"}]}]}, PortRangeInvalid, "spec.ingress[0].ports[0].port"),
        (
            {"ingress": [{"ports": [{"port": 9, "endPort": 8}]}]},
            PortRangeInvalid,
            "spec.ingress[0].ports[0].endPort",
        ),
        (
            {"ingress": [{"ports": [{"port": "http", "endPort": 8}]}]},
            PortRangeInvalid,
            "spec.ingress[0].ports[0].endPort",
        ),
        (
            {"ingress": [{"ports": [{"protocol": "ICMP"}]}]},
            PortRangeInvalid,
            "spec.ingress[0].ports[0].protocol",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_field(spec, error, field):
    with pytest.raises(error) as caught:
        parse(**spec)
    assert isinstance(caught.value, PolicyError)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: Invalid value: ")


def test_boutiques_published_policies_all_parse(boutique):
    import yaml

    files = sorted((boutique / "network-policies").glob("*.yaml"))
    made = [parse_policy(doc) for file in files for doc in yaml.safe_load_all(file.read_text()) if doc]
    assert {policy.name for policy in made} >= {"deny-all", "frontend", "cartservice"}
