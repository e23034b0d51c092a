"""Where a pod can go, and what is said when it can go nowhere."""

import pytest

from control.scheduler.cluster import ClusterState
from control.scheduler.filters import filter_nodes, message
from control.scheduler.pod_info import pod_info

TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def node(name, *, cpu="4", memory="8Gi", pods="110", taints=(), zone="", **spec):
    labels = {"kubernetes.io/hostname": name, **({"zone": zone} if zone else {})}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": list(taints), **spec},
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}},
    }


def pod(name, *, on="", labels=None, cpu=None, host_port=None, namespace="shop", **spec):
    container = {"name": "c"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    if host_port:
        container["ports"] = [{"containerPort": 80, "hostPort": host_port}]
    body = {"containers": [container], **spec}
    if on:
        body["nodeName"] = on
    metadata = {"name": name, "namespace": namespace, "uid": name, "labels": labels or {"app": "web"}}
    return pod_info({"metadata": metadata, "spec": body})


def cluster(*nodes, pods=()):
    state = ClusterState()
    for each in nodes:
        state.put_node(each)
    for each in pods:
        state.put_pod(each)
    return state


def fits(state, wanted):
    return {n.name for n in filter_nodes(state, wanted).fitting}


def said(state, wanted):
    return message(len(state.nodes), filter_nodes(state, wanted).refused)


def affinity(kind, *, key="kubernetes.io/hostname", app="web", **more):
    term = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": key, **more}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def test_the_control_planes_taint_keeps_pods_away_unless_they_tolerate_it():
    state = cluster(node("cp", taints=[TAINT]), node("n1"))
    toleration = {"key": TAINT["key"], "operator": "Exists", "effect": "NoSchedule"}

    assert fits(state, pod("a")) == {"n1"}
    assert fits(state, pod("a", tolerations=[toleration])) == {"cp", "n1"}


def test_the_sentence_counts_reasons_as_upstream_does():
    state = cluster(node("cp", taints=[TAINT]), node("n1"), node("n2", cpu="1"))

    assert said(state, pod("a", cpu="16")) == (
        "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
        "2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )


def test_a_full_node_is_told_apart_from_one_that_is_too_small():
    state = cluster(node("n1", cpu="1"), pods=[pod("x", on="n1", cpu="800m")])

    assert said(state, pod("a", cpu="300m")) == (
        "0/1 nodes are available: 1 Insufficient cpu. "
        "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )


def test_without_nodes_it_says_so():
    assert said(cluster(), pod("a")) == "no nodes available to schedule pods"


@pytest.mark.parametrize(
    ("spec", "want"),
    [
        ({"nodeSelector": {"zone": "west"}}, {"n1"}),
        ({"nodeSelector": {"zone": "north"}}, set()),
    ],
)
def test_a_node_selector_wants_all_its_labels(spec, want):
    assert fits(cluster(node("n1", zone="west"), node("n2", zone="east")), pod("a", **spec)) == want


@pytest.mark.parametrize(
    ("expression", "want"),
    [
        ({"key": "zone", "operator": "In", "values": ["west", "south"]}, {"n1"}),
        ({"key": "zone", "operator": "NotIn", "values": ["west"]}, {"n2", "n3"}),
        ({"key": "zone", "operator": "Exists"}, {"n1", "n2"}),
        ({"key": "zone", "operator": "DoesNotExist"}, {"n3"}),
    ],
)
def test_required_node_affinity(expression, want):
    state = cluster(node("n1", zone="west"), node("n2", zone="east"), node("n3"))
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    required = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}

    assert fits(state, pod("a", affinity=required)) == want


def test_a_cordoned_node_takes_no_pods():
    state = cluster(node("n1", unschedulable=True))

    assert said(state, pod("a")).startswith("0/1 nodes are available: 1 node(s) were unschedulable.")


def test_a_host_port_is_given_once():
    state = cluster(node("n1"), node("n2"), pods=[pod("x", on="n1", host_port=80)])

    assert fits(state, pod("a", host_port=80)) == {"n2"}
    assert fits(state, pod("a", host_port=81)) == {"n1", "n2"}


def test_a_node_holds_as_many_pods_as_it_allows():
    state = cluster(node("n1", pods="1"), pods=[pod("x", on="n1")])

    assert "1 Too many pods" in said(state, pod("a"))


def test_init_containers_count_by_their_largest_and_sidecars_with_the_rest():
    def asks(cpu, **more):
        return {"name": "i", "resources": {"requests": {"cpu": cpu}}, **more}

    wanted = pod("a", cpu="500m", initContainers=[asks("300m", restartPolicy="Always"), asks("1")])

    assert wanted.requests["cpu"] == 1300


def test_anti_affinity_holds_in_both_directions():
    lone = pod("x", on="n1", affinity=affinity("podAntiAffinity"))
    state = cluster(node("n1"), node("n2"), pods=[lone])

    assert fits(state, pod("a", affinity=affinity("podAntiAffinity"))) == {"n2"}
    assert fits(state, pod("b")) == {"n2"}
    assert fits(state, pod("c", labels={"app": "other"})) == {"n1", "n2"}
    assert fits(state, pod("d", namespace="elsewhere")) == {"n1", "n2"}


def test_affinity_wants_a_peer_near_and_lets_the_first_of_its_kind_in():
    near = affinity("podAffinity", key="zone")
    state = cluster(node("n1", zone="west"), node("n2", zone="east"))
    assert fits(state, pod("first", affinity=near)) == {"n1", "n2"}
    assert fits(state, pod("b", labels={"app": "other"}, affinity=near)) == set()

    state.put_pod(pod("x", on="n1"))
    assert fits(state, pod("a", affinity=near)) == {"n1"}


def test_affinity_looks_into_namespaces_that_its_selector_names():
    term = affinity("podAffinity", namespaceSelector={"matchLabels": {"team": "a"}})
    state = cluster(node("n1"), node("n2"), pods=[pod("x", on="n2", namespace="other")])
    assert fits(state, pod("a", labels={"app": "z"}, affinity=term)) == set()

    state.namespace_labels["other"] = {"team": "a"}
    assert fits(state, pod("a", labels={"app": "z"}, affinity=term)) == {"n2"}


def test_a_hard_spread_constraint_keeps_the_skew():
    spread = {
        "topologyKey": "zone",
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    nodes = (node("n1", zone="west"), node("n2", zone="east"), node("n3"))
    state = cluster(*nodes, pods=[pod("x", on="n1")])

    assert fits(state, pod("a", topologySpreadConstraints=[spread])) == {"n2"}
    assert "1 node(s) didn't match pod topology spread constraints (missing required label)" in said(
        cluster(nodes[2]), pod("a", topologySpreadConstraints=[spread])
    )


def test_a_pod_that_goes_gives_back_what_it_took():
    state = cluster(node("n1", cpu="1"), pods=[pod("x", on="n1", cpu="1", host_port=80)])
    assert fits(state, pod("a", cpu="1", host_port=80)) == set()

    state.remove_pod("x")

    assert fits(state, pod("a", cpu="1", host_port=80)) == {"n1"}
    assert (state.by_namespace, state.nodes["n1"].requested) == ({}, {"cpu": 0})
