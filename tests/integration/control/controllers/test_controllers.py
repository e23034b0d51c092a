"""All controllers on a real API server: from a Deployment to the addresses of its Service, and back to nothing."""

import asyncio
import time

import pytest

from control.client.resources import (
    CONFIGMAPS,
    DEPLOYMENTS,
    ENDPOINTS,
    ENDPOINTSLICES,
    EVENTS,
    NAMESPACES,
    PODS,
    REPLICASETS,
    SERVICEACCOUNTS,
    SERVICES,
)
from control.controllers.config import ControllerConfig
from control.controllers.manager import run_controllers
from control.controllers.metadata import controller_of
from control.errors import NotFound


@pytest.fixture
async def controllers(running_api, background):
    async with running_api.client("controllers") as client:
        config = ControllerConfig(ca_pem="-----BEGIN CERTIFICATE-----\nx\n")
        async with background(run_controllers(client, config)) as task:
            yield task


def deployment(name="web", replicas=3, image="web:1", **spec):
    labels = {"app": name}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "c", "image": image, "ports": [{"containerPort": 8080}]}]},
            },
            **spec,
        },
    }


def service(name="web"):
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


async def _rolled_out(admin, name="web", replicas=3):
    got = await admin.get(DEPLOYMENTS, name, "default")
    status = got.get("status") or {}
    whole = all(
        status.get(f, 0) == replicas
        for f in ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")
    )
    return got if whole and status.get("observedGeneration") == got["metadata"]["generation"] else None


async def _addresses(admin, name="web", condition="ready"):
    slices = await admin.list(ENDPOINTSLICES, "default", label_selector=f"kubernetes.io/service-name={name}")
    return {
        e["addresses"][0]
        for s in slices.items
        for e in s.get("endpoints") or ()
        if e["conditions"].get(condition)
    }


async def test_namespaces_get_their_account_and_the_ca(controllers, admin, until):
    await admin.create(NAMESPACES, {"metadata": {"name": "shop"}})

    account = await until(lambda: admin.get(SERVICEACCOUNTS, "default", "shop"), "the default account")
    config = await until(lambda: admin.get(CONFIGMAPS, "kube-root-ca.crt", "shop"), "the CA")

    assert account["metadata"]["name"] == "default"
    assert config["data"]["ca.crt"].startswith("-----BEGIN")
    await admin.delete(CONFIGMAPS, "kube-root-ca.crt", "shop")
    await until(lambda: admin.get(CONFIGMAPS, "kube-root-ca.crt", "shop"), "the CA again")


async def test_a_deployment_becomes_pods_and_its_service_their_addresses(controllers, kubelets, admin, until):
    await admin.create(SERVICES, service())
    await admin.create(DEPLOYMENTS, deployment())

    got = await until(lambda: _rolled_out(admin), "three pods available")
    addresses = await until(lambda: _three(admin), "three addresses")

    pods = (await admin.list(PODS, "default")).items
    assert addresses == {pod["status"]["podIP"] for pod in pods}

    async def mirrored():
        (subset,) = (await admin.get(ENDPOINTS, "web", "default")).get("subsets") or [{}]
        return {a["ip"] for a in subset.get("addresses") or ()} == addresses and subset["ports"]

    assert await until(mirrored, "Endpoints") == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    (replica_set,) = (await admin.list(REPLICASETS, "default")).items
    assert {controller_of(pod)["uid"] for pod in pods} == {replica_set["metadata"]["uid"]}
    assert controller_of(replica_set)["uid"] == got["metadata"]["uid"]
    conditions = {c["type"]: (c["status"], c["reason"]) for c in got["status"]["conditions"]}
    assert conditions == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }

    async def told():
        events = (await admin.list(EVENTS, "default")).items
        reasons = [(e["involvedObject"]["kind"], e["reason"]) for e in events]
        return reasons if len(reasons) >= 4 else None

    reasons = await until(told, "events")
    assert ("Deployment", "ScalingReplicaSet") in reasons
    assert reasons.count(("ReplicaSet", "SuccessfulCreate")) == 3


async def _three(admin):
    found = await _addresses(admin)
    return found if len(found) == 3 else None


