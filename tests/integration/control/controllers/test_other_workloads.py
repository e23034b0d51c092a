"""DaemonSets, Jobs and StatefulSets on a real API server with a real scheduler."""

import pytest

from control.client.resources import (
    CONTROLLERREVISIONS,
    CRONJOBS,
    DAEMONSETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    PODDISRUPTIONBUDGETS,
    PODS,
    SERVICEACCOUNTS,
    STATEFULSETS,
)
from control.controllers.config import ControllerConfig
from control.controllers.manager import run_controllers
from control.errors import TooManyRequests
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


def job(**spec):
    template = {"spec": {"containers": [{"name": "c", "image": "x"}], "restartPolicy": "Never"}}
    return {"metadata": {"name": "j", "namespace": "default"}, "spec": {"template": template, **spec}}


def _conditions(obj):
    return {
        c["type"]: c["reason"]
        for c in (obj.get("status") or {}).get("conditions") or ()
        if c["status"] == "True"
    }


async def test_a_job_runs_its_pods_a_few_at_a_time_and_completes(cluster, admin, until):
    cluster.ends = lambda pod: "Succeeded"
    await admin.create(JOBS, job(completions=5, parallelism=2))

    async def complete():
        got = await admin.get(JOBS, "j", "default")
        return got if "Complete" in _conditions(got) else None

    got = await until(complete, "the Job complete")
    assert got["status"]["succeeded"] == 5
    assert got["status"]["completionTime"]
    assert len((await admin.list(PODS, "default")).items) == 5

    async def told():
        events = (await admin.list(EVENTS, "default")).items
        return [e for e in events if (e["involvedObject"]["kind"], e["reason"]) == ("Job", "Completed")]

    await until(told, "the event")


async def test_an_indexed_job_gives_each_pod_its_number(cluster, admin, until):
    cluster.ends = lambda pod: "Succeeded"
    await admin.create(JOBS, job(completions=3, parallelism=3, completionMode="Indexed"))

    async def complete():
        got = await admin.get(JOBS, "j", "default")
        return got if "Complete" in _conditions(got) else None

    got = await until(complete, "the Job complete")
    assert got["status"]["completedIndexes"] == "0-2"
    pods = (await admin.list(PODS, "default")).items
    assert sorted(p["spec"]["hostname"] for p in pods) == ["j-0", "j-1", "j-2"]


async def test_a_job_whose_pods_fail_gives_up_at_its_limit(cluster, admin, until):
    cluster.ends = lambda pod: "Failed"
    await admin.create(JOBS, job(backoffLimit=0))

    async def failed():
        got = await admin.get(JOBS, "j", "default")
        return got if "Failed" in _conditions(got) else None

    got = await until(failed, "the Job failed")
    assert _conditions(got) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    assert got["status"]["failed"] == 1


async def test_a_finished_job_goes_when_its_time_to_live_is_over(cluster, admin, until):
    cluster.ends = lambda pod: "Succeeded"
    await admin.create(JOBS, job(ttlSecondsAfterFinished=1))

    async def gone():
        return not (await admin.list(JOBS, "default")).items and not (await admin.list(PODS, "default")).items

    await until(gone, "the Job and its pod gone")


async def test_a_stateful_set_starts_its_pods_in_order_and_stops_them_in_reverse(cluster, admin, until):
    cluster.unready = {"s-1"}
    await admin.create(STATEFULSETS, workload("s", serviceName="s", replicas=3))

    async def names(count):
        got = sorted(
            p["metadata"]["name"] for p in await _pods(admin) if (p.get("status") or {}).get("podIP")
        )
        return got if len(got) >= count else None

    assert await until(lambda: names(2), "two pods") == ["s-0", "s-1"]
    pod = await admin.get(PODS, "s-1", "default")
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("s-1", "s")
    await cluster.set_ready(pod, ready=True)
    assert await until(lambda: names(3), "three pods") == ["s-0", "s-1", "s-2"]

    await admin.patch(STATEFULSETS, "s", "default", {"spec": {"replicas": 1}})

    async def one():
        return [p["metadata"]["name"] for p in await _pods(admin)] == ["s-0"]

    await until(one, "one pod left")


