"""A pod's place: network, policy, namespaces, volumes; what its containers need before they start."""

import asyncio
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cni.errors import CNIError
from control.agents import pod_cgroup
from control.agents.environment import Sources, bytes_of, declared, field_value, names_needed, resource_value
from control.agents.kubelet_errors import ConfigError, MountError, SandboxError
from control.agents.kubelet_tools import KubeletTools
from control.agents.last_words import message_mount
from control.agents.pod_tokens import PodTokens
from control.agents.translate.pod import (
    Prepared,
    attach_request,
    container_request,
    netns_of,
    sandbox_request,
    uid_of,
)
from control.agents.volumes import PodVolumes, VolumePlaces, VolumeTools
from control.client.client import ApiUnreachable
from control.client.resources import SERVICEACCOUNTS
from control.errors import ApiError
from control.workload.request import ContainerRequest
from control.workload.runtime import RuntimeFailed
from dataplane.errors import KernelError
from dataplane.netns import names

Json = dict[str, Any]
log = logging.getLogger(__name__)


class PodSandbox:
    """Owns a pod's network attachment, sandbox and volumes, from ``set_up`` to ``tear_down``."""

    def __init__(self, tools: KubeletTools, pod: Json) -> None:
        self._tools = tools
        self.pod = pod
        self.addresses: tuple[str, ...] = ()
        self.up = False
        self._zygote = 0
        self.directory = Path(tools.ctx.directory) / "pods" / uid_of(pod)
        self._memory = tools.ctx.memory / uid_of(pod)
        self._volumes = PodVolumes(
            pod,
            VolumePlaces(self.directory, self._memory),
            VolumeTools(
                fetch=self._fetch,
                token=PodTokens(self._token, tools.clock.now).get,
                field=lambda path: field_value(self.pod, path, self._sources()),
                resource=lambda ref: resource_value(self.pod, {}, ref, self._sources()),
                tmpfs=lambda path, size: tools.runtime.tmpfs(uid_of(pod), path, size),
                hidden=str(tools.ctx.home),
            ),
        )

    @property
    def _on_node(self) -> bool:
        return bool(self.pod["spec"].get("hostNetwork"))

    def update(self, pod: Json) -> None:
        """A newer version of the object."""
        self.pod = pod
        self._volumes.update_pod(pod)

    async def set_up(self) -> None:
        """Addresses, policy, link, namespaces: in this order. Raises SandboxError, RuntimeGone, ApiUnreachable."""
        tools, ctx = self._tools, self._tools.ctx
        try:
            if self._on_node:
                self.addresses = tuple(str(address) for address in ctx.addresses)
            else:
                result = await tools.network.add(attach_request(ctx, self.pod))
                self.addresses = tuple(str(address) for address in result.ips)
                # No packet of the pod passes before its verdicts are in the kernel.
                await tools.gate.admit(self.pod, result.ips)
                await tools.network.enable(uid_of(self.pod))
            await self.ensure()
        except (KernelError, CNIError, OSError) as error:
            plugin = getattr(error, "plugin", CNIError.plugin)
            raise SandboxError(
                f'Failed to create pod sandbox: plugin type="{plugin}" failed (add): {error}'
            ) from error
        self.up = True

    async def ensure(self) -> None:
        """UTS and IPC namespaces with the zygote; again after it was restarted."""
        runtime = self._tools.runtime
        zygote = runtime.zygotes
        if self._zygote != zygote:
            await runtime.sandbox(sandbox_request(self._tools.ctx, self.pod))
            self._zygote = zygote

    async def mount(self) -> None:
        """All volumes. Raises MountError."""
        try:
            await self._volumes.set_up()
        except (ApiError, RuntimeFailed) as error:
            raise MountError(f"MountVolume.SetUp failed : {error}") from error

    async def refresh(self) -> None:
        """Volumes follow their sources."""
        try:
            await self._volumes.refresh()
        except (MountError, ConfigError, ApiError, ApiUnreachable, OSError):  # kept as they are; next time
            return

    async def tear_down(self) -> None:
        """Processes, network, policy, volumes go; what is gone already is fine."""
        tools, uid = self._tools, uid_of(self.pod)
        try:
            await tools.runtime.remove_pod(uid)
        except RuntimeFailed as error:
            log.info("%s: %s", uid, error)
        # A zygote that was born after the pod's containers knows nothing of them.
        await pod_cgroup.end(tools.ctx, (uid,))
        if not self._on_node:
            await tools.network.delete(uid, netns_of(tools.ctx, self.pod))
            await tools.gate.retire(uid, tuple(_parsed(self.addresses)))
        self.up, self._zygote = False, 0

    async def discard(self) -> None:
        """The pod's files."""
        for place in (self.directory, self._memory):
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    def open_netns(self) -> int:
        """The network namespace, as a descriptor for the zygote."""
        return os.open(names.path(netns_of(self._tools.ctx, self.pod)), os.O_RDONLY | os.O_CLOEXEC)

    async def prepare(self, container: Json, attempt: int) -> ContainerRequest:
        """All that one run of a container needs. Raises ConfigError and RuntimeGone."""
        namespace = self.pod["metadata"]["namespace"]
        configmaps, secrets = names_needed(container)
        try:
            sources = replace(
                self._sources(),
                configmaps={name: await self._tools.config_map(namespace, name) for name in configmaps},
                secrets={name: await self._tools.secret(namespace, name) for name in secrets},
                links=self._tools.service_links.of(
                    namespace, enabled=self.pod["spec"].get("enableServiceLinks") is not False
                ),
            )
        except (ApiError, ApiUnreachable) as error:
            raise ConfigError(str(error)) from error
        own = declared(self.pod, container, sources)
        environment = {
            "HOSTNAME": sandbox_request(self._tools.ctx, self.pod).hostname,
            **sources.links,
            **own,
        }
        await self.ensure()
        prepared = Prepared(
            environment=environment,
            declared=own,
            volumes=(
                *self._volumes.mounts_of(container),
                *message_mount(self.directory, container, attempt),
            ),
            addresses=self.addresses,
            attempt=attempt,
        )
        return container_request(self._tools.ctx, self.pod, container, prepared)

    def _sources(self) -> Sources:
        """All that fields and resources are read from; an environment needs more."""
        return Sources(
            configmaps={},
            secrets={},
            links={},
            addresses=self.addresses,
            node_addresses=tuple(str(address) for address in self._tools.ctx.addresses),
            capacity=self._tools.capacity,
        )

    async def _fetch(self, kind: str, name: str, optional: bool) -> Mapping[str, bytes] | None:  # noqa: FBT001
        namespace = self.pod["metadata"]["namespace"]
        find = self._tools.config_map if kind == "configMap" else self._tools.secret
        obj = await find(namespace, name)
        if obj is not None:
            return bytes_of(obj)
        if optional:
            return None
        raise MountError(f'{kind.lower()} "{name}" not found')

    async def _token(self, audience: str, seconds: int) -> Json:
        meta = self.pod["metadata"]
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [audience] if audience else [],
                "expirationSeconds": seconds,
                "boundObjectRef": {
                    "kind": "Pod",
                    "apiVersion": "v1",
                    "name": meta["name"],
                    "uid": meta["uid"],
                },
            },
        }
        account = self.pod["spec"].get("serviceAccountName") or "default"
        async with self._tools.lane:
            return await self._tools.client.create(
                SERVICEACCOUNTS, request, meta["namespace"], name=account, subresource="token"
            )


def _parsed(addresses: tuple[str, ...]) -> list[Any]:
    from ipaddress import ip_address

    return [ip_address(address) for address in addresses]
