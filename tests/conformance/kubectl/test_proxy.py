"""``kubectl proxy``: plain HTTP on loopback, its answers the API server's own."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import orjson

from control.client.client import ApiClient
from control.client.resources import CONFIGMAPS
from tests.integration.control.api.conftest import Kubectl
from tests.integration.control.api.objects import config

MAPS = "/api/v1/namespaces/default/configmaps"


@asynccontextmanager
async def proxy(kubectl: Kubectl, *args: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A proxy on a free port of loopback; it is ended with the block."""
    process = await kubectl.start("proxy", "--port=0", *args)
    assert process.stdout is not None
    try:
        told = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        found = re.fullmatch(r"Starting to serve on (127\.0\.0\.1:\d+)\n", told)
        assert found is not None, told
        async with aiohttp.ClientSession(
            f"http://{found.group(1)}", timeout=aiohttp.ClientTimeout(20)
        ) as session:
            yield session
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_objects_are_read_and_written_through_it(kubectl: Kubectl, client: ApiClient) -> None:
    await client.create(CONFIGMAPS, config("seen", x="y"), "default")
    async with proxy(kubectl) as session:
        async with session.get("/version") as answer:
            assert (await answer.json())["major"] == "1"
        async with session.get(f"{MAPS}/seen") as answer:
            assert (await answer.json())["data"] == {"x": "y"}
        async with session.post(MAPS, json=config("made", a="b")) as answer:
            assert answer.status == 201
        async with session.get(f"{MAPS}/absent") as answer:
            assert (answer.status, (await answer.json())["reason"]) == (404, "NotFound")
        async with session.delete(f"{MAPS}/seen") as answer:
            assert answer.status == 200
    assert (await client.get(CONFIGMAPS, "made", "default"))["data"] == {"a": "b"}
    names = {one["metadata"]["name"] for one in (await client.list(CONFIGMAPS, "default")).items}
    assert "seen" not in names


async def test_a_watch_goes_through_it_as_it_happens(kubectl: Kubectl, client: ApiClient) -> None:
    async with (
        proxy(kubectl) as session,
        session.get(f"{MAPS}?watch=true&fieldSelector=metadata.name=a") as watch,
    ):
        seen: list[dict[str, Any]] = []
        await client.create(CONFIGMAPS, config("a", n="1"), "default")
        seen.append(orjson.loads(await watch.content.readline()))
        await client.delete(CONFIGMAPS, "a", "default")
        seen.append(orjson.loads(await watch.content.readline()))
    assert [event["type"] for event in seen] == ["ADDED", "DELETED"]


async def test_it_refuses_what_it_is_told_to_and_strangers(kubectl: Kubectl, client: ApiClient) -> None:
    async with proxy(kubectl, "--reject-methods=POST", "--api-prefix=/k8s/") as session:
        async with session.post(f"/k8s{MAPS}", json=config("refused")) as answer:
            assert answer.status == 403
        async with session.get(f"/k8s{MAPS}", headers={"Host": "example.com"}) as answer:
            assert answer.status == 403
        async with session.get(f"/k8s{MAPS}") as answer:
            assert (await answer.json())["kind"] == "ConfigMapList"
    names = {one["metadata"]["name"] for one in (await client.list(CONFIGMAPS, "default")).items}
    assert "refused" not in names
