"""An informer follows an API server through its restarts and through lost history."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from control.client.client import ApiClient, ApiUnreachable, WatchEvent
from control.client.clock import FakeClock
from control.client.informer import MARK_S, Informer
from control.client.resources import CONFIGMAPS, SECRETS
from control.store import history
from tests.integration.control.api.objects import config


async def until(condition: Callable[[], object], what: str) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"10 s passed: {what}")


async def test_an_informer_keeps_a_copy_tells_changes_and_indexes(client: ApiClient) -> None:
    await client.create(CONFIGMAPS, config("a", {"tier": "web"}), "default")
    informer = Informer(client, CONFIGMAPS, namespace="default")
    heard: list[tuple[bool, bool]] = []
    informer.on_change(lambda old, new: heard.append((old is not None, new is not None)))
    informer.index("tier", lambda obj: [obj["metadata"].get("labels", {}).get("tier", "none")])
    async with asyncio.TaskGroup() as group:
        task = group.create_task(informer.run())
        await asyncio.wait_for(informer.synced.wait(), 5)
        assert list(informer.items) == ["default/a"]
        assert [one["metadata"]["name"] for one in informer.by_index("tier", "web")] == ["a"]
        await client.patch(CONFIGMAPS, "a", "default", {"metadata": {"labels": {"tier": "db"}}})
        await client.create(CONFIGMAPS, config("b"), "default")
        await client.delete(CONFIGMAPS, "b", "default")
        await until(lambda: len(heard) == 4, "four changes")
        task.cancel()

    assert heard == [(False, True), (True, True), (False, True), (True, False)]
    assert informer.by_index("tier", "web") == []
    assert [one["metadata"]["name"] for one in informer.by_index("tier", "db")] == ["a"]


@pytest.mark.parametrize("kept", [20_000, 2], ids=["resumes", "lists again"])
async def test_an_informer_survives_its_server(
    serve: Any, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr("control.store.database.EVENTS_KEPT", kept)
    monkeypatch.setattr("control.store.database.COMPACT_STEP", 1)
    monkeypatch.setattr(history, "EVENTS_KEPT", kept)
    port = _free_port()
    url = f"https://127.0.0.1:{port}"
    async with serve(port=port) as served:
        follower = ApiClient(url, served.context())
        async with served.client() as client:
            await client.create(CONFIGMAPS, config("a"), "default")
            await client.create(CONFIGMAPS, config("b"), "default")
        await follower.__aenter__()
        informer = Informer(follower, CONFIGMAPS)
        task = asyncio.create_task(informer.run())
        await asyncio.wait_for(informer.synced.wait(), 5)
    async with serve() as elsewhere, elsewhere.client() as client:
        await client.delete(CONFIGMAPS, "a", "default")
        for name in ("c", "d", "e"):
            await client.create(CONFIGMAPS, config(name), "default")
    async with serve(port=port):
        await until(lambda: set(informer.items) == {f"default/{name}" for name in "bcde"}, "caught up")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await follower.__aexit__(None, None, None)
    assert informer.restarts == (1 if kept > 2 else 2)


async def test_a_quiet_resource_hears_of_the_stores_progress_when_it_asks(client: ApiClient) -> None:
    informer = Informer(client, CONFIGMAPS)
    task = asyncio.create_task(informer.run())
    try:
        await asyncio.wait_for(informer.synced.wait(), 5)
        for n in range(3):
            made = await client.create(SECRETS, {"metadata": {"name": f"s{n}"}}, "default")
        last = await client.create(CONFIGMAPS, config("a"), "default")
        beyond = await client.create(SECRETS, {"metadata": {"name": "beyond"}}, "default")

        revision = int(beyond["metadata"]["resourceVersion"])
        started = asyncio.get_running_loop().time()
        await asyncio.wait_for(asyncio.gather(*(informer.heard(revision) for _ in range(20))), 5)

        assert asyncio.get_running_loop().time() - started < MARK_S, "the bookmark came at the first asking"
        assert informer.items["default/a"] == last
        assert int(made["metadata"]["resourceVersion"]) < revision
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_watch_that_ends_at_once_is_not_repeated_at_once() -> None:
    class Draining:
        """A server that ends every watch as soon as it has begun."""

        watches = 0

        async def watch(self, *_: object, **__: object) -> AsyncGenerator[WatchEvent, None]:
            self.watches += 1
            await asyncio.sleep(0)
            for nothing in ():
                yield nothing

    server, clock = Draining(), FakeClock()
    informer = Informer(server, CONFIGMAPS, clock=clock)  # type: ignore[arg-type]
    task = asyncio.create_task(informer.run())
    for _ in range(100):
        await asyncio.sleep(0)
    assert server.watches == 1
    await clock.advance(1)
    for _ in range(100):
        await asyncio.sleep(0)
    assert 2 <= server.watches <= 11
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_no_server_is_unreachable(served: Any) -> None:
    async with ApiClient(f"https://127.0.0.1:{_free_port()}", served.context()) as client:
        with pytest.raises(ApiUnreachable):
            await client.get(CONFIGMAPS, "a", "default")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
