"""A node that falls silent: Unknown, tainted, its pods not ready, then evicted; and a node that is gone."""

import asyncio
from datetime import UTC, datetime

import pytest

from control.client.resources import LEASES, NODES, PODS, SERVICEACCOUNTS
from control.controllers.config import ControllerConfig
from control.controllers.manager import run_controllers
from control.controllers.pod_state import condition_of
from control.errors import Conflict, NotFound

QUICK = ControllerConfig(
    node_monitor_period_s=0.05,
    node_monitor_grace_s=0.6,
    node_eviction_rate=10.0,
    pod_gc_period_s=0.1,
    pod_gc_quarantine_s=0.3,
)


@pytest.fixture
async def controllers(running_api, background):
    async with running_api.client("controllers") as client, background(run_controllers(client, QUICK)):
        yield


class Leases:
    """Renews the leases of the nodes that live."""

    def __init__(self, client):
        self._client, self.alive = client, set()

    async def run(self):
        while True:
            for name in list(self.alive):
                spec = {
                    "holderIdentity": name,
                    "renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                }
                body = {"metadata": {"name": name, "namespace": "kube-node-lease"}, "spec": spec}
                there = [
                    lease["metadata"]["name"]
                    for lease in (await self._client.list(LEASES, "kube-node-lease")).items
                ]
                if name in there:
                    await self._client.patch(LEASES, name, "kube-node-lease", {"spec": spec})
                else:
                    await self._client.create(LEASES, body)
            await asyncio.sleep(0.1)


@pytest.fixture
async def leases(running_api, background):
    async with running_api.client("leases") as client:
        hand = Leases(client)
        async with background(hand.run()):
            yield hand


@pytest.fixture
async def cluster(running_api, admin, controllers, kubelets, leases, until):
    """Three nodes that live, one pod that tolerates the loss for a second on node-1."""
    for name in ("node-1", "node-2", "node-3"):
        await kubelets.add_node(name)
        leases.alive.add(name)
    await until(lambda: admin.get(SERVICEACCOUNTS, "default", "default"), "the default account")
    tolerations = [
        {
            "key": f"node.kubernetes.io/{key}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 1,
        }
        for key in ("unreachable", "not-ready")
    ]
    spec = {"nodeName": "node-1", "containers": [{"name": "c", "image": "x"}], "tolerations": tolerations}
    await admin.create(PODS, {"metadata": {"name": "web", "namespace": "default"}, "spec": spec})

    async def ready():
        return (condition_of(await admin.get(PODS, "web", "default"), "Ready") or {}).get("status") == "True"

    await until(ready, "the pod ready")
    return leases


async def test_a_silent_node_is_unknown_and_its_pods_are_evicted_when_their_time_is_over(
    cluster, kubelets, admin, until
):
    kubelets.hold_terminating = True
    cluster.alive.discard("node-1")

    async def unknown():
        condition = condition_of(await admin.get(NODES, "node-1"), "Ready")
        return condition if condition["status"] == "Unknown" else None

    condition = await until(unknown, "node-1 Unknown")
    assert condition["reason"] == "NodeStatusUnknown"

    async def tainted():
        taints = (await admin.get(NODES, "node-1"))["spec"].get("taints") or []
        found = {(t["key"], t["effect"]) for t in taints}
        return found if len(found) == 2 else None

    unreachable = "node.kubernetes.io/unreachable"
    assert await until(tainted, "taints") == {(unreachable, "NoSchedule"), (unreachable, "NoExecute")}

    async def not_ready():
        return condition_of(await admin.get(PODS, "web", "default"), "Ready")["status"] == "False"

    await until(not_ready, "the pod not ready")

    async def evicted():
        return (await admin.get(PODS, "web", "default"))["metadata"].get("deletionTimestamp")

    await until(evicted, "the pod evicted")
    disruption = condition_of(await admin.get(PODS, "web", "default"), "DisruptionTarget")
    assert disruption["reason"] == "DeletionByTaintManager"


async def test_a_node_that_comes_back_in_time_keeps_its_pods(cluster, kubelets, admin, until):
    cluster.alive.discard("node-1")

    async def unknown():
        return condition_of(await admin.get(NODES, "node-1"), "Ready")["status"] == "Unknown"

    await until(unknown, "node-1 Unknown")
    cluster.alive.add("node-1")

    async def posted():
        """As its kubelet would: until the taints' writer leaves room."""
        node = await admin.get(NODES, "node-1")
        for condition in node["status"]["conditions"]:
            condition["status"] = "True" if condition["type"] == "Ready" else "False"
            condition["lastHeartbeatTime"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            return await admin.update(NODES, node, subresource="status")
        except Conflict:
            return None

    await until(posted, "the status posted")

    async def clean():
        return not (await admin.get(NODES, "node-1"))["spec"].get("taints")

    await until(clean, "no taints")
    await evicted_elsewhere(cluster, admin, until)  # as long as the pod tolerated: nothing may come of it
    assert "deletionTimestamp" not in (await admin.get(PODS, "web", "default"))["metadata"]


async def evicted_elsewhere(cluster, admin, until):
    """A whole loss of another node from its silence to its pod's eviction, with the same toleration."""
    spec = (await admin.get(PODS, "web", "default"))["spec"]
    witness = {
        "nodeName": "node-2",
        "containers": [{"name": "c", "image": "x"}],
        "tolerations": spec["tolerations"],
    }
    await admin.create(PODS, {"metadata": {"name": "witness", "namespace": "default"}, "spec": witness})
    cluster.alive.discard("node-2")

    async def evicted():
        try:
            return (await admin.get(PODS, "witness", "default"))["metadata"].get("deletionTimestamp")
        except NotFound:
            return True

    await until(evicted, "the witness evicted")


async def test_pods_of_a_node_that_is_gone_are_collected(cluster, kubelets, admin, until):
    await admin.delete(NODES, "node-1")
    cluster.alive.discard("node-1")

    async def gone():
        return not (await admin.list(PODS, "default")).items

    await until(gone, "the pod gone")
