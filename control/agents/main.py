"""One node's agents in one loop: kubelet, proxy and policy enforcer, each a client of the API through its node."""

import asyncio
import json
import signal
import ssl
from collections.abc import Callable

from cni.runtime.inprocess import NodeNetwork, PodNetwork
from cni.runtime.listed import ListedNetwork
from control.agents.context import NodeContext
from control.agents.enforcer import Enforcer, PortOf, port_of_ours
from control.agents.kubelet import Kubelet
from control.agents.pod_network import PodNetworkAsync, SyncPodNetwork
from control.agents.proxy import Proxy
from control.agents.translate.pod_outline import parse_pod_event
from control.client.client import ApiClient
from control.client.informer import Informer
from control.client.resources import ENDPOINTSLICES, NAMESPACES, NETWORKPOLICIES, PODS, SERVICES
from control.workload.runtime import ZygoteClient
from dataplane.model.address import MacAddress
from dataplane.netns.enter import SocketMaker
from dataplane.nft.handle import NftHandle
from policy.world import PodFacts

COMPARE_SIGNAL = signal.SIGUSR1
"""The agents read their kernel and mend what differs (``up`` on a running lab)."""


async def run_agents(ctx: NodeContext, lease_s: float, ready: Callable[[], None]) -> None:
    """Run the node's agents until cancelled. ready: called once Services and policies are in the kernel."""
    tls = ssl.create_default_context(cafile=str(ctx.ca))
    tls.load_cert_chain(ctx.client_cert, ctx.client_key)
    with SocketMaker(ctx.netns) as sockets:
        async with ApiClient(
            ctx.api_url, tls, make_socket=sockets.socket, user_agent=f"kubelet/{ctx.name}"
        ) as client:
            informers = {
                resource: Informer(client, resource)
                for resource in (NAMESPACES, NETWORKPOLICIES, SERVICES, ENDPOINTSLICES)
            }
            informers[PODS] = Informer(client, PODS, parse=parse_pod_event)
            mine = Informer(client, PODS, field_selector=f"spec.nodeName={ctx.name}")
            make_network, port = _pod_network(ctx)
            enforcer = Enforcer(
                ctx,
                informers[PODS],
                informers[NAMESPACES],
                informers[NETWORKPOLICIES],
                NftHandle(ctx.netns),
                port=port,
            )
            proxy = Proxy(ctx, informers[SERVICES], informers[ENDPOINTSLICES], NftHandle(ctx.netns))
            network = PodNetworkAsync(make_network)
            kubelet = Kubelet(
                ctx,
                client,
                mine,
                network,
                enforcer,
                sockets,
                ZygoteClient(str(ctx.zygote_socket)),
                services=informers[SERVICES],
                lease_s=lease_s,
            )

            def compare_now() -> None:
                enforcer.compare_now()
                proxy.compare_now()

            asyncio.get_running_loop().add_signal_handler(COMPARE_SIGNAL, compare_now)
            async with asyncio.TaskGroup() as tasks:
                for informer in (*informers.values(), mine):
                    tasks.create_task(informer.run(), name=f"informer {informer.resource.plural}")
                tasks.create_task(enforcer.run(), name="enforcer")
                tasks.create_task(proxy.run(), name="proxy")
                tasks.create_task(kubelet.run(), name="kubelet")
                for informer in (*informers.values(), mine):
                    await informer.synced.wait()
                await proxy.programmed.wait()
                ready()


def _pod_network(ctx: NodeContext) -> tuple[Callable[[], SyncPodNetwork], PortOf]:
    """How the node's pod network is made, and where in it a pod is plugged in."""
    node = NodeNetwork(ctx.name, ctx.netns, ctx.pod_cidrs, ctx.pod_mtu, ctx.directory / "cni")
    if ctx.cni is None:
        return (lambda: PodNetwork(node)), port_of_ours
    listed = ListedNetwork(node, json.loads(ctx.cni.conflist), ctx.cni.path)

    def port(pod: PodFacts) -> tuple[str, MacAddress] | None:
        found = listed.port(pod.uid)
        return (found.interface, found.mac) if found is not None and found.interface else None

    return (lambda: listed), port
