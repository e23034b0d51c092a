"""The policy enforcer of a node: pods, namespaces and policies as the API has them, verdicts in the kernel.

Callbacks and ``admit`` only note what is to be looked at; one loop takes all that was noted, compiles it in a
worker thread and puts it into the kernel in one transaction. While the kernel is at it, the next lot gathers.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from control.agents.context import NodeContext
from control.agents.heard import heard_before
from control.agents.translate.world import namespace_facts, pod_facts
from control.client.informer import Informer
from dataplane.errors import RulesetError
from dataplane.model.address import IPAddress, MacAddress
from dataplane.model.topology import pod_link_name
from dataplane.nft.handle import NftHandle
from dataplane.verdicts.guard import PortSources
from dataplane.verdicts.nft_sync import NftVerdicts
from policy.compile.delta import Compiler
from policy.errors import PolicyError
from policy.model import Policy
from policy.parse.networkpolicy import parse_policy
from policy.world import NamespaceFacts, PodFacts

log = logging.getLogger(__name__)

Json = Mapping[str, Any]
RETRY_S: Final = 1.0
RESYNC_S: Final = 300.0
"""How often the kernel is read and compared, in case somebody else changed it."""
BUSY_S, GATHER_S = 0.02, 0.005
"""When changes come one after the other, what comes within 5 ms goes together."""


PortOf = Callable[[PodFacts], tuple[str, MacAddress] | None]


def port_of_ours(pod: PodFacts) -> tuple[str, MacAddress] | None:
    """The node's end of a pod's link and the pod's MAC, as podwire's own plugin makes them from uid and address."""
    return pod_link_name(pod.uid), MacAddress.for_address(pod.ips[0])


@dataclass(slots=True)
class Lot:
    """What changed since the last transaction; None means gone. waiting: who wants to know when it is done."""

    pods: dict[str, PodFacts | None] = field(default_factory=dict)
    namespaces: dict[str, NamespaceFacts | None] = field(default_factory=dict)
    policies: dict[str, Policy | None] = field(default_factory=dict)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)


class Enforcer:
    """Implements PolicyGate for the node's kubelet.

    A pod of this node has the addresses that ``admit`` brought, from then until ``retire``; before (after a
    restart of the agents) those of its status. Pods elsewhere have those of their status.
    """

    def __init__(
        self,
        ctx: NodeContext,
        pods: Informer,
        namespaces: Informer,
        policies: Informer,
        handle: NftHandle,
        *,
        port: PortOf = port_of_ours,
    ) -> None:
        """port: where a pod of this node is plugged in; its CNI plugin knows."""
        self._ctx = ctx
        self._port_of = port
        self._informers = (pods, namespaces, policies)
        self._verdicts = NftVerdicts(handle)
        self._handle = handle
        self._compiler: Compiler | None = None
        self._ports: dict[str, PortSources] = {}
        self._lot = Lot()
        self._wake = asyncio.Event()
        self._admitted: dict[str, PodFacts] = {}
        self._retired: set[str] = set()
        self._refused = False
        self._compare_wanted = False
        self._last = 0.0
        pods.on_change(self._pod_changed)
        namespaces.on_change(self._namespace_changed)
        policies.on_change(self._policy_changed)

    async def run(self) -> None:
        """Keep the kernel as the API says; returns only by cancellation."""
        with ThreadPoolExecutor(1, thread_name_prefix="enforcer") as worker:
            try:
                for informer in self._informers:
                    await informer.synced.wait()
                while True:
                    await self._next_lot(worker)
            finally:
                for waiting in self._lot.waiting:
                    waiting.cancel()

    def compare_now(self) -> None:
        """Read the kernel and mend what differs, not at the next round but now."""
        self._compare_wanted = True
        self._wake.set()

    async def admit(self, pod: Json, addresses: Sequence[IPAddress]) -> None:
        """See PolicyGate: returns when the kernel has the pod's verdicts, by all that was true before the pod was."""
        await heard_before(pod, self._informers[1:], self._ctx.name)
        facts = pod_facts(pod, addresses)
        self._retired.discard(facts.uid)
        self._admitted[facts.uid] = facts
        self._lot.pods[facts.uid] = facts
        await self._done()

    async def retire(self, pod_uid: str, addresses: Sequence[IPAddress]) -> None:
        """See PolicyGate: returns when nothing passes by the pod's addresses any more."""
        self._admitted.pop(pod_uid, None)
        # Once the API has no such pod, no late status can bring it back.
        if any(pod["metadata"]["uid"] == pod_uid for pod in self._informers[0].items.values()):
            self._retired.add(pod_uid)
        self._lot.pods[pod_uid] = None
        await self._done()

    async def _done(self) -> None:
        waiting = asyncio.get_running_loop().create_future()
        self._lot.waiting.append(waiting)
        self._wake.set()
        await waiting

    def _pod_changed(self, old: Json | None, new: Json | None) -> None:
        if old is not None and (new is None or old["metadata"]["uid"] != new["metadata"]["uid"]):
            uid = old["metadata"]["uid"]
            self._retired.discard(uid)
            # One of ours that is still admitted stays until the kubelet has taken its link away.
            if uid not in self._admitted:
                self._lot.pods[uid] = None
        elif old is not None and new is not None and _alike(old, new):
            return
        if new is not None:
            facts = self._facts(new)
            if facts is None or (old is None and not facts.ips):
                return
            self._lot.pods[facts.uid] = facts
        self._wake.set()

    def _facts(self, pod: Json) -> PodFacts | None:
        uid = pod["metadata"]["uid"]
        if uid in self._retired:
            return None
        admitted = self._admitted.get(uid)
        if admitted is None:
            return pod_facts(pod)
        self._admitted[uid] = pod_facts(pod, admitted.ips)
        return self._admitted[uid]

    def _namespace_changed(self, old: Json | None, new: Json | None) -> None:
        name = (new or old or {})["metadata"]["name"]
        self._lot.namespaces[name] = namespace_facts(new) if new is not None else None
        self._wake.set()

    def _policy_changed(self, old: Json | None, new: Json | None) -> None:
        meta = (new or old or {})["metadata"]
        key = f"{meta['namespace']}/{meta['name']}"
        self._lot.policies[key] = _parsed(key, new) if new is not None else None
        self._wake.set()

    async def _next_lot(self, worker: ThreadPoolExecutor) -> None:
        """Wait for work (or the time to compare), do it, and tell who waits; on refusal, read and mend."""
        compare = False
        if self._compiler is not None:
            try:
                async with asyncio.timeout(RESYNC_S):
                    await self._wake.wait()
            except TimeoutError:
                compare = True
        loop = asyncio.get_running_loop()
        if not self._lot.waiting and loop.time() - self._last < BUSY_S:
            await asyncio.sleep(GATHER_S)
        self._wake.clear()
        compare, self._compare_wanted = compare or self._compare_wanted, False
        lot, self._lot = self._lot, Lot()
        try:
            await loop.run_in_executor(worker, self._put_into_kernel, lot, compare)
            # Handing a call to the thread and back costs 0.1 ms: only after a refusal.
            while self._refused and not await loop.run_in_executor(worker, self._mended):
                await asyncio.sleep(RETRY_S)
        except asyncio.CancelledError:
            for waiting in lot.waiting:
                waiting.cancel()
            raise
        self._last = loop.time()
        for waiting in lot.waiting:
            if not waiting.done():
                waiting.set_result(None)

    # What follows runs in the worker thread, one call at a time.

    def _put_into_kernel(self, lot: Lot, compare: bool) -> None:  # noqa: FBT001 (called by position in the executor)
        first = self._compiler is None
        compiler = self._compiler = self._compiler or self._new_compiler()
        retired, admitted = self._note(compiler, lot)
        delta = compiler.take()
        try:
            if first or compare:
                applied = self._verdicts.sync(compiler.table(), self._ports.values())
                if first:
                    log.info("%d policies, %d elements changed at start", compiler.policies, applied.elements)
                elif applied.elements:
                    log.warning(
                        "%s: %d elements of policy were not ours; mended", self._ctx.name, applied.elements
                    )
            elif delta or retired or admitted:
                self._verdicts.apply(delta, admit=admitted, retire=retired)
        except RulesetError as error:
            log.error("%s: %s; reading the kernel again", self._ctx.name, error)
            self._refused = True

    def _mended(self) -> bool:
        """True when the kernel has what it should."""
        if not self._refused or self._compiler is None:
            return True
        try:
            self._verdicts.sync(self._compiler.table(), self._ports.values())
        except RulesetError as error:
            log.error("%s: policy is not in force: %s; again in %.0f s", self._ctx.name, error, RETRY_S)
            return False
        self._refused = False
        return True

    def _new_compiler(self) -> Compiler:
        return Compiler(self._ctx.name, self._ctx.pod_cidrs, self._verdicts.identities())

    def _note(self, compiler: Compiler, lot: Lot) -> tuple[list[str], list[PortSources]]:
        """Tell the compiler; ports that go and ports that come."""
        for key, policy in lot.policies.items():
            if policy is not None:
                compiler.set_policy(policy)
            else:
                compiler.remove_policy(key)
        for name, namespace in lot.namespaces.items():
            if namespace is not None:
                compiler.set_namespace(namespace)
            else:
                compiler.remove_namespace(name)
        retired, admitted = [], []
        for uid, pod in lot.pods.items():
            if pod is not None:
                compiler.set_pod(pod)
            else:
                compiler.remove_pod(uid)
            sources = self._sources(pod) if pod is not None and pod.node == self._ctx.name else None
            before = self._ports.pop(uid, None)
            if sources is not None:
                self._ports[uid] = sources
                if sources != before:
                    admitted.append(sources)
            if before is not None and (sources is None or sources.interface != before.interface):
                retired.append(before.interface)
        return retired, admitted

    def _sources(self, pod: PodFacts) -> PortSources | None:
        """What the pod's port may send from, as CNI plugged it in."""
        if not pod.ips or pod.finished or pod.host_network:
            return None
        port = self._port_of(pod)
        return PortSources(*port, pod.ips, pod.origin) if port is not None else None


def _alike(old: Json, new: Json) -> bool:
    """Nothing that policies look at differs; most events of a pod are about something else."""
    before, after = old.get("status") or {}, new.get("status") or {}
    return (
        old["metadata"].get("labels") == new["metadata"].get("labels")
        and before.get("podIPs") == after.get("podIPs")
        and before.get("phase") == after.get("phase")
        and old["spec"].get("nodeName") == new["spec"].get("nodeName")
    )


def _parsed(key: str, policy: Json) -> Policy | None:
    """The policy; None, and a line in the log, when it can't be understood: a bad one must not stop the others."""
    try:
        return parse_policy(policy)
    except PolicyError as error:
        log.warning("NetworkPolicy %s is not in force: %s", key, error)
        return None