async def test_a_pod_that_stops_being_ready_leaves_the_slice_within_50_ms(
    controllers, kubelets, admin, until
):
    await admin.create(SERVICES, service())
    await admin.create(DEPLOYMENTS, deployment())
    await until(lambda: _three(admin), "three addresses")
    pod = (await admin.list(PODS, "default")).items[0]
    version = (await admin.list(ENDPOINTSLICES, "default")).resource_version
    seen = asyncio.Event()

    async def watch():
        async for event in admin.watch(ENDPOINTSLICES, namespace="default", resource_version=version):
            gone = [e for e in event.object["endpoints"] if not e["conditions"]["ready"]]
            if gone and gone[0]["addresses"] == [pod["status"]["podIP"]]:
                seen.set()
                return

    watching = asyncio.create_task(watch())
    begun = time.monotonic()
    await kubelets.set_ready(pod, ready=False)
    await asyncio.wait_for(seen.wait(), 5)
    watching.cancel()

    assert time.monotonic() - begun < 0.25, "50 ms is the aim; this allows for a busy machine"


async def test_a_terminating_pod_serves_but_is_not_ready(controllers, kubelets, admin, until):
    await admin.create(SERVICES, service())
    await admin.create(DEPLOYMENTS, deployment())
    await until(lambda: _three(admin), "three addresses")
    kubelets.hold_terminating = True
    pod = (await admin.list(PODS, "default")).items[0]

    await admin.delete(PODS, pod["metadata"]["name"], "default")

    async def conditions():
        slices = (
            await admin.list(ENDPOINTSLICES, "default", label_selector="kubernetes.io/service-name=web")
        ).items
        found = {e["addresses"][0]: e["conditions"] for s in slices for e in s["endpoints"]}
        mine = found.get(pod["status"]["podIP"])
        return mine if mine and mine["terminating"] else None

    assert await until(conditions, "terminating") == {"ready": False, "serving": True, "terminating": True}


async def test_a_new_image_rolls_out_and_back_again(controllers, kubelets, admin, until):
    await admin.create(DEPLOYMENTS, deployment())
    await until(lambda: _rolled_out(admin), "the first version")
    container = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "web:2"}]}}}}
    await admin.patch(DEPLOYMENTS, "web", "default", container, patch_type="strategic")

    async def images():
        pods = (await admin.list(PODS, "default")).items
        return {pod["spec"]["containers"][0]["image"] for pod in pods}

    await until(lambda: _rolled_out(admin), "the second version")
    assert await images() == {"web:2"}
    container["spec"]["template"]["spec"]["containers"][0]["image"] = "web:1"
    await admin.patch(DEPLOYMENTS, "web", "default", container, patch_type="strategic")
    got = await until(lambda: _rolled_out(admin), "the first version again")

    assert await images() == {"web:1"}
    assert got["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert len((await admin.list(REPLICASETS, "default")).items) == 2


async def test_scaling_to_30_and_back_ends_with_the_right_pods_and_addresses(
    controllers, kubelets, admin, until
):
    await admin.create(SERVICES, service())
    await admin.create(DEPLOYMENTS, deployment())
    await until(lambda: _rolled_out(admin), "three pods")
    for size in (30, 2):
        await admin.patch(DEPLOYMENTS, "web", "default", {"spec": {"replicas": size}})
        await until(lambda size=size: _rolled_out(admin, replicas=size), f"{size} pods", seconds=20)

        async def addresses(size=size):
            return len(await _addresses(admin)) == size

        await until(addresses, f"{size} addresses")

    async def only_two():
        return len((await admin.list(PODS, "default")).items) == 2

    await until(only_two, "two pods left")


async def test_a_pod_that_is_deleted_is_replaced(controllers, kubelets, admin, until):
    await admin.create(DEPLOYMENTS, deployment())
    await until(lambda: _rolled_out(admin), "three pods")
    before = {pod["metadata"]["name"] for pod in (await admin.list(PODS, "default")).items}
    gone = min(before)
    await admin.delete(PODS, gone, "default")

    async def replaced():
        names = {pod["metadata"]["name"] for pod in (await admin.list(PODS, "default")).items}
        return len(names) == 3 and gone not in names

    await until(replaced, "a new pod")


async def test_an_orphan_that_matches_is_adopted_and_one_that_no_longer_does_is_released(
    controllers, kubelets, admin, until
):
    await admin.create(DEPLOYMENTS, deployment(replicas=1))
    await until(lambda: _rolled_out(admin, replicas=1), "one pod")
    (pod,) = (await admin.list(PODS, "default")).items
    name = pod["metadata"]["name"]
    suffix = pod["metadata"]["labels"]["pod-template-hash"]
    await admin.patch(PODS, name, "default", {"metadata": {"labels": {"pod-template-hash": None}}})

    async def released():
        return controller_of(await admin.get(PODS, name, "default")) is None

    await until(released, "the pod released")
    await admin.patch(PODS, name, "default", {"metadata": {"labels": {"pod-template-hash": suffix}}})

    async def one_is_left():
        pods = (await admin.list(PODS, "default")).items
        return len(pods) == 1 and controller_of(pods[0]) is not None

    await until(one_is_left, "the surplus pod gone after the adoption")


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_deleting_a_deployment_takes_all_that_it_made(controllers, kubelets, admin, until, policy):
    await admin.create(DEPLOYMENTS, deployment())
    await until(lambda: _rolled_out(admin), "three pods")

    await admin.delete(DEPLOYMENTS, "web", "default", propagation=policy)

    async def nothing():
        counts = [len((await admin.list(r, "default")).items) for r in (DEPLOYMENTS, REPLICASETS, PODS)]
        return counts == [0, 0, 0]

    await until(nothing, "nothing left")


async def test_objects_that_own_each_other_go_all_the_same(controllers, admin, until):
    made = {
        name: await admin.create(CONFIGMAPS, {"metadata": {"name": name, "namespace": "default"}})
        for name in "ab"
    }
    for name, owner in (("a", "b"), ("b", "a")):
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "blockOwnerDeletion": True}
        owners = [reference | {"uid": made[owner]["metadata"]["uid"]}]
        await admin.patch(CONFIGMAPS, name, "default", {"metadata": {"ownerReferences": owners}})

    await admin.delete(CONFIGMAPS, "a", "default", propagation="Foreground")

    async def gone():
        names = {one["metadata"]["name"] for one in (await admin.list(CONFIGMAPS, "default")).items}
        return not names & {"a", "b"}

    await until(gone, "the ring gone")


