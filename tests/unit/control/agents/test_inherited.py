"""Ends of containers that come while a new kubelet is still taking over are not lost."""

import asyncio
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from control.agents.container_end import LOST
from control.agents.container_keeper import ContainerKeeper
from control.agents.inherited import Inherited
from control.client.clock import SystemClock
from control.workload.request import ContainerRecord
from control.workload.runtime import RuntimeFailed, Streams

RUNS = ContainerRecord("f00", "uid-1", "node-1", "main", 0, 77, "command", 1.0, 0.0, None, 0, "{}")
ENDED = replace(RUNS, exit_code=3, finished=2.0)
BOX = {"name": "main", "image": "busybox"}


def test_an_end_that_is_told_before_the_inventory_is_read_is_in_it():
    inherited = Inherited()
    inherited.exited(ENDED)
    inherited.take([RUNS])
    assert inherited.of("uid-1") == [ENDED]
    assert inherited.of("uid-1") == []


def test_an_end_that_is_told_before_the_pod_has_a_worker_reaches_it():
    inherited = Inherited()
    inherited.take([RUNS, replace(RUNS, id="f01", container="other")])
    inherited.exited(ENDED)
    inherited.exited(replace(ENDED, id="a stranger", uid="uid-2"))
    assert inherited.of("uid-1") == [ENDED, replace(RUNS, id="f01", container="other")]
    assert inherited.of("uid-2") == []


@pytest.fixture
def host(tmp_path):
    """A pod's worker, as far as a keeper that takes over looks into it. streams: what the zygote answers."""

    async def streams(_):
        if made.refused:
            raise RuntimeFailed("no container f00")
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        os.close(out_end)
        os.close(err_end)
        return Streams(out, err, None)

    tools = SimpleNamespace(clock=SystemClock(), runtime=SimpleNamespace(streams=streams))
    made = SimpleNamespace(
        refused=False,
        tools=tools,
        pod={"metadata": {"name": "web", "namespace": "shop", "uid": "uid-1"}, "spec": {}},
        stopping=asyncio.Event(),
        addresses=(),
        changed=lambda: None,
        event=lambda *_: None,
        log_path=lambda *_: tmp_path / "0.log",
        last_words=lambda *_: "",
    )
    return made


async def kept(keeper):
    async with asyncio.timeout(5):
        await keeper.take_over()
        return await keeper.keep("Never")


async def test_an_end_between_the_inventory_and_the_take_over_is_the_container_s_end(host):
    keeper = ContainerKeeper(host, BOX, record=RUNS)
    keeper.exited(ENDED)
    assert await kept(keeper) == 3
    assert keeper.state["terminated"]["reason"] == "Error"


async def test_a_zygote_that_dies_before_the_take_over_took_the_container_with_it(host):
    keeper = ContainerKeeper(host, BOX, record=RUNS)
    keeper.lost()
    assert await kept(keeper) == 137
    assert keeper.state["terminated"]["reason"] == "ContainerStatusUnknown"


async def test_a_container_that_the_zygote_does_not_have_any_more_counts_as_ended(host):
    keeper = ContainerKeeper(host, BOX, record=RUNS)
    host.refused = True
    assert await kept(keeper) == 137
    assert LOST not in keeper.state["terminated"].values()
