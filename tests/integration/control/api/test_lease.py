"""Heartbeats, elections and Events, on a fake clock and a real API server."""

import asyncio
from collections.abc import Callable

import pytest

from control.client.client import ApiClient
from control.client.clock import FakeClock
from control.client.events import EventRecorder
from control.client.lease import LeaderElector, NodeLease
from control.client.resources import EVENTS, LEASES, NODES, PODS
from tests.integration.control.api.objects import pod


async def until(condition: Callable[[], object], what: str) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"10 s passed: {what}")


async def test_a_node_renews_its_lease(client: ApiClient) -> None:
    clock = FakeClock()
    node = await client.create(NODES, {"metadata": {"name": "node-1"}})
    lease = NodeLease(client, "node-1", clock)
    await lease.renew()
    first = await client.get(LEASES, "node-1", "kube-node-lease")
    assert first["spec"]["leaseDurationSeconds"] == 40
    assert first["metadata"]["ownerReferences"][0]["uid"] == node["metadata"]["uid"]

    await clock.advance(10)
    await lease.renew()
    second = await client.get(LEASES, "node-1", "kube-node-lease")
    assert second["spec"]["renewTime"] > first["spec"]["renewTime"]


async def test_a_lease_that_others_changed_is_read_again(client: ApiClient) -> None:
    clock = FakeClock()
    lease = NodeLease(client, "node-1", clock)
    await lease.renew()
    await client.delete(LEASES, "node-1", "kube-node-lease")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(lease.run())
        await until(lambda: clock.waiting == 1, "it was told that the lease is gone")
        assert (await client.list(LEASES, "kube-node-lease")).items == []
        await clock.advance(1)
        await until(lambda: clock.waiting == 1, "it has tried again")
        assert len((await client.list(LEASES, "kube-node-lease")).items) == 1
        task.cancel()


async def test_one_of_two_leads_and_the_other_follows_when_it_is_gone(client: ApiClient) -> None:
    clock = FakeClock()
    leading: list[str] = []

    async def lead(name: str) -> None:
        leading.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            leading.remove(name)

    async def run(name: str) -> None:
        await LeaderElector(client, "scheduler", name, clock).run(lambda: lead(name))

    first = asyncio.create_task(run("one"))
    await until(lambda: leading == ["one"], "the first leads")
    second = asyncio.create_task(run("two"))
    for _ in range(10):  # 20 s, longer than a lease
        await until(lambda: clock.waiting == 2, "both have tried")
        await clock.advance(2)
    await until(lambda: clock.waiting == 2, "no renewal is under way")
    assert leading == ["one"]
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    for _ in range(15):  # within 30 s
        await until(lambda: clock.waiting == 1, "the second has tried")
        if leading:
            break
        await clock.advance(2)
    assert leading == ["two"]
    held = await client.get(LEASES, "scheduler", "kube-system")
    assert (held["spec"]["holderIdentity"], held["spec"]["leaseTransitions"]) == ("two", 1)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def test_events_that_repeat_are_counted(client: ApiClient) -> None:
    made = await client.create(PODS, pod("a"), "default")
    recorder = EventRecorder(client, "kubelet", "node-1", FakeClock())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(recorder.run())
        for _ in range(3):
            recorder.event(made, "Warning", "BackOff", "restarting failed container")
        recorder.event(made, "Normal", "Pulled", "image is there")
        for _ in range(500):
            found = {one["reason"]: one for one in (await client.list(EVENTS, "default")).items}
            if "Pulled" in found:
                break
            await asyncio.sleep(0.01)
        task.cancel()

    assert found["BackOff"]["count"] == 3
    assert found["BackOff"]["involvedObject"]["uid"] == made["metadata"]["uid"]
    assert found["BackOff"]["source"] == {"component": "kubelet", "host": "node-1"}
    assert found["Pulled"]["count"] == 1


async def test_a_chatterbox_is_silenced(client: ApiClient) -> None:
    made = await client.create(PODS, pod("a"), "default")
    recorder = EventRecorder(client, "kubelet", "", FakeClock())
    for number in range(100):
        recorder.event(made, "Normal", f"Reason{number}", "again")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(recorder.run())
        await until(lambda: not recorder._waiting, "all written")
        await client.create(PODS, pod("b"), "default")
        task.cancel()
    assert 24 <= len((await client.list(EVENTS, "default")).items) <= 25
