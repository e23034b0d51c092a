"""The proxy: from watches into a real kernel, on its own task, level-triggered."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest

from control.agents.context import NodeContext
from control.agents.proxy import Proxy
from control.client.client import WatchEvent
from control.client.informer import Informer, object_key
from control.client.resources import ENDPOINTSLICES, SERVICES
from control.names import INITIAL_END
from dataplane.netns.create import create, delete
from dataplane.netns.sysctl import Place
from dataplane.nft.batch import BatchWriter
from dataplane.nft.handle import NftHandle
from dataplane.services.nft_layout import FAMILY, NAME

pytestmark = pytest.mark.root


class Collection:
    """One resource of an API that is this process: a watch that begins with what is there."""

    def __init__(self) -> None:
        self.items: dict[str, dict] = {}
        self.revision = 1
        self._events: asyncio.Queue[WatchEvent] = asyncio.Queue()

    def put(self, obj: dict) -> None:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        kind = "MODIFIED" if object_key(obj) in self.items else "ADDED"
        self.items[object_key(obj)] = obj
        self._events.put_nowait(WatchEvent(kind, obj))

    def drop(self, key: str) -> None:
        self._events.put_nowait(WatchEvent("DELETED", self.items.pop(key)))

    async def watch(self, *_: Any, **__: Any) -> AsyncIterator[WatchEvent]:
        self._events = asyncio.Queue()
        for obj in list(self.items.values()):
            yield WatchEvent("ADDED", obj)
        end = {"annotations": {INITIAL_END: "true"}, "resourceVersion": str(self.revision)}
        yield WatchEvent("BOOKMARK", {"metadata": end})
        while True:
            yield await self._events.get()


class World:
    """A node's namespace, and the API that its proxy watches."""

    def __init__(self, netns: str) -> None:
        self.netns = netns
        self.services, self.slices = Collection(), Collection()
        self.reader = NftHandle(netns)

    def service(self, name: str, last: int, *endpoints: int) -> None:
        self.services.put(
            {
                "metadata": {"namespace": "shop", "name": name},
                "spec": {"clusterIP": f"10.96.0.{last}", "ports": [{"port": 80, "protocol": "TCP"}]},
            }
        )
        self.endpoints(name, *endpoints)

    def endpoints(self, name: str, *endpoints: int) -> None:
        self.slices.put(
            {
                "metadata": {
                    "namespace": "shop",
                    "name": f"{name}-1",
                    "labels": {"kubernetes.io/service-name": name},
                },
                "addressType": "IPv4",
                "ports": [{"port": 8080, "protocol": "TCP"}],
                "endpoints": [
                    {"addresses": [f"10.244.1.{n}"], "conditions": {"ready": True}} for n in endpoints
                ],
            }
        )

    def in_kernel(self) -> dict[str, list[str]]:
        """Endpoints' addresses by ClusterIP."""
        table = self.reader.dump(FAMILY, NAME).table(FAMILY, NAME)
        found: dict[str, list[str]] = {}
        if table is not None:
            for element in table.set_by_name["endpoints4"].elements.values():
                found.setdefault(str(ip_address(element.key[:4])), []).append(
                    str(ip_address(element.data[:4]))
                )
        return {address: sorted(endpoints) for address, endpoints in found.items()}

    @asynccontextmanager
    async def proxy(self) -> AsyncIterator[Proxy]:
        """A running proxy that has programmed what there was."""
        informers = [Informer(self.services, SERVICES), Informer(self.slices, ENDPOINTSLICES)]  # type: ignore[arg-type]
        proxy = Proxy(context(self.netns), *informers, NftHandle(self.netns))
        tasks = [asyncio.create_task(each.run()) for each in (*informers, proxy)]
        try:
            await asyncio.wait_for(proxy.programmed.wait(), 5)
            yield proxy
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until(self, wanted: dict[str, list[str]], within_s: float = 5) -> None:
        async def poll() -> None:
            while self.in_kernel() != wanted:
                await asyncio.sleep(0.005)

        try:
            await asyncio.wait_for(poll(), within_s)
        except TimeoutError:
            assert self.in_kernel() == wanted


