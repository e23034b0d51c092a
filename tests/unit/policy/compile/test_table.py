"""Compiled verdict tables decide as the oracle does, for worlds, policies and flows by chance."""

from ipaddress import IPv4Network, IPv6Network

import pytest

from dataplane.model.verdict import AddressRange, Form
from policy.compile.table import compile_table
from policy.oracle.verdict import verdict

LOCAL = {
    "node-1": (IPv4Network("10.244.1.0/24"), IPv6Network("fd00:10:244:1::/64")),
    "node-2": (IPv4Network("10.244.2.0/24"), IPv6Network("fd00:10:244:2::/64")),
}


@pytest.mark.parametrize("seed", range(60))
def test_tables_decide_every_flow_as_the_oracle_does(cluster, kernels, seed):
    made = cluster(seed)
    tables = {
        node: compile_table(made.world, made.policies.values(), node, local) for node, local in LOCAL.items()
    }

    for flow, source, destination in made.flows(150):
        said = verdict(made.world, made.policies.values(), flow)
        assert kernels(tables, source, destination, flow) == said.allowed, (
            seed, source, destination, flow, said.reason
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(60))
def test_elements_of_a_group_are_disjoint_and_of_the_forms_it_declares(cluster, seed):
    made = cluster(seed)
    for node, local in LOCAL.items():
        for group in compile_table(made.world, made.policies.values(), node, local).groups.values():
            assert {Form.of(allowance) for allowance in group.allows} <= group.forms
            ranges = [a for a in group.allows if isinstance(a.peer, AddressRange)]
            for i, one in enumerate(ranges):
                for other in ranges[i + 1 :]:
                    assert not _overlap(one, other), (one, other)


def _overlap(one, other):
    if one.peer.family is not other.peer.family or (one.ports is None) != (other.ports is None):
        return False
    if one.peer.last < other.peer.first or other.peer.last < one.peer.first:
        return False
    if one.ports is None:
        return True
    if one.ports.protocol != other.ports.protocol:
        return False
    return one.ports.first <= other.ports.last and other.ports.first <= one.ports.last
