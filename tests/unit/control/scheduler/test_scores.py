"""Which of the fitting nodes is best."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from control.scheduler.cluster import ClusterState
from control.scheduler.pod_info import pod_info
from control.scheduler.scores import best_node


def node(name, *, cpu="4", taints=(), **labels):
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "spec": {"taints": list(taints)},
        "status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"}},
    }


def pod(name, *, owner="", cpu="100m", labels=None, **spec):
    owners = [{"uid": owner, "controller": True}] if owner else []
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": name,
        "labels": labels or {},
        "ownerReferences": owners,
    }
    container = {"name": "c", "resources": {"requests": {"cpu": cpu}}}
    return pod_info({"metadata": metadata, "spec": {"containers": [container], **spec}})


@pytest.fixture
def place():
    """Places pods one after the other, and counts them by node."""

    def place(state, *pods):
        for each in pods:
            chosen = best_node(state, each, list(state.nodes.values()), Random(7))
            state.put_pod(replace(each, node=chosen.name))
        return Counter({name: len(info.pods) for name, info in state.nodes.items()})

    return place


def state_of(*nodes):
    state = ClusterState()
    for each in nodes:
        state.put_node(each)
    return state


def test_replicas_of_one_owner_spread_over_the_nodes(place):
    state = state_of(node("a"), node("b"), node("c"))

    assert set(place(state, *(pod(f"p{i}", owner="rs") for i in range(9))).values()) == {3}


def test_an_emptier_node_is_preferred(place):
    state = state_of(node("a"), node("b"))
    state.put_pod(replace(pod("big", cpu="3"), node="a"))

    place(state, pod("p"))

    assert state.node_of("p") == "b"


def test_a_node_with_a_soft_taint_is_the_last_choice(place):
    state = state_of(node("a", taints=[{"key": "old", "effect": "PreferNoSchedule"}]), node("b"))

    assert place(state, *(pod(f"p{i}") for i in range(3))) == {"a": 0, "b": 3}


def test_preferred_node_affinity_wins_over_an_empty_node(place):
    state = state_of(node("a", disk="ssd"), node("b"))
    preference = {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
    preferred = [{"weight": 100, "preference": preference}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}

    assert place(state, *(pod(f"p{i}", affinity=affinity) for i in range(3))) == {"a": 3, "b": 0}


@pytest.mark.parametrize(("kind", "want"), [("podAffinity", "a"), ("podAntiAffinity", "b")])
def test_preferred_pod_affinity_draws_near_or_apart(place, kind, want):
    state = state_of(node("a"), node("b"))
    state.put_pod(replace(pod("peer", labels={"app": "db"}), node="a"))
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    affinity = {kind: {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}

    place(state, pod("p", affinity=affinity))

    assert state.node_of("p") == want


def test_a_soft_spread_constraint_evens_out_zones(place):
    state = state_of(node("a", zone="w"), node("b", zone="w"), node("c", zone="e"))
    spread = {
        "topologyKey": "zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    pods = [pod(f"p{i}", labels={"app": "web"}, topologySpreadConstraints=[spread]) for i in range(4)]

    counts = place(state, *pods)

    assert (counts["a"] + counts["b"], counts["c"]) == (2, 2)
