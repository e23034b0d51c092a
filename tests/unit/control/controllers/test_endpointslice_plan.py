"""Slices of a Service: who is in them, and how little changes."""

from copy import deepcopy

import pytest

from control.controllers.endpointslice_plan import HEADLESS, MANAGED_BY, SERVICE_NAME, plan


def service(*ports, **spec):
    ports = ports or ({"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080},)
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "svc", "labels": {"team": "a"}},
        "spec": {"selector": {"app": "web"}, "ports": list(ports), "ipFamilies": ["IPv4"], **spec},
    }


def pod(number, *, ready=True, deleted=False, phase="Running", **spec):
    metadata = {"name": f"web-{number}", "namespace": "shop", "uid": f"u{number}", "labels": {"app": "web"}}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {
        "metadata": metadata,
        "spec": {"nodeName": "node-1", "containers": [], **spec},
        "status": {
            "phase": phase,
            "podIP": f"10.244.1.{number}",
            "podIPs": [{"ip": f"10.244.1.{number}"}, {"ip": f"fd00::{number}"}],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def stored(step, have=()):
    """The slices after the API carried the plan out."""
    slices = {s["metadata"]["name"]: s for s in have}
    for made in deepcopy(step.creates):
        made["metadata"]["name"] = f"{made['metadata']['generateName']}{len(slices)}"
        made["metadata"]["uid"] = made["metadata"]["name"]
        slices[made["metadata"]["name"]] = made
    slices |= {s["metadata"]["name"]: s for s in deepcopy(step.updates)}
    for gone in step.deletes:
        del slices[gone["metadata"]["name"]]
    return list(slices.values())


def conditions(slices):
    return {
        e["addresses"][0]: tuple(e["conditions"][c] for c in ("ready", "serving", "terminating"))
        for s in slices
        for e in s["endpoints"]
    }


def test_a_slice_names_pods_their_node_and_the_service():
    (made,) = plan(service(), [pod(5)], {}, []).creates

    assert made["metadata"]["generateName"] == "web-"
    assert made["metadata"]["labels"] == {
        "team": "a",
        SERVICE_NAME: "web",
        MANAGED_BY: "endpointslice-controller.k8s.io",
    }
    assert made["metadata"]["ownerReferences"][0]["uid"] == "svc"
    assert made["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert made["endpoints"] == [
        {
            "addresses": ["10.244.1.5"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "targetRef": {"kind": "Pod", "namespace": "shop", "name": "web-5", "uid": "u5"},
            "nodeName": "node-1",
        }
    ]


@pytest.mark.parametrize(
    ("changes", "publish", "want"),
    [
        ({}, False, (True, True, False)),
        ({"ready": False}, False, (False, False, False)),
        ({"ready": False}, True, (True, False, False)),
        ({"deleted": True}, False, (False, True, True)),
        ({"deleted": True, "ready": False}, False, (False, False, True)),
        ({"deleted": True}, True, (True, True, True)),
    ],
)
def test_conditions_say_whether_a_pod_is_ready_serving_and_terminating(changes, publish, want):
    step = plan(service(publishNotReadyAddresses=publish), [pod(5, **changes)], {}, [])

    assert conditions(step.creates) == {"10.244.1.5": want}


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_no_endpoint(phase):
    have = stored(plan(service(), [pod(5)], {}, []))

    after = stored(plan(service(), [pod(5, phase=phase)], {}, have), have)

    assert conditions(after) == {}


def test_each_family_has_slices_of_its_own():
    step = plan(service(ipFamilies=["IPv4", "IPv6"]), [pod(5)], {}, [])

    assert [(s["addressType"], s["endpoints"][0]["addresses"]) for s in step.creates] == [
        ("IPv4", ["10.244.1.5"]),
        ("IPv6", ["fd00::5"]),
    ]


def test_a_named_port_may_be_another_number_in_each_pod():
    named = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "web"}

    def with_port(number, port):
        containers = [{"ports": [{"name": "web", "containerPort": port}]}]
        return pod(number, containers=containers)

    pods = [with_port(1, 8080), with_port(2, 9090), pod(3)]
    step = plan(service(named), pods, {}, [])

    found = {s["ports"][0]["port"]: [e["addresses"][0] for e in s["endpoints"]] for s in step.creates}
    assert found == {8080: ["10.244.1.1"], 9090: ["10.244.1.2"]}


def test_without_endpoints_one_empty_slice_says_so():
    step = plan(service(), [], {}, [])
    have = stored(step)

    assert [s["endpoints"] for s in have] == [[]]
    again = plan(service(), [], {}, have)
    assert (again.creates, again.updates, again.deletes) == ([], [], [])


def test_the_second_run_changes_nothing():
    pods = [pod(n) for n in range(1, 251)]
    have = stored(plan(service(), pods, {}, []))

    again = plan(service(), list(reversed(pods)), {}, have)

    assert sorted(len(s["endpoints"]) for s in have) == [50, 100, 100]
    assert (again.creates, again.updates, again.deletes) == ([], [], [])


def test_one_pods_readiness_changes_one_slice_and_no_other_endpoint():
    pods = [pod(n) for n in range(1, 251)]
    have = stored(plan(service(), pods, {}, []))
    pods[120] = pod(121, ready=False)

    step = plan(service(), pods, {}, have)

    (update,) = step.updates
    assert (step.creates, step.deletes) == ([], [])
    before = next(s for s in have if s["metadata"]["name"] == update["metadata"]["name"])
    pairs = zip(before["endpoints"], update["endpoints"], strict=True)
    assert [new["addresses"] for old, new in pairs if old != new] == [["10.244.1.121"]]


def test_a_new_pod_goes_into_the_fullest_slice_with_room():
    pods = [pod(n) for n in range(1, 151)]
    have = stored(plan(service(), pods, {}, []))

    step = plan(service(), [*pods, pod(200)], {}, have)

    assert (step.creates, len(step.updates)) == ([], 1)
    assert len(step.updates[0]["endpoints"]) == 51


def test_a_slice_that_is_empty_goes_away():
    pods = [pod(n) for n in range(1, 151)]
    have = stored(plan(service(), pods, {}, []))

    full = {e["addresses"][0] for s in have if len(s["endpoints"]) == 100 for e in s["endpoints"]}
    left = [p for p in pods if p["status"]["podIP"] in full]

    after = stored(plan(service(), left, {}, have), have)

    assert [len(s["endpoints"]) for s in after] == [100]


def test_headless_services_carry_hostnames_and_a_label():
    headless = service(clusterIP="None")
    (made,) = plan(headless, [pod(5, hostname="db-0", subdomain="web")], {}, []).creates

    assert made["metadata"]["labels"][HEADLESS] == ""
    assert made["endpoints"][0]["hostname"] == "db-0"


def test_slices_of_an_earlier_service_of_that_name_are_replaced():
    have = stored(plan(service(), [pod(5)], {}, []))
    successor = service()
    successor["metadata"]["uid"] = "other"

    step = plan(successor, [pod(5)], {}, have)

    assert (len(step.creates), len(step.deletes)) == (1, 1)


def test_a_change_of_port_replaces_the_slice_only_when_the_port_differs():
    have = stored(plan(service(), [pod(5)], {}, []))
    moved = service({"name": "http", "port": 80, "protocol": "TCP", "targetPort": 9999})

    after = stored(plan(moved, [pod(5)], {}, have), have)

    assert [s["ports"][0]["port"] for s in after] == [9999]


def test_zones_come_from_the_nodes():
    node = {"metadata": {"labels": {"topology.kubernetes.io/zone": "west"}}}

    (made,) = plan(service(), [pod(5)], {"node-1": node}, []).creates

    assert made["endpoints"][0]["zone"] == "west"
