"""An API alone, from its place to its end: one process and one loop for server, controllers and pretended nodes.

The controllers are clients over TLS on loopback like anybody else: what they see is what a user's client sees.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AsyncExitStack
from socket import socket

from control.alone.fake_kubelet import FakeKubelet
from control.alone.fake_nodes import fake_nodes, heartbeat, register
from control.alone.options import AloneOptions
from control.alone.place import Place
from control.alone.sockets import LOOPBACK, NoNodes
from control.api.admission.attempt import FieldValidation, WriteOptions
from control.api.bootstrap import NAMESPACES
from control.api.config import ApiConfig
from control.api.request import User
from control.api.server import ApiServer
from control.client.client import ApiClient
from control.client.clock import SystemClock
from control.controllers.config import ControllerConfig
from control.controllers.manager import run_controllers
from control.errors import AlreadyExists
from control.lab.pki import KeyPair
from control.scheduler.config import SchedulerConfig
from control.scheduler.scheduler import run_scheduler
from control.schema.resource import registry

Ready = Callable[[], None]


async def serve_alone(place: Place, options: AloneOptions, sock: socket, ready: Ready) -> None:
    """Serve until cancelled; ``ready`` is called when requests are answered and the nodes are there."""
    port = sock.getsockname()[1]
    async with ApiServer(_config(place, options, port)) as server, asyncio.TaskGroup() as serving:
        if options.controllers:
            await _accounts(server)
        serving.create_task(server.serve([sock]), name="api server")
        await server.ready.wait()
        # A group of its own inside: the server answers until all of its clients have ended.
        async with AsyncExitStack() as clients, asyncio.TaskGroup() as beside:
            await _start_clients(place, options, port, clients, beside)
            ready()
            await asyncio.get_running_loop().create_future()


def _config(place: Place, options: AloneOptions, port: int) -> ApiConfig:
    server = KeyPair.at(place.pki, "server")
    return ApiConfig(
        store=place.store,
        client_ca=place.pki / "ca.crt",
        serving_cert=server.cert,
        serving_key=server.key,
        sa_key=place.pki / "sa.key",
        advertise_port=port,
        dial=NoNodes(),
        durable=place.kept,
        service_accounts=options.controllers,
    )


async def _accounts(server: ApiServer) -> None:
    """The default accounts of the first namespaces, so that the first pod need not wait for a controller."""
    row = registry().by_kind("v1", "ServiceAccount")
    assert row is not None
    ourselves = User("system:serviceaccount:kube-system:service-account-controller", ("system:masters",))
    options = WriteOptions(user=ourselves, manager="podwire-controllers", validation=FieldValidation.STRICT)
    for namespace in NAMESPACES:
        try:
            await server.writer.create(row, namespace, {"metadata": {"name": "default"}}, options)
        except AlreadyExists:
            continue


async def _start_clients(
    place: Place, options: AloneOptions, port: int, stack: AsyncExitStack, group: asyncio.TaskGroup
) -> None:
    async def client(name: str) -> ApiClient:
        made = ApiClient(f"https://{LOOPBACK}:{port}", tls(place, name), user_agent=f"podwire-{name}")
        return await stack.enter_async_context(made)

    clock = SystemClock()
    if options.controllers:
        config = ControllerConfig(ca_pem=(place.pki / "ca.crt").read_text())
        group.create_task(run_controllers(await client("controllers"), config), name="controllers")
    if options.scheduler:
        group.create_task(run_scheduler(await client("scheduler"), SchedulerConfig()), name="scheduler")
    if options.nodes:
        player, nodes = await client("nodes"), fake_nodes(options.nodes)
        await register(player, nodes, clock)
        group.create_task(heartbeat(player, nodes, clock), name="heartbeat")
        if options.kubelet:
            group.create_task(FakeKubelet(player, nodes, clock).run(), name="fake kubelet")


def tls(place: Place, name: str) -> ssl.SSLContext:
    """TLS of one of the API's clients, trusting its CA alone."""
    pair = KeyPair.at(place.pki, name)
    context = ssl.create_default_context(cafile=str(place.pki / "ca.crt"))
    context.load_cert_chain(pair.cert, pair.key)
    return context