async def test_an_object_that_owns_itself_goes_in_the_foreground(controllers, admin, until):
    made = await admin.create(CONFIGMAPS, {"metadata": {"name": "a", "namespace": "default"}})
    itself = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "blockOwnerDeletion": True}
    owners = [itself | {"uid": made["metadata"]["uid"]}]
    await admin.patch(CONFIGMAPS, "a", "default", {"metadata": {"ownerReferences": owners}})

    await admin.delete(CONFIGMAPS, "a", "default", propagation="Foreground")

    async def gone():
        names = {one["metadata"]["name"] for one in (await admin.list(CONFIGMAPS, "default")).items}
        return "a" not in names

    await until(gone, "it gone")


async def test_orphaning_leaves_the_replica_set_without_an_owner(controllers, kubelets, admin, until):
    await admin.create(DEPLOYMENTS, deployment())
    await until(lambda: _rolled_out(admin), "three pods")

    await admin.delete(DEPLOYMENTS, "web", "default", propagation="Orphan")

    async def orphaned():
        try:
            await admin.get(DEPLOYMENTS, "web", "default")
        except NotFound:
            (rs,) = (await admin.list(REPLICASETS, "default")).items
            return controller_of(rs) is None
        return False

    await until(orphaned, "the ReplicaSet orphaned")
    assert len((await admin.list(PODS, "default")).items) == 3


async def test_a_namespace_goes_with_everything_in_it(controllers, kubelets, admin, until):
    await admin.create(NAMESPACES, {"metadata": {"name": "shop"}})
    inside = deployment()
    inside["metadata"]["namespace"] = "shop"
    await until(lambda: admin.get(SERVICEACCOUNTS, "default", "shop"), "the default account")
    await admin.create(DEPLOYMENTS, inside)
    await until(lambda: _some(admin, "shop"), "pods in it")

    await admin.delete(NAMESPACES, "shop")

    async def gone():
        try:
            await admin.get(NAMESPACES, "shop")
        except NotFound:
            return True
        return False

    await until(gone, "the namespace gone", seconds=15)
    assert (await admin.list(PODS)).items == []


async def _some(admin, namespace):
    return (await admin.list(PODS, namespace)).items
