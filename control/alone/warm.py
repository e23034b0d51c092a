"""A server that is tried out once, so that its tables are read before a fork and shared by all children."""

import asyncio

import uvloop

from control.alone.credentials import ensure_credentials
from control.alone.fake_nodes import fake_nodes, node_object
from control.alone.options import AloneOptions
from control.alone.place import ephemeral
from control.alone.serve import serve_alone, tls
from control.alone.sockets import LOOPBACK, listen
from control.client.client import AGGREGATED, ApiClient
from control.client.resources import CONFIGMAPS, DEPLOYMENTS, NODES, PODS, SERVICES

_POD = {"containers": [{"name": "main", "image": "warm/up:1", "ports": [{"containerPort": 80}]}]}
_LABELS = {"app": "warm"}
_WORKLOAD = {
    "selector": {"matchLabels": _LABELS},
    "template": {"metadata": {"labels": _LABELS}, "spec": _POD},
}


def warm() -> None:
    """Run an API of its own for a moment, and end it; afterwards the process has one thread again."""
    uvloop.run(_try_out())


async def _try_out() -> None:
    with ephemeral() as place, listen(0, wanted=True) as sock:
        ensure_credentials(place)
        ready = asyncio.Event()
        options = AloneOptions(controllers=False)
        task = asyncio.create_task(serve_alone(place, options, sock, ready.set))
        try:
            await asyncio.wait_for(ready.wait(), 30)
            async with ApiClient(
                f"https://{LOOPBACK}:{sock.getsockname()[1]}", tls(place, "admin")
            ) as client:
                await _ask(client)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _ask(client: ApiClient) -> None:
    meta = {"name": "warm"}
    await client.create(NODES, node_object(fake_nodes(1)[0], "2026-01-01T00:00:00Z"))
    await client.create(CONFIGMAPS, {"metadata": meta, "data": {"a": "b"}}, "default")
    await client.create(SERVICES, {"metadata": meta, "spec": {"ports": [{"port": 80}]}}, "default")
    await client.create(DEPLOYMENTS, {"metadata": meta, "spec": _WORKLOAD}, "default")
    pod = await client.create(PODS, {"metadata": meta, "spec": _POD}, "default")
    await client.update(PODS, {**pod, "status": {"phase": "Running"}}, subresource="status")
    await client.patch(PODS, "warm", "default", {"metadata": {"labels": _LABELS}}, patch_type="strategic")
    for path in ("/api", "/apis"):
        await client.request("GET", path, accept=AGGREGATED)
    await client.list(PODS)
    async for _event in client.watch(PODS, initial=True):
        break
    await client.delete(PODS, "warm", "default", grace_s=0)