def context(netns: str) -> NodeContext:
    none = Path("/nonexistent")
    return NodeContext(
        lab="t", name="node-1", netns=netns, addresses=(ip_address("10.0.1.10"),),
        pod_cidrs=(ip_network("10.244.1.0/24"),), cluster_cidrs=(ip_network("10.244.0.0/16"),),
        service_cidrs=(ip_network("10.96.0.0/12"),), dns_ip=ip_address("10.96.0.10"), cluster_domain="cluster.local",
        api_url="", directory=none, memory=none, pod_logs=none, client_cert=none, client_key=none, serving_cert=none,
        serving_key=none, ca=none, zygote_socket=none, cgroup=none, home=none, max_pods=110, pod_mtu=1450,
    )  # fmt: skip


@pytest.fixture
def world() -> Iterator[World]:
    name = f"podwire-tprx{uuid.uuid4().hex[:6]}-node"
    create(name, Place.NODE)
    made = World(name)
    yield made
    made.reader.close()
    delete(name)


async def test_what_is_there_at_start_is_programmed_and_changes_follow(world):
    world.service("web", 20, 5, 6)
    async with world.proxy():
        assert world.in_kernel() == {"10.96.0.20": ["10.244.1.5", "10.244.1.6"]}

        world.endpoints("web", 6, 7)
        await world.until({"10.96.0.20": ["10.244.1.6", "10.244.1.7"]})

        world.service("api", 21, 8)
        await world.until({"10.96.0.20": ["10.244.1.6", "10.244.1.7"], "10.96.0.21": ["10.244.1.8"]})

        world.services.drop("shop/web")
        await world.until({"10.96.0.21": ["10.244.1.8"]})


async def test_only_the_touched_service_is_compiled(world):
    for n in range(20, 40):
        world.service(f"web-{n}", n, n)
    async with world.proxy() as proxy:
        world.endpoints("web-30", 99)
        await world.until({f"10.96.0.{n}": [f"10.244.1.{99 if n == 30 else n}"] for n in range(20, 40)})

        assert proxy.last.services == 1
        assert proxy.last.elements == 2


async def test_slices_that_come_before_their_service_wait_for_it(world):
    async with world.proxy():
        world.endpoints("web", 5)
        world.service("other", 21, 6)
        await world.until({"10.96.0.21": ["10.244.1.6"]})

        world.service("web", 20, 5)
        await world.until({"10.96.0.20": ["10.244.1.5"], "10.96.0.21": ["10.244.1.6"]})


async def test_a_burst_is_few_transactions(world):
    world.service("web", 20, 5)
    async with world.proxy():
        before = world.reader.generation()
        for n in range(1, 101):
            world.endpoints("web", n)
        await world.until({"10.96.0.20": ["10.244.1.100"]})

        assert world.reader.generation() - before < 20


async def test_a_restarted_proxy_applies_the_difference_and_nothing_else(world):
    world.service("web", 20, 5, 6, 7)
    world.service("api", 21, 8)
    async with world.proxy():
        world.endpoints("web", 6, 7)
        await world.until({"10.96.0.20": ["10.244.1.6", "10.244.1.7"], "10.96.0.21": ["10.244.1.8"]})
    world.endpoints("api", 9)

    async with world.proxy() as proxy:
        assert proxy.last.elements == 2
        assert world.in_kernel() == {"10.96.0.20": ["10.244.1.6", "10.244.1.7"], "10.96.0.21": ["10.244.1.9"]}


async def test_a_refused_transaction_is_mended_by_starting_anew(world):
    world.service("web", 20, 5)
    async with world.proxy():
        # A stranger takes away the element that the proxy is about to delete: ENOENT.
        table = world.reader.dump(FAMILY, NAME).table(FAMILY, NAME)
        each = table.set_by_name["endpoints4"]
        writer = BatchWriter()
        writer.delete_elements(table, each, each.elements.values())
        world.reader.apply(writer.batch())

        world.endpoints("web", 6)
        await world.until({"10.96.0.20": ["10.244.1.6"]})


async def test_a_service_that_cannot_be_read_does_not_keep_the_others_from_their_rules(world):
    world.service("broken", 22, 9)
    world.slices.items["shop/broken-1"]["endpoints"][0]["addresses"] = ["nonsense"]
    world.service("web", 20, 5)

    async with world.proxy():
        assert world.in_kernel() == {"10.96.0.20": ["10.244.1.5"]}
