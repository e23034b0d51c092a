"""Pretended nodes: Node objects that are Ready, and their leases."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from typing import Any, Final

from control.client.client import ApiClient
from control.client.clock import Clock
from control.client.lease import NodeLease
from control.client.resources import NODES
from control.errors import AlreadyExists
from control.names import KUBELET_PORT

Json = dict[str, Any]

POD_RANGE: Final = IPv4Network("10.244.0.0/14")
"""One /24 of it a node: room for 1,024 nodes."""
NODE_RANGE: Final = IPv4Network("198.18.0.0/22")
"""Of the range for benchmarks (RFC 2544), which is routed nowhere."""
PODS_MOST: Final = 250
_LEASE_S: Final = 40
_RENEW_S: Final = 10.0
_REGISTERED_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class FakeNode:
    """One pretended node: its name, its address, and the range of its pods' addresses."""

    name: str
    address: IPv4Address
    pods: IPv4Network


def fake_nodes(count: int) -> tuple[FakeNode, ...]:
    """``fake-1`` and so on."""
    ranges = islice(POD_RANGE.subnets(new_prefix=24), count)
    return tuple(
        FakeNode(f"fake-{number}", NODE_RANGE[number], pods) for number, pods in enumerate(ranges, 1)
    )


def node_object(node: FakeNode, now: str) -> Json:
    """The Node as its kubelet would register it."""
    capacity = {"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": str(PODS_MOST)}
    conditions = [
        ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("Ready", "True", "KubeletReady", "a pretended kubelet"),
    ]
    return {
        "metadata": {
            "name": node.name,
            "labels": {
                "kubernetes.io/hostname": node.name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
            },
        },
        "spec": {"podCIDR": str(node.pods), "podCIDRs": [str(node.pods)]},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "conditions": [
                {
                    "type": kind,
                    "status": status,
                    "reason": reason,
                    "message": message,
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": now,
                }
                for kind, status, reason, message in conditions
            ],
            "addresses": [
                {"type": "InternalIP", "address": str(node.address)},
                {"type": "Hostname", "address": node.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
            "nodeInfo": {
                "machineID": node.name,
                "systemUUID": node.name,
                "bootID": node.name,
                "kernelVersion": "fake",
                "osImage": "fake",
                "containerRuntimeVersion": "fake://1",
                "kubeletVersion": "v1.37.0",
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }


async def register(client: ApiClient, nodes: Sequence[FakeNode], clock: Clock) -> None:
    """Make the Node objects; those that are there stay as they are."""
    now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    waiting = iter(nodes)

    async def some() -> None:
        for node in waiting:
            try:
                await client.create(NODES, node_object(node, now))
            except AlreadyExists:
                continue

    await asyncio.gather(*(some() for _ in range(min(_REGISTERED_AT_ONCE, len(nodes)))))


async def heartbeat(client: ApiClient, nodes: Sequence[FakeNode], clock: Clock) -> None:
    """Renew the nodes' leases until cancelled, spread over the period."""
    async with asyncio.TaskGroup() as group:
        for node in nodes:
            lease = NodeLease(client, node.name, clock, duration_s=_LEASE_S, renew_s=_RENEW_S)
            group.create_task(lease.run(), name=f"lease of {node.name}")
            await clock.sleep(_RENEW_S / len(nodes) if len(nodes) > 100 else 0)