async def test_a_stateful_sets_new_image_goes_from_the_highest_number_to_the_partition(cluster, admin, until):
    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    await admin.create(STATEFULSETS, workload("s", serviceName="s", replicas=3, updateStrategy=update))

    async def images():
        return {p["metadata"]["name"]: p["spec"]["containers"][0]["image"] for p in await _pods(admin)}

    async def ready():
        return ((await admin.get(STATEFULSETS, "s", "default")).get("status") or {}).get("readyReplicas") == 3

    await until(ready, "three pods ready")
    change = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "x:2"}]}}}}
    await admin.patch(STATEFULSETS, "s", "default", change, patch_type="strategic")

    async def updated():
        return await images() == {"s-0": "x:1", "s-1": "x:2", "s-2": "x:2"} and await ready()

    await until(updated, "all above the partition updated")

    async def told():
        status = (await admin.get(STATEFULSETS, "s", "default"))["status"]
        counts = (status.get("updatedReplicas"), status.get("currentReplicas"))
        return counts == (2, 1) and status["currentRevision"] != status["updateRevision"]

    await until(told, "two updated, one of the old revision")
    await admin.patch(
        STATEFULSETS, "s", "default", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}
    )

    async def all_updated():
        got = (await admin.get(STATEFULSETS, "s", "default"))["status"]
        return set((await images()).values()) == {"x:2"} and got["currentRevision"] == got["updateRevision"]

    await until(all_updated, "all updated")


async def test_a_budget_keeps_pods_from_being_evicted_and_follows_their_readiness(cluster, admin, until):
    await admin.create(DEPLOYMENTS, workload("web", replicas=3))
    budget = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    await admin.create(PODDISRUPTIONBUDGETS, budget)

    async def allowed(count):
        got = (await admin.get(PODDISRUPTIONBUDGETS, "web", "default")).get("status") or {}
        return got.get("expectedPods") == 3 and got.get("disruptionsAllowed") == count

    await until(lambda: allowed(1), "one disruption allowed")
    await cluster.set_ready((await _pods(admin))[0], ready=False)
    await until(lambda: allowed(0), "none allowed")

    victim = (await _pods(admin))[1]["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": victim, "namespace": "default"},
    }
    with pytest.raises(TooManyRequests):
        await admin.create(PODS, eviction, "default", name=victim, subresource="eviction")


async def test_a_cron_job_starts_a_job_which_is_counted_and_goes_with_it(cluster, admin, until):
    cluster.ends = lambda pod: "Succeeded"
    inner = {"containers": [{"name": "c", "image": "x:1"}], "restartPolicy": "Never"}
    spec = {"schedule": "@every 1s", "jobTemplate": {"spec": {"template": {"spec": inner}}}}
    await admin.create(CRONJOBS, {"metadata": {"name": "tick", "namespace": "default"}, "spec": spec})

    async def succeeded():
        return (await admin.get(CRONJOBS, "tick", "default")).get("status", {}).get("lastSuccessfulTime")

    await until(succeeded, "a job of it succeeded")
    jobs = (await admin.list(JOBS, "default")).items
    assert all(job["metadata"]["ownerReferences"][0]["name"] == "tick" for job in jobs)
    assert jobs[0]["metadata"]["name"].startswith("tick-")

    async def reasons():
        events = (await admin.list(EVENTS, "default")).items
        told = {one["reason"] for one in events if one["involvedObject"]["name"] == "tick"}
        return told if "SawCompletedJob" in told else None

    assert await until(reasons, "it is told") >= {"SuccessfulCreate", "SawCompletedJob"}
    await admin.delete(CRONJOBS, "tick", "default")

    async def gone():
        return not (await admin.list(JOBS, "default")).items

    await until(gone, "its jobs go with it")
