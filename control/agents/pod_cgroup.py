"""Pods' cgroups, seen from the kubelet: how it ends processes of pods that no zygote knows.

Containers outlive a SIGKILL of their zygote, and the next one does not know them; their pod's cgroup holds them all.
"""

import asyncio
import logging
from collections.abc import Iterable

from control.agents.context import NodeContext
from dataplane.errors import KernelError
from dataplane.host.cgroup import LabCgroup

log = logging.getLogger(__name__)
_RETRY_S = 1.0


def uids(ctx: NodeContext) -> set[str]:
    """Pods of the node that have a cgroup."""
    return {entry.name for entry in ctx.cgroup.iterdir() if entry.is_dir()} if ctx.cgroup.is_dir() else set()


async def end(ctx: NodeContext, pods: Iterable[str]) -> None:
    """Kill whatever runs in the pods' cgroups and remove them; returns when the kernel says that all has ended."""
    await asyncio.gather(*(_end(ctx, uid) for uid in pods if (ctx.cgroup / uid).is_dir()))


async def _end(ctx: NodeContext, uid: str) -> None:
    lab = LabCgroup(ctx.lab)
    sub = str((ctx.cgroup / uid).relative_to(lab.path))
    while True:
        try:
            await asyncio.to_thread(lab.remove_below, sub)
        except KernelError as error:  # it hangs in the kernel; its pod must not be told gone meanwhile
            log.warning("pod %s: %s", uid, error)
            await asyncio.sleep(_RETRY_S)
        else:
            return
