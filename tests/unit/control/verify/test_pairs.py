"""Who tries to reach what."""

from ipaddress import ip_address

from control.verify.pairs import MOST_PAIRS, TargetKind, node_ports, pairs, sources, targets


def test_ready_pods_with_a_network_of_their_own_are_sources_by_workload(cluster):
    found = sources(cluster, "lab", ())

    assert [(source.name, source.workload) for source in found] == [
        ("shop/api-abc-1", "shop/api"),
        ("shop/api-abc-2", "shop/api"),
        ("shop/web", "shop/web"),
    ]
    assert found[0].netns.startswith("podwire-lab-pod-shop-api-abc-1-")


def test_every_service_port_and_every_pods_port_are_targets(cluster):
    found = targets(cluster, (), internet=True)

    assert [(str(target.kind), target.name) for target in found] == [
        ("service", "shop/api:80"),
        ("service", "shop/none:80"),
        ("pod", "shop/api-abc-1:8080"),
        ("pod", "shop/api-abc-2:8080"),
        ("pod", "shop/web:8080"),
        ("internet", "203.0.113.10:80"),
    ]
    assert [str(endpoint.address) for endpoint in found[0].endpoints] == ["10.244.1.3", "10.244.2.3"]


def test_namespaces_narrow_both_sides(cluster):
    assert sources(cluster, "lab", ("other",)) == []
    assert targets(cluster, ("other",), internet=False) == []


def test_a_source_without_the_targets_family_does_not_try(cluster, objects, view):
    objects["services"][0]["spec"]["clusterIPs"] = ["10.96.0.20", "fd00:10:96::20"]
    made = view(objects)
    found = pairs(sources(made, "lab", ()), targets(made, (), internet=False))

    assert not [pair for pair in found if pair.target.address.version == 6]


def test_beyond_the_limit_one_pod_of_each_workload_on_each_node_stands_for_the_others(cluster):
    some = sources(cluster, "lab", ())
    few = targets(cluster, (), internet=False)
    many = few * (MOST_PAIRS // (len(some) * len(few)) + 1)

    assert {pair.source.name for pair in pairs(some * 2, many)} == {source.name for source in some}


def test_node_ports_are_asked_at_every_node(objects, view):
    objects["services"][0]["spec"]["ports"][0]["nodePort"] = 30080
    (target,) = node_ports(view(objects), ())

    assert (target.kind, target.address, target.port) == (
        TargetKind.NODE_PORT,
        ip_address("10.0.1.10"),
        30080,
    )
    assert target.name == "shop/api at node-1:30080"
