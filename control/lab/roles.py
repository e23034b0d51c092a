"""The processes of a lab and what each of them runs. Imports are late: the zygote and the fabric's builder are
forked before the heavy rooms are loaded, all others after."""

import asyncio
import gc
import importlib
import os
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from control.lab.directory import LabDirectory, home
from control.lab.plan import API_PORT, LabPlan, node_context
from control.lab.supervisor import Role
from control.workload.descriptor_store import DescriptorStore
from dataplane.errors import KernelError
from dataplane.fabric.build import build, mend_node
from dataplane.host.cgroup import LabCgroup
from dataplane.model.address import Family
from dataplane.model.topology import NodePlan
from dataplane.netns.enter import SocketMaker, run_inside

Ready = Callable[[], None]

_WARM = (
    "aiohttp",
    "uvloop",
    "orjson",
    "control.api.server",
    "control.client.informer",
    "control.controllers.manager",
    "control.scheduler.scheduler",
    "control.agents.main",
    "control.dns.internet",
)


def warm() -> None:
    """Load what the roles share, so that a fork finds it in memory."""
    for name in _WARM:
        importlib.import_module(name)


def all_roles(
    plan: LabPlan, directory: LabDirectory, cgroup: LabCgroup, api_port: int, store: DescriptorStore
) -> tuple[Role, ...]:
    """Every process of the lab but its containers. store: the supervisor's, for what these hang on."""
    agents = tuple(_agents_role(plan, node, directory, cgroup) for node in plan.fabric.nodes)
    return (
        Role("zygote", lambda ready: _zygote(directory, store, ready), deposits=True),
        Role("fabric", lambda _ready: _fabric(plan), once=True),
        Role("api", lambda ready: _api(plan, directory, api_port, ready), needs=("fabric",)),
        Role("controllers", lambda ready: _controllers(plan, directory, ready), needs=("api",)),
        *agents,
        Role("internet", lambda ready: _internet(plan, ready), needs=("fabric",)),
    )


def _agents_role(plan: LabPlan, node: NodePlan, directory: LabDirectory, cgroup: LabCgroup) -> Role:
    context = node_context(plan, node, directory, cgroup.path / "nodes" / node.name)

    def run(ready: Ready) -> None:
        from control.agents.main import run_agents

        context.directory.mkdir(parents=True, exist_ok=True)
        cgroup.make(f"nodes/{node.name}")
        _run(run_agents(context, plan.spec.periods.lease_s, ready))

    def mend() -> None:
        try:
            print(f"fabric: {mend_node(plan.fabric, node)} changes", flush=True)  # noqa: T201 (the role's log)
        except KernelError as error:  # what `up` mends: the agents do what they can without
            print(f"fabric: {error}", flush=True)  # noqa: T201 (the role's log)

    return Role(f"agents-{node.name}", run, needs=("fabric", "api", "zygote"), mend=mend)


def _fabric(plan: LabPlan) -> None:
    changes = build(plan.fabric)
    print(f"fabric: {changes} changes", flush=True)  # noqa: T201 (the role's log)


def _zygote(directory: LabDirectory, store: DescriptorStore, ready: Ready) -> None:
    from control.workload.request import ZygoteConfig
    from control.workload.zygote import serve

    config = ZygoteConfig(socket_path=str(directory.zygote_socket), home=str(home()))
    serve(config, ready, store.deposits())


def _api(plan: LabPlan, directory: LabDirectory, api_port: int, ready: Ready) -> None:
    from control.api.config import ApiConfig
    from control.api.server import ApiServer

    netns, pki = plan.control.netns, directory.pki
    sockets = [_listening("127.0.0.1", api_port)]
    sockets += run_inside(netns, lambda: [_listening(str(a), API_PORT) for a in plan.control.addresses])
    config = ApiConfig(
        store=directory.store,
        client_ca=pki / "ca.crt",
        serving_cert=pki / "apiserver.crt",
        serving_key=pki / "apiserver.key",
        sa_key=pki / "sa.key",
        advertise=plan.control.addresses,
        advertise_port=API_PORT,
        service_cidrs=plan.service_cidrs,
        cluster_domain=plan.spec.cluster_domain,
        kubelet_cert=pki / "kubelet-client.crt",
        kubelet_key=pki / "kubelet-client.key",
        dial=SocketMaker(netns),
        tolerated_s=int(plan.spec.periods.eviction_toleration_s),
    )

    async def serve() -> None:
        async with ApiServer(config) as server, asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets), name="api server")
            await server.ready.wait()
            ready()

    _run(serve())


def _listening(address: str, port: int) -> socket.socket:
    """A listening socket that a restarted role can have again at once."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((address, port))
    sock.listen(512)
    sock.setblocking(False)
    return sock


def _controllers(plan: LabPlan, directory: LabDirectory, ready: Ready) -> None:
    from control.controllers.config import ControllerConfig
    from control.controllers.manager import run_controllers
    from control.lab.addons import ensure_addons
    from control.scheduler.config import SchedulerConfig
    from control.scheduler.scheduler import run_scheduler

    periods = plan.spec.periods
    config = ControllerConfig(
        ca_pem=(directory.pki / "ca.crt").read_text(),
        node_monitor_period_s=periods.monitor_s,
        node_monitor_grace_s=periods.monitor_grace_s,
    )

    async def run() -> None:
        from control.client.client import ApiClient

        async with AsyncExitStack() as stack:
            sockets = SocketMaker(plan.control.netns)
            stack.callback(sockets.close)

            async def client(name: str) -> ApiClient:
                tls = client_tls(
                    directory.pki / "ca.crt", directory.pki / f"{name}.crt", directory.pki / f"{name}.key"
                )
                made = ApiClient(plan.api_url, tls, make_socket=sockets.socket, user_agent=f"podwire-{name}")
                return await stack.enter_async_context(made)

            manager, scheduler = await client("controllers"), await client("scheduler")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(run_controllers(manager, config), name="controllers")
                tasks.create_task(run_scheduler(scheduler, SchedulerConfig()), name="scheduler")
                await ensure_addons(manager, plan)
                ready()

    _run(run())


def _internet(plan: LabPlan, ready: Ready) -> None:
    from control.dns.internet import InternetPlan, serve

    families = tuple(
        socket.AF_INET if family is Family.V4 else socket.AF_INET6 for family in plan.fabric.families
    )

    async def run() -> None:
        with SocketMaker(plan.fabric.internet.netns) as sockets:
            await serve(InternetPlan(families), sockets.socket, ready)

    _run(run())


def client_tls(ca: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS of a client with a certificate, trusting the lab's CA alone."""
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(certificate, key)
    return context


def _run(main: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
    """Run a role's loop until SIGTERM."""
    import logging

    import uvloop

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # many long-lived objects: the collector took up to 40 % of a full sync

    async def until_terminated() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(main)
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return

    uvloop.run(until_terminated())
    os._exit(0)  # helper threads sit in system calls; nothing is left to flush but the log
