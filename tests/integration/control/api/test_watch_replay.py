"""Many clients write while watches are cut and resumed at random: each watcher's events, replayed, are the final state."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from control.client.client import ApiClient, ApiUnreachable
from control.client.resources import CONFIGMAPS
from tests.integration.control.api.conftest import Served
from tests.integration.control.api.history import Client, body, fight, value_of

WRITERS, NAMES, WRITES, FIGHTERS = 12, 4, 60, 6
RESUMED, FROM_NOTHING, SELECTING = 6, 3, 3
END = "the-end"
Beginning = Literal["resumes", "from nothing"]


@dataclass
class Follower:
    """A watch that is cut and taken up again, and what its events have made of the world.

    state: objects by name, as replayed. selector: labels, or all. cuts: how often it was cut.
    """

    beginning: Beginning
    selector: str
    random: random.Random
    revision: str = ""
    state: dict[str, dict[str, Any]] = field(default_factory=dict)
    heard: list[int] = field(default_factory=list)
    cuts: int = 0

    async def run(self, client: ApiClient) -> None:
        """Until END is heard."""
        while END not in self.state:
            fresh = self.beginning == "from nothing" and self.random.random() < 0.3
            if fresh or not self.revision:
                await self._list(client)
            # A cut after some time, in the middle of whatever is under way, or after some events.
            with suppress(TimeoutError, ApiUnreachable):
                async with asyncio.timeout(self.random.uniform(0.005, 0.25)):
                    await self._follow(client)
            self.cuts += 1

    async def _list(self, client: ApiClient) -> None:
        listed = await client.list(CONFIGMAPS, "default", label_selector=self.selector)
        self.state = {obj["metadata"]["name"]: obj for obj in listed.items}
        self.revision = listed.resource_version
        self.heard.append(int(self.revision))

    async def _follow(self, client: ApiClient) -> None:
        events = client.watch(
            CONFIGMAPS, namespace="default", resource_version=self.revision, label_selector=self.selector
        )
        left = self.random.randint(1, 60)
        async with aclosing(events):
            async for event in events:
                self._replay(event.type, event.object)
                left -= 1
                if END in self.state or not left:
                    return

    def _replay(self, kind: str, obj: dict[str, Any]) -> None:
        revision, name = int(obj["metadata"]["resourceVersion"]), obj["metadata"].get("name", "")
        assert revision >= self.heard[-1], f"{revision} came after {self.heard[-1]}"
        self.revision = str(revision)
        if kind == "BOOKMARK":
            return
        assert revision > self.heard[-1] or len(self.heard) == 0, f"{name}'s event {revision} came twice"
        self.heard.append(revision)
        value_of(obj)
        if kind == "ADDED":
            assert name not in self.state, f"{name} was added and is there"
        else:
            assert name in self.state, f"{kind} of {name}, which is not there"
        if kind == "DELETED":
            del self.state[name]
        else:
            self.state[name] = obj


def _followers() -> list[Follower]:
    plain = [Follower("resumes", "", random.Random(number)) for number in range(RESUMED)]
    again = [Follower("from nothing", "", random.Random(100 + number)) for number in range(FROM_NOTHING)]
    # The end is the value 2, so that each selector hears of it.
    even = [Follower("resumes", "odd=0", random.Random(200 + number)) for number in range(SELECTING)]
    return plain + again + even


@pytest.fixture
async def wires(served: Served) -> AsyncIterator[list[ApiClient]]:
    """A client for each follower: connections of its own."""
    context: ssl.SSLContext = served.context()
    clients = [ApiClient(served.url, context) for _ in range(RESUMED + FROM_NOTHING + SELECTING)]
    for one in clients:
        await one.__aenter__()
    yield clients
    for one in clients:
        await one.__aexit__(None, None, None)


async def test_each_watchers_events_replayed_are_the_final_state(
    client: ApiClient, wires: list[ApiClient]
) -> None:
    writers = [Client(number, NAMES) for number in range(WRITERS)]
    await client.create(CONFIGMAPS, body("fought-over", 1), "default")
    followers = _followers()
    async with asyncio.TaskGroup() as following:
        for follower, wire in zip(followers, wires, strict=True):
            following.create_task(follower.run(wire))
        async with asyncio.TaskGroup() as writing:
            for writer in writers:
                writing.create_task(writer.write(client, WRITES))
            fights = [writing.create_task(fight(client, "fought-over", WRITES // 2)) for _ in range(FIGHTERS)]
        await client.create(CONFIGMAPS, body(END, 2), "default")

    final = {obj["metadata"]["name"]: obj for obj in (await client.list(CONFIGMAPS, "default")).items}
    assert value_of(final["fought-over"]) == 1 + sum(one.result() for one in fights), "no write was lost"
    for follower in followers:
        wanted = {name: obj for name, obj in final.items() if not follower.selector or value_of(obj) % 2 == 0}
        assert follower.state == wanted
    assert sum(follower.cuts for follower in followers) > 3 * len(followers)
    whole = max((one for one in followers if one.beginning == "resumes"), key=lambda one: len(one.heard))
    assert len(whole.heard) > WRITERS * WRITES, "it heard each change, not only the last ones"
