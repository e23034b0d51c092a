"""The scheduler on a real API server."""

import asyncio
import time

import pytest

from control.client.resources import EVENTS, NODES, PODS, SERVICEACCOUNTS
from control.scheduler.config import SchedulerConfig
from control.scheduler.scheduler import run_scheduler


@pytest.fixture
async def scheduler(running_api, admin, background):
    await admin.create(SERVICEACCOUNTS, {"metadata": {"name": "default", "namespace": "default"}})
    async with (
        running_api.client("scheduler") as client,
        background(run_scheduler(client, SchedulerConfig())) as task,
    ):
        yield task


def pod(name, *, cpu="10m", **spec):
    container = {"name": "c", "image": "web", "resources": {"requests": {"cpu": cpu}}}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [container], **spec}}


async def _node_of(admin, name):
    return (await admin.get(PODS, name, "default"))["spec"].get("nodeName")


async def test_a_pod_is_bound_to_a_node_and_an_event_says_where(scheduler, bare_kubelets, admin, until):
    await bare_kubelets.add_node("n1")
    await admin.create(PODS, pod("a"))

    assert await until(lambda: _node_of(admin, "a"), "a node") == "n1"

    async def told():
        events = (await admin.list(EVENTS, "default")).items
        return [e["message"] for e in events if e["reason"] == "Scheduled"]

    assert await until(told, "the event") == ["Successfully assigned default/a to n1"]


async def test_a_pod_that_fits_nowhere_says_why_and_is_placed_once_it_fits(
    scheduler, bare_kubelets, admin, until
):
    await bare_kubelets.add_node("small", cpu="1")
    await admin.create(PODS, pod("big", cpu="2"))

    async def refused():
        conditions = (await admin.get(PODS, "big", "default"))["status"].get("conditions") or ()
        return next((c for c in conditions if c["type"] == "PodScheduled"), None)

    condition = await until(refused, "the condition")
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
    assert condition["message"].startswith("0/1 nodes are available: 1 Insufficient cpu.")

    await bare_kubelets.add_node("large", cpu="4")
    assert await until(lambda: _node_of(admin, "big"), "a node") == "large"


async def test_a_pod_that_leaves_makes_room(scheduler, bare_kubelets, admin, until):
    await bare_kubelets.add_node("n1", cpu="1")
    await admin.create(PODS, pod("first", cpu="800m"))
    await until(lambda: _node_of(admin, "first"), "a node")
    await admin.create(PODS, pod("second", cpu="800m"))

    async def refused():
        return (await admin.get(PODS, "second", "default"))["status"].get("conditions")

    await until(refused, "second refused")
    await admin.delete(PODS, "first", "default", grace_s=0)

    assert await until(lambda: _node_of(admin, "second"), "a node") == "n1"


async def test_an_uncordoned_node_gets_pods(scheduler, bare_kubelets, admin, until):
    await bare_kubelets.add_node("n1")
    await admin.patch(NODES, "n1", None, {"spec": {"unschedulable": True}})
    await admin.create(PODS, pod("a"))
    await admin.patch(NODES, "n1", None, {"spec": {"unschedulable": None}})

    assert await until(lambda: _node_of(admin, "a"), "a node") == "n1"


async def test_pods_of_another_scheduler_are_left_alone(scheduler, bare_kubelets, admin, until):
    await bare_kubelets.add_node("n1")
    await admin.create(PODS, pod("theirs", schedulerName="other"))
    await admin.create(PODS, pod("ours"))

    await until(lambda: _node_of(admin, "ours"), "a node")
    assert await _node_of(admin, "theirs") is None


async def test_two_hundred_pods_are_placed_evenly_and_fast(scheduler, bare_kubelets, admin, until):
    for number in range(10):
        await bare_kubelets.add_node(f"n{number}")
    begun = time.monotonic()
    await asyncio.gather(*(admin.create(PODS, pod(f"p{i}")) for i in range(200)))

    async def all_placed():
        pods = (await admin.list(PODS, "default")).items
        placed = [p["spec"]["nodeName"] for p in pods if p["spec"].get("nodeName")]
        return placed if len(placed) == 200 else None

    placed = await until(all_placed, "all placed", seconds=30)
    taken = time.monotonic() - begun

    counts = sorted(placed.count(f"n{n}") for n in range(10))
    assert counts[-1] - counts[0] <= 2
    print(f"{200 / taken:.0f} pods/s created and bound, API server and all in one process")
