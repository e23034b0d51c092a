"""The Node object and its heartbeat: what a kubelet says of the node it runs on."""

import asyncio
import logging
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from control.agents.context import NodeContext
from control.agents.kubelet_tools import rfc3339
from control.client.client import ApiClient, ApiUnreachable
from control.client.clock import Clock
from control.client.resources import NODES
from control.errors import AlreadyExists, ApiError, NotFound
from control.names import KUBELET_PORT

Json = dict[str, Any]
log = logging.getLogger(__name__)
KUBELET_VERSION = "v1.37.0"
_STATUS_PERIOD_S = 300.0
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}


def machine_capacity(max_pods: int) -> dict[str, str]:
    """The machine's cpu and memory; every node of the lab has all of it, since nothing is reserved."""
    memory_kib = 0
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            memory_kib = int(line.split()[1])
    return {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{memory_kib}Ki",
        "ephemeral-storage": "64Gi",
        "pods": str(max_pods),
    }


def node_labels(ctx: NodeContext) -> dict[str, str]:
    """The well-known labels, then the plan's own."""
    arch = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return {
        "kubernetes.io/hostname": ctx.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": arch,
        **dict(ctx.labels),
    }


class NodeRegistration:
    """Owns this node's Node object: makes it, and keeps its status true."""

    def __init__(
        self,
        ctx: NodeContext,
        client: ApiClient,
        clock: Clock,
        capacity: Mapping[str, str],
        look_s: float = 10.0,
    ) -> None:
        self._ctx, self._client, self._clock = ctx, client, clock
        self._capacity = dict(capacity)
        self._look_s = look_s
        self._written_at = 0.0
        self._conditions: dict[str, Json] = {}
        self.registered = asyncio.Event()

    async def run(self) -> None:
        """Register; then look every ten seconds at what the API has, and write when it differs or is five
        minutes old. A node that was given up for lost is Ready again within one look."""
        while True:
            try:
                have = await self._register()
                if self._differs(have) or self._clock.monotonic() - self._written_at >= _STATUS_PERIOD_S:
                    await self._write_status()
                    self._written_at = self._clock.monotonic()
                self.registered.set()
            except (ApiError, ApiUnreachable) as error:
                log.warning("node %s: %s", self._ctx.name, error)
                await self._clock.sleep(1.0)
                continue
            await self._clock.sleep(self._look_s)

    def _differs(self, have: Json) -> bool:
        """Whether the API's status is not what we would write, times apart."""
        if not self.registered.is_set():
            return True
        said = {c["type"]: c["status"] for c in (have.get("status") or {}).get("conditions") or []}
        want = self._status()
        return (
            any(said.get(c["type"]) != c["status"] for c in want["conditions"])
            or (have.get("status") or {}).get("addresses") != want["addresses"]
        )

    async def _register(self) -> Json:
        """The Node object, made or mended where it is not ours."""
        ctx = self._ctx
        try:
            have = await self._client.get(NODES, ctx.name)
        except NotFound:
            have = await self._create()
        self._conditions = {c["type"]: c for c in (have.get("status") or {}).get("conditions") or []}
        labels = have["metadata"].get("labels") or {}
        missing = {key: value for key, value in node_labels(ctx).items() if labels.get(key) != value}
        cidrs = [str(cidr) for cidr in ctx.pod_cidrs]
        spec: Json = {}
        if (have.get("spec") or {}).get("podCIDRs") != cidrs and cidrs:
            spec = {"spec": {"podCIDR": cidrs[0], "podCIDRs": cidrs}}
        if missing or spec:
            await self._client.patch(NODES, ctx.name, None, {"metadata": {"labels": missing}, **spec})
        return have

    async def _create(self) -> Json:
        ctx = self._ctx
        cidrs = [str(cidr) for cidr in ctx.pod_cidrs]
        node: Json = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": ctx.name,
                "labels": node_labels(ctx),
                "annotations": {"podwire.dev/netns": ctx.netns},
            },
            "spec": {
                "podCIDR": cidrs[0] if cidrs else "",
                "podCIDRs": cidrs,
                "taints": [{"key": k, "value": v, "effect": effect} for k, v, effect in ctx.taints],
            },
            "status": self._status(),
        }
        for taint in node["spec"]["taints"]:
            if not taint["value"]:
                del taint["value"]
        try:
            return await self._client.create(NODES, node)
        except AlreadyExists:
            return await self._client.get(NODES, ctx.name)

    async def _write_status(self) -> None:
        status = self._status()
        # Addresses merge by type, of which dual stack has two alike: replace them, as upstream's kubelet does.
        status["addresses"] = [*status["addresses"], {"$patch": "replace"}]
        body = {"status": status}
        await self._client.patch(
            NODES, self._ctx.name, None, body, patch_type="strategic", subresource="status"
        )

    def _status(self) -> Json:
        ctx, now = self._ctx, rfc3339(self._clock.now())
        conditions = []
        for kind, state, reason, message in (
            (
                "MemoryPressure",
                "False",
                "KubeletHasSufficientMemory",
                "kubelet has sufficient memory available",
            ),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
            ("Ready", "True", "KubeletReady", "podwire's kubelet is posting ready status"),
        ):
            before = self._conditions.get(kind, {})
            since = before.get("lastTransitionTime") if before.get("status") == state else None
            condition = {
                "type": kind,
                "status": state,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": now,
                "lastTransitionTime": since or now,
            }
            self._conditions[kind] = condition
            conditions.append(condition)
        addresses = [{"type": "InternalIP", "address": str(address)} for address in ctx.addresses]
        return {
            "capacity": self._capacity,
            "allocatable": self._capacity,
            "conditions": conditions,
            "addresses": [*addresses, {"type": "Hostname", "address": ctx.name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
            "nodeInfo": _node_info(ctx),
        }


def _node_info(ctx: NodeContext) -> Json:
    machine_id = ""
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        if Path(path).exists():
            machine_id = Path(path).read_text().strip()
            break
    release = Path("/etc/os-release")
    pretty = "Linux"
    if release.exists():
        for line in release.read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                pretty = line.removeprefix("PRETTY_NAME=").strip('"')
    return {
        "machineID": machine_id,
        "systemUUID": f"podwire-{ctx.lab}-{ctx.name}",
        "bootID": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "kernelVersion": platform.release(),
        "osImage": pretty,
        "containerRuntimeVersion": "podwire://0.1.0",
        "kubeletVersion": KUBELET_VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
    }
