"""Ephemeral containers: added to a running pod (``kubectl debug``), run once, in its namespaces, never again."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from control.agents.container_keeper import ContainerKeeper
from control.agents.kubelet_errors import ConfigError

Json = dict[str, Any]
_ENDING_S: Final = 2.0


class EphemeralContainers:
    """Those of one pod. ``make`` is a keeper for a container; nothing starts before ``begin``."""

    def __init__(self, make: Callable[[Json], ContainerKeeper]) -> None:
        self.keepers: list[ContainerKeeper] = []
        self._make = make
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[int]] = []

    def take(self, pod: Json) -> None:
        """The pod's spec as it is now; what is new there starts."""
        known = {keeper.name for keeper in self.keepers}
        for container in pod["spec"].get("ephemeralContainers") or ():
            if container["name"] not in known:
                keeper = self._make(container)
                self.keepers.append(keeper)
                if self._group is not None:
                    self._start(keeper)

    def begin(self, group: asyncio.TaskGroup) -> None:
        """The pod's place is there: start those that wait, and from now on those that come."""
        self._group = group
        for keeper in self.keepers:
            self._start(keeper)

    def _start(self, keeper: ContainerKeeper) -> None:
        assert self._group is not None
        task = self._group.create_task(keeper.keep("Never"), name=f"ephemeral container {keeper.name}")
        self._tasks.append(task)

    async def stop(self, grace_s: float) -> None:
        """The pod's place goes: end what runs; nothing starts any more."""
        self._group = None
        await asyncio.gather(*(keeper.stop(grace_s) for keeper in self.keepers if keeper.running))
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_ENDING_S)
        for task in self._tasks:
            task.cancel()

    def statuses(self) -> list[Json]:
        """Their part of the pod's status: without probes they are never ready, as upstream has it."""
        found = [{**keeper.status(), "ready": False} for keeper in self.keepers]
        for status in found:
            del status["started"]
        return found


def process_namespace_of(container: Json, keepers: Mapping[str, ContainerKeeper]) -> str:
    """The id of the container whose processes an ephemeral container sees; empty for none.

    Raises ConfigError while that one does not run.
    """
    name = container.get("targetContainerName")
    if not name:
        return ""
    target = keepers.get(name)
    if target is None or not target.running:
        raise ConfigError(f'target container "{name}" is not running')
    return target.container_id
