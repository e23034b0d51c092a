"""Changes one at a time end where a snapshot compiled from nothing ends, and cost what they change."""

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest

from policy.compile.delta import Compiler
from policy.oracle.verdict import verdict
from policy.parse.networkpolicy import parse_policy
from policy.world import NamespaceFacts, PodFacts

LOCAL = {
    "node-1": (IPv4Network("10.244.1.0/24"), IPv6Network("fd00:10:244:1::/64")),
    "node-2": (IPv4Network("10.244.2.0/24"), IPv6Network("fd00:10:244:2::/64")),
}


def apply(table, delta):
    """The table after the delta, the way a kernel would go: what comes must be new, what goes must be there."""
    identities, pods, groups = table
    for changes, have in ((delta.identities, identities), (delta.pods, pods)):
        for address, value in changes.items():
            assert have.get(address) != value
            if value is None:
                del have[address]
            else:
                have[address] = value
    for group in delta.new_groups:
        assert group.name not in groups
        groups[group.name] = dict(group.allows)
    for change in delta.changed_groups:
        allows = groups[change.group.name]
        for allowance in change.removed:
            del allows[allowance]
        for allowance, origin in change.added.items():
            assert allowance not in allows
            allows[allowance] = origin
    for group in delta.gone_groups:
        del groups[group.name]
    return table


@pytest.mark.parametrize("seed", range(25))
def test_after_any_changes_the_tables_decide_as_the_oracle_does(cluster, kernels, seed):
    made = cluster(seed)
    compilers = {node: Compiler(node, local) for node, local in LOCAL.items()}
    for compiler in compilers.values():
        for namespace in made.namespaces.values():
            compiler.set_namespace(namespace)
        for pod in made.pods.values():
            compiler.set_pod(pod)
        for policy in made.policies.values():
            compiler.set_policy(policy)
    kept = {node: apply(({}, {}, {}), compiler.take()) for node, compiler in compilers.items()}

    for _ in range(30):
        kind, value = made.change()
        for node, compiler in compilers.items():
            {
                "pod": compiler.set_pod,
                "no-pod": compiler.remove_pod,
                "policy": compiler.set_policy,
                "no-policy": compiler.remove_policy,
                "namespace": compiler.set_namespace,
            }[kind](value)
            apply(kept[node], compiler.take())
            assert not compiler.take(), "nothing changed, and there is a difference"
        tables = {node: compiler.table() for node, compiler in compilers.items()}
        for node, table in tables.items():
            identities, pods, groups = kept[node]
            assert (identities, pods) == (table.identities, table.pods)
            assert {name: set(allows) for name, allows in groups.items()} == {
                name: set(group.allows) for name, group in table.groups.items()
            }
        for flow, source, destination in made.flows(20):
            said = verdict(made.world, made.policies.values(), flow)
            assert kernels(tables, source, destination, flow) == said.allowed, (seed, kind, flow, said.reason)


def pod(name, number, node="node-1", **labels):
    address = ip_address(f"10.244.{node[-1]}.{number}")
    return PodFacts("shop", name, f"uid-{name}", labels, (address,), node=node)


def policy(name, app, *peers, port=80):
    return parse_policy(
        {
            "metadata": {"namespace": "shop", "name": name},
            "spec": {
                "podSelector": {"matchLabels": {"app": app}},
                "ingress": [
                    {
                        "from": [{"podSelector": {"matchLabels": {"app": peer}}} for peer in peers],
                        "ports": [{"port": port}],
                    }
                ],
            },
        }
    )


@pytest.fixture
def compiler():
    made = Compiler("node-1", LOCAL["node-1"])
    made.set_namespace(NamespaceFacts("shop", {"kubernetes.io/metadata.name": "shop"}))
    made.set_policy(policy("api", "api", "web"))
    made.set_pod(pod("api-1", 2, app="api", hash="1"))
    made.set_pod(pod("web-1", 3, app="web", hash="2"))
    made.take()
    return made


def test_a_pod_elsewhere_like_one_that_is_known_costs_one_element(compiler):
    compiler.set_pod(pod("web-2", 9, "node-2", app="web", hash="3"))

    delta = compiler.take()

    assert list(delta.identities) == [ip_address("10.244.2.9")]
    assert not delta.pods
    assert not delta.new_groups
    assert not delta.changed_groups


def test_labels_that_no_policy_asks_for_cost_nothing(compiler):
    compiler.set_pod(pod("web-1", 3, app="web", hash="another"))

    assert not compiler.take()


def test_a_rule_more_costs_its_elements(compiler):
    compiler.set_policy(policy("api", "api", "web", "api"))

    delta = compiler.take()

    assert not delta.pods
    assert not delta.new_groups
    (change,) = delta.changed_groups
    assert len(change.added) == 1
    assert not change.removed


def test_a_new_resource_version_alone_changes_nothing(compiler):
    same = policy("api", "api", "web")
    compiler.set_policy(replace(same, origin=replace(same.origin, resource_version="99")))

    assert not compiler.take()


def test_the_last_pod_takes_its_group_along(compiler):
    compiler.remove_pod("uid-api-1")

    delta = compiler.take()

    assert delta.pods == {ip_address("10.244.1.2"): None}
    assert [group.name for group in delta.gone_groups]


def test_after_a_restart_numbers_and_group_names_are_the_same(compiler):
    compiler.set_pod(pod("late", 4, app="late"))
    compiler.remove_pod("uid-web-1")
    compiler.set_pod(pod("web-9", 9, app="web"))
    compiler.take()
    before = compiler.table()

    again = Compiler(
        "node-1", LOCAL["node-1"], {ip: identity.number for ip, identity in before.identities.items()}
    )
    again.set_pod(pod("web-9", 9, app="web"))
    again.set_pod(pod("late", 4, app="late"))
    again.set_pod(pod("api-1", 2, app="api"))
    again.set_namespace(NamespaceFacts("shop", {"kubernetes.io/metadata.name": "shop"}))
    again.set_policy(policy("api", "api", "web"))
    again.take()

    assert again.table() == before


def test_an_address_that_was_given_on_is_the_new_pods(compiler):
    compiler.set_pod(replace(pod("web-2", 3, app="web"), uid="uid-new"))
    compiler.take()
    compiler.remove_pod("uid-web-1")

    assert not compiler.take()
    assert ip_address("10.244.1.3") in compiler.table().pods


def test_finished_pods_and_those_on_the_hosts_network_have_no_part(compiler):
    compiler.set_pod(replace(pod("web-1", 3, app="web"), finished=True))
    compiler.set_pod(replace(pod("host", 7, app="web"), host_network=True))

    delta = compiler.take()

    assert delta.identities == {ip_address("10.244.1.3"): None}
    assert ip_address("10.244.1.7") not in delta.pods
