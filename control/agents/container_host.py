"""What a container's keeper needs of its pod."""

import asyncio
from pathlib import Path
from typing import Any, Literal, Protocol

from control.agents.kubelet_tools import KubeletTools
from control.workload.request import ContainerRequest

Json = dict[str, Any]


class Host(Protocol):
    """What a keeper needs of its pod's worker."""

    tools: KubeletTools
    pod: Json
    stopping: asyncio.Event

    @property
    def addresses(self) -> tuple[str, ...]:
        """The pod's, the primary first."""

    async def prepare(self, container: Json, attempt: int) -> ContainerRequest:
        """Environment, volumes, sandbox. Raises ConfigError, RuntimeGone."""

    def open_netns(self) -> int:
        """The pod's network namespace; the caller closes it."""

    def log_path(self, container: Json, attempt: int) -> Path:
        """Where a run's output goes."""

    def last_words(self, container: Json, attempt: int, code: int) -> str:
        """The termination message of a run that ended with ``code``."""

    def changed(self, *, urgent: bool = True) -> None:
        """Something of the status has changed. urgent: it is to be written at once."""

    def event(self, kind: Literal["Normal", "Warning"], reason: str, message: str, container: Json) -> None:
        """An Event about the pod."""


def address_of(host: Host) -> str:
    """Where probes and hooks reach the pod."""
    return host.addresses[0] if host.addresses else "127.0.0.1"
