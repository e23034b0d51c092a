"""DaemonSets, Jobs and StatefulSets on a real API server with a real scheduler."""

import pytest

from control.client.resources import (
    CONTROLLERREVISIONS,
    DAEMONSETS,
    PODS,
    SERVICEACCOUNTS,
)
from control.controllers.config import ControllerConfig
from control.controllers.manager import run_controllers
from control.scheduler.config import SchedulerConfig
from control.scheduler.scheduler import run_scheduler


@pytest.fixture
async def cluster(running_api, admin, bare_kubelets, background, until):
    """Three nodes, controllers and a scheduler."""
    for name in ("n1", "n2", "n3"):
        await bare_kubelets.add_node(name)
    async with (
        running_api.client("controllers") as one,
        running_api.client("scheduler") as two,
        background(run_controllers(one, ControllerConfig())),
        background(run_scheduler(two, SchedulerConfig())),
    ):
        await until(lambda: admin.get(SERVICEACCOUNTS, "default", "default"), "the default account")
        yield bare_kubelets


def workload(name, image="x:1", **spec):
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


async def _pods(admin):
    return [p for p in (await admin.list(PODS, "default")).items if "deletionTimestamp" not in p["metadata"]]


async def test_a_daemon_set_runs_on_every_node_and_on_new_ones(cluster, admin, until):
    await admin.create(DAEMONSETS, workload("d"))

    async def on(count):
        got = (await admin.get(DAEMONSETS, "d", "default")).get("status") or {}
        homes = sorted(p["spec"].get("nodeName", "") for p in await _pods(admin))
        return homes if got.get("numberAvailable") == count and len(homes) == count else None

    assert await until(lambda: on(3), "three daemons") == ["n1", "n2", "n3"]
    await cluster.add_node("n4")
    assert await until(lambda: on(4), "four daemons") == ["n1", "n2", "n3", "n4"]


async def test_a_daemon_sets_new_image_goes_round_and_leaves_a_revision(cluster, admin, until):
    await admin.create(DAEMONSETS, workload("d"))

    async def updated(image):
        got = (await admin.get(DAEMONSETS, "d", "default")).get("status") or {}
        images = {p["spec"]["containers"][0]["image"] for p in await _pods(admin)}
        return images == {image} and got.get("updatedNumberScheduled") == got.get("numberAvailable") == 3

    await until(lambda: updated("x:1"), "the first version")
    change = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "x:2"}]}}}}
    await admin.patch(DAEMONSETS, "d", "default", change, patch_type="strategic")
    await until(lambda: updated("x:2"), "the second version")

    revisions = (await admin.list(CONTROLLERREVISIONS, "default")).items
    assert sorted(r["revision"] for r in revisions) == [1, 2]
