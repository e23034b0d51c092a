"""Leases: a node's heartbeat, and the election of one leader among several."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from control.client.client import ApiClient, ApiUnreachable, Json
from control.client.clock import Clock
from control.client.resources import LEASES, NODES
from control.errors import AlreadyExists, ApiError, Conflict, NotFound
from control.names import NODE_LEASE_NAMESPACE

log = logging.getLogger(__name__)


def micro_time(moment: datetime) -> str:
    """RFC 3339 with six digits, as MicroTime stands in JSON."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """Time or MicroTime of the API."""
    return datetime.fromisoformat(text)


class NodeLease:
    """A node's heartbeat: ``kube-node-lease/NODE``, renewed every ``renew_s``."""

    def __init__(
        self,
        client: ApiClient,
        node: str,
        clock: Clock,
        *,
        duration_s: int = 40,
        renew_s: float = 10.0,
    ) -> None:
        self._client = client
        self._node = node
        self._clock = clock
        self._duration_s = duration_s
        self._renew_s = renew_s
        self._have: Json | None = None

    async def run(self) -> None:
        """Renew until cancelled; a failure is tried again sooner."""
        while True:
            try:
                await self.renew()
                await self._clock.sleep(self._renew_s)
            except (ApiError, ApiUnreachable) as error:
                log.warning("lease of %s: %s", self._node, error)
                self._have = None
                await self._clock.sleep(min(self._renew_s, 1.0))

    async def renew(self) -> None:
        """One heartbeat; makes the lease when it is missing."""
        have = self._have
        if have is None:
            try:
                have = await self._client.get(LEASES, self._node, NODE_LEASE_NAMESPACE)
            except NotFound:
                self._have = await self._client.create(LEASES, await self._fresh(), NODE_LEASE_NAMESPACE)
                return
        spec = {
            **have.get("spec", {}),
            "holderIdentity": self._node,
            "leaseDurationSeconds": self._duration_s,
            "renewTime": micro_time(self._clock.now()),
        }
        self._have = await self._client.update(LEASES, {**have, "spec": spec})

    async def _fresh(self) -> Json:
        meta: Json = {"name": self._node, "namespace": NODE_LEASE_NAMESPACE}
        try:
            node = await self._client.get(NODES, self._node)
            owner = {"apiVersion": "v1", "kind": "Node", "name": self._node, "uid": node["metadata"]["uid"]}
            meta["ownerReferences"] = [owner]
        except NotFound:
            pass
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": meta,
            "spec": {
                "holderIdentity": self._node,
                "leaseDurationSeconds": self._duration_s,
                "renewTime": micro_time(self._clock.now()),
            },
        }


@dataclass(frozen=True, slots=True)
class ElectionTimes:
    """Upstream's defaults, in seconds."""

    lease_s: int = 15
    renew_deadline_s: float = 10.0
    retry_s: float = 2.0


class LeaderElector:
    """One leader among several candidates, by a Lease."""

    def __init__(
        self,
        client: ApiClient,
        name: str,
        identity: str,
        clock: Clock,
        *,
        namespace: str = "kube-system",
        times: ElectionTimes | None = None,
    ) -> None:
        self._client = client
        self._name = name
        self._namespace = namespace
        self._identity = identity
        self._clock = clock
        self._times = times or ElectionTimes()
        self._seen: tuple[str, float] = ("", 0.0)
        self.leading = asyncio.Event()

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Wait to be leader, run ``lead`` while it holds, cancel it when the lease is lost, and try again."""
        while True:
            while not await self._try():
                await self._clock.sleep(self._times.retry_s)
            self.leading.set()
            try:
                await self._lead_while_held(lead)
            finally:
                self.leading.clear()

    async def _lead_while_held(self, lead: Callable[[], Awaitable[None]]) -> None:
        work = asyncio.ensure_future(lead())
        renewing = asyncio.ensure_future(self._renew())
        try:
            await asyncio.wait({work, renewing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, renewing):
                task.cancel()
            results = await asyncio.gather(work, renewing, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _renew(self) -> None:
        """Return when the lease could not be renewed within the deadline."""
        last = self._clock.monotonic()
        while self._clock.monotonic() - last < self._times.renew_deadline_s:
            await self._clock.sleep(self._times.retry_s)
            if await self._try():
                last = self._clock.monotonic()

    async def _try(self) -> bool:
        try:
            return await self._acquire()
        except (Conflict, AlreadyExists):
            return False
        except (ApiError, ApiUnreachable) as error:
            log.warning("election %s: %s", self._name, error)
            return False

    async def _acquire(self) -> bool:
        now = micro_time(self._clock.now())
        mine: Json = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._times.lease_s,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        try:
            have = await self._client.get(LEASES, self._name, self._namespace)
        except NotFound:
            meta = {"name": self._name, "namespace": self._namespace}
            fresh = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": mine}
            await self._client.create(LEASES, fresh)
            return True
        spec = have.get("spec", {})
        if spec.get("holderIdentity") == self._identity:
            mine |= {key: spec[key] for key in ("acquireTime", "leaseTransitions") if key in spec}
        elif spec.get("holderIdentity"):
            if not self._expired(have):
                return False
            mine["leaseTransitions"] = spec.get("leaseTransitions", 0) + 1
        await self._client.update(LEASES, {**have, "spec": mine})
        return True

    def _expired(self, have: Json) -> bool:
        """Whether the holder was silent for a lease's time, measured on our own clock (clocks may differ)."""
        version = have["metadata"]["resourceVersion"]
        if self._seen[0] != version:
            self._seen = (version, self._clock.monotonic())
        held_s = have["spec"].get("leaseDurationSeconds") or self._times.lease_s
        return self._clock.monotonic() - self._seen[1] > held_s
